//! The door of the program: who waits before it when it closes, how many may stand in it, and what it says when it
//! cannot open.

use rustix::process::Signal;

use crate::case::{Case, run_at_once};
use crate::client::{Client, LONG, Next, Outcome};
use crate::frame::Event;
use crate::http::Head;
use crate::server::{PATIENCE, Server};

/// Connects so many clients while the program is stopped, so that they wait in the queue of the kernel; each sends
/// its whole handshake. Then the program is told to end, and goes on.
fn end_with_a_queue(server: &Server, count: usize) -> Result<Vec<Client>, String> {
    server.signal(Signal::STOP);
    let mut clients = Vec::with_capacity(count);
    for _ in 0..count {
        let mut client = Client::connect(server.address())?;
        client.send(&Head::new().bytes())?;
        clients.push(client);
    }
    server.signal(Signal::TERM);
    server.signal(Signal::CONT);
    Ok(clients)
}

/// Each is refused, or was accepted while the signal was on its way: then it hears that the server goes. None is reset.
fn all_are_told(clients: Vec<Client>) -> Outcome {
    let (mut failed, mut last) = (0, String::new());
    for mut client in clients {
        if let Err(why) = is_told(&mut client) {
            (failed, last) = (failed + 1, why);
        }
    }
    match failed {
        0 => Ok(()),
        _ => Err(format!(
            "    expected  503 for all\n    observed  {failed} without, such as\n{last}"
        )),
    }
}

fn is_told(client: &mut Client) -> Outcome {
    let response = client.response(LONG)?;
    if response.status != 101 {
        return response.refuses(&[503], true);
    }
    match client.next(LONG)? {
        Next::Event(Event::Close(body)) if Event::close_code(&body) == Some(1001) => Ok(()),
        other => Err(client.report("Close 1001", &format!("{other:?}"))),
    }
}

#[test]
fn door_at_the_end() {
    let mut cases = Vec::new();
    for (count, workers) in [(60, "1"), (400, "1"), (400, "2")] {
        let rule =
            format!("SIGTERM finds {count} handshakes before {workers} workers: 503 for all");
        cases.push(Case::new("9110-15.6.4-01", rule, move |_| {
            let server = Server::start(&["--workers", workers])?;
            all_are_told(end_with_a_queue(&server, count)?)?;
            match server.wait(PATIENCE)?.0 {
                Some(0) => Ok(()),
                code => Err(format!("    expected  exit code 0\n    observed  {code:?}")),
            }
        }));
    }
    run_at_once("door_at_the_end", cases, 1);
}
