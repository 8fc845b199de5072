//! Headers of the PROXY protocol: whole at their last byte, and read as the crate `ppp` reads them.

#![no_main]

use std::net::SocketAddr;

use libfuzzer_sys::fuzz_target;
use stickler::ProxyHeader;

fuzz_target!(|data: &[u8]| {
    let whole = ProxyHeader::parse(data);
    match &whole {
        Ok(Some(header)) => {
            assert!(header.len <= data.len());
            let (front, _) = data.split_at(header.len);
            // What follows is not looked at, and one byte less is no header yet.
            assert_eq!(ProxyHeader::parse(front), whole);
            assert_eq!(ProxyHeader::parse(&front[..header.len - 1]), Ok(None));
            // Where the proxy speaks for itself the rest is passed over here, and read there.
            let is_local = front.get(12) == Some(&0x20) && front.starts_with(b"\r");
            if !is_local && !front.starts_with(b"PROXY UNKNOWN") {
                assert_eq!(oracle(front), Some(header.client), "{}", front.escape_ascii());
            }
        }
        // More bytes do not mend it.
        Err(_) => assert_eq!(ProxyHeader::parse(&[data, b"\r\n"].concat()), whole),
        Ok(None) => {
            for cut in 0..data.len().min(64) {
                assert_eq!(ProxyHeader::parse(&data[..cut]), Ok(None));
            }
        }
    }
});

/// What `ppp` reads: the client, or `None` inside for none.
fn oracle(header: &[u8]) -> Option<Option<SocketAddr>> {
    let canonical = |ip: std::net::IpAddr, port| Some(SocketAddr::new(ip.to_canonical(), port));
    if header.starts_with(b"P") {
        return Some(match ppp::v1::Header::try_from(header).ok()?.addresses {
            ppp::v1::Addresses::Unknown => None,
            ppp::v1::Addresses::Tcp4(ip) => canonical(ip.source_address.into(), ip.source_port),
            ppp::v1::Addresses::Tcp6(ip) => canonical(ip.source_address.into(), ip.source_port),
        });
    }
    Some(match ppp::v2::Header::try_from(header).ok()?.addresses {
        ppp::v2::Addresses::IPv4(ip) => canonical(ip.source_address.into(), ip.source_port),
        ppp::v2::Addresses::IPv6(ip) => canonical(ip.source_address.into(), ip.source_port),
        _ => None,
    })
}
