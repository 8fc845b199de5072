//! What happens to a message for which the queue to the peer has no room.

use super::outgoing::Outgoing;
use super::sender::Sender;
use super::sending::Bound;
use crate::net::config::WhenFull;
use crate::net::state::counted::Counted;
use crate::proto::outbound::SendError;

impl Sender {
    /// What is to happen on this connection.
    pub(crate) fn when_full(&self) -> WhenFull {
        self.shared.limits().when_full
    }

    /// As [`Sender::send`], and says when the queue is full, whatever is to happen then.
    #[inline]
    pub(crate) fn offer<M: Outgoing>(&self, message: M) -> Result<(), SendError> {
        self.queue_message(message, Bound::Holds)
    }

    /// The queue had no room for a message: does what was chosen for that.
    ///
    /// # Errors
    /// Where the application is to wait, and where the connection closes.
    #[cold]
    pub(crate) fn find_full(&self, chosen: WhenFull) -> Result<(), SendError> {
        match chosen {
            WhenFull::Wait => Err(SendError::QueueFull),
            WhenFull::Drop => {
                self.shared.lock().queue.note_dropped();
                self.shared.context.count(Counted::DroppedMessage);
                Ok(())
            }
            WhenFull::Close => {
                // What is in the cork of this thread goes before the Close.
                let mut state = self.shared.lock_for_sending();
                if state.close_full() {
                    state.wake_task();
                    self.shared.context.count(Counted::ClosedFull);
                }
                Err(SendError::Closed)
            }
        }
    }
}
