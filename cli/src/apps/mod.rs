//! What the program has besides the server: the echo, a page for browsers with the gallery of rules on it, and
//! the chat. These use the public API only.
//!
//! One handler answers WebSockets by their path, and one the plain requests for files of the page. All else
//! is the server's to refuse.

pub(crate) mod chat;
mod echo;
mod pages;
mod violations;

use std::sync::Arc;

use stickler::proto::handshake::Request;
use stickler::{AllowedOrigin, Incoming, Server, Serving};

use self::chat::Rooms;
use self::echo::echo;
use self::pages::Pages;
use self::violations::Gallery;

/// What is there, as the command line has it.
pub(crate) struct Apps {
    /// Where the page is told that the echo answers.
    pub(crate) echo: String,
    /// Whether there are a page and its gallery.
    pub(crate) page: bool,
    /// Where pages may come from that use the chat; `None` without a chat.
    pub(crate) chat: Option<Vec<AllowedOrigin>>,
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
        let open = Arc::new(Open { rooms, gallery: Gallery::new(), apps: self });
        server.start(move |incoming| answer(incoming, open.clone()))
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
}

/// Gives a WebSocket to the application of its path. What is not the echo has a future on the heap, so that
/// connections of the echo take no more memory.
async fn answer(incoming: Incoming, open: Arc<Open>) -> stickler::Result<()> {
    match (incoming.path(), &open.apps.chat, &open.rooms) {
        (CHAT, Some(origins), Some(rooms)) => match check_origin(incoming, origins)? {
            Some(incoming) => Box::pin(chat::chat(incoming, rooms.clone())).await,
            None => Ok(()),
        },
        (VIOLATIONS, ..) if open.apps.page => {
            match check_origin(incoming, &[AllowedOrigin::SameHost])? {
                Some(incoming) => Box::pin(open.gallery.serve(incoming)).await,
                None => Ok(()),
            }
        }
        _ => {
            drop(open);
            echo(incoming).await
        }
    }
}

/// Rejects a handshake from a page that may not use this path; gives back all others.
///
/// # Errors
/// As [`Incoming::reject`].
fn check_origin(
    incoming: Incoming,
    allowed: &[AllowedOrigin],
) -> stickler::Result<Option<Incoming>> {
    let Err(rejection) = incoming.check_origin(allowed) else { return Ok(Some(incoming)) };
    let peer = incoming.peer_addr().map(tracing::field::display);
    let origin = incoming.head().origin().unwrap_or_default().escape_ascii().to_string();
    let (path, reason) = (incoming.path(), tracing::field::display(rejection));
    // The page may be somebody's own, on another host: say what lets it in.
    tracing::info!(
        peer,
        path,
        origin,
        reason,
        "refused a page of another origin; for the chat --allowed-origin names those that may"
    );
    let response = stickler::http::Response::builder().status(rejection.status());
    incoming.reject(response.body(format!("{rejection}\n"))?)?;
    Ok(None)
}
