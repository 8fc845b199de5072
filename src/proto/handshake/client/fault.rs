//! Everything that a response to an opening handshake can do wrong: the clause, and one short sentence.
//!
//! One table, as for [`Rejection`](crate::proto::rejection::Rejection): the enum, its list and what each row
//! says come from it, and no row carries bytes that the server sent.

/// Builds [`ResponseFault`] and its accessors from rows of `Variant => section, sentence;`.
macro_rules! faults {
    ($($variant:ident => $section:literal, $sentence:literal;)*) => {
        /// Why a client fails the connection over the response to its opening handshake (RFC 6455 §4.1).
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum ResponseFault {
            $(#[doc = concat!($section, ": ", $sentence, ".")] $variant,)*
        }

        impl ResponseFault {
            /// All rows, in the order of the table.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// The clause that was broken, such as `RFC 6455 4.1`.
            #[must_use]
            pub const fn section(self) -> &'static str {
                match self { $(Self::$variant => $section,)* }
            }

            /// What was wrong, in one sentence without a final stop.
            #[must_use]
            pub const fn sentence(self) -> &'static str {
                match self { $(Self::$variant => $sentence,)* }
            }
        }
    };
}

faults! {
    // The grammar of the response, and its size.
    NotHttp => "RFC 9112 4", "what came is no response of HTTP/1.1";
    StatusLineMalformed => "RFC 9112 4", "the status line is malformed";
    BareLineFeed => "RFC 9112 2.2", "a line of the response ends with LF alone";
    BareCarriageReturn => "RFC 9112 2.2", "a CR in the response is not followed by LF";
    FieldMalformed => "RFC 9112 5", "a header line of the response is malformed";
    HeadTooLarge => "RFC 9110 5.4", "the response has a larger header section than is read";
    TooManyFields => "RFC 9110 5.4", "the response has more header fields than are read";
    TooManyInterim => "RFC 9110 15.2", "more interim responses came than are passed over";
    InterimBeforeHttp11 => "RFC 9110 15.2", "a 1xx came with HTTP/1.0, which has none";

    // The 101 as a message of HTTP.
    NotSwitching => "RFC 6455 4.1", "the status is not 101";
    TransferEncodingIn101 => "RFC 9112 6.1", "the 101 has a Transfer-Encoding header field";
    ContentLengthIn101 => "RFC 9110 8.6", "the 101 has a Content-Length header field";

    // The 101 as the answer to an opening handshake.
    UpgradeMissing => "RFC 6455 4.1", "the 101 has no Upgrade header field";
    UpgradeOther => "RFC 6455 4.1", "the Upgrade header field of the 101 is not websocket";
    ConnectionMissing => "RFC 6455 4.1", "the 101 has no Connection header field";
    ConnectionWithoutUpgrade => "RFC 6455 4.1", "the Connection header field of the 101 does not list Upgrade";
    AcceptMissing => "RFC 6455 4.1", "the 101 has no Sec-WebSocket-Accept header field";
    AcceptRepeated => "RFC 6455 11.3.3", "Sec-WebSocket-Accept occurs more than once in the 101";
    AcceptWrong => "RFC 6455 4.1", "Sec-WebSocket-Accept does not belong to the key";
    SubprotocolRepeated => "RFC 6455 11.3.4", "Sec-WebSocket-Protocol occurs more than once in the 101";
    SubprotocolMalformed => "RFC 6455 4.3", "Sec-WebSocket-Protocol of the 101 is not one token";
    SubprotocolNotOffered => "RFC 6455 4.1", "the 101 names a subprotocol that was not offered";
    ExtensionsMalformed => "RFC 6455 9.1", "Sec-WebSocket-Extensions of the 101 is malformed";
    ExtensionNotOffered => "RFC 6455 4.1", "the 101 names an extension that was not offered";
    TooManyEmptyMembers => "RFC 9110 5.6.1.2", "a list of the 101 holds too many empty members";

    // The answer to an offer of permessage-deflate.
    DeflateRepeated => "RFC 7692 5", "permessage-deflate is accepted more than once";
    DeflateOfferUnacceptable => "RFC 7692 7", "permessage-deflate is accepted although each offer had to be declined";
    DeflateParameterInvalid => "RFC 7692 7", "permessage-deflate has a parameter or value that no answer may have";
    DeflateParameterRepeated => "RFC 7692 7", "a parameter of permessage-deflate stands twice in the answer";
    DeflateTakeoverKept => "RFC 7692 7.1.1.1", "server_no_context_takeover was asked for and is missing";
    DeflateWindowIgnored => "RFC 7692 7.1.2.1", "server_max_window_bits is missing or larger than was asked for";
    DeflateClientWindowUnasked => "RFC 7692 7.1.2.2", "client_max_window_bits was not offered";
}

impl core::fmt::Display for ResponseFault {
    fn fmt(&self, formatter: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(formatter, "{}: {}", self.section(), self.sentence())
    }
}

impl core::error::Error for ResponseFault {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_distinct_and_fit_on_a_line() {
        for (at, row) in ResponseFault::ALL.iter().enumerate() {
            assert!(row.section().starts_with("RFC "), "{row:?}");
            let sentence = row.sentence();
            assert!(sentence.len() <= 90 && sentence.is_ascii() && !sentence.ends_with('.'));
            let earlier = &ResponseFault::ALL[..at];
            assert!(earlier.iter().all(|other| other.sentence() != sentence), "{row:?}");
        }
    }
}
