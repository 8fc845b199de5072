//! Frames for Wireshark: a pcapng file in which each packet is one frame.
//!
//! Below a frame there is no packet of a network to show: over TLS it would be of no use. So the packets are of
//! link type 252, which Wireshark calls exported PDUs: tags that name the dissector `websocket`, the addresses and
//! the ports, then the frame as it was on the wire, masked where the client masked it.

use std::borrow::Cow;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, SystemTime};

use pcap_file::DataLink;
use pcap_file::pcapng::PcapNgWriter;
use pcap_file::pcapng::blocks::enhanced_packet::{EnhancedPacketBlock, EnhancedPacketOption};
use pcap_file::pcapng::blocks::interface_description::{
    InterfaceDescriptionBlock, InterfaceDescriptionOption,
};
use pcap_file::pcapng::blocks::interface_statistics::{
    InterfaceStatisticsBlock, InterfaceStatisticsOption,
};
use stickler::Direction;

use super::Format;
use super::record::Record;
use super::shown::escaped;

/// Blocks of pcapng. Each packet names its connection.
pub(super) struct PcapNg {
    writer: PcapNgWriter<Vec<u8>>,
    /// Frames that are missing before the next one.
    missing: u64,
    /// Frames that are missing in all.
    all_missing: u64,
}

impl PcapNg {
    pub(super) fn new() -> io::Result<PcapNg> {
        let mut writer = PcapNgWriter::new(Vec::new()).map_err(io::Error::other)?;
        let interface = InterfaceDescriptionBlock {
            linktype: DataLink::from(EXPORTED_PDU),
            snaplen: 0,
            options: vec![
                InterfaceDescriptionOption::IfName(Cow::Borrowed("stickler")),
                // Ten to the minus ninth: nanoseconds.
                InterfaceDescriptionOption::IfTsResol(9),
            ],
        };
        writer.write_pcapng_block(interface).map_err(io::Error::other)?;
        Ok(PcapNg { writer, missing: 0, all_missing: 0 })
    }

    /// What was encoded so far.
    fn take(&mut self, out: &mut Vec<u8>) {
        out.append(self.writer.get_mut());
    }
}

impl Format for PcapNg {
    fn begin(&mut self, out: &mut Vec<u8>) -> io::Result<()> {
        self.take(out);
        Ok(())
    }

    fn frame(&mut self, record: &Record, out: &mut Vec<u8>) -> io::Result<()> {
        let mut data = tags(record);
        let before = data.len() as u64 + record.header.len() as u64;
        data.extend_from_slice(&record.header);
        let key = record.mask_key.unwrap_or_default();
        let masked = record.payload.iter().zip(key.iter().cycle()).map(|(byte, key)| byte ^ key);
        data.extend(masked);
        let on_wire = before.saturating_add(record.passed_len);
        let connection = &record.connection;
        let named = format!("connection {}, path {}", connection.id(), escaped(connection.path()));
        let mut options = vec![
            EnhancedPacketOption::Comment(Cow::Owned(named)),
            EnhancedPacketOption::Flags(match record.direction {
                Direction::Received => INBOUND,
                Direction::Sent => OUTBOUND,
            }),
        ];
        if self.missing > 0 {
            options.push(EnhancedPacketOption::DropCount(std::mem::take(&mut self.missing)));
        }
        let since = record.time.duration_since(SystemTime::UNIX_EPOCH);
        let block = EnhancedPacketBlock {
            interface_id: 0,
            timestamp: since.unwrap_or(Duration::ZERO),
            original_len: u32::try_from(on_wire).unwrap_or(u32::MAX),
            data: Cow::Owned(data),
            options,
        };
        self.writer.write_pcapng_block(block).map_err(io::Error::other)?;
        self.take(out);
        Ok(())
    }

    /// The next packet says it.
    fn dropped(&mut self, count: u64, _: &mut Vec<u8>) -> io::Result<()> {
        self.missing += count;
        self.all_missing += count;
        Ok(())
    }

    /// No packet follows that says it: the interface does, with how many it lost since it was begun.
    fn flush(&mut self, out: &mut Vec<u8>) -> io::Result<()> {
        if std::mem::take(&mut self.missing) == 0 {
            return Ok(());
        }
        let statistics = InterfaceStatisticsBlock {
            interface_id: 0,
            timestamp: 0,
            options: vec![InterfaceStatisticsOption::IsbIfDrop(self.all_missing)],
        };
        self.writer.write_pcapng_block(statistics).map_err(io::Error::other)?;
        self.take(out);
        Ok(())
    }
}

/// What stands before the frame, in network byte order.
fn tags(record: &Record) -> Vec<u8> {
    let mut tags = Vec::new();
    append(&mut tags, DISSECTOR_NAME, b"websocket");
    let connection = &record.connection;
    if let (Some(peer), Some(local)) = (connection.peer_addr(), connection.local_addr()) {
        let (source, destination) = match record.direction {
            Direction::Received => (peer, local),
            Direction::Sent => (local, peer),
        };
        append_address(&mut tags, source, [IPV4_SOURCE, IPV6_SOURCE]);
        append_address(&mut tags, destination, [IPV4_DESTINATION, IPV6_DESTINATION]);
        append(&mut tags, PORT_TYPE, &TCP.to_be_bytes());
        append(&mut tags, SOURCE_PORT, &u32::from(source.port()).to_be_bytes());
        append(&mut tags, DESTINATION_PORT, &u32::from(destination.port()).to_be_bytes());
    }
    append(&mut tags, END_OF_TAGS, b"");
    tags
}

fn append_address(tags: &mut Vec<u8>, address: SocketAddr, [v4, v6]: [u16; 2]) {
    match address.ip() {
        IpAddr::V4(address) => append(tags, v4, &address.octets()),
        IpAddr::V6(address) => append(tags, v6, &address.octets()),
    }
}

/// Number, length, and the value, filled up to four bytes.
fn append(tags: &mut Vec<u8>, number: u16, value: &[u8]) {
    let len = value.len().next_multiple_of(4);
    tags.extend_from_slice(&number.to_be_bytes());
    tags.extend_from_slice(&u16::try_from(len).unwrap_or(u16::MAX).to_be_bytes());
    tags.extend_from_slice(value);
    tags.resize(tags.len() + len - value.len(), 0);
}

/// The link type of exported PDUs.
const EXPORTED_PDU: u32 = 252;

/// The two directions of a packet, as its flags have them.
const INBOUND: u32 = 1;
const OUTBOUND: u32 = 2;

/// The tags of exported PDUs.
const END_OF_TAGS: u16 = 0;
const DISSECTOR_NAME: u16 = 12;
const IPV4_SOURCE: u16 = 20;
const IPV4_DESTINATION: u16 = 21;
const IPV6_SOURCE: u16 = 22;
const IPV6_DESTINATION: u16 = 23;
const PORT_TYPE: u16 = 24;
const SOURCE_PORT: u16 = 25;
const DESTINATION_PORT: u16 = 26;

/// The port type of TCP.
const TCP: u32 = 2;

#[cfg(test)]
mod tests {
    use pcap_file::pcapng::{Block, PcapNgReader};

    use super::super::record::tests::records;
    use super::*;

    #[test]
    fn each_packet_is_a_frame_as_it_was_on_the_wire_and_says_what_is_missing_before_it() {
        let mut format = PcapNg::new().unwrap();
        let mut out = Vec::new();
        format.begin(&mut out).unwrap();
        let records = records();
        for (number, record) in records.iter().enumerate() {
            if number == 2 {
                format.dropped(3, &mut out).unwrap();
                format.dropped(4, &mut out).unwrap();
            }
            format.frame(record, &mut out).unwrap();
            format.flush(&mut out).unwrap();
        }
        format.dropped(2, &mut out).unwrap();
        format.flush(&mut out).unwrap();
        let mut reader = PcapNgReader::new(&out[..]).unwrap();
        let (mut packets, mut lost) = (Vec::new(), Vec::new());
        while let Some(block) = reader.next_block() {
            match block.unwrap().into_owned() {
                Block::InterfaceDescription(interface) => {
                    assert_eq!(u32::from(interface.linktype), 252);
                }
                Block::EnhancedPacket(packet) => packets.push(packet),
                Block::InterfaceStatistics(statistics) => lost.extend(statistics.options),
                other => panic!("{other:?}"),
            }
        }
        assert_eq!(packets.len(), records.len());
        // Behind the last packet the interface says it, of all.
        assert_eq!(lost, [InterfaceStatisticsOption::IsbIfDrop(9)]);
        // The tags of a connection without addresses: the name, and the end.
        let tags = 4 + 12 + 4;
        // Header, key, and seven of the fifteen bytes, masked.
        let hello = &packets[0];
        assert_eq!(&hello.data[tags..tags + 6], [0x81, 0x8f, 0x37, 0xfa, 0x21, 0x3d]);
        assert_eq!(hello.data[tags + 6] ^ 0x37, b'G');
        assert_eq!((hello.data.len(), hello.original_len as usize), (tags + 13, tags + 21));
        assert_eq!(&packets[1].data[tags..tags + 3], [0x81, 0x0f, b'G']);
        let flags = |packet: &EnhancedPacketBlock<'_>, wanted: EnhancedPacketOption<'static>| {
            packet.options.contains(&wanted)
        };
        assert!(flags(&packets[0], EnhancedPacketOption::Flags(1)));
        assert!(flags(&packets[1], EnhancedPacketOption::Flags(2)));
        let dropped = |packet: &EnhancedPacketBlock<'_>| {
            packet.options.iter().any(|it| matches!(it, EnhancedPacketOption::DropCount(_)))
        };
        assert!(flags(&packets[2], EnhancedPacketOption::DropCount(7)));
        assert!(!dropped(&packets[1]) && !dropped(&packets[3]));
        let since = records[0].time.duration_since(SystemTime::UNIX_EPOCH).unwrap();
        assert_eq!(packets[0].timestamp, since);
    }
}
