//! What connections cost in memory that are open and say nothing.

use std::error::Error;
use std::io::{self, Read, Write};
use std::thread;
use std::time::Duration;

use flate2::Decompress;
use stickler_peers::accounting::resident;
use stickler_peers::report::Idle;

use crate::deflate::{Agreement, OFFER, inflate};
use crate::transport::Blocking;
use crate::wire::{Kind, Numbers, frame, server_frame};
use crate::{Options, connection, corpus};

/// Connections that are opened first, and echo, so that what a server takes once is not counted.
const FIRST: usize = 200;
/// Long enough for a server to have let go of what it needed for the last handshake.
const SETTLE: Duration = Duration::from_millis(500);
const MESSAGE: usize = 1024;

/// What a connection sends to have it echoed, and what it expects.
enum Exchange {
    /// The same bytes, but for the masking.
    Plain { sent: Vec<u8>, expected: Vec<u8> },
    /// A frame whose payload inflates to the message.
    Compressed { sent: Vec<u8>, message: Vec<u8> },
}

/// Opens connections, looks at the server's memory, lets each echo, and looks again.
pub(crate) fn measure(options: &Options, connections: usize) -> Result<Idle, Box<dyn Error>> {
    let mut numbers = Numbers::new();
    let offer = options.deflate.then_some(OFFER);
    let mut open = |number| connection::open(options, &mut numbers, number, offer);
    let mut first = (0..FIRST).map(&mut open).collect::<io::Result<Vec<_>>>()?;
    let exchange = Exchange::new(options, &first[0].1)?;
    for (stream, _) in &mut first {
        exchange.run(stream)?;
    }
    let per_connection = |before: u64| {
        thread::sleep(SETTLE);
        let grown = resident(options.pid)?.saturating_sub(before);
        io::Result::Ok(grown as f64 / connections as f64)
    };
    thread::sleep(SETTLE);
    let before = resident(options.pid)?;
    let mut streams = (0..connections).map(open).collect::<io::Result<Vec<_>>>()?;
    let idle = per_connection(before)?;
    for (stream, _) in &mut streams {
        exchange.run(stream)?;
    }
    Ok(Idle {
        connections,
        bytes_per_connection: idle,
        bytes_per_connection_after_echo: per_connection(before)?,
    })
}

impl Exchange {
    fn new(options: &Options, extensions: &str) -> Result<Self, Box<dyn Error>> {
        let key = [0x37, 0xfa, 0x21, 0x3d];
        if options.deflate {
            let message = corpus::messages().swap_remove(0);
            let sent = Agreement::new(extensions)?.frame(&message, key)?;
            return Ok(Self::Compressed { sent, message });
        }
        let (first_byte, payload) = (Kind::Ascii.first_byte(), Kind::Ascii.payload(MESSAGE));
        let sent = frame(first_byte, &payload, Some(key));
        let expected = frame(first_byte, &payload, options.raw.then_some(key));
        Ok(Self::Plain { sent, expected })
    }

    fn run(&self, stream: &mut Blocking) -> Result<(), Box<dyn Error>> {
        let is_right = match self {
            Self::Plain { sent, expected } => {
                stream.write_all(sent)?;
                let mut reply = vec![0; expected.len()];
                stream.read_exact(&mut reply)?;
                reply == *expected
            }
            Self::Compressed { sent, message } => {
                stream.write_all(sent)?;
                let (first_byte, payload) = read_frame(stream)?;
                // Its first message refers to none before it, whatever was agreed on.
                first_byte == 0xc1 && inflate(&mut Decompress::new(false), &payload)? == *message
            }
        };
        if is_right { Ok(()) } else { Err("a reply differs from what was sent".into()) }
    }
}

fn read_frame(stream: &mut Blocking) -> io::Result<(u8, Vec<u8>)> {
    let (mut received, mut buffer) = (Vec::new(), [0; 4096]);
    loop {
        if let Some((first_byte, payload)) = server_frame(&received) {
            return Ok((first_byte, received[payload].to_vec()));
        }
        match stream.read(&mut buffer)? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            len => received.extend_from_slice(&buffer[..len]),
        }
    }
}
