//! The pages of `reports/` that are committed: what they link is there in a fresh clone, they load nothing from
//! elsewhere, and each report that a command makes tells the index that it is there.

use super::{read, root};

const INDEX: &str = "reports/index.html";

/// The files of `reports/` that are committed, as `.gitignore` has them.
fn committed() -> Vec<String> {
    let ignored = read(".gitignore");
    let lines = ignored.lines().filter_map(|line| line.strip_prefix("!/"));
    lines.filter(|path| !path.ends_with('/')).map(str::to_owned).collect()
}

/// The values of an attribute in the markup of a page, scripts left out.
fn values<'a>(page: &'a str, attribute: &str) -> Vec<&'a str> {
    let markup = page.split("<script>").next().unwrap_or_default();
    let rest = markup.split(&format!("{attribute}=\"")[..]).skip(1).collect::<Vec<_>>();
    rest.into_iter().filter_map(|value| Some(value.split_once('"')?.0)).collect()
}

#[test]
fn every_link_of_a_committed_report_leads_to_a_committed_file() {
    let committed = committed();
    assert!(committed.iter().any(|path| path == INDEX), "{committed:?}");
    let mut followed = 0;
    for page in committed.iter().filter(|path| path.ends_with(".html")) {
        let text = read(page);
        let folder = page.rsplit_once('/').unwrap().0;
        assert_eq!(values(&text, " src"), [""; 0], "{page}");
        for link in values(&text, " href").into_iter().filter(|link| !link.starts_with('#')) {
            followed += 1;
            let target = format!("{folder}/{link}");
            assert!(committed.contains(&target), "{page} links {link}, which no clone has");
            assert!(root().join(&target).is_file(), "{page}: {link}");
        }
    }
    assert!(followed >= 4, "{followed} links followed");
    for page in committed.iter().filter(|path| path.ends_with(".html") && *path != INDEX) {
        let link = page.strip_prefix("reports/").unwrap();
        assert!(values(&read(INDEX), " href").contains(&link), "the index lacks {link}");
    }
}

/// What becomes a link is named in text, with the command that makes it, and that command leaves the script that
/// turns the text into a link.
#[test]
fn every_report_that_a_command_makes_is_named_with_its_command() {
    let (index, about) = (read(INDEX), read("reports/README.md"));
    let makers = [
        ("conformance", "tests/requirements/run.sh", "reports/conformance/made.js"),
        ("autobahn", "autobahn/run.sh", " --pages"),
        ("autobahn", "autobahn/compose.yaml", "\"--pages\""),
        ("autobahn-takeover", ".ci/steps/takeover", "./autobahn --out reports/autobahn-takeover"),
        ("autobahn-tls", "autobahn/run.sh", " --pages"),
        ("benchmarks", "benches/run.sh", "reports/benchmarks/made.js"),
    ];
    let mut folders: Vec<_> = makers.map(|(folder, ..)| folder).into();
    folders.dedup();
    assert_eq!(values(&index, " data-folder"), folders);
    for (folder, command, leaves) in makers {
        let article = index.split(&format!("<article data-folder=\"{folder}\">")).nth(1).unwrap();
        let article = article.split("</article>").next().unwrap();
        assert!(article.contains(command), "{folder}: {command}");
        assert!(article.contains(&format!("<code data-page>{folder}/")), "{folder}");
        assert!(read(command).contains(leaves), "{command} does not leave {leaves}");
        for page in article.split("<code data-page>").skip(1) {
            let page = page.split_once('<').unwrap().0;
            let name = page.strip_prefix(&format!("{folder}/")).unwrap_or_else(|| panic!("{page}"));
            assert!(about.contains(name), "reports/README.md lacks {name}");
        }
    }
}
