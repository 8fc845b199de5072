//! Answers of the admin listener. Nobody may keep one, and no browser guesses what it is.

use stickler::Body;
use stickler::http::header::{
    ALLOW, CACHE_CONTROL, CONTENT_TYPE, WWW_AUTHENTICATE, X_CONTENT_TYPE_OPTIONS,
};
use stickler::http::{HeaderValue, Response, StatusCode};

/// Text for people, with a line end.
pub(super) fn text(status: StatusCode, sentence: &str) -> Response<Body> {
    content(status, "text/plain; charset=utf-8", format!("{sentence}\n"))
}

/// A value for programs.
pub(super) fn json(status: StatusCode, value: &serde_json::Value) -> Response<Body> {
    content(status, "application/json", format!("{value}\n"))
}

pub(super) fn content(status: StatusCode, kind: &'static str, body: String) -> Response<Body> {
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

/// Why a request gets nothing.
#[derive(Debug)]
pub(super) struct Refusal {
    status: StatusCode,
    sentence: String,
    /// What is missing, or what may be asked instead.
    allow: Option<&'static str>,
    challenge: Option<&'static str>,
}

impl Refusal {
    pub(super) fn new(status: StatusCode, sentence: impl Into<String>) -> Self {
        Self { status, sentence: sentence.into(), allow: None, challenge: None }
    }

    /// RFC 9110 §15.5.2, with the challenge of RFC 6750 §3: an error is named only where a token was shown.
    pub(super) fn unauthorized(sentence: &str, is_shown: bool) -> Self {
        let challenge = match is_shown {
            true => "Bearer realm=\"stickler admin\", error=\"invalid_token\"",
            false => "Bearer realm=\"stickler admin\"",
        };
        Self { challenge: Some(challenge), ..Self::new(StatusCode::UNAUTHORIZED, sentence) }
    }

    /// RFC 9110 §15.5.6: these methods are allowed.
    pub(super) fn method(allow: &'static str) -> Self {
        let sentence = format!("this method has no meaning here; these have: {allow}");
        Self { allow: Some(allow), ..Self::new(StatusCode::METHOD_NOT_ALLOWED, sentence) }
    }

    #[cfg(test)]
    pub(super) fn status(&self) -> StatusCode {
        self.status
    }

    pub(super) fn into_response(self) -> Response<Body> {
        let mut response = text(self.status, &self.sentence);
        let headers = response.headers_mut();
        for (name, value) in [(ALLOW, self.allow), (WWW_AUTHENTICATE, self.challenge)] {
            if let Some(value) = value {
                headers.insert(name, HeaderValue::from_static(value));
            }
        }
        response
    }
}
