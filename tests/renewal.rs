//! A configuration and caps that change while the server runs: for connections to come, and for no other.
#![cfg(feature = "server")]

use std::io::ErrorKind;
use std::sync::Arc;

use stickler::{AllowedOrigin, Caps, Config, Incoming, Limits, MessageLimits, Policy, Server};
use stickler_testing::frame::{REQUEST, binary};
use stickler_testing::memory::echo;
use stickler_testing::tcp::{Client, PATIENCE, Running};

/// Messages of so many bytes at most.
fn config(bytes: usize) -> Config {
    let message = MessageLimits::new().max_message_size(bytes);
    Config::default().limits(Limits::default().message(message))
}

/// Whether a message of 100 bytes comes back; where it does not, the connection is failed with 1009.
fn takes_100(client: &mut Client) -> bool {
    client.send(binary([b'x'; 100]));
    let (first, payload) = client.frame();
    match first {
        0x82 => true,
        0x88 => {
            assert_eq!(payload[..2], 1009_u16.to_be_bytes());
            false
        }
        other => panic!("a frame that begins with {other:#x}"),
    }
}

#[test]
fn connections_to_come_get_the_new_configuration_and_open_ones_keep_theirs() {
    let server = Running::new(config(1000), echo);
    let mut first = server.open();
    assert!(takes_100(&mut first));
    server.handle.reload_config(config(99)).unwrap();
    let mut second = server.open();
    assert!(takes_100(&mut first));
    server.handle.reload_config(config(100)).unwrap();
    let mut third = server.open();
    assert!(takes_100(&mut third) && takes_100(&mut first));
    assert!(!takes_100(&mut second));
    // All of them are told of the end, and counted.
    assert_eq!(server.handle.counters().accepted, 3);
    server.handle.shutdown(PATIENCE);
    for client in [&mut first, &mut third] {
        assert_eq!(client.close_code(), 1001);
    }
    drop((first, second, third));
    server.wait();
}

#[test]
fn the_policy_of_a_new_handshake_is_the_newest() {
    let server = Running::echo();
    let with_origin = REQUEST.replace("\r\n\r\n", "\r\nOrigin: https://a.example\r\n\r\n");
    let answer = || {
        let mut client = server.connect();
        client.send(&with_origin);
        client.head().status()
    };
    assert_eq!(answer(), 403);
    let origins = |origin: &str| {
        let origins: Vec<AllowedOrigin> = vec![origin.parse().unwrap()];
        Config::default().policy(Policy::default().origins(origins))
    };
    server.handle.reload_config(origins("https://a.example")).unwrap();
    assert_eq!(answer(), 101);
    server.handle.reload_config(origins("https://b.example")).unwrap();
    assert_eq!(answer(), 403);
    server.stop();
}

#[test]
fn what_the_application_has_of_its_own_is_replaced_with_the_rest() {
    let with = |data: &'static str| config(data.len()).app_data(Arc::new(data));
    let server = Running::new(with("one"), |incoming: Incoming| async move {
        assert!(incoming.app_data::<u8>().is_none());
        let data = incoming.app_data::<&str>().map_or("none", |data| *data);
        let (_, sender) = incoming.accept()?.split();
        sender.send(data)?;
        Ok(())
    });
    // It is listed from when it was accepted.
    let mut early = server.connect();
    while server.handle.connections(None, 1).is_empty() {
        std::thread::yield_now();
    }
    for (config, told) in [(with("two"), "two"), (config(1), "none")] {
        server.handle.reload_config(config).unwrap();
        assert_eq!(server.open().frame(), (0x81, told.into()));
    }
    early.send(REQUEST);
    early.head();
    assert_eq!(early.frame(), (0x81, b"one".to_vec()));
    drop(early);
    server.stop();
}

#[test]
fn what_cannot_be_leaves_the_old_in_force() {
    let server = Running::new(config(1000), echo);
    let error = server.handle.reload_config(config(0)).unwrap_err();
    assert_eq!(error.setting(), "limits.message.max_message_size");
    for caps in [
        Caps::default().max_connections(0),
        Caps::default().max_connections_per_address(0),
        Caps::default().max_handshakes(0),
        Caps::default().max_handshakes_per_address(0),
    ] {
        let error = server.handle.reload_caps(caps).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
    }
    assert!(takes_100(&mut server.open()));
    server.stop();
}

#[test]
fn caps_change_for_connections_to_come() {
    let server = Server::bind("127.0.0.1:0").unwrap().workers(1).max_connections(1);
    let server = Running::of(server.start(echo).unwrap());
    let mut first = server.open();
    let refused = || server.request().1.status();
    assert_eq!(refused(), 503);
    server.handle.reload_caps(Caps::default().max_connections(2)).unwrap();
    let mut second = server.open();
    assert_eq!(refused(), 503);
    // Those that are there stay, also where they are too many.
    server.handle.reload_caps(Caps::default().max_connections(1)).unwrap();
    assert!(takes_100(&mut first) && takes_100(&mut second));
    server.handle.reload_caps(Caps::default().max_connections_per_address(1)).unwrap();
    // Only those count that came since.
    let held = server.open();
    assert_eq!(refused(), 503);
    drop(held);
    server.stop();
}

#[test]
fn caps_that_are_given_together_hold_from_the_beginning() {
    for caps in [
        Caps::default().max_connections(1),
        Caps::default().max_connections(9).max_connections_per_address(1),
    ] {
        let server = Server::bind("127.0.0.1:0").unwrap().workers(1).caps(caps);
        let server = Running::of(server.start(echo).unwrap());
        let held = server.open();
        assert_eq!(server.request().1.status(), 503);
        drop(held);
        server.stop();
    }
}
