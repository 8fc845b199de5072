//! What there is to ask, by path and method.

use stickler::http::request::Parts;
use stickler::http::{Method, Request, Response, StatusCode};
use stickler::{Body, BodyError, ConnectionId};

use super::answers::{Refusal, json, text};
use super::guard::Purpose;
use super::{Desk, Replaced, connections, metrics};

/// What a path stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Route {
    Index,
    Metrics,
    Livez,
    Readyz,
    Connections,
    /// The end of this one.
    Close(ConnectionId),
    Drain,
    Log,
}

impl Route {
    fn find(path: &str) -> Option<Self> {
        Some(match path {
            "/" => Self::Index,
            "/metrics" => Self::Metrics,
            "/livez" => Self::Livez,
            "/readyz" => Self::Readyz,
            "/drain" => Self::Drain,
            "/log" => Self::Log,
            "/connections" => Self::Connections,
            _ => {
                let id = path.strip_prefix("/connections/")?.strip_suffix("/close")?;
                Self::Close(id.parse().ok()?)
            }
        })
    }

    /// The methods that it has, as `Allow` lists them (RFC 9110 §10.2.1).
    fn methods(self) -> &'static str {
        match self {
            Self::Index | Self::Metrics | Self::Livez | Self::Readyz | Self::Connections => {
                "GET, HEAD"
            }
            Self::Drain | Self::Close(_) => "POST",
            Self::Log => "GET, HEAD, POST",
        }
    }
}

/// Answers one request.
pub(super) async fn answer(desk: &Desk, request: Request<Body>) -> Response<Body> {
    let (head, body) = request.into_parts();
    respond(desk, &head, body).await.unwrap_or_else(Refusal::into_response)
}

async fn respond(desk: &Desk, head: &Parts, body: Body) -> Result<Response<Body>, Refusal> {
    // Before anything is said about what is there.
    desk.guard.admit(head, Purpose::Look)?;
    let route = Route::find(head.uri.path()).ok_or_else(|| {
        Refusal::new(StatusCode::NOT_FOUND, "there is nothing here; / lists what there is")
    })?;
    let (methods, method) = (route.methods(), &head.method);
    if !methods.split(", ").any(|known| known == method.as_str()) {
        return Err(Refusal::method(methods));
    }
    if method == Method::POST {
        desk.guard.admit(head, Purpose::Change)?;
    }
    match route {
        Route::Index => Ok(text(StatusCode::OK, INDEX)),
        Route::Metrics => metrics::answer(desk),
        Route::Livez => Ok(livez(desk)),
        Route::Readyz => Ok(readyz(desk)),
        Route::Connections => connections::list(desk, head),
        Route::Close(id) => {
            let content = body.bytes().await.map_err(unread)?;
            connections::close(desk, id, head, &content)
        }
        Route::Drain => Ok(drain(desk)),
        Route::Log if method == Method::POST => set_log(desk, body).await,
        Route::Log => Ok(text(StatusCode::OK, &desk.served.program.log_filter())),
    }
}

/// Whether the process is to be started anew.
fn livez(desk: &Desk) -> Response<Body> {
    match desk.pulse.missing() {
        None => text(StatusCode::OK, "every worker turns"),
        Some(since) => {
            let sentence = format!("a worker has not turned for {} s", since.as_secs());
            text(StatusCode::SERVICE_UNAVAILABLE, &sentence)
        }
    }
}

/// Whether new clients are to be sent here.
fn readyz(desk: &Desk) -> Response<Body> {
    let unready = |sentence: &str| text(StatusCode::SERVICE_UNAVAILABLE, sentence);
    let handle = &desk.served.handle;
    if handle.is_draining() {
        return unready("the server is going away");
    }
    if desk.ready_below_memory
        && is_nearly_all(handle.counters().memory_used, desk.served.max_memory)
    {
        return unready("connections hold nearly all of the memory that they may");
    }
    text(StatusCode::OK, "new clients are welcome")
}

/// Nine tenths: beyond, room for the next message is taken from others, so that it is never quite all.
fn is_nearly_all(used: usize, most: usize) -> bool {
    used >= most - most / 10
}

/// Begins the end; asked again, nothing changes.
fn drain(desk: &Desk) -> Response<Body> {
    // Not a look beforehand: a signal may come in between.
    let was_draining = !desk.served.program.drain();
    json(
        StatusCode::ACCEPTED,
        &serde_json::json!({ "draining": true, "was_draining": was_draining }),
    )
}

async fn set_log(desk: &Desk, body: Body) -> Result<Response<Body>, Refusal> {
    let bytes = body.bytes().await.map_err(unread)?;
    let filter = str::from_utf8(&bytes).map(str::trim);
    let filter = filter.map_err(|_| invalid("the filter is not UTF-8"))?;
    if filter.is_empty() {
        return Err(invalid("the content is to be a filter as --log has it, such as debug"));
    }
    let replaced = desk.served.program.set_log_filter(filter);
    let Replaced { before, now } = replaced.map_err(|sentence| invalid(&sentence))?;
    tracing::info!(filter = now, before, "another log filter is in force");
    Ok(text(StatusCode::OK, &now))
}

fn invalid(sentence: &str) -> Refusal {
    Refusal::new(StatusCode::BAD_REQUEST, sentence)
}

fn unread(error: BodyError) -> Refusal {
    let status = match error {
        BodyError::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
        BodyError::TooSlow => StatusCode::REQUEST_TIMEOUT,
        _ => StatusCode::BAD_REQUEST,
    };
    Refusal::new(status, error.to_string())
}

const INDEX: &str = "GET  /metrics  the numbers, for Prometheus
GET  /livez    whether every worker turns
GET  /readyz   whether new clients are welcome
GET  /connections?after=ID&most=N   the connections, page by page
POST /connections/ID/close?code=CODE&reason=TEXT   closes one
POST /drain    goes away, as after SIGTERM
GET  /log      the filter of the log
POST /log      puts the filter that is the content in force";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_index_lists_every_route() {
        for line in INDEX.lines() {
            let mut words = line.split_whitespace();
            let (method, path) = (words.next().unwrap(), words.next().unwrap());
            let path = path.split('?').next().unwrap().replace("ID", "0-17-3");
            let route = Route::find(&path).unwrap();
            assert!(route.methods().split(", ").any(|known| known == method), "{line}");
        }
        for path in ["/metrics/", "/connections/x/close", "/connections/0-0-0", "", "//"] {
            assert_eq!(Route::find(path), None, "{path}");
        }
    }
}
