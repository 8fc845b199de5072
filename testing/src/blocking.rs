//! Reading from a connection in the manner of the standard library: octet by octet, so that nothing behind is taken.

use std::io::{Read, Write};

use crate::frame::Frame;

/// What comes up to the end of a head, and that end.
pub fn read_head(stream: &mut impl Read) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(read_octet(stream));
    }
    String::from_utf8(head).unwrap()
}

/// The next frame of a server.
pub fn read_frame(stream: &mut impl Read) -> Frame {
    let mut octets = Vec::new();
    loop {
        octets.push(read_octet(stream));
        if let Some((_, frame)) = Frame::parse(&octets) {
            return frame;
        }
    }
}

fn read_octet(stream: &mut impl Read) -> u8 {
    let mut octet = [0];
    stream.read_exact(&mut octet).unwrap();
    octet[0]
}

/// An answer to a plain request, to its end.
#[derive(Debug, PartialEq, Eq)]
pub struct Answer {
    pub status: u16,
    pub head: String,
    pub body: String,
}

impl Answer {
    /// Sends the request, and reads until the server ends.
    pub fn to(request: &str, mut stream: impl Read + Write) -> Answer {
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        Answer { status, head: head.into(), body: body.into() }
    }

    /// The value of a header field; "" where there is none.
    pub fn field(&self, name: &str) -> &str {
        let fields = self.head.lines().skip(1).filter_map(|line| line.split_once(": "));
        let mut values = fields.filter(|(known, _)| known.eq_ignore_ascii_case(name));
        values.next().map_or("", |(_, value)| value)
    }
}
