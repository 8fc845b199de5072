//! What a server does wrong is seen over TLS too, and what TLS itself does wrong.

use stickler_testing::faulty::{Fault, Setup};

use crate::relay::{Authority, End, Time, relay};
use crate::{Echo, check, graded, url};

#[test]
fn s8446_6_1_fin_without_a_close_notify_is_a_violation_of_its_own_case_alone() {
    let (echo, authority) = (Echo::start(), Authority::new("cut"));
    let address = relay(echo.address(), authority.certify(&["localhost"], Time::Now), End::Cut);
    let ca = ["--ca", authority.file()];
    let only = ["--only", "close-notify", "--only", "close", "--only", "unmasked-data"];
    let (status, said, json) = check("cut", &[&[&url(address)[..]], &ca[..], &only].concat());
    assert_eq!(graded(&json, "violation"), ["close-notify"], "{said}");
    assert_eq!(graded(&json, "strict"), ["unmasked-data", "close"], "{said}");
    assert!(said.contains("FIN without a close_notify (RFC 8446 6.1)"), "{said}");
    assert_eq!(status, 1);
}

#[test]
fn a_fault_that_is_planted_is_a_violation_over_tls() {
    let authority = Authority::new("planted");
    for (fault, case) in [
        (Fault::UnmaskedData, "unmasked-data"),
        (Fault::UnmaskedControl, "unmasked-control"),
        (Fault::UnmaskedSecond, "unmasked-data"),
    ] {
        let server = Setup::right().with(fault).serve();
        let config = authority.certify(&["localhost"], Time::Now);
        let address = relay(server.address(), config, End::Notified);
        let arguments = [&url(address), "--ca", authority.file(), "--only", case];
        let (status, said, json) =
            check("planted", &[&arguments[..], &["--only", "ping"]].concat());
        assert_eq!((status, graded(&json, "violation")), (1, vec![case]), "{fault:?}: {said}");
        assert_eq!(graded(&json, "strict"), ["ping"], "{fault:?}: {said}");
    }
}

#[test]
fn without_tls_its_case_does_not_exist() {
    let echo = Echo::start();
    let plain = format!("ws://{}/", echo.address());
    let (status, said) =
        crate::run(&mut crate::stickler(&["check", &plain, "--only", "close-notify"]));
    assert_eq!(status, 2, "{said}");
    assert!(said.contains("no group"), "{said}");
}
