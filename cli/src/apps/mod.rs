//! What the program has besides the server: the echo, a page for browsers with the gallery of rules on it, and
//! the chat. These use the public API only.
//!
//! One handler answers WebSockets by their path, and one the plain requests for files of the page. All else
//! is the server's to refuse. On `/chat` and `/violations` the chat and the gallery come first, where they are on; then
//! the routes of the configuration file, and then the other paths of the echo.

pub(crate) mod chat;
mod echo;
mod pages;
mod routes;
mod subprotocol;
mod violations;

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Instant;

use pin_project_lite::pin_project;
use stickler::proto::handshake::Request;
use stickler::{AllowedOrigin, Incoming, Rejection, Server, Serving};

use self::chat::Rooms;
use self::echo::echo;
use self::pages::Pages;
use self::routes::Found;
pub(crate) use self::routes::{
    Application, At, Route, RoutePlan, Routes, Subprotocols, Table, read_path,
};
pub(crate) use self::subprotocol::read_subprotocol;
use self::violations::Gallery;
use crate::told::Told;

/// What is there, as the command line has it.
pub(crate) struct Apps {
    /// Whether there are a page and its gallery.
    pub(crate) page: bool,
    /// Whether there is a chat.
    pub(crate) chat: bool,
    /// What is answered on all other paths.
    pub(crate) routes: Routes,
    /// What carries the chat between nodes; `None` where this is the only one.
    #[cfg(feature = "nats")]
    pub(crate) nats: Option<stickler_nats::Options>,
}

/// The WebSocket of the gallery of rules.
pub(crate) const VIOLATIONS: &str = "/violations";

/// The WebSocket of the chat.
pub(crate) const CHAT: &str = "/chat";

impl Apps {
    /// Begins to serve; `None` where `ended` is over first.
    ///
    /// # Errors
    /// As [`Server::start`]; or NATS cannot be used.
    pub(crate) fn start(
        self,
        server: Server,
        ended: impl Future<Output = ()>,
    ) -> std::io::Result<Option<Serving>> {
        let handle = server.handle();
        let server = match Pages::of(&self) {
            None => server,
            Some(pages) => {
                let pages = Arc::new(pages);
                let known = pages.clone();
                server
                    .http_where(move |request: &Request| known.takes(request))
                    .http(move |request| std::future::ready(pages.answer(&request)))
            }
        };
        let has_chat = self.has_chat();
        let rooms = match has_chat.then(|| self.rooms(ended)).transpose()? {
            Some(None) => return Ok(None),
            rooms => rooms.flatten(),
        };
        if handle.is_draining() {
            return Ok(None);
        }
        let _ = self.routes.has_rooms.set(has_chat);
        let (gallery, strangers) = (Gallery::new(), Told::default());
        let open = Arc::new(Open { rooms, gallery, apps: self, strangers });
        server.start(move |incoming| open.answer(incoming)).map(Some)
    }

    /// Whether there is a chat, on its own path or on those of the routes.
    pub(crate) fn has_chat(&self) -> bool {
        self.chat || self.routes.read().has_chat()
    }

    /// The rooms; `None` where `ended` is over before there are any.
    #[cfg_attr(not(feature = "nats"), expect(unused_variables, reason = "nothing is waited for"))]
    fn rooms(&self, ended: impl Future<Output = ()>) -> std::io::Result<Option<Arc<Rooms>>> {
        #[cfg(feature = "nats")]
        if let Some(options) = &self.nats {
            return chat::over_nats::rooms(options.clone(), ended);
        }
        chat::rooms_of_one_node().map(Some)
    }
}

/// The applications while the server runs.
struct Open {
    apps: Apps,
    /// There are some where there is a chat.
    rooms: Option<Arc<Rooms>>,
    gallery: Gallery,
    /// How often pages of other origins were refused.
    strangers: Told,
}

impl Open {
    /// Gives a WebSocket to the application of its path.
    fn answer(
        self: &Arc<Self>,
        incoming: Incoming,
    ) -> Answering<impl Future<Output = stickler::Result<()>> + Send + use<>> {
        match self.choose(incoming) {
            Ok(incoming) => Answering::Echo { echo: echo(incoming) },
            Err(other) => Answering::Other { other },
        }
    }

    /// Gives it back where it is for the echo. That is decided here, and not in a future, so that an idle connection
    /// of the echo is as small as without routes.
    fn choose(self: &Arc<Self>, mut incoming: Incoming) -> Result<Incoming, Other> {
        subprotocol::leave_tokens_out(&mut incoming);
        match incoming.path() {
            CHAT if self.apps.chat => return Err(Box::pin(self.clone().chat(incoming))),
            VIOLATIONS if self.apps.page => return Err(Box::pin(self.clone().play(incoming))),
            _ => {}
        }
        let table = self.apps.routes.of(&incoming);
        match table.find(incoming.path()) {
            Found::Route(route, authentication) => {
                let incoming = admitted(self.check_origin(incoming, &route.origins))?;
                let admit = self.apps.routes.admit(route, authentication, incoming);
                let incoming = admitted(admit)?;
                match (route.application, &self.rooms) {
                    (Application::Echo, _) => Ok(incoming),
                    (Application::Chat, Some(rooms)) => {
                        Err(Box::pin(chat::chat(incoming, rooms.clone())))
                    }
                    // Such a table is not put in force.
                    (Application::Chat, None) => {
                        admitted(reject(incoming, Rejection::ResourceUnknown))
                    }
                }
            }
            Found::Echo(origins) => admitted(self.check_origin(incoming, origins)),
            Found::Nothing => admitted(reject(incoming, Rejection::ResourceUnknown)),
        }
    }

    async fn chat(self: Arc<Self>, incoming: Incoming) -> stickler::Result<()> {
        let Some(rooms) = &self.rooms else { return Ok(()) };
        let table = self.apps.routes.of(&incoming);
        match self.check_origin(incoming, table.chat_origins())? {
            Some(incoming) => chat::chat(incoming, rooms.clone()).await,
            None => Ok(()),
        }
    }

    async fn play(self: Arc<Self>, incoming: Incoming) -> stickler::Result<()> {
        match self.check_origin(incoming, &[AllowedOrigin::SameHost])? {
            Some(incoming) => self.gallery.serve(incoming).await,
            None => Ok(()),
        }
    }

    /// Rejects a handshake from a page that may not use this path; gives back all others.
    ///
    /// # Errors
    /// As [`Incoming::reject`].
    fn check_origin(
        &self,
        incoming: Incoming,
        allowed: &[AllowedOrigin],
    ) -> stickler::Result<Option<Incoming>> {
        let Err(rejection) = incoming.check_origin(allowed) else { return Ok(Some(incoming)) };
        if let Some(suppressed) = self.strangers.admit(Instant::now()) {
            let (id, peer) = named(&incoming);
            let origin = incoming.head().origin().unwrap_or_default().escape_ascii().to_string();
            let (path, reason) = (incoming.path(), tracing::field::display(rejection));
            // The page may be somebody's own, on another host: say what lets it in.
            tracing::info!(
                id,
                peer,
                path,
                origin,
                reason,
                suppressed,
                "refused a page of another origin; for the chat --allowed-origin names those that may, for a route \
                 its allowed-origin"
            );
        }
        reject(incoming, rejection)
    }
}

pin_project! {
    /// What an application does with a connection. The echo's stands in the connection itself, so that one takes no
    /// more memory than where there is nothing but the echo; the others are on the heap.
    #[project = Which]
    enum Answering<E> {
        Echo { #[pin] echo: E },
        Other { other: Other },
    }
}

/// The id and the peer, as each line of the log about a connection has them.
fn named(
    incoming: &Incoming,
) -> (impl tracing::Value + use<>, Option<impl tracing::Value + use<>>) {
    let peer = incoming.peer_addr().map(tracing::field::display);
    (tracing::field::display(incoming.id()), peer)
}

/// Answers as the server would.
///
/// # Errors
/// As [`Incoming::reject`].
fn reject(incoming: Incoming, rejection: Rejection) -> stickler::Result<Option<Incoming>> {
    let response = stickler::http::Response::builder().status(rejection.status());
    incoming.reject(response.body(format!("{rejection}\n"))?)?;
    Ok(None)
}

/// What an application other than the echo does with a connection.
type Other = Pin<Box<dyn Future<Output = stickler::Result<()>> + Send>>;

/// An opening handshake that was let in; else what is left to do with one that is answered.
fn admitted(judged: stickler::Result<Option<Incoming>>) -> Result<Incoming, Other> {
    match judged {
        Ok(Some(incoming)) => Ok(incoming),
        refused => Err(Box::pin(std::future::ready(refused.map(drop)))),
    }
}

impl<E: Future<Output = stickler::Result<()>>> Future for Answering<E> {
    type Output = stickler::Result<()>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.project() {
            Which::Echo { echo } => echo.poll(cx),
            Which::Other { other } => other.as_mut().poll(cx),
        }
    }
}
