//! What connections are told when their server shuts down, and when.

use std::time::Duration;

use crate::proto::close::{CloseCode, MAX_REASON_LEN};
use crate::proto::outbound::SendError;
use crate::proto::prepared::Prepared;

/// What connections are told when their server shuts down; by default a Close with 1001 and no
/// reason, at once.
///
/// ```text
///  asked for --delay--> the listeners close --grace--> the first Close --window--> the last Close
/// ```
///
/// ```
/// use std::time::Duration;
///
/// use stickler::{CloseCode, Farewell, Prepared};
///
/// let farewell = Farewell::default()
///     .code(CloseCode::SERVICE_RESTART)
///     .reason("a new version")
///     .message(Prepared::text("back in a minute"))
///     .grace(Duration::from_secs(5))
///     .window(Duration::from_secs(3));
/// # assert_eq!(farewell.code.get(), 1012);
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Farewell {
    /// The status code of the Close; 1001 by default (RFC 6455 §7.4.1).
    pub code: CloseCode,
    /// The reason in the Close, at most 123 bytes; none by default.
    pub reason: String,
    /// A message that goes just before the Close; none by default. It is left out where the queue
    /// to the peer is full, or a message is being sent in fragments.
    pub message: Option<Prepared>,
    /// How long everything goes on as before; not at all by default.
    ///
    /// New connections and their messages are served. [`Config::health_path`](crate::Config::health_path)
    /// answers 503, and `Handle::is_draining` of a server is true, from the beginning on, so
    /// that a load balancer sends its clients elsewhere before the listeners close.
    pub delay: Duration,
    /// How long handlers may go on after the delay; not at all by default.
    ///
    /// [`Sender::draining`](super::Sender::draining) resolves when the delay is over. The Close goes out when
    /// the handler returns, or after this time.
    pub grace: Duration,
    /// Over how long the Closes are spread after the grace; by default they go at once.
    ///
    /// Each connection has a moment of chance in it, and before that it is served. The moments are evenly
    /// spread, so that not all clients come back together.
    pub window: Duration,
}

impl Default for Farewell {
    fn default() -> Farewell {
        Farewell {
            code: CloseCode::GOING_AWAY,
            reason: String::new(),
            message: None,
            delay: Duration::ZERO,
            grace: Duration::ZERO,
            window: Duration::ZERO,
        }
    }
}

impl Farewell {
    /// Sets the status code of the Close.
    #[must_use]
    pub fn code(mut self, code: CloseCode) -> Farewell {
        self.code = code;
        self
    }

    /// Sets the reason in the Close.
    #[must_use]
    pub fn reason(mut self, reason: impl Into<String>) -> Farewell {
        self.reason = reason.into();
        self
    }

    /// Sets the message that goes just before the Close.
    #[must_use]
    pub fn message(mut self, message: impl Into<Option<Prepared>>) -> Farewell {
        self.message = message.into();
        self
    }

    /// Sets how long everything goes on as before.
    #[must_use]
    pub fn delay(mut self, delay: Duration) -> Farewell {
        self.delay = delay;
        self
    }

    /// Sets how long handlers may go on.
    #[must_use]
    pub fn grace(mut self, grace: Duration) -> Farewell {
        self.grace = grace;
        self
    }

    /// Sets over how long the Closes are spread.
    #[must_use]
    pub fn window(mut self, window: Duration) -> Farewell {
        self.window = window;
        self
    }

    /// Whether a server may send such a Close.
    ///
    /// # Errors
    /// [`SendError::CloseCodeNotSendable`] and [`SendError::ReasonTooLong`].
    pub fn check(&self) -> Result<(), SendError> {
        if !self.code.is_sendable() {
            return Err(SendError::CloseCodeNotSendable);
        }
        // The code takes two of the 125 bytes that RFC 6455 §5.5 allows.
        if self.reason.len() > MAX_REASON_LEN {
            return Err(SendError::ReasonTooLong);
        }
        Ok(())
    }
}
