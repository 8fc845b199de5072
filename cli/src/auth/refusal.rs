//! What a client without a good token is told (RFC 6750 §3).

use stickler::http::{self, Response};

/// Why an opening handshake is refused for its token, or for want of one.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// No token was presented.
    Missing,
    /// There is more than one, or it is malformed.
    Malformed(&'static str),
    /// It is not good; whose it is, where that is certain.
    Invalid { name: Option<String>, why: &'static str },
    /// It is good, and not for this.
    Scope { name: String, wanted: String },
}

impl Refusal {
    /// The clause, for the log and for the answer.
    pub(crate) fn section(&self) -> &'static str {
        match self {
            Refusal::Missing => "RFC 6750 3",
            Refusal::Malformed(_) => "RFC 6750 2",
            Refusal::Invalid { .. } | Refusal::Scope { .. } => "RFC 6750 3.1",
        }
    }

    /// The status of the answer.
    pub(crate) fn status(&self) -> u16 {
        match self {
            Refusal::Malformed(_) => 400,
            Refusal::Missing | Refusal::Invalid { .. } => 401,
            Refusal::Scope { .. } => 403,
        }
    }

    /// What is wrong, without anything that the client wrote.
    pub(crate) fn sentence(&self) -> &'static str {
        match self {
            Refusal::Missing => "this path is for clients with a bearer token",
            Refusal::Malformed(why) | Refusal::Invalid { why, .. } => why,
            Refusal::Scope { .. } => "the token is not good for what this path wants",
        }
    }

    /// Whose token it is, where that is certain.
    pub(crate) fn name(&self) -> Option<&str> {
        match self {
            Refusal::Missing | Refusal::Malformed(_) => None,
            Refusal::Invalid { name, .. } => name.as_deref(),
            Refusal::Scope { name, .. } => Some(name),
        }
    }

    /// The answer.
    ///
    /// # Errors
    /// Never: all of it is of a kind that a response can have.
    pub(crate) fn response(&self) -> http::Result<Response<String>> {
        Response::builder()
            .status(self.status())
            .header("content-type", "text/plain")
            .header("www-authenticate", self.challenge())
            .body(format!("{}: {}\n", self.section(), self.sentence()))
    }

    /// RFC 6750 §3: the challenge. Whoever presented nothing gets no error code (§3.1).
    fn challenge(&self) -> String {
        match self {
            Refusal::Missing => REALM.to_owned(),
            Refusal::Malformed(_) => format!("{REALM}, error=\"invalid_request\""),
            Refusal::Invalid { why, .. } => {
                format!("{REALM}, error=\"invalid_token\", error_description=\"{why}\"")
            }
            Refusal::Scope { wanted, .. } => {
                format!("{REALM}, error=\"insufficient_scope\", scope=\"{wanted}\"")
            }
        }
    }
}

const REALM: &str = "Bearer realm=\"stickler\"";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn s6750_3_each_refusal_has_its_status_and_its_challenge() {
        let why = "the token has expired";
        let rows = [
            (Refusal::Missing, 401, "Bearer realm=\"stickler\""),
            (Refusal::Malformed(why), 400, "Bearer realm=\"stickler\", error=\"invalid_request\""),
            (
                Refusal::Invalid { name: Some("a".into()), why },
                401,
                "Bearer realm=\"stickler\", error=\"invalid_token\", \
                 error_description=\"the token has expired\"",
            ),
            (
                Refusal::Scope { name: "a".into(), wanted: "chat read".into() },
                403,
                "Bearer realm=\"stickler\", error=\"insufficient_scope\", scope=\"chat read\"",
            ),
        ];
        for (refusal, status, challenge) in rows {
            let response = refusal.response().unwrap();
            assert_eq!(response.status(), status);
            assert_eq!(response.headers()["www-authenticate"], challenge);
            assert!(response.body().starts_with("RFC 6750 "), "{response:?}");
            assert!(response.body().ends_with(&format!(": {}\n", refusal.sentence())));
        }
    }
}
