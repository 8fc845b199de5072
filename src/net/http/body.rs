//! The content of a request or of an answer.

use std::error::Error;
use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use futures_core::Stream;
use http_body::{Frame, SizeHint};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Empty, Full, LengthLimitError, Limited};
use pin_project_lite::pin_project;

use crate::net::error::BoxError;
use crate::net::pass::pass;

/// The content of a request or of an answer (RFC 9110 §6.4).
///
/// That of a request has a bound, `Limits::max_body_size`, and is to arrive by a deadline,
/// `Timeouts::handshake` after the head. An answer is made of text, bytes, a stream, or anything that
/// is [`http_body::Body`].
///
/// ```
/// use stickler::Body;
///
/// let page = Body::from("<p>hello</p>");
/// let nothing = Body::empty();
/// ```
pub struct Body(UnsyncBoxBody<Bytes, BoxError>);

impl Body {
    /// No content.
    #[must_use]
    pub fn empty() -> Body {
        Body::new(Empty::new())
    }

    /// The content of another library.
    pub fn new<B>(body: B) -> Body
    where
        B: http_body::Body<Data = Bytes> + Send + 'static,
        B::Error: Into<BoxError>,
    {
        Body(body.map_err(Into::into).boxed_unsync())
    }

    /// Content that is sent as the stream gives it; its length is not told before. An error of the stream
    /// cuts the answer off, so that the client can see that it is not whole.
    pub fn from_stream<S, E>(stream: S) -> Body
    where
        S: Stream<Item = Result<Bytes, E>> + Send + 'static,
        E: Into<BoxError> + 'static,
    {
        Body::new(Streamed { stream })
    }

    /// Reads all of it.
    ///
    /// # Errors
    /// The content of a request is too large, too slow, or broken. A handler that returns this error
    /// answers with the status that it stands for: 413, 408 or 400.
    ///
    /// # Cancel safety
    /// Dropped, what was read is lost.
    pub async fn bytes(self) -> Result<Bytes, BodyError> {
        match self.0.collect().await {
            Ok(collected) => Ok(collected.to_bytes()),
            Err(error) => Err(BodyError::of(error)),
        }
    }

    /// Reads all of it as a form: `application/x-www-form-urlencoded`, names and values decoded.
    ///
    /// # Errors
    /// As [`Body::bytes`].
    ///
    /// # Cancel safety
    /// As [`Body::bytes`].
    pub async fn form(self) -> Result<Vec<(String, String)>, BodyError> {
        let bytes = self.bytes().await?;
        Ok(form_urlencoded::parse(&bytes).into_owned().collect())
    }

    /// The content of a request, with its bound and the time that it is waited for.
    pub(in crate::net) fn of_request(
        content: hyper::body::Incoming,
        max_size: usize,
        patience: Duration,
    ) -> Body {
        Body::new(Content { inner: Limited::new(content, max_size), patience, waiting: None })
    }
}

impl http_body::Body for Body {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        Pin::new(&mut self.0).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.0.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.0.size_hint()
    }
}

impl Default for Body {
    fn default() -> Body {
        Body::empty()
    }
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let size = http_body::Body::size_hint(self);
        f.debug_struct("Body").field("size", &size.exact()).finish_non_exhaustive()
    }
}

impl From<()> for Body {
    fn from((): ()) -> Body {
        Body::empty()
    }
}

/// What becomes a body without a copy.
macro_rules! from {
    ($($source:ty),*) => {$(
        impl From<$source> for Body {
            fn from(content: $source) -> Body {
                Body::new(Full::<Bytes>::from(content))
            }
        }
    )*};
}

from!(Bytes, String, Vec<u8>, &'static str, &'static [u8]);

impl From<Full<Bytes>> for Body {
    fn from(content: Full<Bytes>) -> Body {
        Body::new(content)
    }
}

/// Why the content of a request could not be read.
#[derive(Debug)]
#[non_exhaustive]
pub enum BodyError {
    /// It is larger than `Limits::max_body_size` (RFC 9110 §15.5.14: 413).
    TooLarge,
    /// It did not arrive in time (RFC 9110 §15.5.9: 408).
    TooSlow,
    /// It ended early, or its chunks are malformed (RFC 9112 §7.1: 400).
    Broken(BoxError),
}

impl BodyError {
    fn of(error: BoxError) -> BodyError {
        if error.is::<LengthLimitError>() {
            return BodyError::TooLarge;
        }
        error.downcast().map_or_else(BodyError::Broken, |error| *error)
    }
}

impl fmt::Display for BodyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            BodyError::TooLarge => "the content is larger than is allowed",
            BodyError::TooSlow => "the content did not arrive in time",
            BodyError::Broken(_) => "the content cannot be read",
        })
    }
}

impl Error for BodyError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            BodyError::Broken(error) => Some(&**error),
            _ => None,
        }
    }
}

impl From<BodyError> for crate::net::Error {
    fn from(error: BodyError) -> crate::net::Error {
        crate::net::Error::application(error)
    }
}

/// The content of a request as it arrives.
struct Content {
    inner: Limited<hyper::body::Incoming>,
    /// How long it is waited for, in all.
    patience: Duration,
    /// Begun when it is waited for.
    waiting: Option<Pin<Box<dyn Future<Output = ()> + Send>>>,
}

impl http_body::Body for Content {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        match Pin::new(&mut self.inner).poll_frame(cx) {
            // Other libraries know the error of the bound by its type.
            Poll::Ready(Some(Err(error))) if !error.is::<LengthLimitError>() => {
                Poll::Ready(Some(Err(BodyError::Broken(error).into())))
            }
            Poll::Ready(frame) => Poll::Ready(frame),
            Poll::Pending => {
                let patience = self.patience;
                let waiting = self.waiting.get_or_insert_with(|| Box::pin(pass(patience)));
                ready!(waiting.as_mut().poll(cx));
                Poll::Ready(Some(Err(BodyError::TooSlow.into())))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

pin_project! {
    struct Streamed<S> {
        #[pin]
        stream: S,
    }
}

impl<S, E> http_body::Body for Streamed<S>
where
    S: Stream<Item = Result<Bytes, E>>,
{
    type Data = Bytes;
    type Error = E;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, E>>> {
        self.project().stream.poll_next(cx).map_ok(Frame::data)
    }
}
