//! The endpoint that the routes below a layer use, and the request-target before any `nest`.

use std::sync::Arc;
use std::task::{Context, Poll};

use http::{Request, Uri};
use tower_layer::Layer;
use tower_service::Service;

use crate::net::Endpoint;
use crate::proto::handshake::Policy;

/// Gives the routes below it an [`Endpoint`].
///
/// Of several layers the innermost decides. Add it to the outermost router, so that it sees the
/// request-target before `nest` has cut off a prefix.
#[derive(Clone, Debug)]
pub struct WebSocketLayer {
    endpoint: Endpoint,
    policy: Option<Arc<Policy>>,
}

impl WebSocketLayer {
    /// The configuration and the connections of this endpoint.
    pub fn new(endpoint: Endpoint) -> WebSocketLayer {
        WebSocketLayer { endpoint, policy: None }
    }

    /// Judges opening handshakes by this policy instead of the endpoint's.
    #[must_use]
    pub fn policy(self, policy: Policy) -> WebSocketLayer {
        WebSocketLayer { policy: Some(Arc::new(policy)), ..self }
    }
}

impl<S> Layer<S> for WebSocketLayer {
    type Service = WithEndpoint<S>;

    fn layer(&self, inner: S) -> WithEndpoint<S> {
        WithEndpoint { inner, layer: self.clone() }
    }
}

/// The service of a [`WebSocketLayer`].
#[derive(Clone, Debug)]
pub struct WithEndpoint<S> {
    inner: S,
    layer: WebSocketLayer,
}

impl<S, B> Service<Request<B>> for WithEndpoint<S>
where
    S: Service<Request<B>>,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<B>) -> S::Future {
        // An outer layer has seen the target before this one.
        let outer = request.extensions_mut().remove::<Given>();
        let target = outer.map_or_else(|| request.uri().clone(), |outer| outer.target);
        let WebSocketLayer { endpoint, policy } = self.layer.clone();
        request.extensions_mut().insert(Given { endpoint, policy, target });
        self.inner.call(request)
    }
}

/// What a layer has given to the request.
#[derive(Clone, Debug)]
pub(super) struct Given {
    pub(super) endpoint: Endpoint,
    /// `None` for the policy of the endpoint.
    pub(super) policy: Option<Arc<Policy>>,
    /// As the client sent it.
    pub(super) target: Uri,
}
