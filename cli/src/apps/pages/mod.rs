//! The files of the page and of the chat's page, which are in the binary, and plain requests for them
//! (RFC 9110).
//!
//! A browser that asks for `/` gets the page. Programs that do not name HTML in Accept are refused with 426
//! there, as without the page: they looked for a WebSocket.

mod conditions;

use std::fmt::Write;

use sha1::{Digest, Sha1};
use stickler::Body;
use stickler::bytes::Bytes;
use stickler::http::header::{
    ACCEPT, CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, HeaderValue, IF_NONE_MATCH,
    REFERRER_POLICY, VARY, X_CONTENT_TYPE_OPTIONS,
};
use stickler::http::{self, Response, StatusCode};
use stickler::proto::handshake::Request;

use self::conditions::{matches_tag, names_html};
use super::{Apps, Routes};

/// The files that are served.
pub(super) struct Pages {
    files: Vec<Page>,
    about: About,
}

/// What the scripts are told of the server.
struct About {
    page: bool,
    chat: bool,
    /// They change while the server runs, and with them where the echo answers.
    routes: Routes,
}

/// One file.
#[derive(Clone)]
struct Page {
    path: &'static str,
    kind: &'static str,
    content: Bytes,
    /// The strong entity tag, with its quotes.
    tag: String,
}

impl Pages {
    /// The files of the applications that are on; `None` if there are none.
    pub(super) fn of(apps: &Apps) -> Option<Pages> {
        let (page, chat, routes) = (apps.page, apps.chat, apps.routes.clone());
        let is_on = |owner| match owner {
            Owner::Page => page,
            Owner::Chat => chat,
            Owner::Either => page || chat,
        };
        let files = FILES.iter().filter(|(owner, ..)| is_on(*owner));
        let files: Vec<Page> = files
            .map(|&(_, path, kind, text)| {
                Page::new(path, kind, Bytes::from_static(text.as_bytes()))
            })
            .collect();
        (!files.is_empty()).then_some(Pages { files, about: About { page, chat, routes } })
    }

    /// Whether a plain request is for one of the files. The page at `/` is for browsers.
    pub(super) fn takes(&self, request: &Request) -> bool {
        matches!(request.method(), "GET" | "HEAD")
            && self.has(request.path())
            && (request.path() != "/" || names_html(request.fields_named("accept")))
    }

    /// Answers a request that [`takes`](Self::takes) has taken.
    pub(super) fn answer(&self, request: &http::Request<Body>) -> Response<Body> {
        let Some(page) = self.find(request.uri().path()) else {
            return Response::from(stickler::Rejection::ResourceUnknown);
        };
        let tags = request.headers().get_all(IF_NONE_MATCH).iter().map(HeaderValue::as_bytes);
        let mut response = if matches_tag(tags, &page.tag) {
            let mut response = Response::new(Body::empty());
            *response.status_mut() = StatusCode::NOT_MODIFIED;
            response
        } else {
            Response::new(Body::from(page.content.clone()))
        };
        let fields = response.headers_mut();
        fields.insert(CONTENT_TYPE, HeaderValue::from_static(page.kind));
        fields.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
        fields.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        fields.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
        fields.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
        if let Ok(tag) = HeaderValue::try_from(&page.tag) {
            fields.insert(ETAG, tag);
        }
        if page.path == "/" {
            fields.insert(VARY, HeaderValue::from(ACCEPT));
        }
        response
    }

    fn has(&self, path: &str) -> bool {
        path == ABOUT || self.files.iter().any(|page| page.path == path)
    }

    fn find(&self, path: &str) -> Option<Page> {
        if path == ABOUT {
            return Some(self.about.page());
        }
        self.files.iter().find(|page| page.path == path).cloned()
    }
}

impl About {
    /// As it is by now.
    fn page(&self) -> Page {
        let about = serde_json::json!({
            "echo": self.routes.read().echo().unwrap_or_default(),
            "page": self.page,
            "chat": self.chat,
            "version": env!("CARGO_PKG_VERSION"),
        });
        Page::new(ABOUT, JSON, about.to_string().into())
    }
}

impl Page {
    fn new(path: &'static str, kind: &'static str, content: Bytes) -> Page {
        let mut tag = String::from('"');
        for octet in Sha1::digest(&content) {
            // Writing to a String does not fail.
            let _ = write!(tag, "{octet:02x}");
        }
        tag.push('"');
        Page { path, kind, content, tag }
    }
}

/// Whose a file is.
#[derive(Clone, Copy)]
enum Owner {
    Page,
    Chat,
    Either,
}

const FILES: &[(Owner, &str, &str, &str)] = &[
    (Owner::Page, "/", HTML, include_str!("index.html")),
    (Owner::Page, "/page.js", SCRIPT, include_str!("page.js")),
    (Owner::Chat, "/chat.html", HTML, include_str!("chat.html")),
    (Owner::Chat, "/chat.js", SCRIPT, include_str!("chat.js")),
    (Owner::Chat, "/chat.css", STYLE, include_str!("chat.css")),
    (Owner::Either, "/style.css", STYLE, include_str!("style.css")),
];

/// What the scripts ask first.
const ABOUT: &str = "/page.json";

const HTML: &str = "text/html; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";
const STYLE: &str = "text/css; charset=utf-8";
const JSON: &str = "application/json";

/// Nothing from elsewhere and nothing inline; WebSockets to any server, which the page lets one name.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
    connect-src 'self' ws: wss:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::apps::RoutePlan;

    #[test]
    fn the_page_is_told_where_the_echo_answers_by_now() {
        let routes = Routes::default();
        let put = |path: &str| {
            let plan = RoutePlan { echo: vec![path.into()], ..RoutePlan::default() };
            routes.replace(plan.load().unwrap().into());
        };
        put("/before");
        let apps = Apps {
            page: true,
            chat: false,
            routes: routes.clone(),
            #[cfg(feature = "nats")]
            nats: None,
        };
        let pages = Pages::of(&apps).unwrap();
        let told = || {
            let page = pages.find("/page.json").unwrap();
            let about: serde_json::Value = serde_json::from_slice(&page.content).unwrap();
            (about["echo"].as_str().unwrap().to_owned(), page.tag.clone())
        };
        let (before, tag) = told();
        put("/after");
        let (after, other) = told();
        assert_eq!((&before[..], &after[..]), ("/before", "/after"));
        assert_ne!(tag, other);
    }
}
