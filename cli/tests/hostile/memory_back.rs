//! What an attack took is given back to the system when it is over.

use std::time::Duration;

use tokio::runtime::Builder;
use tokio::time::timeout;

use crate::bytes::{DEFLATE, bomb, frame};
use crate::peer::Peer;
use crate::program::{peak_mib, start, wait_until};
use crate::{alone, scaled};

/// Each of so many connections sends so many bombs, one after the other, and takes their echoes.
#[test]
fn memory_falls_back_after_bombs() {
    let _alone = alone();
    let server = start(&["--log=warn"]);
    let address = server.address();
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    let bomb = frame(0xc2, bomb((16 << 20) - 1024));
    let (connections, bombs) = scaled((10, 3), (20, 8));
    let attack = |connections: usize, bombs: usize| {
        runtime.block_on(async {
            let mut peers = Vec::new();
            for _ in 0..connections {
                let bomb = bomb.clone();
                peers.push(tokio::spawn(async move {
                    let mut peer = Peer::open(address, Some(DEFLATE)).await.unwrap();
                    for _ in 0..bombs {
                        peer.send(&bomb).await.unwrap();
                    }
                    for _ in 0..bombs {
                        let next = timeout(Duration::from_secs(120), peer.next()).await;
                        next.expect("an echo in time").unwrap();
                    }
                }));
            }
            for peer in peers {
                peer.await.unwrap();
            }
        });
    };
    // What is there for good after the first small use is not counted.
    let small = frame(0x82, vec![1; 100_000]);
    runtime.block_on(async {
        let mut peer = Peer::open(address, Some(DEFLATE)).await.unwrap();
        peer.send(&small).await.unwrap();
        peer.next().await.unwrap();
    });
    let before = server.resident() / 1024;
    attack(connections, bombs);
    let peak = peak_mib(&server);
    let fell = wait_until(Duration::from_secs(10), || server.resident() / 1024 <= before + SPARE);
    let after = server.resident() / 1024;
    eprintln!("bombs: {before} MiB before, {peak} MiB at most, {after} MiB after");
    assert!(fell, "{after} MiB stay, {before} MiB before, {peak} MiB at most");
    server.retire().unwrap();
}

/// What pools and the allocator may keep, in MiB.
const SPARE: u64 = 32;
