//! Without the feature `http` no plain request is answered by the application.

/// There is none.
#[derive(Clone)]
pub(crate) enum HttpService {}
