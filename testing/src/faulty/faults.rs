//! The faults, a table: each is one deviation from what the right server does, with the clause that it breaks.

faults! {
    // The request.
    AnyMethod "RFC 9110 9.1"
        "POST and every other known method open as GET does.",
    LowerCaseMethod "RFC 9110 9.1"
        "The method get is taken for GET.",
    HeadOpens "RFC 6455 4.2.1"
        "HEAD is answered by 101.",
    Http10Opens "RFC 6455 4.2.1"
        "A request of HTTP/1.0 opens.",
    NoVersionOpens "RFC 6455 4.2.1"
        "A request line without a version opens.",
    NoHostOpens "RFC 9112 3.2"
        "A request without Host opens.",
    TwoHostsOpen "RFC 9112 3.2"
        "Of two Host lines the first is taken.",
    AnyHost "RFC 9112 3.2"
        "A Host that is no host and port opens.",
    HostNot400 "RFC 9112 3.2"
        "A request without Host gets 404.",
    HostOfAbsoluteTarget "RFC 9112 3.2.2"
        "An absolute target beside another Host is refused.",
    AbsoluteTargetRefused "RFC 9112 3.2.2"
        "An absolute target is refused.",
    AbsoluteTargetLowerCase "RFC 9112 3.2.2"
        "HTTP:// in a target is refused, http:// is not.",
    HttpsTargetOpens "RFC 9110 7.4"
        "A target with https opens on a connection without TLS.",
    EmptyHostTargetOpens "RFC 9110 4.2.1"
        "The target http:///, without a host, opens.",
    SpaceBeforeColon "RFC 9112 5.1"
        "Space between the name of a field and its colon is taken.",
    FieldNameCase "RFC 9110 5.1"
        "The name of the key's field is compared with its case.",
    FieldNameOrder "RFC 9110 5.3"
        "Host has to be the first field.",
    FoldJoined "RFC 9112 5.2"
        "A folded line is joined to the one before without a space.",
    SpaceLineTaken "RFC 9112 2.2"
        "A line behind the request line that begins with space is a field.",
    BareCrEndsLine "RFC 9112 2.2"
        "A bare CR ends a line.",
    NulEndsValue "RFC 9110 5.5"
        "A value ends at its first NUL.",
    BadLengthOpens "RFC 9112 6.3"
        "A Content-Length that is no number opens.",
    TwoLengthsOpen "RFC 9112 6.3"
        "Of two Content-Lengths that differ the first is taken.",
    NotChunkedOpens "RFC 9112 6.3"
        "A request whose last coding is not chunked opens.",
    LengthAndCodingOpen "RFC 9112 6.1"
        "A request with Content-Length and Transfer-Encoding opens.",
    BodyIsFrames "RFC 9112 6.3"
        "The content of the request is read as frames.",
    UpgradeMissingOpens "RFC 6455 4.2.1"
        "A request without Upgrade opens.",
    UpgradeContains "RFC 6455 4.2.1"
        "An Upgrade that has websocket anywhere in it opens.",
    UpgradePrefix "RFC 6455 4.2.1"
        "An Upgrade that begins with websocket opens.",
    UpgradeCase "RFC 6455 4.2.1"
        "The keyword websocket is compared with its case.",
    UpgradeFirstMember "RFC 6455 4.2.1"
        "Only the first member of Upgrade is read.",
    UpgradeFirstLine "RFC 9110 5.3"
        "Only the first line of Upgrade is read.",
    UpgradeEmptyMember "RFC 9110 5.6.1"
        "An empty member of Upgrade is refused.",
    ConnectionMissingOpens "RFC 6455 4.2.1"
        "A request without Connection opens.",
    ConnectionContains "RFC 6455 4.2.1"
        "A Connection that has upgrade anywhere in it opens.",
    ConnectionCase "RFC 9110 7.6.1"
        "The option Upgrade is compared with its case.",
    ConnectionFirstMember "RFC 6455 4.2.1"
        "Only the first member of Connection is read.",
    ConnectionFirstLine "RFC 9110 5.3"
        "Only the first line of Connection is read.",
    ConnectionEmptyMember "RFC 9110 5.6.1"
        "An empty member of Connection is refused.",
    TabBeforeComma "RFC 9110 5.6.1"
        "A tab before a comma is taken for a part of the member.",
    KeyMissingOpens "RFC 6455 4.2.1"
        "A request without a key opens.",
    KeyEmptyOpens "RFC 6455 4.2.1"
        "An empty key opens.",
    AnyKey "RFC 6455 4.2.1"
        "Any text is a key.",
    TwoKeysOpen "RFC 6455 11.3.1"
        "Of two keys the first is taken.",
    KeyNotTrimmed "RFC 6455 4.2.2"
        "Space around the key counts for the accept value.",
    VersionMissingOpens "RFC 6455 4.2.1"
        "A request without a version of the protocol opens.",
    AnyVersion "RFC 6455 4.2.2"
        "Every version of the protocol opens.",
    VersionModulo256 "RFC 6455 4.2.2"
        "The version is kept in one byte, so that 269 is 13.",
    VersionZeros "RFC 6455 4.3"
        "Leading zeros of a version are skipped.",
    VersionList "RFC 6455 4.3"
        "A list of versions that begins with 13 opens.",
    TwoVersionsOpen "RFC 6455 11.3.5"
        "Of two versions the first is taken.",
    VersionsNotListed "RFC 6455 4.2.2"
        "The refusal of a version does not name those that are spoken.",
    VersionTabRefused "RFC 9110 5.5"
        "A tab before the version is not skipped.",
    SubprotocolGrammar "RFC 6455 4.2.1"
        "A list of subprotocols that are no tokens opens.",
    ExtensionGrammar "RFC 6455 9.1"
        "A list of extensions that breaks the grammar opens.",
    ExtensionGrammarFirstLine "RFC 6455 9.1"
        "Only the first line of the extensions is held against the grammar.",
    QuotedValueGrammar "RFC 6455 9.1"
        "A quoted value that is no token opens.",
    QuotedPairRefused "RFC 9110 5.6.4"
        "A quoted pair in the value of a parameter is refused.",
    HeadInOneSegment "RFC 9112 2.2"
        "A head that TCP cuts is refused.",
    HeadCutInLineEnd "RFC 9112 2.2"
        "A head that TCP cuts between CR and LF is refused.",
    LargeHeadIs500 "RFC 9110 5.4"
        "A head that is too large gets 500.",
    LongTargetIs400 "RFC 9112 3"
        "A target that is too long gets 400.",
    ContinueMissing "RFC 9110 7.8"
        "Expect: 100-continue gets 101 without a 100 before it.",
    // The answer.
    AcceptWrong "RFC 6455 4.2.2"
        "The accept value is that of another key.",
    AcceptMissing "RFC 6455 4.2.2"
        "The 101 has no accept value.",
    AcceptTwice "RFC 6455 11.3.3"
        "The 101 has the accept value on two lines.",
    AcceptPlusIsSpace "RFC 6455 4.2.2"
        "A plus in the key is read as a space.",
    UpgradeNotAnswered "RFC 6455 4.2.2"
        "The 101 has no Upgrade.",
    ConnectionNotAnswered "RFC 6455 4.2.2"
        "The 101 has no Connection.",
    LengthIn101 "RFC 9110 8.6"
        "The 101 has a Content-Length.",
    CodingIn101 "RFC 9112 6.1"
        "The 101 has a Transfer-Encoding.",
    SubprotocolUnasked "RFC 6455 4.2.2"
        "The 101 has a subprotocol that nobody asked for.",
    SubprotocolOther "RFC 6455 4.2.2"
        "The 101 has another subprotocol than those that were asked for.",
    SubprotocolsEchoed "RFC 6455 4.2.2"
        "The 101 has the whole list of subprotocols that was asked for.",
    SubprotocolEmpty "RFC 6455 4.2.2"
        "The 101 has Sec-WebSocket-Protocol without a name.",
    SubprotocolTwice "RFC 6455 11.3.4"
        "The 101 has the subprotocol on two lines.",
    SubprotocolCase "RFC 6455 4.2.2"
        "The 101 has the subprotocol in capital letters.",
    ExtensionUnasked "RFC 6455 4.2.2"
        "The 101 has permessage-deflate although it was not offered.",
    ExtensionsEchoed "RFC 6455 9.1"
        "The 101 repeats the whole offer of extensions.",
    ExtensionsEmpty "RFC 6455 4.2.2"
        "The 101 has Sec-WebSocket-Extensions without a member.",
    ResponseBehind101 "RFC 6455 4.2.2"
        "The 101 is followed by one more response.",
    AllowMissing "RFC 9110 15.5.6"
        "A 405 has no Allow.",
    UpgradeMissingIn426 "RFC 9110 15.5.22"
        "A 426 has no Upgrade.",
    ConnectionMissingIn426 "RFC 9110 7.8"
        "A 426 has Upgrade, and Connection does not name it.",
    HeadHasContent "RFC 9110 9.3.2"
        "The answer to HEAD has content.",
    LengthAndCodingSent "RFC 9112 6.2"
        "A refusal has Content-Length and Transfer-Encoding.",
    RefusalNotClosed "RFC 9112 9.6"
        "A refusal says that the connection closes, and it never does.",
    SecondRequestAnswered "RFC 9112 9.6"
        "After a refusal that closes the connection what follows is answered as well.",
    // Masks.
    UnmaskedData "RFC 6455 5.1"
        "A data frame without a mask is taken.",
    UnmaskedControl "RFC 6455 5.1"
        "A control frame without a mask is taken.",
    UnmaskedEmpty "RFC 6455 5.1"
        "A frame without a mask and without payload is taken.",
    UnmaskedSecond "RFC 6455 5.1"
        "From the second frame on the mask is not asked for.",
    UnmaskedContinuation "RFC 6455 5.1"
        "A continuation without a mask is taken.",
    UnmaskedPingInside "RFC 6455 5.1"
        "A Ping without a mask between fragments is taken.",
    UnmaskedLong "RFC 6455 5.1"
        "A frame without a mask and with its length in 16 or 64 bits is taken.",
    ZeroKeyRefused "RFC 6455 5.3"
        "The masking key 00000000 is taken for none.",
    KeyOfFirstFrame "RFC 6455 5.3"
        "All frames are unmasked with the key of the first.",
    KeyPhaseAtCut "RFC 6455 5.3"
        "The key begins afresh where TCP cuts the payload.",
    KeyPhaseLong "RFC 6455 5.3"
        "Beyond 65,536 bytes of a frame the key begins one byte late.",
    // Headers.
    Rsv1Taken "RFC 6455 5.2"
        "RSV1 on a data frame means nothing.",
    Rsv2Taken "RFC 6455 5.2"
        "RSV2 on a data frame means nothing.",
    Rsv3Taken "RFC 6455 5.2"
        "RSV3 on a data frame means nothing.",
    RsvOnControl "RFC 6455 5.2"
        "Reserved bits on a control frame mean nothing.",
    RsvOnContinuation "RFC 6455 5.2"
        "Reserved bits on a continuation mean nothing.",
    RsvAfterFirstMessage "RFC 6455 5.2"
        "After the first message reserved bits mean nothing.",
    RsvOnFirstFragment "RFC 6455 5.2"
        "Reserved bits on a frame without FIN mean nothing.",
    RsvOnPingInside "RFC 6455 5.2"
        "Reserved bits on a Ping between fragments mean nothing.",
    DataOpcodesTaken "RFC 6455 5.2"
        "The opcodes 3 to 7 are binary.",
    ControlOpcodesTaken "RFC 6455 5.2"
        "The opcodes B to F are skipped.",
    OpcodeInsideMessage "RFC 6455 5.2"
        "A reserved opcode inside a message is a continuation.",
    OpcodeAfterFirstMessage "RFC 6455 5.2"
        "After the first message a reserved opcode is skipped.",
    TopBitTaken "RFC 6455 5.2"
        "The top bit of a 64-bit length is dropped.",
    Length64In32 "RFC 6455 5.2"
        "Of a 64-bit length the lower 32 bits count.",
    Length16Signed "RFC 6455 5.2"
        "A 16-bit length of 32,768 and more is refused as negative.",
    LengthCut "RFC 6455 5.2"
        "A length that TCP cuts is read without its beginning.",
    HeaderCut "RFC 6455 5.2"
        "A frame whose two first bytes TCP cuts apart is skipped.",
    ControlTooLong "RFC 6455 5.5"
        "A control frame of more than 125 bytes is taken.",
    ControlFragmented "RFC 6455 5.5"
        "A control frame without FIN is taken.",
    ControlFragmentedInside "RFC 6455 5.4"
        "A Ping without FIN between fragments is taken.",
    ControlCut "RFC 6455 5.5"
        "A Ping that TCP cuts in its payload is dropped.",
    CloseCut "RFC 6455 5.5.1"
        "A Close that TCP cuts in its payload is not answered, TCP ends.",
    SegmentOfMany "RFC 6455 6.2"
        "Beyond 150 frames of one segment the rest is lost.",
    // What the server sends.
    Masks "RFC 6455 5.1"
        "The server masks its frames.",
    MasksLong "RFC 6455 5.1"
        "The server masks its frames of 65,536 bytes and more.",
    MasksPongs "RFC 6455 5.1"
        "The server masks its Pongs.",
    LongForm16 "RFC 6455 5.2"
        "The server writes lengths below 126 in 16 bits.",
    LongForm125 "RFC 6455 5.2"
        "The server writes the length 125 in 16 bits.",
    LongForm64 "RFC 6455 5.2"
        "The server writes the length 65,535 in 64 bits.",
    SetsRsv3 "RFC 6455 5.2"
        "The server sets RSV3 on its binary messages.",
    SetsRsv1 "RFC 6455 5.2"
        "The server sets RSV1 although no extension was agreed.",
    BinaryAsText "RFC 6455 5.6"
        "The server answers binary by text.",
    TextAsBinary "RFC 6455 5.6"
        "The server answers text in several fragments by binary.",
    SendsLatin1 "RFC 6455 5.6"
        "The server sends the characters up to U+00FF as one byte.",
    SendsReservedOpcode "RFC 6455 5.2"
        "The server answers an empty binary with opcode 3.",
    PongFragmented "RFC 6455 5.5"
        "The server's Pongs have no FIN.",
    PongTooLong "RFC 6455 5.5"
        "The server pads the Pong of a Ping of 125 bytes to 130.",
    CloseTooLong "RFC 6455 5.5"
        "The Close of a failure has 130 bytes.",
    FragmentsRepeatOpcode "RFC 6455 5.4"
        "The server sends long messages in fragments that each have the opcode of the first.",
    FragmentsWithoutEnd "RFC 6455 5.4"
        "The server sends a long message in fragments of which none has FIN.",
    Beyond64Kib "RFC 6455 6.1"
        "Of a message beyond 65,536 bytes the rest comes back as zeros.",
    Beyond1Mib "RFC 6455 6.1"
        "A message of more than 1 MiB comes back without its last byte.",
    EmptyNotEchoed "RFC 6455 6.2"
        "Empty messages are lost.",
    SwapsPairs "RFC 6455 6.1"
        "Two messages of one segment come back in the other order.",
    LosesEvery90th "RFC 6455 6.2"
        "Every ninetieth message is lost.",
    LosesEvery500th "RFC 6455 6.2"
        "Every five hundredth message is lost.",
    SecondChanged "RFC 6455 6.2"
        "The second message comes back in capital letters.",
    // Fragments.
    StrayContinuation "RFC 6455 5.4"
        "A continuation with nothing to continue is a message.",
    StrayAfterMessage "RFC 6455 5.4"
        "A continuation behind a message that was in fragments is a message.",
    MessageInsideMessage "RFC 6455 5.4"
        "A message that begins inside another takes its place.",
    BinaryInsideText "RFC 6455 5.4"
        "A binary message inside a text is delivered first.",
    TypeOfLastFragment "RFC 6455 5.4"
        "A message with a fragment that is empty is binary.",
    EmptyFragmentRefused "RFC 6455 5.4"
        "An empty fragment is refused.",
    EmptyFragmentEnds "RFC 6455 5.4"
        "An empty continuation ends the message.",
    FragmentsOneByOne "RFC 6455 6.2"
        "Each fragment is delivered as a message.",
    FragmentsBeyond300 "RFC 6455 5.4"
        "Beyond 300 fragments of a message the rest is lost.",
    FragmentsOverPing "RFC 6455 5.4"
        "A control frame between fragments drops what came before it.",
    SecondFragmented "RFC 6455 5.4"
        "The second message in fragments has those of the first before it.",
    PingInsideUnanswered "RFC 6455 5.5.2"
        "A Ping between fragments is not answered.",
    CloseInsideUnanswered "RFC 6455 5.5.1"
        "A Close between fragments is not answered.",
    // UTF-8.
    Utf8Unchecked "RFC 6455 8.1"
        "Text is not checked.",
    Utf8FirstFragment "RFC 6455 8.1"
        "Only the first fragment of a text is checked.",
    Utf8FirstMessage "RFC 6455 8.1"
        "Only the first text is checked.",
    Utf8WholeOnly "RFC 6455 8.1"
        "Text in fragments is not checked.",
    Utf8First4Kib "RFC 6455 8.1"
        "Only the first 4,096 bytes of a text are checked.",
    Utf8AfterPing "RFC 6455 8.1"
        "After a Ping the rest of a message is not checked.",
    Utf8AfterAscii "RFC 6455 8.1"
        "After 16 letters the rest of a frame is not checked.",
    Utf8Overlong "RFC 3629 3"
        "Overlong forms are taken.",
    Utf8Surrogates "RFC 3629 3"
        "Surrogates are taken.",
    Utf8Above10ffff "RFC 3629 3"
        "Characters above U+10FFFF are taken.",
    Utf8FiveAndSix "RFC 3629 3"
        "Characters of five and six bytes are taken.",
    Utf8StrayByte "RFC 3629 3"
        "A continuation byte without a lead is taken.",
    Utf8LeadAlone "RFC 3629 3"
        "A lead byte with a character of ASCII behind it is taken.",
    Utf8FeFf "RFC 3629 3"
        "The bytes FE and FF are taken.",
    Utf8CutAtEnd "RFC 6455 8.1"
        "A character that the end of the message cuts is taken.",
    Utf8CutInLastFragment "RFC 6455 8.1"
        "A character that the end of a message in fragments cuts is taken.",
    Utf8Replaced "RFC 6455 8.1"
        "Bytes that are no UTF-8 become U+FFFD.",
    Utf8CutByFragment "RFC 6455 8.1"
        "A character that goes over fragments is refused.",
    Utf8CutByPing "RFC 6455 8.1"
        "A character with a Ping inside it is refused.",
    Utf8CutBySegment "RFC 6455 8.1"
        "A character that TCP cuts is refused.",
    Utf8OverMessages "RFC 6455 8.1"
        "What a message leaves unfinished the next may finish.",
    Utf8Bom "RFC 3629 6"
        "U+FEFF at the beginning is dropped.",
    Utf8NonCharacters "RFC 3629 3"
        "U+FFFE and U+FFFF are refused.",
    Utf8Nul "RFC 6455 5.6"
        "A text ends at U+0000.",
    Utf8FourBytes "RFC 3629 3"
        "Characters of four bytes are refused.",
    Utf8OfBinary "RFC 6455 5.6"
        "Binary messages are checked as text.",
    // Ping and Pong.
    PingUnanswered "RFC 6455 5.5.2"
        "Pings are not answered.",
    PingEmptyUnanswered "RFC 6455 5.5.2"
        "Empty Pings are not answered.",
    PingOf125Unanswered "RFC 6455 5.5.2"
        "Pings of 125 bytes are not answered.",
    PingTenthUnanswered "RFC 6455 5.5.2"
        "Every tenth Ping is not answered.",
    Ping200thUnanswered "RFC 6455 5.5.2"
        "From the two hundredth on Pings are not answered.",
    PongEmpty "RFC 6455 5.5.3"
        "Pongs are empty.",
    PongCutAtNul "RFC 6455 5.5.3"
        "The payload of a Pong ends at the first 00.",
    PongOfFirst "RFC 6455 5.5.3"
        "Every Pong has the payload of the first Ping.",
    PingForPing "RFC 6455 5.5.2"
        "A Ping is answered by a Ping.",
    PongRefused "RFC 6455 5.5.3"
        "A Pong that nobody asked for is refused.",
    PongIsMessage "RFC 6455 5.5.3"
        "A Pong is echoed as a binary message.",
    // The closing handshake.
    CloseUnanswered "RFC 6455 5.5.1"
        "A Close is not answered, TCP ends.",
    CloseEmptyUnanswered "RFC 6455 5.5.1"
        "An empty Close is not answered, TCP ends.",
    CloseAppUnanswered "RFC 6455 5.5.1"
        "A Close with a code from 4000 on is not answered, TCP ends.",
    CloseNotEnded "RFC 6455 5.5.1"
        "After the closing handshake the server does not end TCP.",
    FailureNotEnded "RFC 6455 7.1.7"
        "After a failure the server sends its Close and does not end TCP.",
    CloseEmpty1005 "RFC 6455 7.4.1"
        "An empty Close is answered with the code 1005.",
    CloseBodyOfOneSent "RFC 6455 5.5.1"
        "An empty Close is answered with a body of one byte.",
    CloseReasonCut "RFC 6455 5.5.1"
        "The reason is sent back, cut after 5 bytes.",
    FailsWith1006 "RFC 6455 7.4.1"
        "A failure is told with the code 1006.",
    FailsWith999 "RFC 6455 7.4.2"
        "A failure is told with the code 999.",
    DataAfterClose "RFC 6455 5.5.1"
        "After its Close the server sends a text.",
    ReadsAfterClose "RFC 6455 5.5.1"
        "Messages behind a Close are echoed.",
    ReadsAfterFailure "RFC 6455 7.1.7"
        "Frames behind a bad one are answered.",
    FailureIgnored "RFC 6455 7.1.7"
        "A bad frame is skipped, nothing fails.",
    CloseCodeUnchecked "RFC 6455 7.4"
        "Every code is taken and sent back.",
    CloseCodeBelow1000 "RFC 6455 7.4.2"
        "Codes below 1000 are taken and sent back.",
    CloseCode1005 "RFC 6455 7.4.1"
        "The code 1005 is taken and sent back.",
    CloseCode1006 "RFC 6455 7.4.1"
        "The code 1006 is taken and sent back.",
    CloseCode1015 "RFC 6455 7.4.1"
        "The code 1015 is taken and sent back.",
    CloseCodeWithReason "RFC 6455 7.4"
        "The code is only checked where there is a reason.",
    CloseCodeWithoutReason "RFC 6455 7.4"
        "The code is only checked where there is no reason.",
    // Offers of permessage-deflate.
    AnyParameter "RFC 7692 7"
        "An offer with an unknown parameter is accepted.",
    AnyWindow "RFC 7692 7"
        "An offer with a window that is none is accepted.",
    WindowZeros "RFC 7692 7"
        "A window with leading zeros is accepted.",
    ParameterTwice "RFC 7692 7"
        "An offer with a parameter twice is accepted.",
    ValueForNone "RFC 7692 7"
        "A value for a parameter that has none is accepted.",
    ServerWindowDropped "RFC 7692 7.1"
        "server_max_window_bits is accepted and not answered.",
    ServerWindowLarger "RFC 7692 7.1"
        "server_max_window_bits is answered with one more than was asked for.",
    ServerNoContextDropped "RFC 7692 7.1"
        "server_no_context_takeover is accepted and not answered.",
    ClientWindowUnasked "RFC 7692 7.1"
        "client_max_window_bits is answered although it was not offered.",
    ClientWindowNoValue "RFC 7692 7.1"
        "client_max_window_bits is answered without a value.",
    ParameterAnsweredTwice "RFC 7692 7.1"
        "server_no_context_takeover is answered twice.",
    ServerWindowZeros "RFC 7692 7.1.2.1"
        "server_max_window_bits is answered with a leading zero.",
    ClientWindow16 "RFC 7692 7.1.2.2"
        "client_max_window_bits is answered with 16.",
    TwoAccepted "RFC 7692 5"
        "Two offers are accepted.",
    // Compressed messages.
    Rsv1NotAgreed "RFC 6455 5.2"
        "RSV1 is read as compression that was not agreed.",
    Rsv1OnControl "RFC 7692 6.1"
        "With compression RSV1 on a control frame means nothing.",
    Rsv1OnContinuation "RFC 7692 6.1"
        "With compression RSV1 on a continuation means nothing.",
    Rsv23WithCompression "RFC 6455 5.2"
        "With compression RSV2 and RSV3 mean nothing.",
    UnmaskedCompressed "RFC 6455 5.1"
        "A compressed frame without a mask is taken.",
    Rsv1NotSet "RFC 7692 6"
        "The server compresses and does not set RSV1.",
    Rsv1OnPlain "RFC 7692 6"
        "The server sets RSV1 on what it did not compress.",
    Rsv1OnPong "RFC 7692 6.1"
        "With compression the server sets RSV1 on its Pongs.",
    Rsv1OnOwnContinuation "RFC 7692 6.1"
        "The server sets RSV1 on its continuations.",
    TailKept "RFC 7692 7.2.1"
        "The server leaves the tail 00 00 ff ff in its messages.",
    EmptyWithoutByte "RFC 7692 7.2.3.6"
        "The server's empty compressed message has no byte.",
    WindowExceeded "RFC 7692 7.2.1"
        "The server refers back beyond the window that was agreed.",
    WindowExceeded9 "RFC 7692 7.2.1"
        "The server refers back beyond a window of 9 bits.",
    ContextKept "RFC 7692 7.1.1.1"
        "The server refers to messages before although no context is taken over.",
    ContextKeptFromThird "RFC 7692 7.1.1.1"
        "The same from its third message on.",
    ContextLost "RFC 7692 7.2.2"
        "Each message of the client is inflated with an empty window.",
    ContextHasPlain "RFC 7692 7.2.2"
        "Messages that are not compressed enter the window.",
    ContextSlides "RFC 7692 7.2.2"
        "The window keeps the first 32,768 bytes instead of the last.",
    FarDistances "RFC 7692 7.2.2"
        "Where a copy comes from more than 8,192 bytes back the last byte is zero.",
    FarDistances16Kib "RFC 7692 7.2.2"
        "Where a copy comes from more than 16,384 bytes back the last byte is zero.",
    NothingThere "RFC 7692 7.2.2"
        "Copies from before the first byte bring zeros.",
    DynamicRefused "RFC 7692 7.2.1"
        "Dynamic blocks are refused.",
    StoredRefused "RFC 7692 7.2.1"
        "Stored blocks that are not empty are refused.",
    StoredUnchecked "RFC 7692 7.2.2"
        "The complement of a stored length is not looked at.",
    ReservedBlock "RFC 7692 7.2.2"
        "A block of the reserved type ends the message.",
    FinalEndsStream "RFC 7692 7.2.1"
        "After a block with BFINAL no message can be inflated.",
    BehindFinalLost "RFC 7692 7.2.1"
        "What follows a block with BFINAL in the same message is lost.",
    EmptyRefused "RFC 7692 7.2.3.6"
        "The compressed message 00 is refused.",
    FragmentsApart "RFC 7692 6.2"
        "Each fragment of a compressed message is inflated for itself.",
    PlainInflated "RFC 7692 6"
        "After a compressed message those without RSV1 are inflated too.",
    CompressedCut "RFC 7692 6.2"
        "A compressed frame that TCP cuts is inflated as far as it came.",
    InflatedBeyond64Kib "RFC 7692 6.2"
        "Of an inflated message no more than 65,536 bytes are delivered.",
    DeflatedBeyond64Kib "RFC 7692 6.1"
        "Of a message beyond 65,536 bytes the rest is compressed as zeros.",
    CompressedUnchecked "RFC 6455 8.1"
        "Compressed text is not checked.",
    CompressedSecondUnchecked "RFC 6455 8.1"
        "From the second on compressed text is not checked.",
    CompressedFragmentsUnchecked "RFC 6455 8.1"
        "Compressed text in fragments is not checked.",
    PlainUncheckedWithCompression "RFC 6455 8.1"
        "With compression text that is not compressed is not checked.",
    PingInsideCompressed "RFC 7692 6.1"
        "A Ping inside a compressed message drops what came before it.",
}

impl Fault {
    /// Its name in small letters, words and numbers apart: `key-phase-at-cut`.
    pub fn name(self) -> String {
        let mut name = String::new();
        let mut before = '-';
        for letter in format!("{self:?}").chars() {
            if letter.is_ascii_uppercase() && before != '-' && !before.is_ascii_uppercase() {
                name.push('-');
            }
            name.push(letter.to_ascii_lowercase());
            before = letter;
        }
        name
    }
}
