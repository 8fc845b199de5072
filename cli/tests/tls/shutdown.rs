//! SIGTERM with connections over TLS: Close 1001, what is owed, the end of TLS, then that of TCP.

use rustix::process::Signal;

use crate::client::{Client, Terms};
use crate::serve;
use crate::server::PATIENCE;

#[test]
fn connections_over_tls_end_cleanly() {
    let server = serve(&["--tls-self-signed"]);
    let open = |_| Client::open(server.address(), "localhost", &Terms::insecure()).unwrap();
    let mut clients: Vec<_> = (0..10).map(open).collect();
    for client in &mut clients {
        client.echoes("here").unwrap();
    }
    server.signal(Signal::TERM);
    for client in &mut clients {
        assert_eq!(client.frame().unwrap(), (0x88, 1001_u16.to_be_bytes().to_vec()));
        client.send(0x88, &1001_u16.to_be_bytes()).unwrap();
        // Without close_notify this were an error.
        assert_eq!(client.rest().unwrap(), b"");
    }
    drop(clients);
    assert_eq!(server.wait(PATIENCE).unwrap().0, Some(0));
    assert!(server.log().contains("clean=10 unclean=0 cut=0"), "{}", server.log());
}
