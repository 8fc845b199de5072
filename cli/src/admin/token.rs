//! The token of the admin listener: read from a file, and compared in constant time.

use std::fmt;
use std::fs::Metadata;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use subtle::ConstantTimeEq;

use crate::auth::TokenHash;
use crate::permissions::{FOR_OTHERS, mode_with, open};

/// The file of the token, and the token that is in force. Cheap to clone; all clones have the same one.
#[derive(Clone)]
pub(crate) struct TokenFile {
    path: PathBuf,
    /// The name of the option that names the file, as the user said it.
    option: String,
    in_force: Arc<Mutex<Token>>,
}

impl TokenFile {
    /// Reads it.
    ///
    /// # Errors
    ///
    /// A sentence that names the file: it cannot be read, is no file, every user may read it, or the line is no token.
    pub(super) fn open(path: PathBuf, option: String) -> Result<Self, String> {
        let token = read(&path, &option)?;
        Ok(Self { path, option, in_force: Arc::new(Mutex::new(token)) })
    }

    /// Reads it again, and leaves in force what is.
    ///
    /// # Errors
    ///
    /// As [`open`](Self::open).
    pub(crate) fn read(&self) -> Result<Token, String> {
        read(&self.path, &self.option)
    }

    /// Has requests show this from now on.
    pub(crate) fn put_in_force(&self, token: Token) {
        let before = std::mem::replace(&mut *self.in_force(), token);
        if before != *self.in_force() {
            tracing::info!(file = ?self.path, "the token of the admin listener is another one now");
        }
    }

    /// Whether an `Authorization` field shows the one in force.
    pub(super) fn is_shown_by(&self, field: &[u8]) -> bool {
        self.in_force().is_shown_by(field)
    }

    fn in_force(&self) -> MutexGuard<'_, Token> {
        self.in_force.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn read(path: &Path, option: &str) -> Result<Token, String> {
    Token::read(path)
        .map_err(|why| format!("cannot use {}, which {option} names: {why}", path.display()))
}

/// What requests have to show.
pub(crate) struct Token(TokenHash);

impl PartialEq for Token {
    fn eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl Token {
    /// Reads the first line of a file.
    ///
    /// # Errors
    ///
    /// A sentence, when the file cannot be read, every user may read it, or the line is no token.
    fn read(path: &Path) -> Result<Self, String> {
        let (file, metadata) = open(path).map_err(|error| error.to_string())?;
        check_permissions(&metadata)?;
        let mut line = String::new();
        // A token is short: more is not read.
        let mut start = BufReader::new(file.take(MOST_BYTES + 1));
        start.read_line(&mut line).map_err(|error| error.to_string())?;
        Self::of(line.trim_end_matches(['\r', '\n']))
    }

    fn of(text: &str) -> Result<Self, String> {
        if text.is_empty() {
            return Err("the first line is empty; it is to be the token".into());
        }
        if !is_token68(text) {
            return Err(
                "the first line has what a token cannot have: it is made of letters, digits \
                        and -._~+/, with equals signs at the end (RFC 6750 2.1)"
                    .into(),
            );
        }
        if text.len() < LEAST_BYTES {
            return Err(format!(
                "the token is too short: it has at least {LEAST_BYTES} characters"
            ));
        }
        if text.len() as u64 > MOST_BYTES {
            return Err(format!("the token is too long: it has at most {MOST_BYTES} characters"));
        }
        Ok(Self(TokenHash::of(text.as_bytes())))
    }

    /// Whether it is what an `Authorization` field shows (RFC 6750 §2.1), read as `Incoming::bearer` of the library does.
    fn is_shown_by(&self, field: &[u8]) -> bool {
        let Some((scheme, rest)) = field.split_at_checked(SCHEME.len()) else { return false };
        // RFC 9110 §11.4: only spaces stand between, so no tab.
        let after = rest.iter().position(|&octet| octet != b' ').unwrap_or(rest.len());
        if !scheme.eq_ignore_ascii_case(SCHEME) || after == 0 {
            return false;
        }
        let token = rest.get(after..).unwrap_or_default();
        self.0.ct_eq(&TokenHash::of(token)).into()
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token")
    }
}

/// RFC 9110 §11.2: what a token may be made of.
fn is_token68(text: &str) -> bool {
    let start = text.trim_end_matches('=');
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~+/".contains(&byte);
    !start.is_empty() && start.bytes().all(fits)
}

fn check_permissions(metadata: &Metadata) -> Result<(), String> {
    match mode_with(metadata, FOR_OTHERS) {
        Some(mode) => {
            Err(format!("every user may use the file ({mode:04o}); take that away with chmod o="))
        }
        None => Ok(()),
    }
}

/// How the field begins.
const SCHEME: &[u8] = b"Bearer";

/// A shorter token could be guessed.
const LEAST_BYTES: usize = 16;

/// A longer one would not fit into a head with everything else.
const MOST_BYTES: u64 = 1024;

#[cfg(test)]
mod tests {
    use super::*;

    const TOKEN: &str = "0123456789abcdefABCDEF-._~+/==";

    #[test]
    fn the_token_is_shown_as_a_bearer_and_in_no_other_way() {
        let token = Token::of(TOKEN).unwrap();
        for (field, is_it) in [
            (format!("Bearer {TOKEN}"), true),
            (format!("bearer   {TOKEN}"), true),
            (format!("Bearer {TOKEN}x"), false),
            (format!("Bearer {}", &TOKEN[1..]), false),
            (format!("Bearer{TOKEN}"), false),
            (format!("Bearer \t{TOKEN}"), false),
            (format!("Bearer {TOKEN}\t"), false),
            (format!("Basic {TOKEN}"), false),
            (TOKEN.to_owned(), false),
            ("Bearer".to_owned(), false),
            ("Bearer ".to_owned(), false),
            (String::new(), false),
        ] {
            assert_eq!(token.is_shown_by(field.as_bytes()), is_it, "{field}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_group_may_read_the_file_and_a_named_pipe_is_not_waited_for() {
        let folder = stickler_testing::folder::Folder::new("token");
        let [file, pipe] = ["file", "pipe"].map(|name| folder.path().join(name));
        std::fs::write(&file, TOKEN).unwrap();
        for (mode, is_fit) in [(0o600, true), (0o640, true), (0o660, true), (0o644, false)] {
            let mode = std::os::unix::fs::PermissionsExt::from_mode(mode);
            std::fs::set_permissions(&file, mode).unwrap();
            assert_eq!(Token::read(&file).is_ok(), is_fit);
        }
        let made = std::process::Command::new("mkfifo").args(["-m", "600"]).arg(&pipe).status();
        assert!(made.unwrap().success());
        let (done, is_done) = std::sync::mpsc::channel();
        std::thread::spawn(move || done.send(Token::read(&pipe).map(drop)));
        let read = is_done.recv_timeout(std::time::Duration::from_secs(20));
        assert!(read.expect("it waits").unwrap_err().contains("no regular file"));
    }

    #[test]
    fn what_is_no_token_is_refused() {
        for text in ["", "short", "0123456789abcde", "0123456789 abcdefgh", "0123456789abcdé0", "="]
        {
            assert!(Token::of(text).is_err(), "{text}");
        }
        let longest = usize::try_from(MOST_BYTES).unwrap();
        assert!(Token::of(&"a".repeat(longest)).is_ok());
        assert!(Token::of(&"a".repeat(longest + 1)).is_err());
        assert_eq!(format!("{:?}", Token::of(TOKEN).unwrap()), "Token");
    }
}
