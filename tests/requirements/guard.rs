//! The guard sees what it is for: made-up test binaries and catalogues, and what is found in them.

use std::{collections::BTreeSet, fs, path::Path};

use super::{
    catalogue::parse,
    claimed::{Claimed, claimed},
    flag, items,
};

const TABLE: &str = "
    mod rows {
        pub(crate) const ROWS: &[Row] = &[row(\"1234-1-01\"), row(\"1234-1-02\")];
        pub(crate) const OTHERS: &[Row] = &[row(\"1234-1-03\")];
    }
    fn run(rows: &[Row]) { for row in rows { claims!(row.id); check(row); } }
";

/// Reads a binary made of this text.
fn read(test: &str, text: &str) -> Claimed {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("requirements").join(test);
    fs::create_dir_all(&folder).unwrap();
    let file = folder.join("made_up.rs");
    fs::write(&file, text).unwrap();
    claimed(&items::read(&file, &flag).unwrap(), &folder)
}

/// The ids that tests claim, and those that nobody runs.
fn ids(test: &str, text: &str) -> (String, String) {
    let claimed = read(test, text);
    let by_tests = claimed.tests.values().flatten().map(|site| site.id.as_str());
    let idle = claimed.idle.iter().map(|(site, _)| site.id.as_str());
    let join = |ids: BTreeSet<&str>| ids.into_iter().collect::<Vec<_>>().join(" ");
    (join(by_tests.collect()), join(idle.collect()))
}

#[test]
fn what_is_a_claim() {
    for (at, (text, by_tests, idle)) in [
        ("#[test] fn a() { claims!(\"1234-1-01\", \"1234-1.2-34\"); }", "1234-1-01 1234-1.2-34", ""),
        ("#[tokio::test(start_paused = true)] async fn a() { claims!(\"1234-1-01\"); }", "1234-1-01", ""),
        // Neither a comment nor another text.
        ("#[test] fn a() { /* claims!(\"1234-1-01\") */ } // claims!(\"1234-1-01\");", "", ""),
        ("#[test] fn a() { f(\"claims!(1234-1-01)\", r#\"\"1234-1-01\"\"#); }", "", ""),
        // Not in what is not run.
        ("fn a() { claims!(\"1234-1-01\"); }", "", "1234-1-01"),
        ("#[test] #[ignore] fn a() { claims!(\"1234-1-01\"); }", "", "1234-1-01"),
        ("#[test] #[ignore = \"slow\"] fn a() { claims!(\"1234-1-01\"); }", "", "1234-1-01"),
        ("#[cfg_attr(unix, ignore)] #[test] fn a() { claims!(\"1234-1-01\"); }", "", "1234-1-01"),
        ("#[cfg_attr(windows, ignore)] #[test] fn a() { claims!(\"1234-1-01\"); }", "1234-1-01", ""),
        ("#[cfg(windows)] #[test] fn a() { claims!(\"1234-1-01\"); }", "", "1234-1-01"),
        ("#[cfg(any())] mod m { #[test] fn a() { claims!(\"1234-1-01\"); } }", "", "1234-1-01"),
        ("#![cfg(feature = \"none\")] #[test] fn a() { claims!(\"1234-1-01\"); }", "", "1234-1-01"),
        ("#[cfg(all(unix, not(windows)))] #[test] fn a() { claims!(\"1234-1-01\"); }", "1234-1-01", ""),
        ("macro_rules! m { () => { #[test] fn a() { claims!(\"1234-1-01\"); } } }", "", "1234-1-01"),
        // A helper claims for whoever calls it.
        ("#[test] fn a() { help(); } fn help() { claims!(\"1234-1-01\"); }", "1234-1-01", ""),
        ("#[test] fn a() { x.help(1); } impl X { fn help(&self, n: u8) { claims!(\"1234-1-01\"); } }", "1234-1-01", ""),
        ("#[test] fn a() { let help = 1; } mod m { fn help() { claims!(\"1234-1-01\"); } }", "", "1234-1-01"),
        ("#[test] fn a() { m::help(); } mod m { pub fn help() { claims!(\"1234-1-01\"); } }", "1234-1-01", ""),
        ("use m::help as h; #[test] fn a() { h2(); } fn h2() {} mod m { fn help() { claims!(\"1234-1-01\"); } }", "", "1234-1-01"),
        // An id beside no claim is one of a table that nobody runs.
        ("#[test] fn a() { check(\"1234-1-01\"); }", "", "1234-1-01"),
    ]
    .into_iter()
    .enumerate()
    {
        let expect = (by_tests.to_owned(), idle.to_owned());
        assert_eq!(ids(&format!("claim_{at}"), text), expect, "{text}");
    }
}

#[test]
fn what_is_a_table_that_runs() {
    for (at, (text, by_tests, idle)) in [
        ("use rows::ROWS; #[test] fn a() { run(ROWS); }", "1234-1-01 1234-1-02", "1234-1-03"),
        (
            "use rows::*; #[test] fn a() { run(ROWS); run(OTHERS); }",
            "1234-1-01 1234-1-02 1234-1-03",
            "",
        ),
        ("#[test] fn a() { run(rows::OTHERS); }", "1234-1-03", "1234-1-01 1234-1-02"),
        // To look at a table is not to run it.
        (
            "#[test] fn a() { assert!(!rows::ROWS.is_empty()); }",
            "",
            "1234-1-01 1234-1-02 1234-1-03",
        ),
        ("#[test] #[ignore] fn a() { run(rows::ROWS); }", "", "1234-1-01 1234-1-02 1234-1-03"),
    ]
    .into_iter()
    .enumerate()
    {
        let expect = (by_tests.to_owned(), idle.to_owned());
        assert_eq!(ids(&format!("table_{at}"), &format!("{text}{TABLE}")), expect, "{text}");
    }
}

#[test]
fn what_stands_in_another_file() {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("requirements/files");
    fs::create_dir_all(folder.join("beside/inner")).unwrap();
    for (file, id) in [("one", "01"), ("beside/two", "02"), ("beside/inner/three", "03")] {
        let text = format!("pub fn help() {{ claims!(\"1234-1-{id}\"); }}");
        fs::write(folder.join(file).with_extension("rs"), text).unwrap();
    }
    let text =
        "mod one; #[path = \"beside\"] mod other { pub mod two; pub mod inner { pub mod three; } }
        #[test] fn a() { one::help(); two::help(); other::inner::three::help(); }";
    assert_eq!(ids("files", text).0, "1234-1-01 1234-1-02 1234-1-03");
}

#[test]
fn what_is_a_table_elsewhere() {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("requirements/elsewhere");
    fs::create_dir_all(folder.join("cases/inner")).unwrap();
    fs::write(folder.join("cases/inner/file.rs"), "const A: &str = \"1234-1-01\";").unwrap();
    let text = "#[test] fn a() { claims_from!(\"cases\", played()); }";
    assert_eq!(ids("elsewhere", text), ("1234-1-01".to_owned(), String::new()));
    assert_eq!(ids("elsewhere", "#[test] fn a() { played(); }").0, "");
}

#[test]
fn what_is_a_rule() {
    let good = "1234-5.6-07 MUST NOT both\n  rule: Of more than\n    one line.\n  when: a: b\n  then: c\n  \
                autobahn: 1.*, 2.3.4 (as far as it goes)\n  note: n\n  status: tested\n";
    let rules =
        parse(1234, &format!("# RFC 1234\n\n{good}\n{}", good.replace("-07", "-08"))).unwrap();
    assert_eq!((rules.len(), rules[0].rule.as_str()), (2, "Of more than one line."));
    assert_eq!((rules[0].section(), rules[1].id.as_str()), ("5.6", "1234-5.6-08"));
    assert!(rules[0].autobahn.touches("1.2") && !rules[0].autobahn.touches("2.3.41"));
    for (part, other) in [
        ("1234-5.6-07", "1234-5.6-7"),
        ("1234-5.6-07", "4321-5.6-07"),
        ("MUST NOT", "must not"),
        ("both", "client"),
        ("  rule: ", "  role: "),
        ("  rule: ", " rule: "),
        ("    one line.", "   one line."),
        ("  when: a: b\n", ""),
        ("  when: a: b\n  then: c\n", "  then: c\n  when: a: b\n"),
        ("2.3.4 ", "2.3.x "),
        ("goes)", "goes"),
        ("tested", "done"),
        ("tested", "policy"),
        ("tested", "not yet"),
        ("tested\n", "tested\n  more: x\n"),
        ("tested\n", "tested \n"),
    ] {
        assert!(parse(1234, &good.replace(part, other)).is_err(), "{part} as {other}");
    }
    assert!(parse(1234, &format!("{good}\n{good}")).is_err(), "the same id twice");
    assert!(parse(1234, &good.replace("both", "policy")).is_err(), "a policy without a decision");
    assert!(parse(1234, "# nothing\n").is_err());
}
