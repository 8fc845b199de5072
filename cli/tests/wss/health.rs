//! `stickler health` over TLS: its variables, its options, and where it looks without a URL.

use crate::relay::{Authority, End, Time, relay};
use crate::{Echo, run, stickler, url};

#[test]
fn the_variables_say_what_the_options_say() {
    let (echo, authority) = (Echo::start(), Authority::new("variables"));
    let config = authority.certify(&["localhost"], Time::Now);
    let url = url(relay(echo.address(), config, End::Notified));
    let health = |variables: &[(&str, &str)]| {
        let mut command = stickler(&["health"]);
        command.env("STICKLER_HEALTH_URL", &url).envs(variables.iter().copied());
        run(&mut command).0
    };
    assert_eq!(health(&[("STICKLER_HEALTH_CA", authority.file())]), 0);
    assert_eq!(health(&[("STICKLER_HEALTH_INSECURE", "true")]), 0);
    assert_eq!(health(&[("STICKLER_HEALTH_INSECURE", "false")]), 1);
    assert_eq!(health(&[("STICKLER_HEALTH_INSECURE", "perhaps")]), 2);
    assert_eq!(health(&[("STICKLER_HEALTH_CA", "/no/such/file.pem")]), 2);
}

#[test]
fn the_host_that_is_asked_for_is_the_name_of_the_certificate() {
    let (echo, authority) = (Echo::start(), Authority::new("host"));
    let config = authority.certify(&["chat.example.com"], Time::Now);
    let address = relay(echo.address(), config, End::Notified);
    let health = |host: &[&str]| {
        let url = format!("wss://{address}/");
        let ca = ["health", &url, "--ca", authority.file()];
        run(&mut stickler(&[&ca[..], host].concat()))
    };
    assert_eq!(health(&["--host", "chat.example.com"]), (0, String::new()));
    assert_eq!(health(&["--host", "chat.example.com:443"]), (0, String::new()));
    for host in [&[][..], &["--host", "other.example.com"]] {
        let (status, said) = health(host);
        assert_eq!(status, 1, "{said}");
        assert!(said.contains("is for another name"), "{said}");
    }
}

#[test]
fn without_a_url_it_looks_where_the_server_listens_with_tls() {
    let (echo, authority) = (Echo::start(), Authority::new("served"));
    let config = authority.certify(&["chat.example.com"], Time::Now);
    let address = relay(echo.address(), config, End::Notified).to_string();
    let plain = echo.address().to_string();
    let health = |variables: &[(&str, &str)], arguments: &[&str]| {
        let mut command = stickler(&[&["health"], arguments].concat());
        run(command.envs(variables.iter().copied()))
    };
    let tls = ("STICKLER_LISTEN_TLS", &address[..]);
    // The address is one of this machine, and no certificate has it.
    assert_eq!(health(&[tls], &[]), (0, String::new()));
    let own = ("STICKLER_OWN_HOST", "chat.example.com");
    assert_eq!(health(&[tls, own], &["--ca", authority.file()]), (0, String::new()));
    let (status, said) = health(&[tls], &["--ca", authority.file()]);
    assert_eq!(status, 1, "{said}");
    assert!(said.starts_with(&format!("stickler: wss://{address}/: ")), "{said}");
    // A listener without TLS is asked first.
    assert_eq!(health(&[tls, ("STICKLER_LISTEN", &plain)], &[]), (0, String::new()));
    let (status, said) = health(&[tls, ("STICKLER_LISTEN", &plain)], &["--insecure"]);
    assert_eq!(status, 2, "{said}");
    assert!(
        said.contains("--ca, or STICKLER_HEALTH_INSECURE") && said.contains("are about TLS"),
        "{said}"
    );
    let (status, said) = health(&[("STICKLER_LISTEN_TLS", "0.0.0.0:0")], &[]);
    assert_eq!(status, 2, "{said}");
    assert!(said.contains("STICKLER_LISTEN_TLS takes any free port"), "{said}");
}
