//! Standard output is a pipe that is full and that nobody reads: the server serves, and ends when it is told to.

use std::io::{BufRead, BufReader, ErrorKind, Write};
use std::process::Stdio;

use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};
use rustix::process::{Pid, Signal, kill_process};

use crate::server::stickler;

#[test]
fn a_full_pipe_on_standard_output_holds_up_neither_the_start_nor_the_end() {
    let (_unread, mut full) = std::io::pipe().unwrap();
    let flags = fcntl_getfl(&full).unwrap();
    fcntl_setfl(&full, flags | OFlags::NONBLOCK).unwrap();
    for len in [4096, 1] {
        loop {
            match full.write(&[b'x'; 4096][..len]) {
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) => panic!("{error}"),
            }
        }
    }
    fcntl_setfl(&full, flags).unwrap();
    let mut command = stickler();
    command.args(["serve", "--listen", "127.0.0.1:0", "--shutdown-timeout", "1s"]);
    let mut child = command.stdout(full).stderr(Stdio::piped()).spawn().unwrap();
    drop(command);
    let mut log = BufReader::new(child.stderr.take().unwrap()).lines().map(Result::unwrap);
    assert!(log.by_ref().any(|line| line.contains("nobody reads standard output")));
    kill_process(Pid::from_child(&child), Signal::TERM).unwrap();
    assert!(log.by_ref().any(|line| line.contains("gone clean=0")));
    assert_eq!(child.wait().unwrap().code(), Some(0));
}
