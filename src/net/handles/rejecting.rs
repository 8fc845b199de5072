//! The application's own answer to an opening handshake, and header fields of its own.

use std::error::Error as StdError;
use std::fmt;

use bytes::Bytes;
use http::{HeaderName, HeaderValue};

use super::incoming::Incoming;
use crate::net::error::Error;
use crate::proto::handshake::{FieldError, Response, ResponseFields, StatusError};

impl Incoming {
    /// Adds a header field to the 101.
    ///
    /// # Errors
    /// The name is no token, or is one of the fields that the server alone sets, those of the handshake
    /// among them; or the value has an octet that no field value has, is not UTF-8, or begins or ends with
    /// whitespace. Nothing has changed then.
    pub fn header<N, V>(&mut self, name: N, value: V) -> Result<&mut Incoming, FieldError>
    where
        N: TryInto<HeaderName>,
        V: TryInto<HeaderValue>,
    {
        insert_header(self.response_fields(), name, value)?;
        Ok(self)
    }

    /// Rejects with any final response, which is of the type `text/plain` unless it says otherwise.
    ///
    /// # Errors
    /// The status is not from 200 to 599, or a field is one that the server alone sets. Nothing was sent
    /// then: the error has the handshake, for another answer. Dropped, the error refuses the handshake
    /// with 500, and the log has it.
    pub fn reject<B: Into<Bytes>>(self, response: http::Response<B>) -> Result<(), RejectError> {
        match convert(response) {
            Ok(response) => {
                self.answer(response);
                Ok(())
            }
            Err(fault) => Err(RejectError { incoming: Some(Box::new(self)), fault }),
        }
    }
}

/// A response that cannot be sent, and the opening handshake that it was to answer.
pub struct RejectError {
    /// Taken by who answers after all.
    incoming: Option<Box<Incoming>>,
    fault: Fault,
}

/// What is wrong with the response.
#[derive(Debug)]
enum Fault {
    Status(StatusError),
    Field(HeaderName, FieldError),
}

impl RejectError {
    /// The opening handshake, which is not answered yet.
    #[must_use]
    pub fn into_incoming(mut self) -> Option<Incoming> {
        self.incoming.take().map(|incoming| *incoming)
    }
}

impl Drop for RejectError {
    fn drop(&mut self) {
        if let Some(incoming) = &self.incoming
            && incoming.is_first_to_tell()
        {
            let (id, peer) = incoming.shared.named();
            let (path, error) = (incoming.path(), tracing::field::display(&*self));
            tracing::error!(id, peer, path, error, "the answer to an opening handshake is invalid");
        }
    }
}

impl From<RejectError> for Error {
    /// Gives up the handshake, which is refused with 500.
    fn from(mut error: RejectError) -> Error {
        // Whoever gets the error is to report it.
        error.incoming = None;
        match &error.fault {
            Fault::Status(fault) => Error::from(*fault),
            Fault::Field(_, fault) => Error::from(*fault),
        }
    }
}

impl fmt::Debug for RejectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("RejectError").field(&self.fault).finish()
    }
}

impl fmt::Display for RejectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.fault {
            Fault::Status(fault) => fault.fmt(f),
            Fault::Field(name, fault) => write!(f, "{name}: {fault}"),
        }
    }
}

impl StdError for RejectError {}

impl From<http::Error> for Error {
    /// Of a response that the application could not build.
    fn from(error: http::Error) -> Error {
        Error::application(error)
    }
}

fn convert<B: Into<Bytes>>(response: http::Response<B>) -> Result<Response, Fault> {
    let (parts, body) = response.into_parts();
    let mut fields = ResponseFields::new();
    let response = Response::new(parts.status.as_u16()).map_err(Fault::Status)?;
    for (name, value) in &parts.headers {
        insert(&mut fields, name, value).map_err(|fault| Fault::Field(name.clone(), fault))?;
    }
    Ok(response.with_fields(fields).with_body(body.into()))
}

/// Adds a field whose name and value are given in whatever becomes them.
pub(in crate::net) fn insert_header(
    fields: &mut ResponseFields,
    name: impl TryInto<HeaderName>,
    value: impl TryInto<HeaderValue>,
) -> Result<(), FieldError> {
    let name = name.try_into().map_err(|_| FieldError::NameInvalid)?;
    let value = value.try_into().map_err(|_| FieldError::ValueInvalid)?;
    insert(fields, &name, &value)
}

fn insert(
    fields: &mut ResponseFields,
    name: &HeaderName,
    value: &HeaderValue,
) -> Result<(), FieldError> {
    let value = str::from_utf8(value.as_bytes()).map_err(|_| FieldError::ValueInvalid)?;
    fields.insert(title_case(name.as_str()), value)
}

/// The name as the fields of our own are written; the crate `http` knows no case.
fn title_case(name: &str) -> String {
    let mut begins = true;
    let title = name.chars().map(|letter| {
        let is_first = std::mem::replace(&mut begins, letter == '-');
        if is_first { letter.to_ascii_uppercase() } else { letter }
    });
    title.collect()
}
