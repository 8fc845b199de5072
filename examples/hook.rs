//! The opening handshake decided by the application: path, Origin, subprotocol, a refusal of its own, and
//! a header field of its own in the 101. Requests that ask for no WebSocket get a page, with a form.

use stickler::http::{Method, Request, Response, header};
use stickler::{Body, Incoming, Server};

fn main() -> std::io::Result<()> {
    Server::bind("127.0.0.1:9001")?.http(page).serve(room)
}

async fn room(mut incoming: Incoming) -> stickler::Result<()> {
    let Some(room) = incoming.path().strip_prefix("/rooms/").map(str::to_owned) else {
        return refuse(incoming, 404, "there are only /rooms/...\n");
    };
    // A browser sends the cookie that the form has set.
    if incoming.cookie("name").is_none() {
        return refuse(incoming, 403, "who are you?\n");
    }
    // Clients that are no browsers send no Origin (RFC 6455 §10.2).
    if incoming.head().origin().is_some_and(|origin| origin != b"https://chat.example") {
        return refuse(incoming, 403, "pages of other sites have no business here\n");
    }
    // Any question may be asked here; the handshake's deadline keeps running.
    let name = name_of(&room).await;
    if incoming.head().subprotocols().any(|offered| offered == "chat.v2") {
        incoming.subprotocol("chat.v2")?;
    }
    incoming.header("X-Room", name.as_str())?;
    let (mut receiver, sender) = incoming.accept()?.split();
    sender.send(format!("welcome to {name}"))?;
    while let Some(message) = receiver.recv().await? {
        sender.send(format!("{} bytes", message.as_bytes().len()))?;
    }
    Ok(())
}

fn refuse(incoming: Incoming, status: u16, why: &'static str) -> stickler::Result<()> {
    Ok(incoming.reject(Response::builder().status(status).body(why)?)?)
}

async fn name_of(room: &str) -> String {
    room.chars().filter(char::is_ascii_alphanumeric).collect()
}

async fn page(request: Request<Body>) -> stickler::Result<Response<Body>> {
    let answer = Response::builder().header(header::CONTENT_TYPE, "text/html; charset=utf-8");
    match (request.method(), request.uri().path()) {
        (&Method::GET | &Method::HEAD, "/") => Ok(answer.body(FORM.into())?),
        (&Method::POST, "/login") => {
            // Larger than the limit: 413. Too slow: 408.
            let form = request.into_body().form().await?;
            let name = form.iter().find(|(field, _)| field == "name").map_or("", |(_, name)| name);
            let name = name_of(name).await;
            let answer = answer.status(303).header(header::LOCATION, "/");
            let cookie = format!("name={name}; HttpOnly; SameSite=Strict");
            Ok(answer.header(header::SET_COOKIE, cookie).body(Body::empty())?)
        }
        _ => Ok(answer.status(404).body("<p>There is nothing here.".into())?),
    }
}

const FORM: &str =
    "<form method=post action=/login><input name=name><button>Log in</button></form>";
