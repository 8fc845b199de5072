//! Sockets that are handed over, as systemd does it: from descriptor 3 on, with `LISTEN_FDS` and `LISTEN_PID`.

use std::fs::File;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::{UnixListener, UnixStream};
use std::process::{Command, Stdio};

use socket2::{Domain, Socket, Type};

use crate::load::{Load, REQUEST};
use crate::refusal;
use crate::server::{PATIENCE, Server, stickler};

/// A socket with room for many clients in its queue.
pub(crate) fn listener() -> TcpListener {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into()).unwrap();
    socket.listen(4096).unwrap();
    socket.into()
}

/// A descriptor of ours, for another process.
pub(crate) fn given(descriptor: &impl AsFd) -> OwnedFd {
    descriptor.as_fd().try_clone_to_owned().unwrap()
}

/// The program with these descriptors, one or two, behind a shell that does this first. The second one is no use
/// to [`Server::spawn`], which reads standard error.
fn command_after(script: &str, descriptors: &[OwnedFd], args: &[&str]) -> Command {
    let mut command = Command::new("sh");
    // Standard input and error carry them over; what the program says comes on standard output.
    let count = descriptors.len();
    let moves = if count == 1 { "exec 3<&0" } else { "exec 3<&0 4<&2" };
    let script = format!(
        "{moves}; exec 0</dev/null 2>&1; export LISTEN_PID=$$ LISTEN_FDS={count}; {script} exec \"$0\" \"$@\""
    );
    command.args(["-c", &script]);
    command.arg(stickler().get_program()).args(args);
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("STICKLER_") {
            command.env_remove(name);
        }
    }
    if let [first, rest @ ..] = descriptors {
        command.stdin(Stdio::from(given(first)));
        if let [second] = rest {
            command.stderr(Stdio::from(given(second)));
        }
    }
    command
}

/// The program with these descriptors, called so.
pub(crate) fn command(descriptors: &[OwnedFd], names: &str, args: &[&str]) -> Command {
    let script = format!("export LISTEN_FDNAMES='{names}';");
    // The log is on standard output otherwise, among the listening lines.
    let mut command = command_after(&script, descriptors, args);
    command.env("STICKLER_LOG", "off");
    command
}

/// What the program says that cannot serve.
fn says(command: Command) -> String {
    says_with(1, command)
}

/// The same, with another status.
fn says_with(status: i32, mut command: Command) -> String {
    command.stdout(Stdio::piped());
    let ended = command.output().unwrap();
    let said = String::from_utf8_lossy(&ended.stdout).into_owned();
    assert_eq!(ended.status.code(), Some(status), "{said}");
    said
}

fn visited(address: SocketAddr) {
    let load = Load::new(address, 1);
    load.wait_for(3, PATIENCE);
    assert_eq!(load.end().lost, Vec::<String>::new());
}

#[test]
fn it_serves_what_it_was_handed_in_place_of_the_default() {
    let listener = listener();
    let server = Server::spawn(command(&[given(&listener)], "", &["serve"]), 1, "").unwrap();
    assert_eq!(server.address(), listener.local_addr().unwrap());
    visited(server.address());
    server.retire().unwrap();
    // The socket is there, and its queue.
    let _client = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
}

#[test]
fn a_unix_socket_that_was_handed_over_is_served_and_its_file_stays() {
    let folder = std::env::temp_dir().join(format!("stickler-handed-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let path = folder.join("socket");
    let listener = UnixListener::bind(&path).unwrap();
    let args = ["serve", "--workers=2", "--listen", "127.0.0.1:0"];
    let server = Server::spawn(command(&[given(&listener)], "local", &args), 2, "").unwrap();
    assert_eq!(server.stdout_lines()[0], format!("listening on ws+unix:{}", path.display()));
    for _ in 0..4 {
        let mut client = UnixStream::connect(&path).unwrap();
        client.set_read_timeout(Some(PATIENCE)).unwrap();
        client.write_all(REQUEST.as_bytes()).unwrap();
        let mut status = [0; 12];
        client.read_exact(&mut status).unwrap();
        assert_eq!(&status, b"HTTP/1.1 101");
    }
    server.retire().unwrap();
    assert!(path.exists());
    std::fs::remove_dir_all(&folder).unwrap();
}

#[test]
fn a_socket_with_a_name_of_tls_is_served_with_tls() {
    let listener = listener();
    let args = ["serve", "--tls-self-signed"];
    let server = Server::spawn(command(&[given(&listener)], "tls-web", &args), 1, "").unwrap();
    let address = listener.local_addr().unwrap();
    assert_eq!(server.stdout_lines(), [format!("listening on wss://{address}")]);
    let health = stickler().args(["health", &format!("wss://{address}/"), "--insecure"]).status();
    assert_eq!(health.unwrap().code(), Some(0));
    server.retire().unwrap();
}

#[test]
fn what_is_said_is_served_too() {
    let listener = listener();
    let args = ["serve", "--listen", "127.0.0.1:0"];
    let server = Server::spawn(command(&[given(&listener)], "", &args), 2, "").unwrap();
    assert_eq!(server.addresses()[0], listener.local_addr().unwrap());
    visited(server.addresses()[0]);
    visited(server.addresses()[1]);
    server.retire().unwrap();
}

#[test]
fn what_is_meant_for_another_process_is_left_alone() {
    let listener = listener();
    let args = ["serve", "--listen", "127.0.0.1:0"];
    let mut command = command_after("export LISTEN_PID=1;", &[given(&listener)], &args);
    command.env("STICKLER_LOG", "off");
    let server = Server::spawn(command, 1, "").unwrap();
    assert_ne!(server.address(), listener.local_addr().unwrap());
    server.retire().unwrap();
}

#[test]
fn a_descriptor_that_cannot_be_listened_on_is_an_error_that_has_its_number() {
    let listening = listener();
    let idle = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    idle.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into()).unwrap();
    let datagrams = UdpSocket::bind("127.0.0.1:0").unwrap();
    let file = File::open("/dev/null").unwrap();
    for (what, bad) in [
        ("a socket that does not listen", given(&idle)),
        ("a socket of datagrams", given(&datagrams)),
        ("a file", given(&file)),
    ] {
        let said = says(command(&[given(&listening), bad], "good:bad", &["serve"]));
        let is_told =
            said.starts_with("stickler: cannot listen on descriptor 4 of LISTEN_FDS, bad");
        assert!(is_told && said.lines().count() == 1, "{what}: {said}");
    }
    let closed = command_after("exec 3<&-;", &[given(&listening)], &["serve"]);
    let said = says(closed);
    assert!(said.contains("descriptor 3 of LISTEN_FDS: it is closed"), "{said}");
}

#[test]
fn a_number_that_is_none_is_an_error() {
    for count in ["many", "-1", "100000"] {
        let mut command = stickler();
        command.arg("serve").env("LISTEN_FDS", count);
        let why = refusal(&mut command);
        assert!(why.contains("LISTEN_FDS is not a number"), "{why}");
    }
}

#[test]
fn a_name_of_tls_needs_a_certificate() {
    let said = says_with(2, command(&[given(&listener())], "tls-web", &["serve"]));
    assert!(said.contains("was handed over") && said.contains("needs a certificate"), "{said}");
}

#[test]
fn a_port_that_was_handed_over_is_not_shared() {
    let said = says(command(&[given(&listener())], "", &["serve", "--reuse-port"]));
    assert!(said.contains("all listeners were handed over"), "{said}");
}
