//! What Wireshark makes of the frames: tshark, the same without windows, reads them.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{Command, Stdio};

use stickler_testing::folder::Folder;
use stickler_testing::frame::{close, frame, text};

use crate::server::stickler;
use crate::{converse, open, start};

/// One line of these fields for each packet; `None` where tshark is not there.
fn tshark(file: &Path, fields: &[&str]) -> Option<Vec<Vec<String>>> {
    let mut command = Command::new("tshark");
    command.arg("-r").arg(file).args(["-T", "fields", "-E", "separator=;"]);
    command.args(fields.iter().flat_map(|field| ["-e", field]));
    let Ok(output) = command.output() else {
        let _ = writeln!(std::io::stderr(), "skipped: tshark is not there");
        return None;
    };
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    let lines = String::from_utf8(output.stdout).unwrap();
    let fields = |line: &str| line.split(';').map(str::to_owned).collect();
    Some(lines.lines().map(fields).collect())
}

#[test]
fn tshark_reads_the_frames_with_addresses_direction_and_payload() {
    let folder = Folder::new("tshark");
    let file = folder.path().join("frames.pcapng");
    let flags = ["--trace-frames", "--trace-format=pcapng", "--trace-payload=64", "--trace-file"];
    let flags = [&flags[..], &[file.to_str().unwrap()]].concat();
    let server = start(&[], &flags);
    let mut client = open(server.address(), "/echo");
    client.send(text("Hello"));
    client.frame();
    client.send([frame(0x02, [7; 300]), frame(0x80, "end")].concat());
    client.frame();
    client.send(frame(0x89, "ping"));
    client.frame();
    client.send(frame(0x88, [&1001_u16.to_be_bytes()[..], b"gone"].concat()));
    client.close_code();
    client.rest();
    let port = client.stream.local_addr().unwrap().port().to_string();
    // Appended to, as a section of its own.
    server.retire().unwrap();
    let server_port = server.address().port().to_string();
    let server = start(&[], &flags);
    converse(server.address(), "/");
    server.retire().unwrap();

    let Some(packets) = tshark(
        &file,
        &[
            "exported_pdu.prot_name",
            "ip.src",
            "exported_pdu.src_port",
            "ip.dst",
            "exported_pdu.dst_port",
            "websocket.opcode",
            "websocket.fin",
            "websocket.mask",
            "websocket.masking_key",
        ],
    ) else {
        return;
    };
    let mask = "37fa213d";
    let received = |opcode: &str, fin: &str| -> Vec<String> {
        let (src, dst) = ((&*port), &*server_port);
        ["websocket", "127.0.0.1", src, "127.0.0.1", dst, opcode, fin, "1", mask]
            .map(Into::into)
            .into()
    };
    let sent = |opcode: &str| -> Vec<String> {
        let (src, dst) = ((&*server_port), &*port);
        ["websocket", "127.0.0.1", src, "127.0.0.1", dst, opcode, "1", "0", ""]
            .map(Into::into)
            .into()
    };
    assert_eq!(
        packets[..9],
        [
            received("1", "1"),
            sent("1"),
            received("2", "0"),
            received("0", "1"),
            sent("2"),
            received("9", "1"),
            sent("10"),
            received("8", "1"),
            sent("8"),
        ]
    );
    assert_eq!(packets.len(), 9 + 6);

    let lengths = tshark(&file, &["frame.len", "frame.cap_len", "frame.p2p_dir", "frame.comment"]);
    let lengths = lengths.unwrap();
    let number = |text: &str| text.parse::<usize>().unwrap();
    // Of 300 bytes 64 are there.
    assert_eq!(number(&lengths[2][0]) - number(&lengths[2][1]), 300 - 64);
    assert_eq!(lengths[0][0], lengths[0][1]);
    assert_eq!((&*lengths[0][2], &*lengths[1][2]), ("1", "0"));
    assert!(lengths[0][3].ends_with("path /echo"), "{lengths:?}");

    let close =
        tshark(&file, &["websocket.payload.close.status_code", "websocket.payload.close.reason"]);
    assert_eq!(close.unwrap()[7], ["1001", "gone"]);
    let mut all = Command::new("tshark");
    let all = all.arg("-r").arg(&file).arg("-V").output().unwrap();
    let all = String::from_utf8_lossy(&all.stdout);
    assert!(all.contains("Hello") && !all.contains("Malformed"), "{all}");
}

#[test]
fn standard_output_has_packets_alone_where_they_go_there() {
    let mut command = stickler();
    command.args(["serve", "--listen", "127.0.0.1:0"]);
    command.args(["--trace-frames", "--trace-format=pcapng", "--trace-file=-"]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut log = BufReader::new(child.stderr.take().unwrap());
    let mut line = String::new();
    let address = loop {
        line.clear();
        assert!(log.read_line(&mut line).unwrap() > 0);
        if let Some(address) = line.strip_prefix("listening on ws://") {
            break address.trim().parse().unwrap();
        }
    };
    let mut client = open(address, "/");
    client.send(text("Hello, secret"));
    client.frame();
    client.send(close(1000));
    client.rest();
    let pid = rustix::process::Pid::from_raw(i32::try_from(child.id()).unwrap()).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
    let mut written = Vec::new();
    child.stdout.take().unwrap().read_to_end(&mut written).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(0));
    assert_eq!(written[..4], [0x0a, 0x0d, 0x0d, 0x0a]);
    // None of the payload, masked or not.
    assert!(!written.windows(6).any(|bytes| bytes == b"secret"));
    let folder = Folder::new("piped");
    let file = folder.path().join("frames.pcapng");
    fs::write(&file, &written).unwrap();
    if let Some(packets) = tshark(&file, &["websocket.opcode", "websocket.payload_length"]) {
        assert_eq!(packets, [["1", "13"], ["1", "13"], ["8", "2"], ["8", "2"]]);
    }
}
