//! What the program has besides the server: the echo, a page for browsers with the gallery of rules on it, and
//! the chat. These use the public API only.
//!
//! One handler answers WebSockets by their path, and one the plain requests for files of the page. All else
//! is the server's to refuse.

pub(crate) mod chat;
mod echo;
mod origins;
mod pages;
mod told;
mod violations;

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Instant;

use pin_project_lite::pin_project;
use stickler::proto::handshake::Request;
use stickler::{AllowedOrigin, Incoming, Server, Serving};

use self::chat::Rooms;
use self::echo::echo;
pub(crate) use self::origins::Origins;
use self::pages::Pages;
use self::told::Told;
use self::violations::Gallery;

/// What is there, as the command line has it.
pub(crate) struct Apps {
    /// Where the page is told that the echo answers.
    pub(crate) echo: String,
    /// Whether there are a page and its gallery.
    pub(crate) page: bool,
    /// Where pages may come from that use the chat; `None` without a chat.
    pub(crate) chat: Option<Origins>,
    /// What carries the chat between nodes; `None` where this is the only one.
    #[cfg(feature = "nats")]
    pub(crate) nats: Option<stickler_nats::Options>,
}

/// The WebSocket of the gallery of rules.
pub(crate) const VIOLATIONS: &str = "/violations";

/// The WebSocket of the chat.
pub(crate) const CHAT: &str = "/chat";

impl Apps {
    /// Begins to serve.
    ///
    /// # Errors
    /// As [`Server::start`]; or NATS cannot be used.
    pub(crate) fn start(self, server: Server) -> std::io::Result<Serving> {
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
        let rooms = self.chat.as_ref().map(|_| self.rooms()).transpose()?;
        let (gallery, strangers) = (Gallery::new(), Told::default());
        let open = Arc::new(Open { rooms, gallery, apps: self, strangers });
        server.start(move |incoming| open.answer(incoming))
    }

    fn rooms(&self) -> std::io::Result<Arc<Rooms>> {
        #[cfg(feature = "nats")]
        if let Some(options) = &self.nats {
            return chat::over_nats::rooms(options.clone());
        }
        chat::rooms_of_one_node()
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
        match (incoming.path(), &self.rooms) {
            (CHAT, Some(_)) => Answering::Other { other: Box::pin(self.clone().chat(incoming)) },
            (VIOLATIONS, _) if self.apps.page => {
                Answering::Other { other: Box::pin(self.clone().play(incoming)) }
            }
            _ => Answering::Echo { echo: echo(incoming) },
        }
    }

    async fn chat(self: Arc<Self>, incoming: Incoming) -> stickler::Result<()> {
        let (Some(origins), Some(rooms)) = (&self.apps.chat, &self.rooms) else { return Ok(()) };
        match self.check_origin(incoming, &origins.read())? {
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
            let peer = incoming.peer_addr().map(tracing::field::display);
            let origin = incoming.head().origin().unwrap_or_default().escape_ascii().to_string();
            let (path, reason) = (incoming.path(), tracing::field::display(rejection));
            // The page may be somebody's own, on another host: say what lets it in.
            tracing::info!(
                peer,
                path,
                origin,
                reason,
                suppressed,
                "refused a page of another origin; for the chat --allowed-origin names those that may"
            );
        }
        let response = stickler::http::Response::builder().status(rejection.status());
        incoming.reject(response.body(format!("{rejection}\n"))?)?;
        Ok(None)
    }
}

pin_project! {
    /// What an application does with a connection. The echo's stands in the connection itself, so that one takes no
    /// more memory than where there is nothing but the echo; the others are on the heap.
    #[project = Which]
    enum Answering<E> {
        Echo { #[pin] echo: E },
        Other { other: Pin<Box<dyn Future<Output = stickler::Result<()>> + Send>> },
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
