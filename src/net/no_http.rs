//! Without the feature `http` no plain request is answered by the application.

use crate::proto::handshake::Request as Head;

/// There is none.
#[derive(Clone)]
pub(crate) enum HttpService {}

impl HttpService {
    pub(in crate::net) fn is_choosy(&self) -> bool {
        match *self {}
    }

    pub(in crate::net) fn takes(&self, _: &Head) -> bool {
        match *self {}
    }
}
