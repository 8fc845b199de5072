//! What an application answers, and what of it is not for the application to say.

use std::error::Error;

use http::header::{
    CONNECTION, CONTENT_LENGTH, HeaderName, HeaderValue, TE, TRANSFER_ENCODING, UPGRADE,
};
use http::{HeaderMap, Method, Response, StatusCode};
use http_body::Body as _;
use http_body_util::LengthLimitError;
use hyper::ext::ReasonPhrase;

use super::{Body, BodyError};
use crate::net::error::BoxError;
use crate::proto::handshake::Refusal;
use crate::proto::handshake::response::{is_handshake_field, reason};
use crate::proto::rejection::Rejection;

/// What a handler of plain HTTP may return: a response with anything that becomes a [`Body`], or a
/// result of one with any error.
///
/// An error is answered with 500 and logged; a [`BodyError`], or an error that comes from one, with
/// the status that it stands for.
pub trait Answer {
    /// The response.
    ///
    /// # Errors
    /// The error that the handler returned.
    fn into_answer(self) -> Result<Response<Body>, BoxError>;
}

impl<B: Into<Body>> Answer for Response<B> {
    fn into_answer(self) -> Result<Response<Body>, BoxError> {
        Ok(self.map(Into::into))
    }
}

impl<B: Into<Body>, E: Into<BoxError>> Answer for Result<Response<B>, E> {
    fn into_answer(self) -> Result<Response<Body>, BoxError> {
        self.map(|response| response.map(Into::into)).map_err(Into::into)
    }
}

/// Why there is another answer than the application's.
#[derive(Debug)]
pub(in crate::net) enum Fault {
    /// The content of the request is at fault.
    Peer(Rejection),
    /// The application is.
    Application(BoxError),
}

impl Fault {
    /// What this error of a handler means.
    pub(in crate::net) fn of(error: BoxError) -> Fault {
        let mut cause: Option<&(dyn Error + 'static)> = Some(&*error);
        while let Some(error) = cause {
            if error.is::<LengthLimitError>() {
                return Fault::Peer(Rejection::ContentTooLarge);
            }
            // What is in it shows its own causes only.
            if let Some(crate::net::Error::Application(within)) = error.downcast_ref() {
                cause = Some(&**within);
                continue;
            }
            match error.downcast_ref() {
                Some(BodyError::TooLarge) => return Fault::Peer(Rejection::ContentTooLarge),
                Some(BodyError::TooSlow) => return Fault::Peer(Rejection::ContentTooSlow),
                Some(BodyError::Broken(_)) => return Fault::Peer(Rejection::ContentMalformed),
                None => cause = error.source(),
            }
        }
        Fault::Application(error)
    }

    /// The answer to it.
    pub(in crate::net) fn rejection(&self) -> Rejection {
        match self {
            Fault::Peer(rejection) => *rejection,
            Fault::Application(_) => Rejection::HandlerFailed,
        }
    }
}

/// Gives the response to a request of this method its last form. What governs the connection and frames
/// the message is the server's: of that nothing stays which the application set, save the length of
/// content that has no other.
///
/// # Errors
/// The status is not of a final response, or a field belongs to the opening handshake.
pub(in crate::net) fn check(
    mut response: Response<Body>,
    method: &Method,
) -> Result<Response<Body>, BoxError> {
    let status = response.status();
    let has_length = response.body().size_hint().exact().is_some();
    // RFC 9110 §8.6: here it tells of content that is not sent.
    let is_told_only = method == Method::HEAD || status == StatusCode::NOT_MODIFIED;
    if !(200..=599).contains(&status.as_u16()) {
        return Err(format!("{status} is not the status of a final response (200 to 599)").into());
    }
    let fields = response.headers_mut();
    if let Some(name) = fields.keys().find(|name| is_handshake_field(name.as_str())) {
        return Err(format!("{name} is set by the server alone").into());
    }
    for name in [CONNECTION, TE, TRANSFER_ENCODING, UPGRADE, KEEP_ALIVE, PROXY_CONNECTION] {
        fields.remove(name);
    }
    if has_length && !is_told_only || !is_one_number(fields) {
        fields.remove(CONTENT_LENGTH);
    }
    if status == StatusCode::UPGRADE_REQUIRED {
        // RFC 9110 §15.5.22, RFC 6455 §4.4: what to upgrade to, and the versions spoken here.
        fields.insert(UPGRADE, HeaderValue::from_static("websocket"));
        fields.insert(CONNECTION, HeaderValue::from_static("Upgrade, close"));
        fields.insert(SEC_WEBSOCKET_VERSION, HeaderValue::from_static("13"));
    } else {
        fields.insert(CONNECTION, HeaderValue::from_static("close"));
    }
    if let Ok(phrase) = ReasonPhrase::try_from(reason(status.as_u16()).as_bytes()) {
        response.extensions_mut().insert(phrase);
    }
    Ok(response)
}

/// Whether the length is one decimal number (RFC 9112 §6.3).
fn is_one_number(fields: &HeaderMap) -> bool {
    let mut lengths = fields.get_all(CONTENT_LENGTH).iter();
    let (Some(length), None) = (lengths.next(), lengths.next()) else { return false };
    let is_digits = |length: &str| length.bytes().all(|digit| digit.is_ascii_digit());
    length.to_str().is_ok_and(|length| is_digits(length) && length.parse::<u64>().is_ok())
}

/// The answer that names the clause, in hyper's form.
impl From<Rejection> for Response<Body> {
    fn from(rejection: Rejection) -> Response<Body> {
        let answer = crate::proto::handshake::Response::from(Refusal::from(rejection));
        let mut response = Response::new(Body::from(answer.body().to_vec()));
        *response.status_mut() =
            StatusCode::from_u16(answer.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        for (name, value) in answer.all_fields() {
            if let (Ok(name), Ok(value)) =
                (HeaderName::try_from(name), HeaderValue::try_from(value))
            {
                response.headers_mut().append(name, value);
            }
        }
        if let Ok(phrase) = ReasonPhrase::try_from(reason(answer.status()).as_bytes()) {
            response.extensions_mut().insert(phrase);
        }
        response
    }
}

const KEEP_ALIVE: HeaderName = HeaderName::from_static("keep-alive");
const PROXY_CONNECTION: HeaderName = HeaderName::from_static("proxy-connection");
const SEC_WEBSOCKET_VERSION: HeaderName = HeaderName::from_static("sec-websocket-version");
