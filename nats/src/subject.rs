//! Names as NATS takes them: hexadecimal digits, so that no name of a topic has a meaning there.

use std::fmt::Write;

use stickler::BoxError;

/// Refuses a topic that is too long for a subject. The server ends the connection of a node that sends a line
/// of more than 4 KiB.
pub(crate) fn check(topic: &str) -> Result<(), BoxError> {
    if topic.len() > MAX_TOPIC_LEN {
        return Err(format!("a topic of more than {MAX_TOPIC_LEN} bytes").into());
    }
    Ok(())
}

/// The bytes of a name in hexadecimal digits; the empty name is `_`.
pub(crate) fn hex(name: &str) -> String {
    if name.is_empty() {
        return "_".to_owned();
    }
    name.bytes().fold(String::new(), |mut digits, byte| {
        // Writing to a String does not fail.
        let _ = write!(digits, "{byte:02x}");
        digits
    })
}

/// The name that [`hex`] has encoded.
pub(crate) fn name(digits: &str) -> Option<String> {
    if digits == "_" {
        return Some(String::new());
    }
    let pairs = (0..digits.len()).step_by(2);
    let bytes = pairs.map(|at| u8::from_str_radix(digits.get(at..at + 2)?, 16).ok());
    String::from_utf8(bytes.collect::<Option<Vec<u8>>>()?).ok()
}

/// In bytes. Twice as many digits, what stands before them, and an inbox fit into a line.
const MAX_TOPIC_LEN: usize = 1_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_come_back() {
        for case in ["", "a", "room 1", "*.>", "\u{202e}\u{1f600}"] {
            let digits = hex(case);
            assert!(
                digits.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'_'),
                "{digits}"
            );
            assert_eq!(name(&digits).as_deref(), Some(case));
        }
        assert_eq!(name("6"), None);
        assert_eq!(name("zz"), None);
        assert_eq!(name("ff"), None);
    }
}
