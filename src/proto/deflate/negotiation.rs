//! Which offer of permessage-deflate is taken, and with what parameters (RFC 7692 §5, §7, §7.1).
//!
//! What is not exactly an offer by these sections is declined and never refused: the client may
//! have made another one, and goes on uncompressed otherwise. Broken grammar has been refused
//! before, by [`extension`](crate::proto::extension).

use core::{fmt, mem, str::FromStr};

use crate::proto::extension::ExtensionOffer;

/// Takes the first offer that is acceptable, in the client's order; `None` declines them all.
///
#[cfg_attr(feature = "deflate", doc = "```")]
#[cfg_attr(not(feature = "deflate"), doc = "```ignore")]
/// use stickler::proto::{deflate::{Policy, negotiate}, extension::parse_offers};
///
/// let line = b"permessage-deflate; server_max_window_bits=7, permessage-deflate";
/// let agreement = negotiate(&parse_offers([&line[..]])?, &Policy::default()).unwrap();
/// assert_eq!(
///     agreement.to_string(),
///     "permessage-deflate; server_no_context_takeover",
/// );
/// # Ok::<(), stickler::Rejection>(())
/// ```
#[must_use]
pub fn negotiate(offers: &[ExtensionOffer], policy: &Policy) -> Option<Agreement> {
    // RFC 7692 §5: the client lists first what it prefers.
    offers.iter().find_map(Asked::parse).map(|asked| asked.agree(policy))
}

/// What this server wants of compression.
///
/// Context takeover lets a message refer back to earlier ones, which makes small and similar
/// messages smaller, and costs memory for as long as the connection lives: that of the messages
/// to refer to. Without it a connection keeps nothing between messages.
///
/// The default gives up context takeover for what the server sends and leaves it to the client for
/// what the client sends: some clients do not read `client_no_context_takeover` in an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Policy {
    /// Whether messages of this server refer back to its earlier ones, unless the client asks that
    /// they do not (RFC 7692 §7.1.1.1). Each connection then keeps the end of what it has sent, up
    /// to the size of the window.
    pub server_context_takeover: bool,
    /// Whether messages of the client may refer back to its earlier ones, unless it says that they
    /// will not (RFC 7692 §7.1.1.2). Each connection then keeps the end of what it has received in
    /// compressed messages, up to the size of the window: 32 KiB, or what `client_max_window_bits`
    /// comes to. If it is false, the answer forbids the client to refer back, also where the client
    /// has not offered that.
    pub client_context_takeover: bool,
    /// How far back this server refers at most; less where the client asks for less (RFC 7692
    /// §7.1.2.1). The client needs as much memory to follow. Below 10 bits little is gained by
    /// compression (RFC 7692 §7.3), and with 8 none by repetition: single bytes only are encoded.
    ///
    /// The answer says it where it lets the client keep less between messages: with context
    /// takeover; and where the client has asked for it.
    pub server_max_window_bits: WindowBits,
    /// How far back messages of the client may refer to earlier ones, where the client offers to
    /// keep to that (RFC 7692 §7.1.2.2); less where it offers less. So much is kept between messages.
    /// Within one message no reference is held to it.
    pub client_max_window_bits: WindowBits,
}

impl Default for Policy {
    /// Context takeover for what the client sends, with 4 KiB kept where the client offers to limit
    /// its window; none for what the server sends, and there the largest window.
    fn default() -> Self {
        Self::new()
    }
}

impl Policy {
    /// The default, where a constant is needed.
    pub const fn new() -> Policy {
        Policy {
            server_context_takeover: false,
            client_context_takeover: true,
            server_max_window_bits: WindowBits::MAX,
            client_max_window_bits: CLIENT_WINDOW,
        }
    }

    /// Sets the field `server_context_takeover`.
    #[must_use]
    pub const fn server_context_takeover(mut self, server_context_takeover: bool) -> Policy {
        self.server_context_takeover = server_context_takeover;
        self
    }

    /// Sets the field `client_context_takeover`.
    #[must_use]
    pub const fn client_context_takeover(mut self, client_context_takeover: bool) -> Policy {
        self.client_context_takeover = client_context_takeover;
        self
    }

    /// Sets the field `server_max_window_bits`.
    #[must_use]
    pub const fn server_max_window_bits(mut self, server_max_window_bits: WindowBits) -> Policy {
        self.server_max_window_bits = server_max_window_bits;
        self
    }

    /// Sets the field `client_max_window_bits`.
    #[must_use]
    pub const fn client_max_window_bits(mut self, client_max_window_bits: WindowBits) -> Policy {
        self.client_max_window_bits = client_max_window_bits;
        self
    }
}

/// What both sides hold to once the 101 has said it (RFC 7692 §5).
///
/// Displayed, it is the value of Sec-WebSocket-Extensions in the 101.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Agreement {
    server_no_context_takeover: bool,
    server_max_window_bits: WindowBits,
    /// Whether the 101 has server_max_window_bits in it.
    states_server_window: bool,
    client: ClientContext,
}

/// What the client was told about its own messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ClientContext {
    /// `client_no_context_takeover`; the window within a message does not matter to the server.
    NotTakenOver,
    /// Nothing, or `client_max_window_bits`.
    TakenOver(Option<WindowBits>),
}

// Every connection has one.
const _: () = assert!(size_of::<Agreement>() <= 4);

impl Agreement {
    /// Whether each message of this server is to be inflated by itself (RFC 7692 §7.1.1.1).
    #[must_use]
    pub fn server_no_context_takeover(&self) -> bool {
        self.server_no_context_takeover
    }

    /// Whether each message of the client can be inflated by itself (RFC 7692 §7.1.1.2).
    #[must_use]
    pub fn client_no_context_takeover(&self) -> bool {
        self.client == ClientContext::NotTakenOver
    }

    /// How far back messages of this server refer at most (RFC 7692 §7.1.2.1).
    #[must_use]
    pub fn server_max_window_bits(&self) -> WindowBits {
        self.server_max_window_bits
    }

    /// How far back messages of the client refer to earlier ones at most (RFC 7692 §7.1.2.2).
    /// Without context takeover they do not, and this is the largest window.
    #[must_use]
    pub fn client_max_window_bits(&self) -> WindowBits {
        match self.client {
            ClientContext::TakenOver(Some(bits)) => bits,
            // RFC 7692 §7.2.2: without the parameter the window has 32 KiB.
            ClientContext::TakenOver(None) | ClientContext::NotTakenOver => WindowBits::MAX,
        }
    }
}

impl fmt::Display for Agreement {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        // RFC 7692 §5: the answer names the extension once.
        formatter.write_str(PERMESSAGE_DEFLATE)?;
        // RFC 7692 §7.1.1.1: the answer says so whenever the client asked for it.
        if self.server_no_context_takeover {
            write!(formatter, "; {SERVER_NO_CONTEXT_TAKEOVER}")?;
        }
        // RFC 7692 §7.1.1.2: the client has to be told to forget the window.
        if self.client_no_context_takeover() {
            write!(formatter, "; {CLIENT_NO_CONTEXT_TAKEOVER}")?;
        }
        if self.states_server_window {
            write!(formatter, "; {SERVER_MAX_WINDOW_BITS}={}", self.server_max_window_bits)?;
        }
        // RFC 7692 §7.1.2.2: in an answer the parameter always has a value.
        if let ClientContext::TakenOver(Some(bits)) = self.client {
            write!(formatter, "; {CLIENT_MAX_WINDOW_BITS}={bits}")?;
        }
        Ok(())
    }
}

/// The size of an LZ77 window as RFC 7692 §7.1.2 writes it: its base-2 logarithm, 8 to 15.
///
/// Read from text it is one or two digits, without a sign or leading zeros.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WindowBits(Bits);

/// A type of these eight values only, so that an `Option` of it is no larger.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
enum Bits {
    Eight = 8,
    Nine,
    Ten,
    Eleven,
    Twelve,
    Thirteen,
    Fourteen,
    Fifteen,
}

impl WindowBits {
    /// The smallest window, 256 bytes.
    pub const MIN: Self = Self(Bits::Eight);
    /// The largest window, 32 KiB.
    pub const MAX: Self = Self(Bits::Fifteen);

    /// `None` unless `bits` are 8 to 15.
    #[must_use]
    pub const fn new(bits: u8) -> Option<Self> {
        Some(Self(match bits {
            8 => Bits::Eight,
            9 => Bits::Nine,
            10 => Bits::Ten,
            11 => Bits::Eleven,
            12 => Bits::Twelve,
            13 => Bits::Thirteen,
            14 => Bits::Fourteen,
            15 => Bits::Fifteen,
            _ => return None,
        }))
    }

    /// The number of bits.
    #[must_use]
    pub const fn get(self) -> u8 {
        self.0 as u8
    }

    /// The size of the window in bytes.
    #[must_use]
    pub const fn size(self) -> usize {
        1 << self.get()
    }
}

impl fmt::Display for WindowBits {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.get().fmt(formatter)
    }
}

impl FromStr for WindowBits {
    type Err = InvalidWindowBits;

    fn from_str(text: &str) -> Result<Self, InvalidWindowBits> {
        // RFC 7692 §7.1.2.1, §7.1.2.2: decimal, and no leading zeros.
        let bits = match *text.as_bytes() {
            [ones @ b'8'..=b'9'] => ones - b'0',
            [b'1', ones @ b'0'..=b'5'] => 10 + ones - b'0',
            _ => return Err(InvalidWindowBits),
        };
        Self::new(bits).ok_or(InvalidWindowBits)
    }
}

/// The text is not the size of a window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InvalidWindowBits;

impl fmt::Display for InvalidWindowBits {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "wanted: a number from {} to {}", WindowBits::MIN, WindowBits::MAX)
    }
}

impl core::error::Error for InvalidWindowBits {}

/// What an acceptable offer asks for.
#[derive(Default)]
struct Asked {
    server_no_context_takeover: bool,
    client_no_context_takeover: bool,
    server_max_window_bits: Option<WindowBits>,
    /// How far back the client will refer at most, if it may be told to refer less far: 15 bits
    /// where it gives no value.
    client_max_window_bits: Option<WindowBits>,
}

impl Asked {
    /// `None` if the offer has to be declined (RFC 7692 §7), or is one of another extension.
    fn parse(offer: &ExtensionOffer) -> Option<Self> {
        if offer.name != PERMESSAGE_DEFLATE {
            return None;
        }
        let mut asked = Self::default();
        // RFC 7692 §7: one parameter that breaks a rule is enough to decline the offer.
        for (name, value) in &offer.params {
            let is_repeated = match (name.as_str(), value.as_deref()) {
                (SERVER_NO_CONTEXT_TAKEOVER, None) => {
                    mem::replace(&mut asked.server_no_context_takeover, true)
                }
                (CLIENT_NO_CONTEXT_TAKEOVER, None) => {
                    mem::replace(&mut asked.client_no_context_takeover, true)
                }
                (SERVER_MAX_WINDOW_BITS, Some(value)) => {
                    asked.server_max_window_bits.replace(value.parse().ok()?).is_some()
                }
                (CLIENT_MAX_WINDOW_BITS, value) => {
                    let hint = value.map_or(Ok(WindowBits::MAX), WindowBits::from_str).ok()?;
                    asked.client_max_window_bits.replace(hint).is_some()
                }
                // RFC 7692 §7.1: there are these four parameters, each with the value that it takes.
                _ => return None,
            };
            // RFC 7692 §7: no parameter stands twice.
            if is_repeated {
                return None;
            }
        }
        Some(asked)
    }

    fn agree(&self, policy: &Policy) -> Agreement {
        let ours = policy.server_max_window_bits;
        // RFC 7692 §7.1.2.1: a smaller window than was asked for is allowed, a larger one is not.
        let window = self.server_max_window_bits.map_or(ours, |asked| asked.min(ours));
        // RFC 7692 §7.1.1.1: said whenever the client asks; ours to say otherwise.
        let no_takeover = self.server_no_context_takeover || !policy.server_context_takeover;
        Agreement {
            server_no_context_takeover: no_takeover,
            server_max_window_bits: window,
            // RFC 7692 §7.1.2.1: an answer without it accepts no offer that has it. Unasked it is
            // said where it lets the client keep less between messages.
            states_server_window: self.server_max_window_bits.is_some()
                || !no_takeover && window < WindowBits::MAX,
            client: self.client_context(policy),
        }
    }

    fn client_context(&self, policy: &Policy) -> ClientContext {
        // RFC 7692 §7.1.1.2: said whenever the client offers it; ours to say otherwise.
        if self.client_no_context_takeover || !policy.client_context_takeover {
            return ClientContext::NotTakenOver;
        }
        // RFC 7692 §7.1.2.2: never without an offer of it, and never more than was offered.
        let window =
            self.client_max_window_bits.map(|hint| hint.min(policy.client_max_window_bits));
        ClientContext::TakenOver(window.filter(|window| *window < WindowBits::MAX))
    }
}

/// What is kept of a client's messages by default where the client lets us choose: 4 KiB. Little is
/// gained beyond.
const CLIENT_WINDOW: WindowBits = WindowBits(Bits::Twelve);

pub(in crate::proto) const PERMESSAGE_DEFLATE: &str = "permessage-deflate";
pub(in crate::proto) const SERVER_NO_CONTEXT_TAKEOVER: &str = "server_no_context_takeover";
pub(in crate::proto) const CLIENT_NO_CONTEXT_TAKEOVER: &str = "client_no_context_takeover";
pub(in crate::proto) const SERVER_MAX_WINDOW_BITS: &str = "server_max_window_bits";
pub(in crate::proto) const CLIENT_MAX_WINDOW_BITS: &str = "client_max_window_bits";
