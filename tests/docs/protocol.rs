//! `docs/protocol.md`: its bytes are sent to the library, and the answers are those of the page.

use base64::{Engine, engine::general_purpose::STANDARD};
use sha1::{Digest, Sha1};
use stickler::{Config, Endpoint, Incoming};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};

use super::pages::links;
use super::read;

const PAGE: &str = "docs/protocol.md";

/// What one side sends before the other side speaks again.
struct Flight {
    is_client: bool,
    rows: Vec<Row>,
}

/// One line of a table: some bytes, and what is said of them.
struct Row {
    bytes: Vec<u8>,
    says: String,
    /// The labels of the clause and of the file.
    labels: [String; 2],
}

/// The page: the opening handshake, the six frames with their answers, and the frame with a fault.
fn conversations() -> [Vec<Flight>; 3] {
    let page = read(PAGE);
    let mut sections = page.split("\n## ").filter(|section| section.contains("\n**Client:**\n"));
    let found = [(); 3].map(|()| flights(sections.next().expect("three sections with bytes")));
    assert!(sections.next().is_none());
    found
}

fn flights(section: &str) -> Vec<Flight> {
    let mut flights: Vec<Flight> = Vec::new();
    for line in section.lines() {
        match line {
            "**Client:**" => flights.push(Flight { is_client: true, rows: Vec::new() }),
            "**Server:**" => flights.push(Flight { is_client: false, rows: Vec::new() }),
            _ => {
                if let Some(row) = line.strip_prefix("| `") {
                    let is_text = section.starts_with("The opening handshake");
                    flights.last_mut().unwrap().rows.push(read_row(row, is_text));
                }
            }
        }
    }
    flights
}

fn read_row(row: &str, is_text: bool) -> Row {
    let cells: Vec<_> = row.split(" | ").collect();
    let [code, says, clause, file] = cells[..] else { panic!("not four cells: {row}") };
    let code = code.trim_end_matches('`');
    let label = |cell: &str| cell.trim_end_matches(" |").trim_matches(['[', ']']).to_owned();
    Row {
        bytes: if is_text { [code.as_bytes(), b"\r\n"].concat() } else { hex(code) },
        says: says.into(),
        labels: [label(clause), label(file)],
    }
}

/// Bytes as the page writes them: `3b 9e × 32` repeats them.
fn hex(code: &str) -> Vec<u8> {
    let (digits, times) = code.split_once(" × ").unwrap_or((code, "1"));
    let digits = digits.split(' ').map(|byte| u8::from_str_radix(byte, 16).unwrap());
    digits.collect::<Vec<_>>().repeat(times.parse().unwrap())
}

impl Flight {
    fn bytes(&self) -> Vec<u8> {
        self.rows.iter().flat_map(|row| row.bytes.clone()).collect()
    }

    /// The lines of a head, and the empty one that ends it.
    fn head(&self) -> Vec<u8> {
        [&self.bytes()[..], b"\r\n"].concat()
    }
}

/// A connection to an echo server, after the opening handshake of the page.
async fn open() -> DuplexStream {
    let [handshake, ..] = conversations();
    let (io, mut peer) = tokio::io::duplex(1 << 16);
    tokio::spawn(Endpoint::new(Config::default()).serve(io, None, echo));
    let [request, response] = &handshake[..] else { panic!("one request and one response") };
    peer.write_all(&request.head()).await.unwrap();
    expect(&mut peer, &response.head()).await;
    peer
}

async fn echo(incoming: Incoming) -> stickler::Result<()> {
    let (mut receiver, sender) = incoming.accept()?.split();
    while let Some(message) = receiver.recv().await? {
        sender.send(message)?;
    }
    Ok(())
}

async fn expect(peer: &mut DuplexStream, wanted: &[u8]) {
    let mut seen = vec![0; wanted.len()];
    peer.read_exact(&mut seen).await.unwrap();
    assert!(seen == wanted, "{}\nis not\n{}", seen.escape_ascii(), wanted.escape_ascii());
}

/// Nothing more comes than what was read.
async fn expect_end(mut peer: DuplexStream) {
    let mut rest = Vec::new();
    peer.read_to_end(&mut rest).await.unwrap();
    assert_eq!(rest, b"");
}

#[tokio::test(start_paused = true)]
async fn the_server_answers_each_frame_as_the_page_says() {
    let [_, frames, _] = conversations();
    assert_eq!(frames.iter().filter(|flight| flight.is_client).count(), 6);
    let mut peer = open().await;
    for flight in &frames {
        match flight.is_client {
            true => peer.write_all(&flight.bytes()).await.unwrap(),
            false => expect(&mut peer, &flight.bytes()).await,
        }
    }
    expect_end(peer).await;
}

#[tokio::test(start_paused = true)]
async fn the_fault_is_answered_at_the_byte_that_proves_it() {
    let [.., fault] = conversations();
    let [frame, close] = &fault[..] else { panic!("one frame and one answer") };
    let proof = frame.rows.iter().position(|row| row.says.contains("proves the fault")).unwrap();
    let mut peer = open().await;
    for row in &frame.rows[..=proof] {
        peer.write_all(&row.bytes).await.unwrap();
    }
    expect(&mut peer, &close.bytes()).await;
    expect_end(peer).await;
}

#[test]
fn what_is_said_of_a_payload_is_in_its_bytes() {
    let [_, frames, fault] = conversations();
    let mut read = 0;
    for flight in frames.iter().chain(&fault) {
        let is_key = |row: &&Row| row.says.starts_with("masking key");
        let key = flight.rows.iter().find(is_key).map_or(vec![0; 4], |row| row.bytes.clone());
        // Behind the key the phase begins.
        let from = flight.rows.iter().position(|row| is_key(&row)).map_or(0, |at| at + 1);
        let mut phase = 0;
        for row in &flight.rows[from..] {
            let plain: Vec<u8> = row
                .bytes
                .iter()
                .zip(key.iter().cycle().skip(phase))
                .map(|(byte, key)| byte ^ key)
                .collect();
            phase += row.bytes.len() % 4;
            if let Some(text) = row.says.strip_prefix("payload \"") {
                assert_eq!(plain, text.split('"').next().unwrap().as_bytes(), "{}", row.says);
                read += 1;
            }
            if row.says.contains("zero bytes") {
                assert_eq!(plain, [0; 128]);
                read += 1;
            }
            if let Some(code) = row.says.strip_prefix("status code ") {
                let code: u16 = code[..4].parse().unwrap();
                assert_eq!(plain, code.to_be_bytes(), "{}", row.says);
                read += 1;
            }
        }
    }
    assert_eq!(read, 13);
}

#[test]
fn the_key_is_proven_as_the_page_says() {
    let page = read(PAGE);
    let block = page.split("```text\n").nth(1).unwrap().split("```").next().unwrap();
    let [hashed, digest, proof] = block.lines().collect::<Vec<_>>()[..] else { panic!("{block}") };
    let hash = Sha1::digest(hashed);
    assert_eq!(digest, hash.iter().map(|byte| format!("{byte:02x}")).collect::<String>());
    assert_eq!(proof, STANDARD.encode(hash));
    let key = hashed.split_once("258EAFA5").unwrap().0;
    assert_eq!(STANDARD.decode(key).unwrap(), b"exactly 16 bytes");
    let [handshake, ..] = conversations();
    let heads = [handshake[0].head(), handshake[1].head()].concat();
    let heads = String::from_utf8(heads).unwrap();
    assert!(heads.contains(&format!("Sec-WebSocket-Key: {key}\r\n")), "{heads}");
    assert!(heads.contains(&format!("Sec-WebSocket-Accept: {proof}\r\n")), "{heads}");
}

/// The test of all pages follows the links themselves.
#[test]
fn every_line_names_a_clause_and_a_file_that_are_linked() {
    let links = links(&read(PAGE));
    let is_linked = |label: &str, to: &str| {
        links.iter().any(|link| link.text == label && link.target.contains(to))
    };
    let rows = conversations().into_iter().flatten().flat_map(|flight| flight.rows);
    let labels: Vec<_> = rows.map(|row| row.labels).collect();
    assert_eq!(labels.len(), 59);
    for [clause, file] in labels {
        assert!(is_linked(&clause, "rfc-editor.org/rfc/"), "{clause}");
        assert!(is_linked(&file, "/src/proto/") && is_linked(&file, &format!("/{file}")), "{file}");
    }
}
