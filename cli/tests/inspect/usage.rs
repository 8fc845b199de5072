//! What is bad usage, and by what name it is told.

use crate::server::stickler;

#[test]
fn bad_usage_is_told_by_the_name_of_the_flag_or_variable() {
    for (variables, flags, told) in [
        (&[][..], &["--trace-frames=host=x"][..], "\"host=x\" is no condition"),
        (&[], &["--trace-frames", "path=chat"], "'path=chat' for '--trace-frames'"),
        (&[], &["--trace-frames="], "--trace-frames"),
        (&[("STICKLER_TRACE_FRAMES", "one-in=0")], &[], "for 'STICKLER_TRACE_FRAMES'"),
        (&[], &["--trace-format=json"], "--trace-format has no effect without --trace-frames"),
        (&[], &["--trace-payload=1KiB"], "--trace-payload has no effect without --trace-frames"),
        (&[("STICKLER_TRACE_FILE", "x")], &[], "STICKLER_TRACE_FILE has no effect without"),
        (&[], &["--trace-frames", "--trace-format=xml"], "xml"),
        (&[], &["--trace-frames", "--trace-payload=2MiB"], "is more than 1MiB"),
        (&[], &["--trace-frames", "--trace-format=pcapng"], "pcapng needs --trace-file"),
    ] {
        let mut command = stickler();
        command.arg("serve").args(flags).envs(variables.iter().copied());
        let ended = command.output().unwrap();
        let said = String::from_utf8(ended.stderr).unwrap();
        assert_eq!((ended.status.code(), &ended.stdout[..]), (Some(2), &b""[..]), "{said}");
        assert!(said.contains(told), "{flags:?}: {said}");
    }
}
