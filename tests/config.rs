//! Settings: every one can be set, and what cannot be is refused before anybody is served.
#![cfg(feature = "server")]

use std::io::ErrorKind;
use std::time::Duration;

use stickler::{
    AllowedOrigin, Config, HeadLimits, Incoming, Limits, MessageLimits, Policy, Server, Timeouts,
};

const ZERO: Duration = Duration::ZERO;

async fn idle(_: Incoming) -> stickler::Result<()> {
    Ok(())
}

/// What is wrong with this configuration: the setting that is named.
fn refused(config: Config) -> &'static str {
    let error = config.check().expect_err("a setting that cannot be");
    let server = Server::bind("127.0.0.1:0").unwrap().config(config);
    let started = server.start(idle).unwrap_err();
    assert_eq!(started.kind(), ErrorKind::InvalidInput);
    assert_eq!(started.to_string(), error.to_string());
    assert!(error.to_string().starts_with(error.setting()), "{error}");
    error.setting()
}

#[test]
fn the_defaults_can_be() {
    assert_eq!(Config::default().check(), Ok(()));
}

#[test]
fn a_limit_of_0_is_refused_by_its_name() {
    let message = |message| Config::default().limits(Limits::default().message(message));
    let head = |head| Config::default().limits(Limits::default().head(head));
    let of = |limits| Config::default().limits(limits);
    let rows = [
        (message(MessageLimits::new().max_message_size(0)), "limits.message.max_message_size"),
        (message(MessageLimits::new().max_frame_size(0)), "limits.message.max_frame_size"),
        (message(MessageLimits::new().max_fragments(0)), "limits.message.max_fragments"),
        (head(HeadLimits::new().max_fields(0)), "limits.head.max_fields"),
        (head(HeadLimits::new().max_head_size(0)), "limits.head.max_head_size"),
        (head(HeadLimits::new().max_head_size(100)), "limits.head.max_head_size"),
        (Config::default().limits(Limits::default().max_queued(0)), "limits.max_queued"),
        (Config::default().limits(Limits::default().max_body_size(0)), "limits.max_body_size"),
        (Config::default().limits(Limits::default().min_drain_rate(0)), "limits.min_drain_rate"),
        (of(Limits::default().max_pings_per_second(0)), "limits.max_pings_per_second"),
        (of(Limits::default().max_messages_per_second(0)), "limits.max_messages_per_second"),
        (Config::default().max_memory(0), "max_memory"),
    ];
    for (config, setting) in rows {
        assert_eq!(refused(config), setting);
    }
}

#[test]
fn a_time_of_0_is_refused_by_its_name() {
    let timeouts = Timeouts::default;
    let rows = [
        (timeouts().handshake(ZERO), "timeouts.handshake"),
        (timeouts().close(ZERO), "timeouts.close"),
        (timeouts().keepalive_interval(ZERO), "timeouts.keepalive_interval"),
        (timeouts().keepalive_timeout(ZERO), "timeouts.keepalive_timeout"),
        (timeouts().message_idle(ZERO), "timeouts.message_idle"),
        (timeouts().message(ZERO), "timeouts.message"),
    ];
    for (timeouts, setting) in rows {
        assert_eq!(refused(Config::default().timeouts(timeouts)), setting);
    }
    let silent = timeouts().keepalive_interval(None);
    assert_eq!(Config::default().timeouts(silent).check(), Ok(()));
}

#[test]
fn a_policy_that_nobody_could_satisfy_is_refused() {
    let rows = [
        (Policy::default().paths([""; 0]), "policy.paths"),
        (Policy::default().paths([""]), "policy.paths"),
        (Policy::default().paths(["/a", "chat"]), "policy.paths"),
        (Policy::default().paths(["/a?b"]), "policy.paths"),
        (Policy::default().prefixes([""]), "policy.prefixes"),
        (Policy::default().prefixes(["/a"]), "policy.prefixes"),
        (Policy::default().prefixes(["a/"]), "policy.prefixes"),
        (Policy::default().require_subprotocol(true), "policy.require_subprotocol"),
        (Policy::default().origins([]).require_origin(true), "policy.require_origin"),
        (
            Policy::default().any_subprotocol(true).subprotocols(["a".parse().unwrap()]),
            "policy.any_subprotocol",
        ),
    ];
    for (policy, setting) in rows {
        assert_eq!(refused(Config::default().policy(policy)), setting);
    }
    let below = Policy::default().paths([""; 0]).prefixes(["/", "/a/"]);
    assert_eq!(Config::default().policy(below).check(), Ok(()));
    let any = Policy::default().any_subprotocol(true).require_subprotocol(true);
    assert_eq!(Config::default().policy(any).check(), Ok(()));
}

#[test]
fn a_health_path_that_is_none_or_is_taken_is_refused() {
    let config = || Config::default().policy(Policy::default().paths(["/a", "/b"]));
    for path in ["", "healthz", "/a b", "/a?b", "/a#b", "/ä", "/b"] {
        assert_eq!(refused(config().health_path(Some(path.into()))), "health_path", "{path}");
    }
    assert_eq!(config().health_path(Some("/c".into())).check(), Ok(()));
}

#[cfg(feature = "deflate")]
#[test]
fn compression_without_memory_is_refused() {
    let deflate = stickler::DeflateConfig::default().max_memory(0);
    assert_eq!(refused(Config::default().deflate(deflate.clone())), "deflate.max_memory");
    assert_eq!(Config::default().deflate(deflate.policy(None)).check(), Ok(()));
}

#[test]
fn numbers_of_the_server_that_cannot_be_are_refused_by_their_names() {
    type Set = fn(Server) -> Server;
    let rows: [(Set, &str); 8] = [
        (|server| server.workers(0), "workers is 0"),
        (|server| server.max_connections(0), "max_connections is 0"),
        (|server| server.max_connections_per_address(0), "max_connections_per_address is 0"),
        (|server| server.send_buffer(0), "send_buffer is 0"),
        (|server| server.unsent_low_water(0), "unsent_low_water is 0"),
        (
            |server| server.send_buffer(1000).unsent_low_water(1001),
            "unsent_low_water (1001) is above send_buffer (1000)",
        ),
        (|server| server.blocking_warning(Some(ZERO)), "blocking_warning is 0"),
        (|server| server.limits(Limits::default().max_queued(0)), "limits.max_queued is 0"),
    ];
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    for (set, sentence) in rows {
        for is_foreign in [false, true] {
            let server = set(Server::bind("127.0.0.1:0").unwrap());

            let started = match is_foreign {
                true => server.start_on(runtime.handle(), idle),
                false => server.start(idle),
            };
            let error = started.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidInput);
            assert!(error.to_string().starts_with(sentence), "{error}");
        }
    }
    let server = Server::bind("127.0.0.1:0").unwrap().workers(2);
    let started = server.start_on(runtime.handle(), idle);
    assert!(started.unwrap_err().to_string().starts_with("workers is set"));
}

/// Each setter sets the field of its name and no other: what they bite on is tested where that is.
#[test]
fn setters_set_their_fields() {
    let second = Duration::from_secs;
    let message = MessageLimits::new().max_message_size(1).max_frame_size(2).max_fragments(3);
    assert_eq!(
        (message.max_message_size, message.max_frame_size, message.max_fragments),
        (1, 2, 3)
    );
    let head = HeadLimits::new().max_head_size(4).max_fields(5);
    assert_eq!((head.max_head_size, head.max_fields), (4, 5));
    let limits = Limits::default().message(message).head(head).max_queued(6);
    assert_eq!((limits.message, limits.head, limits.max_queued), (message, head, 6));
    let limits = limits.max_body_size(7).min_drain_rate(8);
    assert_eq!((limits.max_body_size, limits.min_drain_rate), (7, 8));
    let timeouts = Timeouts::default()
        .handshake(second(1))
        .close(second(2))
        .keepalive_interval(second(3))
        .keepalive_timeout(second(4));
    let Timeouts { handshake, close, keepalive_interval, keepalive_timeout, .. } = timeouts;
    assert_eq!(
        (handshake, close, keepalive_interval, keepalive_timeout),
        (second(1), second(2), Some(second(3)), second(4))
    );
    let policy = Policy::default()
        .paths(["/a"])
        .origins([AllowedOrigin::Any])
        .own_hosts(["a.example".parse().unwrap()])
        .subprotocols(["chat".parse().unwrap()]);
    assert_eq!(policy.paths, Some(vec!["/a".to_owned()]));
    assert_eq!((policy.origins.len(), policy.own_hosts.len()), (1, 1));
    assert_eq!(&*policy.subprotocols[0], "chat");
    let flags = |policy: &Policy| {
        let Policy { require_origin, require_subprotocol, secure, trusted_proxy, .. } = *policy;
        [require_origin, require_subprotocol, secure, trusted_proxy, policy.any_subprotocol]
    };
    assert_eq!(flags(&policy), [false; 5]);
    let policies = [
        policy.clone().require_origin(true),
        policy.clone().require_subprotocol(true),
        policy.clone().secure(true),
        policy.clone().trusted_proxy(true),
        policy.clone().any_subprotocol(true),
    ];
    for (at, policy) in policies.iter().enumerate() {
        let mut expected = [false; 5];
        expected[at] = true;
        assert_eq!(flags(policy), expected);
    }
    let config = Config::default().limits(limits).timeouts(Timeouts::default()).policy(policy);
    assert_eq!((config.limits.max_queued, config.policy.own_hosts.len()), (6, 1));
    assert_eq!(config.timeouts.close, Timeouts::default().close);
}

#[cfg(feature = "deflate")]
#[test]
fn setters_of_compression_set_their_fields() {
    use stickler::proto::deflate::{Level, Policy, WindowBits};

    let bits = WindowBits::new(9).unwrap();
    let policy = Policy::new()
        .server_context_takeover(true)
        .client_context_takeover(true)
        .server_max_window_bits(bits);
    assert!(policy.server_context_takeover && policy.client_context_takeover);
    assert_eq!(policy.server_max_window_bits, bits);
    let level = Level::new(9).unwrap();
    let deflate =
        stickler::DeflateConfig::default().policy(policy).level(level).min_size(1).max_memory(2);
    assert_eq!((deflate.policy, deflate.level), (Some(policy), level));
    assert_eq!((deflate.min_size, deflate.max_memory), (1, 2));
    assert_eq!(Config::default().deflate(deflate).deflate.max_memory, 2);
}
