//! Files that decide who comes in. One that others may read, or write, is refused.

use std::fs::Metadata;
use std::io::Read;
use std::path::Path;

use crate::permissions::{FOR_ALL_BUT_OWNER, WRITE_FOR_ALL_BUT_OWNER, mode_with, open};

/// Who may do what with such a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Tokens and secrets: it is the owner's alone.
    Secret,
    /// Public keys: others may read it, and not write it.
    Public,
}

/// Reads a file of at most a MiB.
///
/// # Errors
/// It cannot be read, is longer, or is open to others: a sentence that names it.
pub(super) fn read(path: &Path, kind: Kind) -> Result<Vec<u8>, String> {
    let shown = path.display();
    let cannot = |error: std::io::Error| format!("cannot read {shown}: {error}");
    let (file, metadata) = open(path).map_err(cannot)?;
    if !is_credential(path, &metadata) {
        check(&metadata, kind).map_err(|why| format!("{shown} {why}"))?;
    }
    let mut bytes = Vec::new();
    file.take(LONGEST + 1).read_to_end(&mut bytes).map_err(cannot)?;
    if u64::try_from(bytes.len()).is_ok_and(|len| len > LONGEST) {
        return Err(format!("{shown} is longer than a MiB"));
    }
    Ok(bytes)
}

fn check(metadata: &Metadata, kind: Kind) -> Result<(), String> {
    let (bits, why) = match kind {
        Kind::Secret => {
            (FOR_ALL_BUT_OWNER, "others may read or write it; chmod 600 makes it its owner's alone")
        }
        Kind::Public => {
            (WRITE_FOR_ALL_BUT_OWNER, "others may write it; chmod 644 leaves that to its owner")
        }
    };
    match mode_with(metadata, bits) {
        Some(mode) => Err(format!("has mode {mode:04o}: {why}")),
        None => check_owner(metadata),
    }
}

#[cfg(unix)]
fn check_owner(metadata: &Metadata) -> Result<(), String> {
    let owner = std::os::unix::fs::MetadataExt::uid(metadata);
    let ours = rustix::process::geteuid().as_raw();
    if owner != ours && owner != 0 {
        return Err(format!(
            "is of user {owner}: it is to be of root, or of {ours}, who runs this"
        ));
    }
    Ok(())
}

#[cfg(not(unix))]
fn check_owner(_: &Metadata) -> Result<(), String> {
    Ok(())
}

const LONGEST: u64 = 1 << 20;

/// Whether systemd put the file there for this process alone. From systemd 254 on such a file is root's, and an access
/// list lets the process read it: its mode then looks as if a group might read it. Its folder is closed to others.
#[cfg(unix)]
fn is_credential(path: &Path, metadata: &std::fs::Metadata) -> bool {
    use std::os::unix::fs::MetadataExt;
    let folder = std::env::var_os("CREDENTIALS_DIRECTORY");
    let is_there = folder.is_some_and(|folder| path.parent() == Some(Path::new(&folder)));
    let is_ours = [0, rustix::process::geteuid().as_raw()].contains(&metadata.uid());
    is_there && is_ours && metadata.mode() & 0o337 == 0
}

#[cfg(not(unix))]
fn is_credential(_path: &Path, _metadata: &std::fs::Metadata) -> bool {
    false
}

#[cfg(all(test, unix))]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;
    use std::process::Command;
    use std::sync::mpsc;
    use std::thread;
    use std::time::Duration;

    use stickler_testing::folder::Folder;

    use super::*;

    #[test]
    fn a_file_that_others_may_use_is_refused() {
        let folder = Folder::new("auth-file");
        let path = folder.path().join("file");
        fs::write(&path, "content").unwrap();
        let rows = [
            (0o600, true, true),
            (0o400, true, true),
            (0o640, false, true),
            (0o604, false, true),
            (0o644, false, true),
            (0o620, false, false),
            (0o602, false, false),
        ];
        for (mode, secret, public) in rows {
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            assert_eq!(read(&path, Kind::Secret).is_ok(), secret, "{mode:o}");
            assert_eq!(read(&path, Kind::Public).is_ok(), public, "{mode:o}");
        }
        let said = read(&path, Kind::Secret).unwrap_err();
        assert!(said.contains("mode 0602") && said.contains("chmod 600"), "{said}");
        assert!(read(folder.path(), Kind::Public).unwrap_err().contains("no regular file"));
    }

    #[test]
    fn a_named_pipe_is_refused_and_not_waited_for() {
        let folder = Folder::new("auth-pipe");
        let path = folder.path().join("pipe");
        assert!(Command::new("mkfifo").arg(&path).status().unwrap().success());
        let (done, is_done) = mpsc::channel();
        thread::spawn(move || done.send(read(&path, Kind::Secret)));
        let read = is_done.recv_timeout(Duration::from_secs(20));
        assert!(read.expect("it waits").unwrap_err().contains("no regular file"));
    }

    #[test]
    fn a_file_has_a_mib_at_most() {
        let folder = Folder::new("auth-long");
        let path = folder.path().join("file");
        for (len, fits) in [(1 << 20, true), ((1 << 20) + 1, false)] {
            fs::write(&path, vec![b'x'; len]).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
            assert_eq!(read(&path, Kind::Secret).is_ok(), fits);
        }
    }
}
