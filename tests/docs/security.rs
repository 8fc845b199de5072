//! `SECURITY.md`: the tests that it names are there.

use super::read;

#[test]
fn every_attack_names_tests_that_exist() {
    let page = read("SECURITY.md");
    let (_, behind) = page.split_once("\n## Known attacks\n").unwrap();
    let section = behind.split("\n## ").next().unwrap();
    let rows = section.lines().filter(|line| line.starts_with('|')).skip(2);
    let mut named = 0;
    for row in rows {
        let shown = row.trim_matches('|').rsplit('|').next().unwrap();
        let tests = shown.split("[`").skip(1);
        let before = named;
        for test in tests {
            let (name, rest) = test.split_once("`](").expect("a link");
            let (path, _) = rest.split_once(')').expect("a link");
            let is_there = read(path).contains(&format!("fn {name}("));
            assert!(is_there, "{path} has no test {name}");
            named += 1;
        }
        assert!(named > before, "no test in the row: {row}");
    }
    assert!(named > 25, "{named} tests named");
}
