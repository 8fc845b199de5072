//! A chat with rooms. The page and its WebSockets come from one port: open <http://127.0.0.1:9001/> twice.

use stickler::http::{Request, Response, header};
use stickler::{Body, CloseCode, Incoming, OwnedMessage, Prepared, Server, Subscription, Topic};
use stickler::{Topics, WebSocket};

fn main() -> std::io::Result<()> {
    let rooms = Topics::new();
    let server = Server::bind("127.0.0.1:9001")?.http(page);
    server.serve(move |incoming| chat(incoming, rooms.clone()))
}

/// `/rooms/<room>?name=<name>`: what one says, all in the room hear.
async fn chat(incoming: Incoming, rooms: Topics) -> stickler::Result<()> {
    let room = incoming.path().strip_prefix("/rooms/").unwrap_or_default();
    let name = incoming.query_value("name").unwrap_or_default().into_owned();
    // Whoever connects chooses both, so both have a bound.
    if ![room, &name].iter().all(|text| (1..=40).contains(&text.len())) {
        let refusal = Response::builder().status(404).body("/rooms/<room>?name=<name>\n")?;
        return Ok(incoming.reject(refusal)?);
    }
    let room = rooms.topic(room);
    let mut socket = incoming.accept()?;
    let mut subscription = room.subscribe(socket.sender()); // until it is dropped
    say(&room, format!("* {name} came, and {} are here", room.subscribers()));
    let result = listen(&mut socket, &room, &mut subscription, &name).await;
    drop(subscription);
    say(&room, format!("* {name} left"));
    result
}

async fn listen(
    socket: &mut WebSocket,
    room: &Topic,
    subscription: &mut Subscription,
    name: &str,
) -> stickler::Result<()> {
    loop {
        tokio::select! {
            message = socket.recv() => match message? {
                Some(OwnedMessage::Text(text)) => say(room, format!("{name}: {text}")),
                Some(OwnedMessage::Binary(_)) => {
                    return Ok(socket.sender().close(CloseCode::UNSUPPORTED_DATA, "only text")?);
                }
                None => return Ok(()),
            },
            // A peer that reads too slowly has missed something: it may come again.
            _ = subscription.lagged() => {
                return Ok(socket.sender().close(CloseCode::TRY_AGAIN_LATER, "too slow")?);
            }
        }
    }
}

fn say(room: &Topic, line: String) {
    room.publish(Prepared::text(line));
}

/// Requests that ask for no WebSocket.
async fn page(request: Request<Body>) -> stickler::http::Result<Response<&'static str>> {
    match request.uri().path() {
        "/" => {
            Response::builder().header(header::CONTENT_TYPE, "text/html; charset=utf-8").body(PAGE)
        }
        _ => Response::builder().status(404).body("there is only /\n"),
    }
}

const PAGE: &str = r#"<!doctype html><title>Chat</title>
<form id=enter>Room <input name=room value=lobby> Name <input name=name required> <button>Enter</button></form>
<form id=talk hidden><input name=line autofocus size=60> <button>Say</button></form><pre id=log></pre>
<script>
const show = line => log.append(line, "\n"); // as text, so nobody's line is HTML
enter.onsubmit = event => {
  event.preventDefault();
  const [room, name] = [enter.room, enter.elements.name].map(field => encodeURIComponent(field.value));
  const socket = new WebSocket(`${location.origin.replace("http", "ws")}/rooms/${room}?name=${name}`);
  socket.onopen = () => { enter.hidden = true; talk.hidden = false; };
  socket.onmessage = event => show(event.data);
  socket.onclose = event => { show(`* closed: ${event.code} ${event.reason}`); enter.hidden = false; talk.hidden = true; };
  talk.onsubmit = event => { event.preventDefault(); socket.send(talk.line.value); talk.reset(); };
};
</script>
"#;
