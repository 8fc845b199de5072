//! What a server does to chosen connections instead of answering them: WHEN a function of the head or the
//! number of the connection says so, DO this.

use std::fmt;

/// What a rule is asked about.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    /// The bytes that have come: a head, whole unless it is broken; or what one read brought after the 101.
    pub head: &'a [u8],
    /// How many connections came before this one.
    pub number: usize,
}

impl Asked<'_> {
    /// Whether the head has these bytes somewhere.
    pub fn has(&self, bytes: impl AsRef<[u8]>) -> bool {
        let bytes = bytes.as_ref();
        self.head.windows(bytes.len().max(1)).any(|window| window == bytes)
    }
}

/// What is done instead of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Act {
    /// The connection is reset.
    Reset,
    /// FIN without an octet.
    End,
    /// A 500 with a sentence.
    Status500,
    /// Nothing, and the connection stays open.
    Silence,
    /// Octets that are no HTTP, then FIN.
    Garbage,
    /// The right answer, as far as its third line, then FIN.
    EndWithinAnswer,
    /// The right answer, then the one octet `0`, then FIN.
    ZeroBehindAnswer,
    /// The server ends: its listener and all connections.
    Stop,
    /// The server goes on for nobody, and closes nothing.
    Hang,
}

impl Act {
    /// The ways in which a server can leave a good opening handshake without its answer.
    pub const WAYS_TO_FAIL: [Act; 6] =
        [Act::Reset, Act::End, Act::Status500, Act::Silence, Act::Garbage, Act::EndWithinAnswer];
}

/// When a rule is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    Opening,
    Segment,
}

type When = Box<dyn Fn(&Asked<'_>) -> bool + Send + Sync>;

/// Which connections are meant, and what is done to them.
pub struct Rule {
    place: Place,
    when: When,
    act: Act,
}

impl Rule {
    /// A rule about opening handshakes.
    pub fn new(when: impl Fn(&Asked<'_>) -> bool + Send + Sync + 'static, act: Act) -> Rule {
        Rule { place: Place::Opening, when: Box::new(when), act }
    }

    /// A rule about what one read brings after the 101: nothing is answered by `act`, so that `Reset`, `End`,
    /// `Garbage`, `Silence`, `Stop` and `Hang` are left.
    pub fn of_segment(when: impl Fn(&Asked<'_>) -> bool + Send + Sync + 'static, act: Act) -> Rule {
        Rule { place: Place::Segment, when: Box::new(when), act }
    }

    /// A rule about heads that have these bytes.
    pub fn having(bytes: impl AsRef<[u8]>, act: Act) -> Rule {
        let bytes = bytes.as_ref().to_vec();
        Rule::new(move |asked| asked.has(&bytes), act)
    }

    pub(super) fn act_on(&self, place: Place, asked: &Asked<'_>) -> Option<Act> {
        (self.place == place && (self.when)(asked)).then_some(self.act)
    }
}

impl fmt::Debug for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rule").field("act", &self.act).finish_non_exhaustive()
    }
}

/// Servers that a single input brings down, each as it was seen in one that is in use: a name, and the rule.
pub fn crashes() -> Vec<(&'static str, Rule)> {
    vec![
        ("stops-at-a-target", Rule::having("GET /< HTTP/1.1", Act::Stop)),
        (
            "dies-behind-an-empty-member",
            Rule::having("Upgrade: ,websocket,", Act::ZeroBehindAnswer),
        ),
        (
            "hangs-at-a-compressed-and-an-empty-text",
            Rule::of_segment(
                |asked| {
                    matches!(asked.head, [0xc1, 0x81, _, _, _, _, _, 0x81, 0x80, _, _, _, _, ..])
                },
                Act::Hang,
            ),
        ),
        ("resets-at-an-empty-member", Rule::having("Upgrade: ,websocket", Act::Reset)),
    ]
}
