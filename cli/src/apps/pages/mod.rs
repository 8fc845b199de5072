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
use super::Apps;

/// The files that are served.
pub(super) struct Pages(Vec<Page>);

/// One file.
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
        let about = serde_json::json!({
            "echo": apps.routes.read().echo().unwrap_or_default(),
            "page": apps.page,
            "chat": apps.chat.is_some(),
            "version": env!("CARGO_PKG_VERSION"),
        });
        let is_on = |owner| match owner {
            Owner::Page => apps.page,
            Owner::Chat => apps.chat.is_some(),
            Owner::Either => apps.page || apps.chat.is_some(),
        };
        let files = FILES.iter().filter(|(owner, ..)| is_on(*owner));
        let mut pages: Vec<Page> = files
            .map(|&(_, path, kind, text)| {
                Page::new(path, kind, Bytes::from_static(text.as_bytes()))
            })
            .collect();
        if !pages.is_empty() {
            pages.push(Page::new("/page.json", JSON, about.to_string().into()));
        }
        (!pages.is_empty()).then_some(Pages(pages))
    }

    /// Whether a plain request is for one of the files. The page at `/` is for browsers.
    pub(super) fn takes(&self, request: &Request) -> bool {
        matches!(request.method(), "GET" | "HEAD")
            && self.find(request.path()).is_some()
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

    fn find(&self, path: &str) -> Option<&Page> {
        self.0.iter().find(|page| page.path == path)
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

const HTML: &str = "text/html; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";
const STYLE: &str = "text/css; charset=utf-8";
const JSON: &str = "application/json";

/// Nothing from elsewhere and nothing inline; WebSockets to any server, which the page lets one name.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
    connect-src 'self' ws: wss:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
