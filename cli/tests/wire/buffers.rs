//! How much the kernel holds for a peer that does not read, by the flags that say so.

use std::fs;
use std::io::Write;
use std::net::TcpStream;
use std::ops::Range;
use std::time::Duration;

use socket2::{Domain, Socket, Type};

use crate::case::{Case, run_at_once};
use crate::cli::bad_saying;
use crate::environment::with_environment;
use crate::frame::binary;
use crate::http::Head;
use crate::server::Server;

/// The most that the kernel comes to hold for a peer that sends messages and reads no echo, in bytes.
fn held(server: &Server) -> Result<usize, String> {
    let told = |error: std::io::Error| error.to_string();
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).map_err(told)?;
    socket.set_recv_buffer_size(4096).map_err(told)?;
    socket.connect(&server.address().into()).map_err(told)?;
    let mut client = TcpStream::from(socket);
    client.write_all(&Head::new().bytes()).map_err(told)?;
    // Until the server takes no more, because it has no room for echoes.
    client.set_write_timeout(Some(Duration::from_millis(500))).map_err(told)?;
    let messages = binary(vec![7; 4096]).repeat(16);
    while client.write_all(&messages).is_ok() {}
    unacknowledged(server.address().port(), client.local_addr().map_err(told)?.port())
}

/// What one socket of this machine has not got acknowledged: the fifth field of its line, in front of the colon.
fn unacknowledged(near: u16, far: u16) -> Result<usize, String> {
    let table = fs::read_to_string("/proc/net/tcp").map_err(|error| error.to_string())?;
    let line = table.lines().find(|line| {
        let mut fields = line.split_whitespace().skip(1);
        let mut is = |port: u16| {
            fields.next().is_some_and(|address| address.ends_with(&format!(":{port:04X}")))
        };
        is(near) && is(far)
    });
    let queue = line.and_then(|line| line.split_whitespace().nth(4)?.split(':').next());
    let queue = queue.and_then(|queue| usize::from_str_radix(queue, 16).ok());
    queue.ok_or_else(|| "    expected  a line in /proc/net/tcp\n    observed  none".into())
}

#[test]
fn cli_send_buffer_and_unsent_low_water() {
    type Variant = (&'static [(&'static str, &'static str)], &'static [&'static str], Range<usize>);
    let variants: [Variant; 5] = [
        (&[], &["--unsent-low-water", "1GiB"], 512 << 10..usize::MAX),
        (&[], &["--unsent-low-water", "8KiB"], 1..200 << 10),
        (&[("STICKLER_UNSENT_LOW_WATER", "8KiB")], &[], 1..200 << 10),
        (&[], &["--send-buffer", "16KiB"], 1..64 << 10),
        (&[("STICKLER_SEND_BUFFER", "16KiB")], &[], 1..64 << 10),
    ];
    let cases = variants.map(|(variables, flags, expected)| {
        let name = format!("{variables:?} {flags:?}");
        Case::new("cli", name, move |_| {
            let server = with_environment(variables, flags)?;
            let held = held(&server)?;
            if !expected.contains(&held) {
                return Err(format!("    expected  {expected:?}\n    observed  {held}"));
            }
            server.retire()
        })
    });
    let refused = bad_saying(
        &["--send-buffer=8KiB", "--unsent-low-water=8193"],
        "--unsent-low-water is above --send-buffer",
    );
    run_at_once("send buffers", cases.into_iter().chain([refused]).collect(), 2);
}
