//! Bearer tokens in opening handshakes (RFC 6750): where a client puts one, which are good, and what it is
//! told when its token is not.
//!
//! Tokens are those of a file, which holds their hashes only ([`tokens`]), or JSON Web Tokens ([`jwt`]). No
//! token is written anywhere: not into a log line, and not into an answer.

mod carried;
mod file;
mod hash;
pub(crate) mod jwt;
pub(crate) mod make;
mod refusal;
pub(crate) mod scope;
mod time;
pub(crate) mod tokens;

use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};

use stickler::Incoming;

pub(crate) use self::carried::is_credential;
pub(crate) use self::hash::TokenHash;
use self::jwt::Jwt;
pub(crate) use self::refusal::Refusal;
use self::scope::Scopes;
use self::tokens::Tokens;

/// What a route wants of its clients, as the configuration has it.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    /// The file of tokens.
    pub(crate) tokens: Option<PathBuf>,
    /// JSON Web Tokens of one issuer.
    pub(crate) jwt: Option<jwt::Settings>,
    /// Whether a token may stand in the query.
    pub(crate) query: bool,
    /// What a token has to be good for.
    pub(crate) scopes: Scopes,
}

impl Settings {
    /// Reads the tokens and the keys.
    ///
    /// # Errors
    /// A file cannot be read, is open to others, or is not what it should be: a sentence that names it.
    pub(crate) fn load(&self) -> Result<Authentication, String> {
        let tokens = self.tokens.as_deref().map(Tokens::load).transpose()?;
        let jwt = self.jwt.clone().map(Jwt::load).transpose()?;
        Ok(Authentication { tokens, jwt, query: self.query, scopes: self.scopes.clone() })
    }
}

/// What is asked of the clients of a route, with all tokens and keys.
#[derive(Debug)]
pub(crate) struct Authentication {
    tokens: Option<Tokens>,
    jwt: Option<Jwt>,
    query: bool,
    scopes: Scopes,
}

/// Whose token it is, as far as the log may say.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Known {
    /// The name beside the token in its file, or the subject of the JSON Web Token.
    pub(crate) name: String,
    scopes: Scopes,
}

impl Authentication {
    /// Judges what the client presents.
    ///
    /// # Errors
    /// There is no token, or not exactly one, or it is not good, or not good for this.
    pub(crate) fn judge(&self, incoming: &Incoming) -> Result<Known, Refusal> {
        let token = carried::find(incoming, self.query)?;
        let known = self.find(&token, now())?;
        if !known.scopes.hold(&self.scopes) {
            return Err(Refusal::Scope { name: known.name, wanted: self.scopes.to_string() });
        }
        Ok(known)
    }

    /// Whether the files have the same tokens and keys; what the configuration says is not looked at.
    pub(crate) fn is_as(&self, other: &Authentication) -> bool {
        let has_tokens = match (&self.tokens, &other.tokens) {
            (Some(own), Some(other)) => own.are_as(other),
            (own, other) => own.is_none() && other.is_none(),
        };
        let has_keys = match (&self.jwt, &other.jwt) {
            (Some(own), Some(other)) => own.has_keys_of(other),
            (own, other) => own.is_none() && other.is_none(),
        };
        has_tokens && has_keys
    }

    /// Whose token it is at this time, in seconds since 1970.
    fn find(&self, token: &str, now: u64) -> Result<Known, Refusal> {
        if token.len() > LONGEST {
            return Err(Refusal::Invalid { name: None, why: "the token is longer than 8 KiB" });
        }
        if let Some(known) = self.tokens.as_ref().and_then(|tokens| tokens.find(token)) {
            return known.at(now);
        }
        match &self.jwt {
            Some(jwt) => jwt.verify(token),
            None => Err(Refusal::Invalid { name: None, why: "the token is not known here" }),
        }
    }
}

fn now() -> u64 {
    // Before 1970 nothing has expired; a clock that is so wrong fails JSON Web Tokens with `nbf`.
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

/// The longest token that is looked at, in bytes.
const LONGEST: usize = 8 << 10;
