//! Every reason to refuse an opening handshake: the clause that was broken, the HTTP status that
//! answers it, and one short sentence.
//!
//! One table; the enum, its list, and what each row says all come from it. The sentence and the
//! section are all that a peer is told, so no row may ever carry bytes that the peer sent.

/// Builds [`Rejection`] and its accessors from rows of `Variant => section, status, sentence;`.
macro_rules! rejections {
    ($($variant:ident => $section:literal, $status:literal, $sentence:literal;)*) => {
        /// A reason to refuse an opening handshake.
        ///
        /// Each variant names what the peer did, or, for the last rows, what kept the server from
        /// answering better.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum Rejection {
            $(#[doc = concat!($section, ", status ", $status, ": ", $sentence, ".")] $variant,)*
        }

        impl Rejection {
            /// All rows, in the order of the table.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// The clause that was broken, such as `RFC 6455 4.2.1`.
            #[must_use]
            pub const fn section(self) -> &'static str {
                match self { $(Self::$variant => $section,)* }
            }

            /// The HTTP status of the refusal.
            #[must_use]
            pub const fn status(self) -> u16 {
                match self { $(Self::$variant => $status,)* }
            }

            /// What was wrong, in one sentence without a final stop.
            #[must_use]
            pub const fn sentence(self) -> &'static str {
                match self { $(Self::$variant => $sentence,)* }
            }
        }
    };
}

rejections! {
    // The size of the head.
    MethodTooLong => "RFC 9112 3", 501, "the method is longer than any that is known here";
    TargetTooLong => "RFC 9112 3", 414, "the request-target is too long";
    HeadTooLarge => "RFC 6585 5", 431, "the header section is too large";
    FieldTooLarge => "RFC 6585 5", 431, "one header field is too large";
    TooManyFields => "RFC 6585 5", 431, "there are too many header fields";

    // The grammar of the message.
    NotARequest => "RFC 9112 2.2", 400, "this is not an HTTP request";
    TlsHandshake => "RFC 9112 2.2", 400, "this is the beginning of TLS, and this port speaks HTTP without TLS";
    ProxyHeader => "RFC 9112 2.2", 400, "this is a header of the PROXY protocol, which is not read on this port";
    EmptyLinesBeforeRequest => "RFC 9112 2.2", 400, "more than one empty line comes first, as in a header of the PROXY protocol, version 2";
    BareLineFeed => "RFC 9112 2.2", 400, "a line ends with LF alone";
    BareCarriageReturn => "RFC 9112 2.2", 400, "a CR is not followed by LF";
    RequestLineMalformed => "RFC 9112 3", 400, "the request line is not method, request-target and version with one space between";
    RequestLineOctet => "RFC 9112 3", 400, "the request line holds an octet that is not visible ASCII";
    HttpVersionMalformed => "RFC 9112 2.3", 400, "the HTTP version is malformed";
    WhitespaceBeforeFields => "RFC 9112 2.2", 400, "whitespace stands before the first header field";
    FoldedField => "RFC 9112 5.2", 400, "a header field is folded over lines";
    SpaceInFieldName => "RFC 9112 5.1", 400, "whitespace stands in or after a field name";
    FieldNameInvalid => "RFC 9112 5.1", 400, "a field name is not a token";
    FieldWithoutColon => "RFC 9112 5", 400, "a header line has no colon";
    ControlInField => "RFC 9110 5.5", 400, "a header field holds a control character";

    // The HTTP version.
    HttpVersionTooLow => "RFC 6455 4.2.1", 400, "the HTTP version is below 1.1";
    HttpVersionUnsupported => "RFC 9110 15.6.6", 505, "of the HTTP versions only HTTP/1.1 is spoken here";

    // Host.
    HostMissing => "RFC 9112 3.2", 400, "the Host header field is missing";
    HostRepeated => "RFC 9112 3.2", 400, "the Host header field occurs more than once";
    HostInvalid => "RFC 9112 3.2", 400, "the Host header field is not a host with an optional port";

    // Body framing.
    LengthBesideTransferEncoding => "RFC 9112 6.1", 400, "Content-Length stands beside Transfer-Encoding";
    ContentLengthInvalid => "RFC 9112 6.3", 400, "Content-Length is not one decimal number";
    TransferEncodingMalformed => "RFC 9112 6.1", 400, "Transfer-Encoding is malformed";
    ChunkedNotFinal => "RFC 9112 6.3", 400, "the final transfer coding is not chunked";
    TransferCodingUnknown => "RFC 9112 6.1", 501, "a transfer coding is not understood here";
    RequestHasContent => "RFC 9110 9.3.1", 400, "an opening handshake has no content";
    ContentTooLarge => "RFC 9110 15.5.14", 413, "the content is larger than is allowed here";
    ContentTooSlow => "RFC 9110 15.5.9", 408, "the content did not arrive in time";
    ContentMalformed => "RFC 9112 7.1", 400, "the content ends early, or its chunks are malformed";

    // Expect, method, request-target.
    ExpectationUnknown => "RFC 9110 10.1.1", 417, "the only expectation met here is 100-continue";
    MethodNotAllowed => "RFC 6455 4.2.1", 405, "the method is not GET";
    MethodUnknown => "RFC 9110 9.1", 501, "the method is unknown here";
    TargetHasFragment => "RFC 6455 3", 400, "the request-target holds a fragment";
    TargetFormInvalid => "RFC 9112 3.2", 400, "the request-target is neither a path nor an absolute URI";
    TargetSchemeInvalid => "RFC 6455 4.2.1", 400, "the scheme of the request-target is neither http nor https";
    TargetAuthorityInvalid => "RFC 9112 3.2.2", 400, "the authority of the request-target is not a host with an optional port";
    TargetOctetInvalid => "RFC 9112 3.2", 400, "the request-target holds an octet that has to be percent-encoded";
    TargetPercentInvalid => "RFC 3986 2.1", 400, "a percent sign in the request-target lacks its two hexadecimal digits";
    SchemeNotSecured => "RFC 9110 7.4", 421, "an https resource was requested over a connection without TLS";

    // The opening handshake.
    UpgradeMalformed => "RFC 9110 7.8", 400, "the Upgrade header field is malformed";
    UpgradeRequired => "RFC 6455 4.2.1", 426, "this resource is reached by an upgrade to websocket";
    ConnectionMalformed => "RFC 9110 7.6.1", 400, "the Connection header field is malformed";
    ConnectionWithoutUpgrade => "RFC 6455 4.2.1", 400, "the Connection header field does not list Upgrade";
    VersionMissing => "RFC 6455 4.2.1", 400, "the Sec-WebSocket-Version header field is missing";
    VersionRepeated => "RFC 6455 11.3.5", 400, "the Sec-WebSocket-Version header field occurs more than once";
    VersionMalformed => "RFC 6455 4.3", 400, "Sec-WebSocket-Version is not one number from 0 to 255 without leading zeros";
    VersionUnsupported => "RFC 6455 4.2.2", 426, "of the WebSocket versions only 13 is spoken here";
    KeyMissing => "RFC 6455 4.2.1", 400, "the Sec-WebSocket-Key header field is missing";
    KeyRepeated => "RFC 6455 11.3.1", 400, "the Sec-WebSocket-Key header field occurs more than once";
    KeyInvalid => "RFC 6455 4.2.1", 400, "Sec-WebSocket-Key is not 16 octets in base64";
    KeyPadBits => "RFC 4648 3.5", 400, "the pad bits of Sec-WebSocket-Key, in its last character before ==, are not zero";
    SubprotocolsMalformed => "RFC 6455 4.1", 400, "Sec-WebSocket-Protocol is not a list of tokens";
    SubprotocolRepeated => "RFC 6455 4.1", 400, "a subprotocol is listed more than once";
    ExtensionsMalformed => "RFC 6455 9.1", 400, "Sec-WebSocket-Extensions is malformed";
    TooManyEmptyMembers => "RFC 9110 5.6.1.2", 400, "a list holds too many empty members";

    // Policy.
    AuthorityNotServed => "RFC 9110 15.5.20", 421, "the requested host is not served here";
    ResourceUnknown => "RFC 6455 4.2.2", 404, "there is no such resource here";
    OriginRepeated => "RFC 6454 7.3", 400, "the Origin header field occurs more than once";
    OriginMalformed => "RFC 6454 7.1", 400, "the Origin header field is malformed";
    OriginMissing => "RFC 6454 8", 403, "the Origin header field is required here";
    OriginRefused => "RFC 6455 10.2", 403, "this origin is not welcome here";
    OriginWithoutHost => "RFC 6454 6", 403, "an origin without a host, such as null, is welcome only where it is listed";
    OriginPortNotOfHost => "RFC 6454 5", 403, "the origin has the host of Host and another port; does a proxy strip it from Host?";
    OriginPortNotListed => "RFC 6454 5", 403, "this origin is listed here with another port";
    SubprotocolRequired => "RFC 6455 4.2.2", 400, "no offered subprotocol is spoken here";

    // What has nothing to do with the request itself.
    HandshakeTooSlow => "RFC 9110 15.5.9", 408, "the request did not arrive in time";
    HandlerFailed => "RFC 9110 15.6.1", 500, "the server failed to answer";
    HandlerTooSlow => "RFC 9110 15.6.4", 503, "the server could not decide in time";
    Overloaded => "RFC 9110 15.6.4", 503, "no place or memory for another connection at present, or for one more of this address";
    TooManyHandshakes => "RFC 6585 4", 429, "this address begins more opening handshakes in a second than it may";
    ShuttingDown => "RFC 9110 15.6.4", 503, "the server is shutting down";
}

impl Rejection {
    /// Whether it is of the content of a plain request, and not of an opening handshake.
    #[cfg(feature = "net")]
    pub(crate) const fn is_of_content(self) -> bool {
        use Rejection::{ContentMalformed, ContentTooLarge, ContentTooSlow};
        matches!(self, ContentTooLarge | ContentTooSlow | ContentMalformed)
    }

    /// Whether the refusal names the WebSocket versions spoken here (RFC 6455 §4.2.2, §4.4).
    #[must_use]
    pub const fn lists_versions(self) -> bool {
        use Rejection::{
            UpgradeRequired, VersionMalformed, VersionMissing, VersionRepeated, VersionUnsupported,
        };
        matches!(
            self,
            UpgradeRequired
                | VersionMissing
                | VersionRepeated
                | VersionMalformed
                | VersionUnsupported
        )
    }
}

impl core::fmt::Display for Rejection {
    fn fmt(&self, formatter: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(formatter, "{}: {}", self.section(), self.sentence())
    }
}

impl core::error::Error for Rejection {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_distinct_and_fit_on_a_line() {
        for (at, row) in Rejection::ALL.iter().enumerate() {
            assert!(row.section().starts_with("RFC "), "{row:?}");
            assert!((400..600).contains(&row.status()), "{row:?}");
            let sentence = row.sentence();
            assert!(
                sentence.len() <= 90 && sentence.is_ascii() && !sentence.ends_with('.'),
                "{row:?}"
            );
            let earlier = &Rejection::ALL[..at];
            assert!(earlier.iter().all(|other| other.sentence() != sentence), "{row:?}");
        }
    }
}
