//! What is found before the first row hides nothing: a fault that is met there is judged, and what it leaves open makes
//! the run incomplete.

use crate::servers::{Behaviour, serve};
use crate::{graded, results};

const ONLY: [&str; 4] = ["--only", "text-and-binary", "--only", "ping"];

fn graded_as(behaviour: Behaviour, grade: &str) -> (i32, Vec<String>) {
    let url = format!("ws://{}/", serve(behaviour));
    let (code, json) = results(&url, &format!("probed-{behaviour:?}"), &ONLY);
    (code, graded(&json, grade).into_iter().map(str::to_owned).collect())
}

#[test]
fn an_echo_that_breaks_a_rule_is_an_echo() {
    for behaviour in [Behaviour::MasksEcho, Behaviour::Rsv1Echo] {
        let violations = graded_as(behaviour, "violation");
        assert_eq!(violations, (1, vec!["text-and-binary".to_owned()]), "{behaviour:?}");
    }
}

#[test]
fn an_echo_behind_a_ping_or_late_is_an_echo() {
    for behaviour in [Behaviour::PingsFirst, Behaviour::LateEcho] {
        let (code, strict) = graded_as(behaviour, "strict");
        assert_eq!((code, strict.len()), (0, 2), "{behaviour:?}: {strict:?}");
    }
}

#[test]
fn a_server_that_fails_at_a_text_has_not_shown_that_it_is_no_echo() {
    for behaviour in [Behaviour::EndsAtMessages, Behaviour::FailsAtMessages, Behaviour::ChangesEcho]
    {
        let incomplete = graded_as(behaviour, "incomplete");
        assert_eq!(incomplete, (4, vec!["text-and-binary".to_owned()]), "{behaviour:?}");
    }
}
