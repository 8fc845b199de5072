//! Compressed messages that never go on: they cannot take compression from honest peers.

use std::net::SocketAddr;
use std::sync::mpsc;
use std::time::Duration;

use crate::attacks::Attack;
use crate::bytes::{DEFLATE, half_compressed};
use crate::honest::Honest;
use crate::peer::Peer;
use crate::program::start;
use crate::{alone, scaled};

/// All agree first, so that no offer is declined; then each sends the seven bytes. Says how many did.
fn half_a_message_each(address: SocketAddr, count: usize) -> (Attack, usize) {
    let (tell, told) = mpsc::channel();
    let attack = Attack::start(move || {
        tokio::spawn(async move {
            let mut peers = Vec::new();
            for _ in 0..count {
                peers.extend(Peer::open(address, Some(DEFLATE)).await.ok());
            }
            for peer in &mut peers {
                let _ = peer.send(&half_compressed()).await;
            }
            let _ = tell.send(peers.len());
            std::future::pending::<()>().await;
        });
    });
    let agreed = told.recv_timeout(Duration::from_secs(60)).unwrap();
    (attack, agreed)
}

/// A budget of 32 MiB is spent by 400 inflaters, and one of 512 MiB by 6,700.
#[test]
fn half_compressed_messages_take_nothing_from_honest_peers() {
    let _alone = alone();
    let (attackers, memory) = scaled((800, "32MiB"), (7_000, "512MiB"));
    let server = start(&[&format!("--deflate-memory={memory}"), "--log=warn"]);
    let honest = Honest::start(server.address(), 10, true);
    std::thread::sleep(Duration::from_secs(1));
    let (attack, agreed) = half_a_message_each(server.address(), attackers);
    std::thread::sleep(Duration::from_secs(3));
    let resident = server.resident() / 1024;
    drop(attack);
    let lost = honest.finish().err();
    eprintln!("half compressed: {agreed} of {attackers} agreed, {resident} MiB, lost {lost:?}");
    assert_eq!(lost, None);
    assert!(agreed * 10 >= attackers * 9, "only {agreed} of {attackers} have agreed");
    server.retire().unwrap();
}
