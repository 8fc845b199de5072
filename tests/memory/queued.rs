//! What waits for a slow peer takes memory by its length, whatever buffer it arrived in.

use stickler::{Config, Endpoint};

use crate::REQUEST;
use crate::allocator::held;
use crate::support::{binary, echo, open, open_on, settle};

/// What a connection takes besides its queue.
const SLACK: isize = 8 << 10;

const COUNT: usize = 10;

#[tokio::test(start_paused = true)]
async fn what_is_queued_takes_no_multiple_of_its_length() {
    let (vast, discarding) = open(Config::default(), async |incoming| {
        let (mut receiver, _sender) = incoming.accept()?.split();
        while receiver.recv().await?.is_some() {}
        Ok(())
    })
    .await;
    let endpoint = Endpoint::new(Config::default());
    let mut slow = Vec::new();
    // One that arrives in a read buffer, and one that has a buffer of its own; being written, and
    // waiting behind another.
    for (len, room) in [(20_000, 1000), (20_000, 0), (200_000, 1000), (200_000, 0)] {
        let mut before = 0;
        for number in 0..=COUNT {
            if number == 1 {
                before = held();
            }
            // The thread keeps the buffer of this one for the next.
            vast.send(binary(vec![1; 4_000_000]));
            settle().await;
            let (peer, serving, _) = open_on(&endpoint, REQUEST, echo).await;
            peer.give_room(room);
            if room == 0 {
                peer.send(binary("first"));
                settle().await;
            }
            peer.send(binary(vec![2; len]));
            settle().await;
            assert_eq!(peer.untaken(), 0);
            slow.push((peer, serving));
        }
        let each = (held() - before) / COUNT as isize;
        println!("{each} bytes for a queued message of {len}");
        // The transport of the test keeps as much too.
        assert!(each <= 3 * len as isize + SLACK, "{each} bytes for {len}");
    }
    for (peer, serving) in slow {
        peer.give_room(usize::MAX);
        peer.end();
        serving.await.unwrap();
    }
    vast.end();
    discarding.await.unwrap();
}
