//! The application's service for plain HTTP, whatever its type.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;

use bytes::Bytes;
use http::{Request, Response};
use tower_service::Service;

use super::{Answer, Body};
use crate::net::error::BoxError;
use crate::proto::handshake::Request as Head;

/// A response, or why there is none.
pub(in crate::net) type Answered = Result<Response<Body>, BoxError>;

/// Answers requests that do not ask for a WebSocket; cheap to clone.
#[derive(Clone)]
pub(crate) struct HttpService {
    answer: Arc<dyn Fn(Request<Body>) -> Answering + Send + Sync>,
    /// Which requests it answers; `None` for all of them.
    takes: Option<Takes>,
}

/// Says by its head whether a request is one for the application.
pub(crate) type Takes = Arc<dyn Fn(&Head) -> bool + Send + Sync>;

/// The future of an answer.
type Answering = Pin<Box<dyn Future<Output = Answered> + Send>>;

impl HttpService {
    fn of(answer: Arc<dyn Fn(Request<Body>) -> Answering + Send + Sync>) -> HttpService {
        HttpService { answer, takes: None }
    }

    /// The same service, for the requests of which `takes` says so.
    #[cfg(feature = "server")]
    pub(crate) fn only_where(self, takes: Option<Takes>) -> HttpService {
        HttpService { takes, ..self }
    }

    /// Whether some requests are refused as if there was no service.
    pub(in crate::net) fn is_choosy(&self) -> bool {
        self.takes.is_some()
    }

    /// Whether it answers this request.
    pub(in crate::net) fn takes(&self, head: &Head) -> bool {
        self.takes.as_ref().is_none_or(|takes| takes(head))
    }

    /// A function from request to answer.
    pub(crate) fn of_handler<H, F>(handler: H) -> HttpService
    where
        H: Fn(Request<Body>) -> F + Send + Sync + 'static,
        F: Future<Output: Answer> + Send + 'static,
    {
        HttpService::of(Arc::new(move |request| {
            let answering = handler(request);
            Box::pin(async move { answering.await.into_answer() })
        }))
    }

    /// A service; each request gets a clone of it.
    pub(crate) fn of_service<S, B>(service: S) -> HttpService
    where
        S: Service<Request<Body>, Response = Response<B>, Error: Into<BoxError>, Future: Send>
            + Clone
            + Send
            + Sync
            + 'static,
        B: http_body::Body<Data = Bytes, Error: Into<BoxError>> + Send + 'static,
    {
        HttpService::of(Arc::new(move |request| {
            let mut service = service.clone();
            Box::pin(async move {
                poll_fn(|cx| service.poll_ready(cx)).await.map_err(Into::into)?;
                let response = service.call(request).await.map_err(Into::into)?;
                Ok(response.map(Body::new))
            })
        }))
    }

    pub(in crate::net) fn call(&self, request: Request<Body>) -> Answering {
        (self.answer)(request)
    }
}
