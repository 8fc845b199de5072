//! What a room, a nickname and a text may be.
//!
//! Names are normalised to NFC and have nothing that cannot be seen. Two nicknames that look alike have the
//! same [`fold`], so a room has one of them only.

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;
use unicode_security::confusable_detection::skeleton;

/// The normalised name of a room.
///
/// # Errors
/// A sentence about what is wrong.
pub(super) fn room(given: &str) -> Result<String, String> {
    name(given, MOST_IN_ROOM_NAME)
}

/// The normalised nickname.
///
/// # Errors
/// A sentence about what is wrong.
pub(super) fn nickname(given: &str) -> Result<String, String> {
    name(given, MOST_IN_NICKNAME)
}

/// Checks a text that somebody says.
///
/// # Errors
/// A sentence about what is wrong.
pub(super) fn text(given: &str) -> Result<(), String> {
    if given.len() > MOST_TEXT_BYTES || given.chars().count() > MOST_TEXT_CHARS {
        return Err(format!(
            "a text has at most {MOST_TEXT_CHARS} characters and {MOST_TEXT_BYTES} bytes"
        ));
    }
    if given.chars().all(|char| char.is_whitespace() || is_invisible(char)) {
        return Err("a text has something to read".into());
    }
    if given.chars().any(|char| char.is_control() && char != '\n' && char != '\t') {
        return Err("a text has no control characters but line ends and tabs".into());
    }
    Ok(())
}

/// What all names that look like this one have in common.
///
/// The skeleton of UTS 39 §4 is taken twice, with the letters made small in between: some letters look
/// alike only as capitals. A small `i` goes with the `l` that a capital `I` looks like.
pub(super) fn fold(nickname: &str) -> String {
    let once = |text: &str| skeleton(text).collect::<String>().to_lowercase();
    let twice = once(&once(nickname));
    twice.chars().map(|char| if char == 'i' { 'l' } else { char }).collect()
}

fn name(given: &str, most: usize) -> Result<String, String> {
    // Normalising costs, so the length is bounded before it too: four marks on each character at most.
    if given.len() > most * 16 {
        return Err(format!("at most {most} characters"));
    }
    let name: String = given.nfc().collect();
    let count = name.chars().count();
    if count == 0 || count > most {
        return Err(format!("1 to {most} characters, not {count}"));
    }
    if name.starts_with(' ') || name.ends_with(' ') || name.contains("  ") {
        return Err("no space at an end, and no two in a row".into());
    }
    if let Some(char) = name.chars().find(|&char| is_forbidden(char)) {
        return Err(format!("the character U+{:04X} cannot be seen", u32::from(char)));
    }
    let mut marks = 0;
    let mut is_first = true;
    for char in name.chars() {
        marks = if is_combining_mark(char) { marks + 1 } else { 0 };
        if marks > MOST_MARKS || (marks > 0 && is_first) {
            return Err(format!("a mark follows a letter, at most {MOST_MARKS} of them"));
        }
        is_first = false;
    }
    Ok(name)
}

fn is_forbidden(char: char) -> bool {
    char.is_control()
        || (char.is_whitespace() && char != ' ')
        || is_invisible(char)
        || is_private_or_none(char)
}

/// Format characters, those for the direction of text among them, and others that draw nothing
/// (`Default_Ignorable_Code_Point` of Unicode, general category Cf, and the empty Braille pattern).
fn is_invisible(char: char) -> bool {
    matches!(char,
        '\u{ad}' | '\u{34f}' | '\u{600}'..='\u{605}' | '\u{61c}' | '\u{6dd}' | '\u{70f}'
        | '\u{890}'..='\u{891}' | '\u{8e2}' | '\u{115f}'..='\u{1160}' | '\u{17b4}'..='\u{17b5}'
        | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{2800}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}'
        | '\u{ffa0}' | '\u{fff0}'..='\u{fffc}' | '\u{110bd}' | '\u{110cd}' | '\u{13430}'..='\u{1345f}'
        | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
}

/// Private use, and code points that are no characters.
fn is_private_or_none(char: char) -> bool {
    matches!(char, '\u{e000}'..='\u{f8ff}' | '\u{fdd0}'..='\u{fdef}' | '\u{f0000}'..)
        || u32::from(char) & 0xfffe == 0xfffe
}

/// Characters of a room's name.
pub(super) const MOST_IN_ROOM_NAME: usize = 40;

/// Characters of a nickname.
pub(super) const MOST_IN_NICKNAME: usize = 30;

/// Characters of a text.
pub(super) const MOST_TEXT_CHARS: usize = 2_000;

/// Bytes of a text in UTF-8.
pub(super) const MOST_TEXT_BYTES: usize = 8 << 10;

/// Combining marks in a row.
const MOST_MARKS: usize = 4;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_normalised() {
        assert_eq!(nickname("Zoe\u{308}").as_deref(), Ok("Zo\u{eb}"));
        assert_eq!(room("Küche 2").as_deref(), Ok("Küche 2"));
        assert_eq!(nickname("مريم").as_deref(), Ok("مريم"));
        assert_eq!(nickname("🦀").as_deref(), Ok("🦀"));
    }

    #[test]
    fn names_have_nothing_that_cannot_be_seen() {
        for bad in [
            "",
            " ",
            " a",
            "a ",
            "a  b",
            "a\u{a0}b",
            "a\tb",
            "a\0",
            "\u{7f}",
            "a\u{202e}b",
            "\u{2066}a",
            "a\u{200d}b",
            "a\u{200b}",
            "\u{3164}",
            "\u{2800}",
            "a\u{fe0f}",
            "\u{e000}",
            "\u{fffe}",
            "\u{e0041}",
            "\u{308}a",
            "a\u{363}\u{363}\u{363}\u{363}\u{363}",
            "\u{61c}a",
            "a\u{ad}",
        ] {
            assert!(nickname(bad).is_err(), "{bad:?}");
            assert!(room(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn names_have_a_length() {
        assert!(nickname(&"ä".repeat(30)).is_ok());
        assert!(nickname(&"ä".repeat(31)).is_err());
        assert!(room(&"ä".repeat(40)).is_ok());
        assert!(room(&"ä".repeat(41)).is_err());
        assert!(nickname(&"a".repeat(1 << 20)).is_err());
    }

    #[test]
    fn what_looks_alike_folds_alike() {
        for (one, other) in [
            ("paypal", "pаypal"), // a Cyrillic а
            ("Paul", "PAUL"),
            ("Iris", "lris"),
            ("iris", "Iris"),
            ("Mila", "Rnila"),
            ("Bob", "B0b"),
            ("admin", "ａｄｍｉｎ"),
            ("Zo\u{eb}", "Zoe\u{308}"),
            ("Anna", "Αnna"), // a Greek Α
        ] {
            assert_eq!(fold(one), fold(other), "{one} {other}");
        }
        assert_ne!(fold("anna"), fold("hanna"));
    }

    #[test]
    fn texts_have_a_length_and_something_to_read() {
        assert!(text(&"x".repeat(2_000)).is_ok());
        assert!(text(&"x".repeat(2_001)).is_err());
        assert!(text(&"🦀".repeat(2_000)).is_ok());
        assert!(text("two\nlines\tand a tab").is_ok());
        for bad in ["", " \n", "\u{200b}", "a\u{7}", "a\u{1b}[31m", "\0"] {
            assert!(text(bad).is_err(), "{bad:?}");
        }
        assert!(text("<script>alert(1)</script> \u{202e}abc").is_ok());
    }
}
