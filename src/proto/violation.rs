//! Every rule a peer can break once the connection is open: one table.
//!
//! The enum, [`Violation::ALL`], the section, the status code and the sentence of
//! each rule come from the table below. There is no option that relaxes a row;
//! limits only choose how much is too much. Sources: RFC 6455 §5, §7.4, §8.1, §10.4,
//! RFC 7692 §6.1, §7.2.

use super::close::CloseCode;

macro_rules! violations {
    ($($(#[$doc:meta])* $name:ident: $section:literal, $code:ident, $sentence:literal;)*) => {
        /// A rule that the peer broke; the connection is failed (RFC 6455 §7.1.7).
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum Violation {
            $($(#[$doc])* $name,)*
        }

        impl Violation {
            /// Every row of the table, in its order.
            pub const ALL: &[Violation] = &[$(Violation::$name,)*];

            /// The clause, as it is cited to the peer: `RFC 6455 5.1`.
            pub const fn section(self) -> &'static str {
                match self { $(Violation::$name => $section,)* }
            }

            /// The status code of the Close frame that fails the connection.
            pub const fn close_code(self) -> CloseCode {
                match self { $(Violation::$name => CloseCode::$code,)* }
            }

            /// What the peer did, in one short sentence of fixed words.
            pub const fn sentence(self) -> &'static str {
                match self { $(Violation::$name => $sentence,)* }
            }

            /// The reason in the Close frame: section, colon, sentence; at most 123 bytes.
            pub const fn reason(self) -> &'static str {
                match self { $(Violation::$name => concat!($section, ": ", $sentence),)* }
            }
        }
    };
}

violations! {
    /// A frame from the client without masking key.
    UnmaskedFrame: "RFC 6455 5.1", PROTOCOL_ERROR, "frame is not masked";
    /// RSV1, RSV2 or RSV3 set although no extension gives it a meaning.
    ReservedBit: "RFC 6455 5.2", PROTOCOL_ERROR, "reserved bit is set";
    /// An opcode from 3 to 7 or from 11 to 15.
    ReservedOpcode: "RFC 6455 5.2", PROTOCOL_ERROR, "opcode is reserved";
    /// A payload length in a longer form than it needs.
    LengthNotMinimal: "RFC 6455 5.2", PROTOCOL_ERROR, "payload length is not in its shortest form";
    /// A 64-bit payload length whose most significant bit is set.
    LengthHighBit: "RFC 6455 5.2", PROTOCOL_ERROR, "top bit of the 64-bit payload length is set";
    /// A control frame without FIN.
    ControlFragmented: "RFC 6455 5.5", PROTOCOL_ERROR, "control frame is fragmented";
    /// A control frame whose payload is longer than 125 bytes.
    ControlTooLong: "RFC 6455 5.5", PROTOCOL_ERROR, "control frame is longer than 125 bytes";
    /// A continuation frame while no message is unfinished.
    NothingToContinue: "RFC 6455 5.4", PROTOCOL_ERROR, "continuation frame without a message to continue";
    /// A new data message inside an unfinished one.
    MessageUnfinished: "RFC 6455 5.4", PROTOCOL_ERROR, "new message inside an unfinished one";
    /// A Close frame with a body of one byte.
    CloseBodyTooShort: "RFC 6455 5.5.1", PROTOCOL_ERROR, "Close frame with a body of one byte";
    /// A Close frame with a status code that may not stand on the wire.
    CloseCodeNotAllowed: "RFC 6455 7.4", PROTOCOL_ERROR, "status code may not be sent in a Close frame";
    /// A text message that is not UTF-8.
    TextNotUtf8: "RFC 6455 8.1", INVALID_PAYLOAD, "text message is not UTF-8";
    /// A reason in a Close frame that is not UTF-8.
    CloseReasonNotUtf8: "RFC 6455 5.5.1", INVALID_PAYLOAD, "reason in the Close frame is not UTF-8";
    /// RSV1 on a control frame or a continuation frame, with permessage-deflate agreed.
    CompressedBitMisplaced: "RFC 7692 6.1", PROTOCOL_ERROR, "compressed bit is not on the first frame of a message";
    /// A compressed message with a byte that DEFLATE cannot have there.
    DeflateCorrupt: "RFC 7692 7.2.2", INVALID_PAYLOAD, "compressed message is not valid DEFLATE data";
    /// A compressed message that ends inside a block, or without the empty block that ends each.
    DeflateCutOff: "RFC 7692 7.2.2", INVALID_PAYLOAD, "compressed message is cut off before the empty block at its end";
    /// A compressed message without payload; an empty message is compressed to one octet.
    DeflateEmpty: "RFC 7692 7.2.3.6", INVALID_PAYLOAD, "compressed message has no payload, not even the octet 00";
    /// A compressed message that ends with a block whose BFINAL is 1, without the header of the empty block.
    DeflateEndsWithFinalBlock: "RFC 7692 7.2.3.4", INVALID_PAYLOAD, "final block of a compressed message is not followed by the octet 00";
    /// A compressed message that ends with the four octets that its sender has to remove.
    DeflateTailNotRemoved: "RFC 7692 7.2.1", INVALID_PAYLOAD, "compressed message still ends with the octets 00 00 ff ff";
    /// A frame longer than the limit for one frame.
    FrameTooBig: "RFC 6455 10.4", TOO_BIG, "frame is longer than the limit";
    /// A message longer than the limit for one message.
    MessageTooBig: "RFC 6455 10.4", TOO_BIG, "message is longer than the limit";
    /// A message of more fragments than the limit.
    TooManyFragments: "RFC 6455 10.4", POLICY_VIOLATION, "message has more fragments than the limit";
    /// Within ten seconds over a hundred times as many Pings, or Pongs that answer none of ours, as the limit lets
    /// come in one.
    TooManyPings: "RFC 6455 10.4", POLICY_VIOLATION, "more Pings or unasked Pongs came than the limit";
    /// More messages than the limit for a second, where these are not to wait.
    TooManyMessages: "RFC 6455 10.4", POLICY_VIOLATION, "messages came faster than the limit";
}

impl std::fmt::Display for Violation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.reason())
    }
}

impl std::error::Error for Violation {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn s5_5_every_reason_fits_a_close_frame() {
        for violation in Violation::ALL {
            assert!(violation.reason().len() <= 123, "{violation:?}");
            assert!(violation.reason().starts_with(violation.section()));
            assert!(violation.reason().ends_with(violation.sentence()));
            assert!(violation.close_code().is_sendable(), "{violation:?}");
        }
    }
}
