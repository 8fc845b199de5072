//! Incremental validation against the standard library, at every prefix and in any split.

#![no_main]

use libfuzzer_sys::fuzz_target;
use stickler::proto::utf8::{Utf8Validator, check};

fuzz_target!(|data: &[u8]| {
    let Some((&stride, bytes)) = data.split_first() else { return };
    agree(bytes);
    // Long texts take a way of their own.
    let long = [&[b'a'; 4096][..], bytes, &[b'a'; 300]].concat();
    agree(&long);
    agree(&long[usize::from(stride)..long.len() - 300]);
    let mut validator = Utf8Validator::new();
    let mut fed = 0;
    for piece in bytes.chunks(usize::from(stride).max(1)) {
        fed += piece.len();
        let verdict = validator.feed(piece);
        match std::str::from_utf8(&bytes[..fed]) {
            Ok(_) => assert_eq!((verdict, validator.cut_len()), (Ok(()), 0)),
            Err(error) if error.error_len().is_none() => {
                let cut_len = fed - error.valid_up_to();
                assert_eq!((verdict, validator.cut_len()), (Ok(()), cut_len));
            }
            Err(_) => {
                assert!(verdict.is_err());
                return;
            }
        }
    }
    assert_eq!(validator.finish().is_ok(), std::str::from_utf8(bytes).is_ok());
    assert_eq!(validator.cut_len(), 0);
});

fn agree(bytes: &[u8]) {
    assert_eq!(check(bytes).is_ok(), std::str::from_utf8(bytes).is_ok());
}
