//! The connections of a running server: listed page by page, looked up and closed by their ids.

use super::Handle;
use crate::net::{ConnectionId, ConnectionInfo};
use crate::proto::close::CloseCode;
use crate::proto::outbound::SendError;

impl Handle {
    /// Lists connections in the order of their ids, opening handshakes included: those behind `after`, or the first
    /// ones, `most` at most. For the next page give the id of the last one; less than `most` means that there are no
    /// more.
    ///
    /// A connection that lives from before the first page to after the last is listed once. It may be called from any
    /// thread; workers wait for it only as long as it looks at one connection, or at a few hundred in the register.
    #[must_use]
    pub fn connections(&self, after: Option<ConnectionId>, most: usize) -> Vec<ConnectionInfo> {
        let mut list = Vec::new();
        // The numbers of the contexts are ascending.
        self.contexts().for_each(|context| context.list(after, most, &mut list));
        list
    }

    /// What is known of one connection; `None` if it has ended, or is of another server.
    #[must_use]
    pub fn connection(&self, id: ConnectionId) -> Option<ConnectionInfo> {
        self.contexts().find_map(|context| context.info(id))
    }

    /// Starts the closing handshake of one connection, as [`Sender::close`](crate::Sender::close) does. Says whether
    /// there is such a connection, by the same measure as [`connection`](Self::connection).
    ///
    /// # Errors
    ///
    /// As [`Sender::close`](crate::Sender::close): [`SendError::Closed`] too while the opening handshake goes on.
    pub fn close_connection(
        &self,
        id: ConnectionId,
        code: CloseCode,
        reason: &str,
    ) -> Result<bool, SendError> {
        for context in self.contexts() {
            if context.close_connection(id, code, reason)? {
                return Ok(true);
            }
        }
        Ok(false)
    }
}
