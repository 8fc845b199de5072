//! The log says when a certificate ends soon. When it says so again is tested beside the code, without waiting.

use std::time::Duration;

use rustix::process::Signal;

use crate::files::{Authority, Folder, flags};
use crate::serve;

const DAY: Duration = Duration::from_secs(86_400);

#[test]
fn an_end_within_two_weeks_is_told_at_the_start_and_after_a_reload() {
    let (folder, authority) = (Folder::new(), Authority::new());
    let far = folder.write_pair("far", &authority.issue_for("far.example", 15 * DAY));
    let near = folder.write_pair("near", &authority.issue_for("near.example", 13 * DAY + DAY / 2));
    let server = serve(&flags(&[far.clone(), near].concat()));
    let told = |file: &str| {
        let log = server.log();
        let lines = log.lines().filter(|line| line.contains("ends soon") && line.contains(file));
        lines.map(str::to_owned).collect::<Vec<_>>()
    };
    server.expect_logged("ends soon").unwrap();
    let lines = told("near.pem");
    assert!(
        matches!(&lines[..], [line] if line.contains("WARN") && line.contains("days=13")),
        "{lines:?}"
    );
    assert_eq!(told("far.pem"), [""; 0]);

    // What is renewed is good again, and the other has got worse.
    folder.write_pair("near", &authority.issue("near.example"));
    folder.write_pair("far", &authority.issue_for("far.example", DAY / 2));
    server.signal(Signal::HUP);
    server.expect_logged("days=0").unwrap();
    assert_eq!((told("near.pem").len(), told("far.pem").len()), (1, 1));
    server.retire().unwrap();
}
