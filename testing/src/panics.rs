//! Panics of the program, as its standard error tells of them.

/// Whether any of what the program said is a panic: as the standard library tells of it, as the log does in text or in
/// JSON, or as the log does of one in an application.
pub fn tells_of_panic(said: &str) -> bool {
    ["panicked", "panic place=", r#""message":"panic""#].iter().any(|words| said.contains(words))
}
