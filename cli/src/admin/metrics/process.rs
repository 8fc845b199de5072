//! What the system knows of the process, where it has `/proc`.

use std::fmt;
use std::fs;
use std::time::{Duration, SystemTime};

use prometheus_client::registry::Unit;

use super::families::Families;

/// The numbers of the process; those that the system does not tell are left out.
#[derive(Debug, Default)]
pub(super) struct Process {
    cpu: Option<Duration>,
    resident_bytes: Option<u64>,
    open_fds: Option<u64>,
    max_fds: Option<u64>,
    threads: Option<u64>,
    /// Since 1970.
    started: Duration,
}

impl Process {
    /// Reads them; the program began at this time.
    pub(super) fn read(begun: SystemTime) -> Self {
        let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
        let field = |name| field_of(&status, name);
        Self {
            cpu: cpu(),
            resident_bytes: field("VmRSS:").map(|kib| kib << 10),
            open_fds: open_fds(),
            max_fds: max_fds(),
            threads: field("Threads:"),
            started: begun.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default(),
        }
    }

    pub(super) fn write(&self, families: &mut Families<'_>) -> fmt::Result {
        let seconds = || Some(Unit::Seconds);
        if let Some(cpu) = self.cpu {
            let help = "CPU time of all threads so far.";
            families.counter(("cpu", seconds(), help), cpu.as_secs_f64())?;
        }
        if let Some(bytes) = self.resident_bytes {
            let help = "Memory of the process that is in RAM.";
            families.gauge(("resident_memory", Some(Unit::Bytes), help), bytes)?;
        }
        if let Some(open) = self.open_fds {
            families.gauge(("open_fds", None, "File descriptors that are open."), open)?;
        }
        if let Some(most) = self.max_fds {
            families.gauge(("max_fds", None, "File descriptors that may be open."), most)?;
        }
        if let Some(threads) = self.threads {
            families.gauge(("threads", None, "Threads of the process."), threads)?;
        }
        let help = "When the process started, since 1970.";
        families.gauge(("start_time", seconds(), help), self.started.as_secs_f64())
    }
}

/// The number behind a name of `/proc/self/status`.
fn field_of(status: &str, name: &str) -> Option<u64> {
    let rest = status.lines().find_map(|line| line.strip_prefix(name))?;
    rest.split_whitespace().next()?.parse().ok()
}

#[cfg(target_os = "linux")]
fn cpu() -> Option<Duration> {
    use rustix::time::{ClockId, clock_gettime};
    Duration::try_from(clock_gettime(ClockId::ProcessCPUTime)).ok()
}

#[cfg(target_os = "linux")]
fn open_fds() -> Option<u64> {
    let open = fs::read_dir("/proc/self/fd").ok()?.count();
    // One of them is the folder that was read.
    u64::try_from(open).ok()?.checked_sub(1)
}

#[cfg(target_os = "linux")]
fn max_fds() -> Option<u64> {
    use rustix::process::{Resource, getrlimit};
    getrlimit(Resource::Nofile).current
}

#[cfg(not(target_os = "linux"))]
fn cpu() -> Option<Duration> {
    None
}

#[cfg(not(target_os = "linux"))]
fn open_fds() -> Option<u64> {
    None
}

#[cfg(not(target_os = "linux"))]
fn max_fds() -> Option<u64> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_numbers_of_status_are_read_by_their_names() {
        let status = "VmHWM:\t  9000 kB\nVmRSS:\t    8712 kB\nThreads:\t5\n";
        assert_eq!(field_of(status, "VmRSS:"), Some(8712));
        assert_eq!(field_of(status, "Threads:"), Some(5));
        assert_eq!(field_of(status, "VmSwap:"), None);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn the_numbers_of_this_process_are_there() {
        let process = Process::read(SystemTime::now());
        assert!(process.cpu.unwrap() > Duration::ZERO);
        assert!(process.resident_bytes.unwrap() > 1 << 20);
        assert!(process.open_fds.unwrap() >= 3);
        assert!(process.threads.unwrap() >= 1);
    }
}
