//! What happens where a limit is reached, where there is a choice.

/// What happens to a message for which the queue to the peer has no room.
///
/// It says what [`Sender::send`](crate::Sender::send) and a [`Topic`](crate::Topic) do. Whoever asks for
/// something else gets that: `send_ready` waits, and `try_send` gives the message back.
///
/// | | [`Sender::send`](crate::Sender::send) | [`Topic`](crate::Topic) | while replies fill the queue, the peer |
/// |---|---|---|---|
/// | `Wait` | refuses with `SendError::QueueFull` | leaves it out, and counts that | waits: `recv` gives no message |
/// | `Drop` | drops it, counts that, and gives `Ok` | leaves it out, and counts that | is heard |
/// | `Close` | closes with 1008, and gives `SendError::Closed` | closes with 1008 | is heard |
///
/// With `Drop` and `Close` the Receiver holds messages back only until the transport has refused some of
/// the replies. So no reply is dropped, and no connection closed, for want of a try to write.
///
/// Whole messages are dropped, never a part: what is sent in fragments is dropped if the queue has no
/// room when it begins. A fragment of a message that has begun is refused where there is no room, and may
/// be tried again; with `Close` it closes the connection too. Pings are refused, whatever is chosen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum WhenFull {
    /// The application is told, and waits for room.
    #[default]
    Wait,
    /// The message is dropped, and counted.
    Drop,
    /// The connection is closed with 1008, behind what is queued.
    Close,
}

/// What happens to a message that comes before
/// [`Limits::max_messages_per_second`](super::Limits::max_messages_per_second) allows it.
///
/// A message counts when it is whole, whatever its kind and size; fragments do not count, nor do control
/// frames. A message without a [`Receiver`](crate::Receiver) to take it counts too.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum WhenTooFast {
    /// The message waits, and the peer is not read: what stands behind the message waits too, Pings and a
    /// Close included.
    #[default]
    Wait,
    /// The connection is failed with 1008. Messages that waited for a busy handler are counted over the
    /// time in which they may have come: a slow handler fails nobody.
    Close,
}
