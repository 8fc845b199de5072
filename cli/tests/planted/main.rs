//! explore
use serde_json::Value;
use std::process::Command;
use stickler_testing::faulty::{Fault, Setup};

#[test]
fn right() {
    for fresh in [false, true] {
        let setup = if fresh { Setup::right().fresh() } else { Setup::right() };
        let server = setup.serve();
        let path = format!("{}/right-{fresh}.json", env!("CARGO_TARGET_TMPDIR"));
        let begun = std::time::Instant::now();
        let out = Command::new(env!("CARGO_BIN_EXE_stickler"))
            .args(["check", &server.url(), "--json", &path])
            .output()
            .unwrap();
        println!("{:?} {:?}", out.status, begun.elapsed());
        let json: Value = serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
        println!("{}", json["counts"]);
        for r in json["results"].as_array().unwrap() {
            if r["grade"] != "strict" {
                println!("{} {} {} | {}", r["grade"], r["id"], r["expected"], r["observed"]);
            }
            if r["ms"].as_u64().unwrap() > 300 {
                println!("   slow {} {}", r["id"], r["ms"]);
            }
        }
    }
    let _ = Fault::ALL;
}
