//! permessage-deflate by clause (RFC 7692).

mod negotiation;
