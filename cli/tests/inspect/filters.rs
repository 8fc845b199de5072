//! Whose frames are shown.

use stickler_testing::folder::Folder;

use crate::{converse, objects, start};

/// The paths of the connections that are shown of four, to `/` and `/echo` in turn.
fn shown(name: &str, filter: &[&str], variables: &[(&str, &str)]) -> Vec<String> {
    let folder = Folder::new(name);
    let file = folder.path().join("frames.json");
    let mut flags = vec!["--workers=1", "--trace-format=json", "--trace-file"];
    flags.push(file.to_str().unwrap());
    flags.extend(filter);
    let server = start(variables, &flags);
    for path in ["/", "/echo", "/", "/echo"] {
        converse(server.address(), path);
    }
    server.retire().unwrap();
    let frames = objects(&file);
    assert_eq!(frames.len() % 6, 0, "a connection is shown whole, or not at all");
    frames.iter().step_by(6).map(|frame| frame["path"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn a_filter_chooses_by_address_path_and_number() {
    for (number, (filter, paths)) in [
        ("all", &["/", "/echo", "/", "/echo"][..]),
        ("path=/echo", &["/echo", "/echo"]),
        ("path=/echo,path=/", &["/", "/echo", "/", "/echo"]),
        ("path=/chat", &[]),
        ("one-in=2", &["/", "/"]),
        ("one-in=2,path=/echo", &["/echo"]),
        ("address=127.0.0.0/8,one-in=3", &["/", "/echo"]),
        ("address=127.0.0.1,path=/", &["/", "/"]),
        ("address=10.0.0.0/8", &[]),
    ]
    .into_iter()
    .enumerate()
    {
        let flag = format!("--trace-frames={filter}");
        assert_eq!(shown(&format!("filter-{number}"), &[&flag], &[]), paths, "{filter}");
    }
    let variables = [("STICKLER_TRACE_FRAMES", "path=/echo,one-in=2")];
    assert_eq!(shown("filter-variable", &[], &variables), ["/echo"]);
}
