//! The other end of a connection over TCP.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};

use stickler_testing::blocking::{read_frame, read_head};
use stickler_testing::frame::Frame;

use crate::server::PATIENCE;

pub(crate) struct Client {
    pub(crate) stream: TcpStream,
}

impl Client {
    pub(crate) fn to(address: SocketAddr) -> Client {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_nodelay(true).unwrap();
        Client { stream }
    }

    pub(crate) fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.stream.write_all(bytes.as_ref()).unwrap();
    }

    /// What comes up to the end of a head.
    pub(crate) fn head(&mut self) -> String {
        read_head(&mut self.stream)
    }

    /// The next frame: its first byte, and its payload.
    pub(crate) fn frame(&mut self) -> (u8, Vec<u8>) {
        let Frame { first, payload } = read_frame(&mut self.stream);
        (first, payload)
    }

    /// The status code of the Close frame that comes next.
    pub(crate) fn close_code(&mut self) -> u16 {
        read_frame(&mut self.stream).close_code()
    }

    /// Reads until the server ends.
    pub(crate) fn rest(&mut self) {
        self.stream.read_to_end(&mut Vec::new()).unwrap();
    }
}
