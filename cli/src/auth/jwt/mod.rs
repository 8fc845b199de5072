//! JSON Web Tokens (RFC 7519), signed (RFC 7515) by one issuer for this server.
//!
//! The key says by which algorithm a token is verified, and the file of the routes says who issues it and for
//! whom: nothing of that is taken from the token (RFC 8725 §3). The crate `jsonwebtoken` reads tokens and
//! claims, `ring` verifies.

mod keys;
mod rsa;
#[cfg(test)]
mod tests;
mod verifier;

use std::path::PathBuf;

use jsonwebtoken::dangerous::insecure_decode_claims;
use jsonwebtoken::errors::{Error, ErrorKind};
use jsonwebtoken::{Algorithm, Header, Validation, decode, decode_header};
use serde_json::{Map, Value};

use self::keys::Keys;
use super::scope::Scopes;
use super::{Known, Refusal};

/// Where the keys are, and what a token has to say.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(crate) keys: KeyFile,
    /// `iss` of every token.
    pub(crate) issuer: String,
    /// What `aud` of every token has to name.
    pub(crate) audience: String,
    /// The claim in which scopes stand.
    pub(crate) scope_claim: String,
}

/// A file with one key or several.
#[derive(Clone, Debug)]
pub(crate) enum KeyFile {
    /// A secret that issuer and server share, for HS256.
    Secret(PathBuf),
    /// A public key in PEM.
    Pem(PathBuf, Algorithm),
    /// A set of public keys (RFC 7517), whose algorithms are among these.
    Set(PathBuf, Vec<Algorithm>),
}

/// What verifies the tokens of one issuer.
#[derive(Debug)]
pub(crate) struct Jwt {
    keys: Keys,
    settings: Settings,
}

impl Jwt {
    /// Reads the keys.
    ///
    /// # Errors
    /// The file cannot be read, is open to others, or has a key that cannot be used: a sentence that names it.
    pub(crate) fn load(settings: Settings) -> Result<Jwt, String> {
        verifier::install();
        Ok(Jwt { keys: Keys::load(&settings.keys)?, settings })
    }

    /// Whether the keys are the same.
    pub(super) fn has_keys_of(&self, other: &Jwt) -> bool {
        self.keys.are_as(&other.keys)
    }

    /// Whose token it is.
    pub(super) fn verify(&self, token: &str) -> Result<Known, Refusal> {
        let invalid = |why| Refusal::Invalid { name: None, why };
        let header = decode_header(token).map_err(|_| invalid(NO_TOKEN))?;
        check_type(&header).map_err(invalid)?;
        let key = self.keys.find(header.kid.as_deref()).map_err(invalid)?;
        let mut validation = Validation::new(key.algorithm);
        validation.leeway = LEEWAY;
        validation.validate_nbf = true;
        validation.set_issuer(&[&self.settings.issuer]);
        validation.set_audience(&[&self.settings.audience]);
        validation.set_required_spec_claims(&REQUIRED);
        let claims = decode::<Map<String, Value>>(token, &key.key, &validation);
        let claims = claims.map_err(|error| invalid(sentence(&error, token)))?.claims;
        // RFC 7519 §4.1.1: a string. The crate lets pass a list of issuers.
        if !claims.get("iss").is_some_and(Value::is_string) {
            return Err(invalid(OTHER_ISSUER));
        }
        let subject = claims.get("sub").and_then(Value::as_str).unwrap_or("(no subject)");
        let mut name: String = subject.chars().take(LONGEST_NAME).collect();
        name = name.escape_debug().to_string();
        Ok(Known { name, scopes: self.scopes(&claims) })
    }

    /// Scopes with spaces between them (RFC 8693 §4.2), or a list, as some issuers write. What is no scope is
    /// left out.
    fn scopes(&self, claims: &Map<String, Value>) -> Scopes {
        let mut scopes = Scopes::default();
        let names: Vec<&str> = match claims.get(&self.settings.scope_claim) {
            Some(Value::String(names)) => names.split(' ').collect(),
            Some(Value::Array(names)) => names.iter().filter_map(Value::as_str).collect(),
            _ => Vec::new(),
        };
        for name in names {
            let _ = scopes.add(name);
        }
        scopes
    }
}

/// RFC 8725 §3.11: a token that an issuer made for something else, such as a logout, says so.
fn check_type(header: &Header) -> Result<(), &'static str> {
    let Some(kind) = header.typ.as_deref() else { return Ok(()) };
    let kind = kind.to_ascii_lowercase();
    let kind = kind.strip_prefix("application/").unwrap_or(&kind);
    if ["jwt", "at+jwt"].contains(&kind) { Ok(()) } else { Err("the token is of another type") }
}

/// What is wrong, without anything of the token.
fn sentence(error: &Error, token: &str) -> &'static str {
    match error.kind() {
        ErrorKind::ExpiredSignature => "the token has expired",
        ErrorKind::ImmatureSignature => "the token is not good yet",
        ErrorKind::InvalidIssuer => OTHER_ISSUER,
        ErrorKind::InvalidAudience => "the token is for another audience",
        ErrorKind::InvalidAlgorithm => "the algorithm is not that of the key",
        ErrorKind::InvalidSignature => "the signature is not good",
        // Of a claim that is there and malformed, the crate says either of these.
        ErrorKind::MissingRequiredClaim(_) if has_claims(token, &REQUIRED) => MALFORMED,
        ErrorKind::Json(_) if has_claims(token, &[]) => MALFORMED,
        ErrorKind::MissingRequiredClaim(_) => "the token lacks one of exp, iss and aud",
        ErrorKind::InvalidClaimFormat(_) => MALFORMED,
        _ => NO_TOKEN,
    }
}

/// Whether the token has claims, these among them, whatever their values are. For a sentence only: nothing is decided.
fn has_claims(token: &str, names: &[&str]) -> bool {
    let claims: Result<Map<String, Value>, _> = insecure_decode_claims(token);
    claims.is_ok_and(|claims| names.iter().all(|name| claims.contains_key(*name)))
}

const REQUIRED: [&str; 3] = ["exp", "iss", "aud"];

const OTHER_ISSUER: &str = "the token is of another issuer";

const MALFORMED: &str = "a claim of the token is malformed";

const NO_TOKEN: &str = "the token is not known here and no JSON Web Token";

/// How many seconds the clocks of issuer and server may differ.
const LEEWAY: u64 = 30;

/// The most characters of a subject that the log has.
const LONGEST_NAME: usize = 64;
