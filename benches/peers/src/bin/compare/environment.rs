//! Where a run was made.

use std::fs;
use std::process::Command;

use serde::Serialize;

/// What has to be known to make sense of the numbers.
#[derive(Serialize)]
pub(crate) struct Environment {
    pub(crate) cpu: String,
    pub(crate) cores: usize,
    pub(crate) kernel: String,
    pub(crate) rustc: String,
    pub(crate) gcc: String,
    pub(crate) flags: String,
    pub(crate) commit: String,
    pub(crate) began: String,
    /// Others that wanted a core when the run began, and when it ended.
    pub(crate) load_average: [String; 2],
}

/// As in Cargo.toml.
const PROFILE: &str = "release, lto = \"thin\", codegen-units = 1; stickler with overflow checks";

impl Environment {
    pub(crate) fn now() -> Self {
        let uname = rustix::system::uname();
        let rustflags = std::env::var("RUSTFLAGS").unwrap_or_default();
        Self {
            cpu: cpu().unwrap_or_else(|| "unknown".into()),
            cores: std::thread::available_parallelism().map_or(0, usize::from),
            kernel: uname.release().to_string_lossy().into(),
            rustc: said("rustc", &["--version"]),
            gcc: said("g++", &["--version"]).lines().next().unwrap_or_default().into(),
            flags: format!("{PROFILE}; RUSTFLAGS=\"{rustflags}\""),
            commit: said("git", &["describe", "--always", "--dirty"]),
            began: said("date", &["-u", "+%Y-%m-%d %H:%M UTC"]),
            load_average: [load_average(), String::new()],
        }
    }

    pub(crate) fn ended(&mut self) {
        self.load_average[1] = load_average();
    }

    /// Name and value of everything.
    pub(crate) fn rows(&self) -> Vec<[String; 2]> {
        let load = format!("{} before, {} after", self.load_average[0], self.load_average[1]);
        [
            ("date", &self.began),
            ("CPU", &format!("{}, {} cores", self.cpu, self.cores)),
            ("kernel", &self.kernel),
            ("compiler", &self.rustc),
            ("flags", &self.flags),
            (
                "compiler and flags of uWebSockets",
                &format!("{}: -O3 -flto -march=native", self.gcc),
            ),
            ("stickler at", &self.commit),
            ("load average of the last minute", &load),
        ]
        .map(|(name, value)| [name.into(), value.clone()])
        .into()
    }
}

fn cpu() -> Option<String> {
    let cpuinfo = fs::read_to_string("/proc/cpuinfo").ok()?;
    let line = cpuinfo.lines().find(|line| line.starts_with("model name"))?;
    Some(line.split_once(':')?.1.trim().into())
}

fn load_average() -> String {
    let averages = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    averages.split(' ').next().unwrap_or_default().into()
}

fn said(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output();
    let text = output.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned());
    text.ok().filter(|text| !text.is_empty()).unwrap_or_else(|| "unknown".into())
}
