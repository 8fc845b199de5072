//! What connections cost in memory that are open and say nothing.

use std::error::Error;
use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::thread;
use std::time::Duration;

use stickler_peers::accounting::resident;
use stickler_peers::report::Idle;

use crate::wire::{Kind, Numbers, frame};
use crate::{Options, handshake};

/// Connections that are opened first, and echo, so that what a server takes once is not counted.
const FIRST: usize = 200;
/// Long enough for a server to have let go of what it needed for the last handshake.
const SETTLE: Duration = Duration::from_millis(500);
const MESSAGE: usize = 1024;

/// Opens connections, looks at the server's memory, lets each echo, and looks again.
pub(crate) fn measure(options: &Options, connections: usize) -> Result<Idle, Box<dyn Error>> {
    let mut numbers = Numbers::new();
    let mut open = || match options.raw {
        true => handshake::connect(options.address),
        false => handshake::open(options.address, &mut numbers),
    };
    let mut first = (0..FIRST).map(|_| open()).collect::<io::Result<Vec<_>>>()?;
    for stream in &mut first {
        echo(stream, options.raw)?;
    }
    let per_connection = |before: u64| {
        thread::sleep(SETTLE);
        let grown = resident(options.pid)?.saturating_sub(before);
        io::Result::Ok(grown as f64 / connections as f64)
    };
    thread::sleep(SETTLE);
    let before = resident(options.pid)?;
    let mut streams = (0..connections).map(|_| open()).collect::<io::Result<Vec<_>>>()?;
    let idle = per_connection(before)?;
    for stream in &mut streams {
        echo(stream, options.raw)?;
    }
    Ok(Idle {
        connections,
        bytes_per_connection: idle,
        bytes_per_connection_after_echo: per_connection(before)?,
    })
}

fn echo(stream: &mut TcpStream, raw: bool) -> Result<(), Box<dyn Error>> {
    let payload = Kind::Ascii.payload(MESSAGE);
    let key = [0x37, 0xfa, 0x21, 0x3d];
    let sent = frame(Kind::Ascii.first_byte(), &payload, Some(key));
    let expected = frame(Kind::Ascii.first_byte(), &payload, raw.then_some(key));
    stream.write_all(&sent)?;
    let mut reply = vec![0; expected.len()];
    stream.read_exact(&mut reply)?;
    if reply == expected { Ok(()) } else { Err("a reply differs from what was sent".into()) }
}
