//! What the kernel says a process has used.

use std::fs;
use std::io;
use std::ops::Sub;
use std::time::Duration;

/// One tick of `utime` and `stime` in /proc, which is 10 ms on every Linux that Rust runs on.
const TICK: Duration = Duration::from_millis(10);

/// Time on a core, over all threads of a process.
#[derive(Clone, Copy, Debug)]
pub struct Cpu {
    /// On a core, to the nanosecond, from the scheduler.
    pub total: Duration,
    /// In user mode, sampled.
    pub user: Duration,
    /// In the kernel, sampled.
    pub system: Duration,
}

impl Cpu {
    /// What process `pid` has used until now.
    ///
    /// # Errors
    ///
    /// There is no such process, or no /proc/PID/task/TID/schedstat.
    pub fn of(pid: u32) -> io::Result<Self> {
        let mut total = 0;
        for task in fs::read_dir(format!("/proc/{pid}/task"))? {
            // "nanoseconds on a core, nanoseconds waiting for one, times it got one"
            let schedstat = fs::read_to_string(task?.path().join("schedstat"))?;
            total += number(schedstat.split(' ').next())?;
        }
        let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
        // The name in parentheses may hold anything; utime and stime are fields 14 and 15.
        let fields = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
        let mut fields = fields.split_whitespace().skip(11);
        let mut ticks = || Ok::<_, io::Error>(TICK * number(fields.next())? as u32);
        Ok(Self { total: Duration::from_nanos(total), user: ticks()?, system: ticks()? })
    }
}

impl Sub for Cpu {
    type Output = Self;

    fn sub(self, earlier: Self) -> Self {
        Self {
            total: self.total.saturating_sub(earlier.total),
            user: self.user.saturating_sub(earlier.user),
            system: self.system.saturating_sub(earlier.system),
        }
    }
}

/// Resident memory of process `pid` in bytes, counted page by page.
///
/// The counters in /proc/PID/status lag behind by up to some hundred KiB.
///
/// # Errors
///
/// There is no such process, or no /proc/PID/smaps_rollup.
pub fn resident(pid: u32) -> io::Result<u64> {
    let rollup = fs::read_to_string(format!("/proc/{pid}/smaps_rollup"))?;
    let rss = rollup.lines().find_map(|line| line.strip_prefix("Rss:"));
    let kib = number(rss.and_then(|rest| rest.trim().strip_suffix("kB")))?;
    Ok(kib << 10)
}

fn number(field: Option<&str>) -> io::Result<u64> {
    field
        .and_then(|digits| digits.trim().parse().ok())
        .ok_or_else(|| io::Error::other("/proc does not look as expected"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_busy_process_uses_its_core_and_has_memory() {
        let pid = std::process::id();
        let before = Cpu::of(pid).unwrap();
        let mut sum = 0_u64;
        for number in 0..50_000_000_u64 {
            sum = std::hint::black_box(sum ^ number);
        }
        let used = Cpu::of(pid).unwrap() - before;
        assert!(used.total > Duration::from_millis(1), "{used:?}");
        assert!(resident(pid).unwrap() > 100 << 10);
    }
}
