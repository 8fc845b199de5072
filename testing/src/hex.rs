//! Bytes written down so that a person can read them.

/// Bytes of hex digits; spaces separate fields, and `61*125` repeats a field.
pub fn hex(fields: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    for field in fields.split_whitespace() {
        let (digits, times) = field.split_once('*').unwrap_or((field, "1"));
        assert!(digits.len().is_multiple_of(2), "half a byte in {field}");
        let field: Vec<u8> = (0..digits.len())
            .step_by(2)
            .map(|at| u8::from_str_radix(&digits[at..at + 2], 16).unwrap())
            .collect();
        bytes.extend(field.repeat(times.parse().unwrap()));
    }
    bytes
}
