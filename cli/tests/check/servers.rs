//! Small servers that break one rule each, and otherwise do what RFC 6455 says, as far as the cases go
//! that are played against them.

use std::io::Read;
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::Duration;

use base64::Engine;
use sha1::{Digest, Sha1};

use crate::{Address, read_head, say};

/// What is wrong with a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Behaviour {
    /// Takes frames that are not masked.
    Unmasked,
    /// Masks its own.
    Masks,
    /// Echoes text that is no UTF-8.
    AnyText,
    /// Ends TCP when a Close comes, without one of its own.
    NoClose,
    /// Sends any Close back as it came.
    AnyClose,
    /// Answers no Ping.
    NoPong,
    WrongAccept,
    /// Accepts whatever head comes.
    AnyHandshake,
    /// Breaks nothing, and echoes nothing.
    NoEcho,
    /// The same, and speaks first.
    Greets,
    PlainHttp,
    /// Sends bytes that are nothing.
    Garbage,
    /// Says nothing.
    Hangs,
    /// Sends fields without an end.
    EndlessHead,
    /// Ends TCP over a bad frame, without a word.
    Drops,
    /// Answers `Upgrade: WebSocket` with 101, one byte and FIN.
    DeadAfter101,
    /// Reads 64-bit lengths as 32 bits.
    CutsLengths,
    /// Leaves the end of TCP to the client's program.
    KeepsTcp,
    /// Sends so many 100 and 103 before its 101.
    Interim(usize),
    /// Takes so many connections and then none.
    DiesAfter(u32),
    /// Sends messages without an end.
    Floods,
    /// The same in messages of 64 KiB, whatever it is asked.
    FloodsBlocks,
    /// Promises a frame of 2^62 bytes.
    HugeFrame,
    /// Sends a byte now and then.
    Drips,
    /// Masks what it echoes, and nothing else.
    MasksEcho,
    /// Sets RSV1 in what it echoes.
    Rsv1Echo,
    /// Sends a Ping first, and echoes.
    PingsFirst,
    /// Ends TCP at a message.
    EndsAtMessages,
    /// Fails the connection at a message.
    FailsAtMessages,
    /// Echoes the octets in another order.
    ChangesEcho,
    /// Takes four seconds for an echo.
    LateEcho,
}

/// Serves on a free port until the test ends.
pub(crate) fn serve(behaviour: Behaviour) -> Address {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let count = Arc::new(AtomicU32::new(0));
    thread::spawn(move || {
        while let Ok((stream, _)) = listener.accept() {
            let before = count.fetch_add(1, Ordering::Relaxed);
            if matches!(behaviour, Behaviour::DiesAfter(most) if before >= most) {
                break;
            }
            thread::spawn(move || connection(stream, behaviour));
        }
    });
    address
}

fn connection(mut stream: TcpStream, behaviour: Behaviour) {
    let Some(head) = read_head(&mut stream) else { return };
    match behaviour {
        Behaviour::PlainHttp => {
            say(&mut stream, b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi");
            return;
        }
        Behaviour::Garbage => {
            say(&mut stream, &[0xee; 3000]);
            return;
        }
        Behaviour::Hangs => {
            let _ = stream.read(&mut [0]);
            return;
        }
        Behaviour::EndlessHead => {
            while say(&mut stream, b"HTTP/1.1 101 Switching Protocols\r\nX: y\r\n") {}
            return;
        }
        _ => {}
    }
    if behaviour != Behaviour::AnyHandshake && !is_good(&head) {
        say(&mut stream, b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n");
        return;
    }
    if let Behaviour::Interim(count) = behaviour {
        for number in 0..count {
            let interim: &[u8] = match number % 2 {
                0 => b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\n",
                _ => b"HTTP/1.1 100 Continue\r\n\r\n",
            };
            say(&mut stream, interim);
        }
    }
    let key = field(&head, "sec-websocket-key").unwrap_or_default();
    let key = if behaviour == Behaviour::WrongAccept { "wrong".to_owned() } else { key };
    let answer = format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Accept: {}\r\n\r\n",
        accept(&key)
    );
    if behaviour == Behaviour::DeadAfter101 && head.contains("Upgrade: WebSocket") {
        say(&mut stream, &[answer.as_bytes(), b"0"].concat());
        return;
    }
    if say(&mut stream, answer.as_bytes()) {
        open(&mut stream, behaviour);
        if behaviour == Behaviour::KeepsTcp {
            // Beyond every patience, and beyond FIN from the other side.
            thread::sleep(Duration::from_secs(60));
        }
        let _ = stream.shutdown(Shutdown::Write);
        let _ = stream.set_read_timeout(Some(Duration::from_secs(5)));
        while matches!(stream.read(&mut [0; 4096]), Ok(1..)) {}
    }
}

fn is_good(head: &str) -> bool {
    head.starts_with("GET ")
        && field(head, "upgrade").is_some_and(|value| value.eq_ignore_ascii_case("websocket"))
        && field(head, "sec-websocket-version").as_deref() == Some("13")
        && field(head, "sec-websocket-key").is_some_and(|key| key.len() == 24)
}

fn field(head: &str, name: &str) -> Option<String> {
    let lines = head.lines().filter_map(|line| line.split_once(':'));
    let mut values = lines.filter(|(n, _)| n.eq_ignore_ascii_case(name));
    values.next().map(|(_, value)| value.trim().to_owned())
}

fn accept(key: &str) -> String {
    let all = format!("{key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11");
    base64::engine::general_purpose::STANDARD.encode(Sha1::digest(all.as_bytes()))
}

/// Frames, until something is wrong with one.
fn open(stream: &mut TcpStream, behaviour: Behaviour) {
    match behaviour {
        Behaviour::Greets => drop(say(stream, &frame(0x81, b"welcome", behaviour))),
        Behaviour::PingsFirst => drop(say(stream, &frame(0x89, b"first", behaviour))),
        Behaviour::Floods => {
            while say(stream, &frame(0x81, &[b'x'; 100], behaviour)) {}
            return;
        }
        Behaviour::FloodsBlocks => {
            let block = [&[0x82, 126, 0xff, 0xff][..], &[b'x'; 0xffff]].concat();
            while say(stream, &block) {}
            return;
        }
        Behaviour::HugeFrame => {
            say(stream, &[0x82, 127, 0x40, 0, 0, 0, 0, 0, 0, 0]);
            while say(stream, &[0; 4096]) {}
            return;
        }
        Behaviour::Drips => {
            while say(stream, &[0x89, 0]) {
                thread::sleep(Duration::from_millis(50));
            }
            return;
        }
        _ => {}
    }
    while let Some((first, is_masked, payload)) = read_frame(stream, behaviour) {
        let opcode = first & 0x0f;
        if !is_masked && behaviour != Behaviour::Unmasked
            || first & 0x70 != 0
            || !matches!(opcode, 1 | 2 | 8..=10)
        {
            if behaviour != Behaviour::Drops {
                say(stream, &frame(0x88, &1002_u16.to_be_bytes(), behaviour));
            }
            return;
        }
        let is_bad_text = opcode == 1 && std::str::from_utf8(&payload).is_err();
        let reply = match opcode {
            1 if is_bad_text && behaviour != Behaviour::AnyText => {
                say(stream, &frame(0x88, &1007_u16.to_be_bytes(), behaviour));
                return;
            }
            1 | 2 if matches!(behaviour, Behaviour::NoEcho | Behaviour::Greets) => continue,
            1 | 2 if behaviour == Behaviour::EndsAtMessages => return,
            1 | 2 if behaviour == Behaviour::FailsAtMessages => {
                say(stream, &frame(0x88, &1002_u16.to_be_bytes(), behaviour));
                return;
            }
            1 | 2 if behaviour == Behaviour::ChangesEcho => {
                frame(first, &payload.iter().rev().copied().collect::<Vec<u8>>(), behaviour)
            }
            1 | 2 if behaviour == Behaviour::MasksEcho => frame(first, &payload, Behaviour::Masks),
            1 | 2 if behaviour == Behaviour::Rsv1Echo => frame(first | 0x40, &payload, behaviour),
            1 | 2 if behaviour == Behaviour::LateEcho => {
                thread::sleep(Duration::from_secs(4));
                frame(first, &payload, behaviour)
            }
            1 | 2 => frame(first, &payload, behaviour),
            8 if behaviour == Behaviour::NoClose => return,
            8 if behaviour == Behaviour::AnyClose => frame(0x88, &payload, behaviour),
            8 => frame(0x88, payload.get(..2).unwrap_or_default(), behaviour),
            9 if behaviour == Behaviour::NoPong => continue,
            9 => frame(0x8a, &payload, behaviour),
            _ => continue,
        };
        if !say(stream, &reply) || opcode == 8 {
            return;
        }
    }
}

fn read_frame(stream: &mut TcpStream, behaviour: Behaviour) -> Option<(u8, bool, Vec<u8>)> {
    let [first, second] = read(stream)?;
    let length = match second & 0x7f {
        127 if behaviour == Behaviour::CutsLengths => {
            usize::try_from(u64::from_be_bytes(read(stream)?) & 0xffff_ffff)
                .ok()
                .filter(|n| *n < 1 << 24)?
        }
        126 => usize::from(u16::from_be_bytes(read(stream)?)),
        127 => usize::try_from(u64::from_be_bytes(read(stream)?)).ok().filter(|n| *n < 1 << 24)?,
        short => usize::from(short),
    };
    let is_masked = second & 0x80 != 0;
    let key: [u8; 4] = if is_masked { read(stream)? } else { [0; 4] };
    let mut payload = vec![0; length];
    stream.read_exact(&mut payload).ok()?;
    payload.iter_mut().zip(key.iter().cycle()).for_each(|(byte, mask)| *byte ^= mask);
    Some((first, is_masked, payload))
}

fn read<const N: usize>(stream: &mut TcpStream) -> Option<[u8; N]> {
    let mut bytes = [0; N];
    stream.read_exact(&mut bytes).ok()?;
    Some(bytes)
}

fn frame(first: u8, payload: &[u8], behaviour: Behaviour) -> Vec<u8> {
    let mut bytes = vec![first];
    match u8::try_from(payload.len()) {
        Ok(short @ ..126) => bytes.push(short),
        _ => {
            bytes.push(126);
            bytes.extend(u16::try_from(payload.len()).unwrap_or(u16::MAX).to_be_bytes());
        }
    }
    if behaviour == Behaviour::Masks {
        bytes[1] |= 0x80;
        bytes.extend([0; 4]);
    }
    bytes.extend_from_slice(payload);
    bytes
}
