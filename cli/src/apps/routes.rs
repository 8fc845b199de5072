//! The routes of the configuration file, while the server runs: which application answers on a path, whom it
//! answers, and with which limits.

use std::sync::{Arc, OnceLock, PoisonError, RwLock};
use std::time::Instant;

use stickler::proto::deflate;
use stickler::proto::handshake::Subprotocol;
use stickler::{AllowedOrigin, Incoming, Limits, Timeouts};

use super::named;
use crate::auth::{Authentication, Refusal, Settings, is_credential};
use crate::told::Told;

/// One route.
#[derive(Debug)]
pub(crate) struct Route {
    pub(crate) at: At,
    pub(crate) application: Application,
    /// Where pages may come from.
    pub(crate) origins: Vec<AllowedOrigin>,
    /// What differs from the server's policy.
    pub(crate) subprotocols: Subprotocols,
    /// `None` where they are those of all connections.
    pub(crate) limits: Option<Limits>,
    /// Likewise.
    pub(crate) timeouts: Option<Timeouts>,
    /// Which offers of compression are accepted; `None` where that is as for all connections.
    pub(crate) deflate: Option<Option<deflate::Policy>>,
    /// What is asked of clients; `None` lets all of them in.
    pub(crate) authentication: Option<Settings>,
}

/// Which paths are the route's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum At {
    /// This one.
    Path(String),
    /// Those that begin so.
    Prefix(String),
}

/// What answers there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Application {
    Echo,
    Chat,
}

/// Which subprotocols a route speaks.
#[derive(Clone, Debug)]
pub(crate) enum Subprotocols {
    /// Those of the server.
    Inherited,
    /// The first that is offered, whatever it is.
    Any,
    /// These.
    These(Vec<Subprotocol>),
}

impl At {
    fn text(&self) -> &str {
        match self {
            At::Path(text) | At::Prefix(text) => text,
        }
    }

    fn matches(&self, path: &str) -> bool {
        match self {
            At::Path(own) => own == path,
            At::Prefix(prefix) => path.starts_with(&**prefix),
        }
    }

    /// Exact paths come first, then prefixes, the longest before others.
    fn order(&self) -> (bool, usize) {
        match self {
            At::Path(_) => (false, 0),
            At::Prefix(prefix) => (true, usize::MAX - prefix.len()),
        }
    }
}

/// A path is compared as it stands in the request (RFC 9112 §3.2), so it must be one that a request can have.
///
/// # Errors
/// It is none.
pub(crate) fn read_path(path: &str) -> Result<String, &'static str> {
    if !path.starts_with('/') {
        return Err("a path begins with a slash");
    }
    if path.bytes().any(|byte| !byte.is_ascii_graphic() || b"?#\"<>\\".contains(&byte)) {
        return Err(
            "a path is visible ASCII, percent-encoded where needed, without ? and #, \" < > and \\",
        );
    }
    // RFC 3986 §2.1.
    let is_encoded = |after: &str| matches!(after.as_bytes(), [high, low, ..] if high.is_ascii_hexdigit() && low.is_ascii_hexdigit());
    if !path.split('%').skip(1).all(is_encoded) {
        return Err("behind a percent sign stand two hexadecimal digits");
    }
    Ok(path.into())
}

/// What is answered where, before the tokens and keys are read.
#[derive(Debug, Default)]
pub(crate) struct RoutePlan {
    pub(crate) routes: Vec<Route>,
    /// The paths of the echo outside of routes.
    pub(crate) echo: Vec<String>,
    /// Where pages may come from that use these. The server's policy says it too, unless a route has other origins.
    pub(crate) origins: Vec<AllowedOrigin>,
    /// Where pages may come from that use the chat outside of routes.
    pub(crate) chat_origins: Vec<AllowedOrigin>,
}

impl RoutePlan {
    /// Reads the tokens and the keys.
    ///
    /// # Errors
    /// A file is not fit for use: a sentence that names it.
    pub(crate) fn load(mut self) -> Result<Table, String> {
        self.routes.sort_by_key(|route| route.at.order());
        let load = |route: &Route| route.authentication.as_ref().map(Settings::load).transpose();
        let authentications = self.routes.iter().map(load).collect::<Result<_, _>>()?;
        Ok(Table { plan: self, authentications })
    }
}

/// What is answered where, with the tokens and keys that are in force.
#[derive(Debug, Default)]
pub(crate) struct Table {
    /// Its routes are in the order in which they are tried.
    plan: RoutePlan,
    /// One for each route.
    authentications: Vec<Option<Authentication>>,
}

/// What becomes of a path.
pub(super) enum Found<'t> {
    Route(&'t Route, Option<&'t Authentication>),
    /// The echo, which pages of these origins may use.
    Echo(&'t [AllowedOrigin]),
    /// Nothing is there. The server's policy, which is of the same file, refuses such a path.
    Nothing,
}

impl Table {
    /// What is at this path.
    pub(super) fn find(&self, path: &str) -> Found<'_> {
        let mut all = self.plan.routes.iter().zip(&self.authentications);
        if let Some((route, authentication)) = all.find(|(route, _)| route.at.matches(path)) {
            return Found::Route(route, authentication.as_ref());
        }
        match self.plan.echo.iter().any(|echo| echo == path) {
            true => Found::Echo(&self.plan.origins),
            false => Found::Nothing,
        }
    }

    /// Whether the files of tokens and keys of the same routes have the same in them.
    pub(crate) fn has_secrets_of(&self, other: &Table) -> bool {
        let all = self.authentications.iter().zip(&other.authentications);
        let mut pairs = all.filter_map(|(own, other)| own.as_ref().zip(other.as_ref()));
        pairs.all(|(own, other)| own.is_as(other))
    }

    /// Where pages may come from that use the chat outside of routes.
    pub(super) fn chat_origins(&self) -> &[AllowedOrigin] {
        &self.plan.chat_origins
    }

    /// Whether one of the routes is the chat's.
    pub(crate) fn has_chat(&self) -> bool {
        self.plan.routes.iter().any(|route| route.application == Application::Chat)
    }

    /// A path where the echo answers.
    pub(super) fn echo(&self) -> Option<&str> {
        let of_route = |route: &'_ Route| matches!(&route.at, At::Path(_) if route.application == Application::Echo);
        let route = self.plan.routes.iter().find(|route| of_route(route));
        let path = route.map(|route| route.at.text());
        self.plan.echo.first().map(String::as_str).or(path)
    }
}

/// The newest table, empty at first; its clones are the same one. A handshake is answered by the table that its
/// configuration has with it, so that both are always of the same file.
#[derive(Clone, Debug, Default)]
pub(crate) struct Routes {
    table: Arc<RwLock<Arc<Table>>>,
    /// Whether the chat was started.
    pub(super) has_rooms: Arc<OnceLock<bool>>,
    /// How often the log says that a client was refused.
    refused: Arc<Told>,
}

impl Routes {
    /// Gives back a table that can be put in force while the server runs.
    ///
    /// # Errors
    /// It cannot: a sentence.
    pub(crate) fn take(&self, table: Table) -> Result<Table, String> {
        if table.has_chat() && !self.has_rooms.get().copied().unwrap_or(false) {
            return Err("a first route to the chat takes a new start of the server".into());
        }
        Ok(table)
    }

    /// From now on this table is the newest.
    pub(crate) fn replace(&self, table: Arc<Table>) {
        *self.table.write().unwrap_or_else(PoisonError::into_inner) = table;
    }

    /// The table of the configuration by which this handshake was judged.
    pub(super) fn of(&self, incoming: &Incoming) -> Arc<Table> {
        incoming.app_data().unwrap_or_else(|| self.read())
    }

    /// The newest table.
    pub(crate) fn read(&self) -> Arc<Table> {
        self.table.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Asks a client for what the route wants, and makes its connection what the route says. A handshake that does not
    /// come back was refused.
    ///
    /// # Errors
    /// As [`Incoming::reject`].
    pub(super) fn admit(
        &self,
        route: &Route,
        authentication: Option<&Authentication>,
        mut incoming: Incoming,
    ) -> stickler::Result<Option<Incoming>> {
        if let Some(authentication) = authentication {
            match authentication.judge(&incoming) {
                Ok(known) => report_known(&incoming, &known.name),
                Err(refusal) => return self.refuse(incoming, &refusal),
            }
            if offers_only_a_token(&incoming) {
                return self.refuse(incoming, &Refusal::Malformed(ONLY_A_TOKEN));
            }
        }
        route.subprotocols.choose(&mut incoming);
        if let Some(limits) = &route.limits {
            incoming.limits(limits.clone());
        }
        if let Some(timeouts) = &route.timeouts {
            incoming.timeouts(timeouts.clone());
        }
        if let Some(policy) = route.deflate {
            incoming.deflate(policy);
        }
        Ok(Some(incoming))
    }

    /// Answers with what is wrong, and logs it with the name of the token where that is known; never the token.
    fn refuse(&self, incoming: Incoming, refusal: &Refusal) -> stickler::Result<Option<Incoming>> {
        if let Some(suppressed) = self.refused.admit(Instant::now()) {
            let (id, peer) = named(&incoming);
            let (path, clause, status) = (incoming.path(), refusal.section(), refusal.status());
            let (token, sentence) = (refusal.name(), refusal.sentence());
            tracing::info!(
                id,
                peer,
                path,
                clause,
                status,
                token,
                suppressed,
                "refused a client without a good token: {sentence}"
            );
        }
        incoming.reject(refusal.response()?)?;
        Ok(None)
    }
}

fn report_known(incoming: &Incoming, name: &str) {
    let (id, peer) = named(incoming);
    tracing::debug!(id, peer, path = incoming.path(), token = name, "let a client in");
}

/// RFC 6455 §4.1: what the 101 selects is what the client speaks, so it must not be a token.
fn offers_only_a_token(incoming: &Incoming) -> bool {
    let mut offered = incoming.head().subprotocols().peekable();
    offered.peek().is_some() && offered.all(is_credential)
}

const ONLY_A_TOKEN: &str =
    "a token in the list of subprotocols stands beside the one that the client speaks";

#[cfg(test)]
mod tests {
    use stickler::proto::handshake::{HeadLimits, Request};

    use super::read_path;

    #[test]
    fn s9112_3_2_a_path_is_one_that_a_request_can_have() {
        let octets = (0..0x80_u8).map(|octet| format!("/a{}b", char::from(octet)));
        let encoded = ["%", "%4", "%4g", "%zz", "%41", "%41%", "%%41", "%7e", "%C3%A9"];
        let encoded = encoded.map(|text| format!("/a{text}"));
        let mut fit = 0;
        for path in octets.chain(encoded).chain(["/".into(), "//".into(), "/\u{e9}".into()]) {
            let head = format!(
                "GET {path} HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
                Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
            );
            let request = Request::parse(head.as_bytes(), &HeadLimits::default());
            let is_one = request.is_ok_and(|request| request.path() == path);
            assert_eq!(read_path(&path).is_ok(), is_one, "{path:?}");
            fit += u32::from(is_one);
        }
        assert!(fit > 80, "{fit}");
        for (path, part) in [("a", "slash"), ("/a%zz", "hexadecimal"), ("/a?", "without")] {
            assert!(read_path(path).unwrap_err().contains(part), "{path}");
        }
    }
}
