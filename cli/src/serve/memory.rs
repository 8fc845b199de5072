//! How much memory connections may take where nobody says it: 1 GiB, and at most half of what a control
//! group grants to this process, by version 1 or 2 (cgroups(7)).

use std::path::{Path, PathBuf};

/// Bytes that all connections may hold by default.
pub(super) fn default_bound() -> usize {
    bound_within(granted(|path| std::fs::read_to_string(path).ok()))
}

fn bound_within(granted: Option<u64>) -> usize {
    let half = granted.map(|bytes| usize::try_from(bytes / 2).unwrap_or(usize::MAX));
    half.unwrap_or(usize::MAX).clamp(LEAST, MOST)
}

/// The smallest bound on memory among the control groups of this process and those that they are in.
fn granted(read: impl Fn(&Path) -> Option<String>) -> Option<u64> {
    let groups = read(Path::new("/proc/self/cgroup"))?;
    let of_one = |line: &str| {
        let mut fields = line.splitn(3, ':').skip(1);
        let (controllers, group) = (fields.next()?, fields.next()?);
        let (root, file) = match controllers {
            "" => ("/sys/fs/cgroup", "memory.max"),
            // Version 1 gives each controller a hierarchy of its own.
            _ if controllers.split(',').any(|name| name == "memory") => {
                ("/sys/fs/cgroup/memory", "memory.limit_in_bytes")
            }
            _ => return None,
        };
        // In a container the group may be named as it is seen from outside; the root is there.
        let inner: PathBuf = group.split('/').filter(|part| *part != "..").collect();
        let bounds = inner.ancestors().filter_map(|group| {
            let text = read(&Path::new(root).join(group).join(file))?;
            // Version 2 says `max`, version 1 a number beyond all memory.
            text.trim().parse().ok().filter(|bytes| *bytes < NO_BOUND)
        });
        bounds.min()
    };
    groups.lines().filter_map(of_one).min()
}

/// More is for the application to choose, in bytes.
const MOST: usize = 1 << 30;

/// With less there is no compression, nor room for a message that is not small, in bytes.
const LEAST: usize = 8 << 20;

/// Version 1 writes the largest multiple of a page that it can hold where there is no bound.
const NO_BOUND: u64 = 1 << 62;

#[cfg(test)]
mod tests {
    use super::*;

    const V2: &str = "/sys/fs/cgroup";
    const V1: &str = "/sys/fs/cgroup/memory";

    /// What is granted where `/proc/self/cgroup` has these lines and these files are there.
    fn granted_by(groups: &str, files: &[(&str, &str, &str)]) -> Option<u64> {
        granted(|path| {
            if path == Path::new("/proc/self/cgroup") {
                return Some(groups.to_owned());
            }
            let is_it = |(root, file, _): &&(&str, &str, &str)| path == Path::new(root).join(file);
            files.iter().find(is_it).map(|(.., text)| (*text).to_owned())
        })
    }

    #[test]
    fn version_2_has_the_smallest_of_the_group_and_of_those_above_it() {
        let group = "0::/system.slice/stickler.service\n";
        let own = (V2, "system.slice/stickler.service/memory.max", "268435456\n");
        let above = (V2, "system.slice/memory.max", "134217728\n");
        assert_eq!(granted_by(group, &[own]), Some(256 << 20));
        assert_eq!(granted_by(group, &[own, above]), Some(128 << 20));
        let unbound = (V2, "system.slice/stickler.service/memory.max", "max\n");
        assert_eq!(granted_by(group, &[unbound]), None);
        assert_eq!(granted_by(group, &[]), None);
    }

    #[test]
    fn a_container_sees_its_group_at_the_root() {
        let root = (V2, "memory.max", "536870912\n");
        for group in ["0::/\n", "0::/docker/0123abcd\n", "0::/../../payload\n", "0::\n"] {
            assert_eq!(granted_by(group, &[root]), Some(512 << 20), "{group}");
        }
    }

    #[test]
    fn version_1_has_it_in_the_hierarchy_of_the_controller() {
        let groups = "11:cpu,cpuacct:/a\n5:memory:/docker/0123\n1:name=systemd:/b\n0::/\n";
        let own = (V1, "docker/0123/memory.limit_in_bytes", "104857600\n");
        let root = (V1, "memory.limit_in_bytes", "9223372036854771712\n");
        assert_eq!(granted_by(groups, &[own, root]), Some(100 << 20));
        assert_eq!(granted_by(groups, &[root]), None);
        // Nor does a controller count that only begins like it.
        assert_eq!(granted_by("5:memoryx:/docker/0123\n", &[own]), None);
    }

    #[test]
    fn what_cannot_be_read_bounds_nothing() {
        assert_eq!(granted(|_| None), None);
        for groups in ["", "\n", "5", "5:memory", "::", "0::/a\n"] {
            assert_eq!(granted_by(groups, &[(V2, "a/memory.max", "lots")]), None, "{groups}");
        }
    }

    #[test]
    fn the_bound_is_half_of_what_is_granted_and_1_gib_at_most() {
        for (granted, bound) in [
            (None, 1 << 30),
            (Some(u64::MAX), 1 << 30),
            (Some(2 << 30), 1 << 30),
            (Some((2 << 30) - 2), (1 << 30) - 1),
            (Some(512 << 20), 256 << 20),
            (Some(1), LEAST),
        ] {
            assert_eq!(bound_within(granted), bound, "{granted:?}");
        }
    }
}
