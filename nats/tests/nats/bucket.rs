//! Keys that expire.

use std::time::{Duration, Instant};

use crate::server::Server;

#[tokio::test]
async fn a_key_is_taken_once_until_it_is_released() {
    let Some(server) = Server::start("taken").await else { return };
    let (one, two) = (server.connect().await, server.connect().await);
    let one = one.bucket("NAMES", Duration::from_secs(30)).await.unwrap();
    let two = two.bucket("NAMES", Duration::from_secs(30)).await.unwrap();
    let key = ["room", "ann"];
    assert!(one.create(&key, "1".into()).await.unwrap());
    assert!(!two.create(&key, "2".into()).await.unwrap());
    // The same value again: the first answer may have been lost.
    assert!(one.create(&key, "1".into()).await.unwrap());
    assert!(!two.renew(&key, "2".into()).await.unwrap());
    assert!(!two.release(&key, b"2").await.unwrap());
    assert!(one.renew(&key, "1".into()).await.unwrap());
    let entry = two.get(&key).await.unwrap().unwrap();
    assert_eq!(entry.value, "1");
    assert!(one.update(&key, "3".into(), entry.revision).await.unwrap());
    assert!(!two.update(&key, "4".into(), entry.revision).await.unwrap());
    assert!(one.release(&key, b"3").await.unwrap());
    assert_eq!(two.get(&key).await.unwrap(), None);
    assert!(two.create(&key, "2".into()).await.unwrap());
}

#[tokio::test]
async fn keys_are_listed_below_their_first_parts() {
    let Some(server) = Server::start("listed").await else { return };
    let bucket = server.connect().await.bucket("NAMES", Duration::from_secs(30)).await.unwrap();
    assert_eq!(bucket.list(&["room"]).await.unwrap(), []);
    for key in [["room", "ann"], ["room", "*.> \u{1f600}"], ["roomy", "bob"], ["room", "gone"]] {
        assert!(bucket.create(&key, key[1].to_owned().into()).await.unwrap());
    }
    assert!(bucket.release(&["room", "gone"], b"gone").await.unwrap());
    let entries = bucket.list(&["room"]).await.unwrap();
    let mut names: Vec<&str> = entries.iter().map(|entry| entry.key[1].as_str()).collect();
    names.sort_unstable();
    assert_eq!(names, ["*.> \u{1f600}", "ann"]);
    assert_eq!(bucket.list(&[]).await.unwrap().len(), 3);
    // More than one answer has.
    for at in 0..300 {
        bucket.set(&["many", &at.to_string()], "x".into()).await.unwrap();
    }
    bucket.set(&["many", "0"], "y".into()).await.unwrap();
    bucket.remove(&["many", "1"]).await.unwrap();
    let entries = bucket.list(&["many"]).await.unwrap();
    assert_eq!(entries.len(), 299);
    assert_eq!(entries[0].value, "y");
}

#[tokio::test]
async fn a_key_expires_unless_it_is_renewed() {
    let Some(server) = Server::start("expiry").await else { return };
    let bucket = server.connect().await.bucket("NAMES", Duration::from_secs(1)).await.unwrap();
    assert!(bucket.create(&["kept"], "1".into()).await.unwrap());
    assert!(bucket.create(&["lost"], "1".into()).await.unwrap());
    let began = Instant::now();
    while bucket.get(&["lost"]).await.unwrap().is_some() {
        assert!(began.elapsed() < Duration::from_secs(10));
        assert!(bucket.renew(&["kept"], "1".into()).await.unwrap());
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert!(began.elapsed() > Duration::from_millis(500));
    assert!(bucket.get(&["kept"]).await.unwrap().is_some());
    assert!(bucket.create(&["lost"], "2".into()).await.unwrap());
}
