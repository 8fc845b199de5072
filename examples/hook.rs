//! The opening handshake decided by the application: path, Origin, subprotocol, a refusal of
//! its own, and a header field of its own in the 101.

use stickler::{Incoming, Response, Server};

fn main() -> std::io::Result<()> {
    Server::bind("127.0.0.1:9001")?.serve(room)
}

async fn room(incoming: Incoming) -> stickler::Result<()> {
    let Some(room) = incoming.path().strip_prefix("/rooms/").map(str::to_owned) else {
        incoming.reject(&status(404, "there are only /rooms/..."));
        return Ok(());
    };
    if incoming.request().field("authorization").is_none() {
        let challenge = status(401, "who are you?").with_field("WWW-Authenticate", "Bearer")?;
        incoming.reject(&challenge);
        return Ok(());
    }
    // Clients that are no browsers send no Origin (RFC 6455 §10.2).
    if incoming.request().origin().is_some_and(|origin| origin != b"https://chat.example") {
        incoming.reject(&status(403, "pages of other sites have no business here"));
        return Ok(());
    }
    // Any question may be asked here; the handshake's deadline keeps running.
    let name = name_of(&room).await;
    let speaks_chat = incoming.request().subprotocols().any(|offered| offered == "chat.v2");
    let incoming = if speaks_chat { incoming.subprotocol("chat.v2")? } else { incoming };
    let incoming = incoming.field("X-Room", name.as_str())?;
    let (mut receiver, sender) = incoming.accept()?.split();
    sender.send(format!("welcome to {name}"))?;
    while let Some(message) = receiver.recv().await? {
        sender.send(format!("{} bytes", message.as_bytes().len()))?;
    }
    Ok(())
}

async fn name_of(room: &str) -> String {
    room.chars().filter(char::is_ascii_alphanumeric).collect()
}

fn status(status: u16, body: &str) -> Response {
    Response::new(status).expect("a final status").with_body(format!("{body}\n"))
}
