//! File systems of a network on which a lock of the operating system excludes the processes of this machine only.

use std::{fs, path::Path};

/// A mounted file system.
#[derive(Debug, PartialEq, Eq)]
struct Mount<'a> {
    point: String,
    file_system: &'a str,
    options: Vec<&'a str>,
}

/// Returns the file system of a folder, and the reason why other machines do not see locks on it, if they do not.
///
/// Other systems than Linux do not tell their mounts in a file, and get no answer.
pub(super) fn without_locks(folder: &Path) -> Option<String> {
    let mounts = fs::read_to_string("/proc/self/mountinfo").ok()?;
    let folder = fs::canonicalize(folder).ok()?;
    reason(&mounts, folder.to_str()?)
}

fn reason(mounts: &str, folder: &str) -> Option<String> {
    // The last one of several mounts at the same place is the one in force.
    let mount = mounts.lines().filter_map(parse).filter(|mount| is_below(folder, &mount.point));
    let mount = mount.max_by_key(|mount| mount.point.len())?;
    let option = local_locks(&mount)?;
    let with = if option.is_empty() { String::new() } else { format!(" with the option `{option}`") };
    Some(format!("{} is mounted as {}{with}", mount.point, mount.file_system))
}

/// Returns the option of the mount that keeps locks on this machine; empty if the file system has no other locks.
/// <https://man7.org/linux/man-pages/man5/nfs.5.html>, <https://man7.org/linux/man-pages/man8/mount.cifs.8.html>
fn local_locks<'a>(mount: &Mount<'a>) -> Option<&'a str> {
    let options: &[&str] = match mount.file_system {
        "nfs" | "nfs4" => &["nolock", "local_lock=flock", "local_lock=all"],
        "cifs" | "smb3" => &["nobrl", "nolock"],
        "fuse.sshfs" => return Some(""),
        _ => return None,
    };
    mount.options.iter().find(|option| options.contains(option)).copied()
}

fn is_below(folder: &str, point: &str) -> bool {
    let rest = folder.strip_prefix(point.trim_end_matches('/'));
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// Parses a line of `mountinfo`: fields separated by spaces, of which a variable number ends with `-`.
/// <https://man7.org/linux/man-pages/man5/proc_pid_mountinfo.5.html>
fn parse(line: &str) -> Option<Mount<'_>> {
    let (mount, file_system) = line.split_once(" - ")?;
    let mut mount = mount.split(' ').skip(4);
    let (point, options) = (mount.next()?, mount.next()?);
    let mut file_system = file_system.split(' ');
    let (name, _, of_file_system) = (file_system.next()?, file_system.next()?, file_system.next().unwrap_or_default());
    // Blanks, among others, are written in octal.
    let point = point.replace("\\040", " ").replace("\\011", "\t").replace("\\134", "\\");
    Some(Mount { point, file_system: name, options: options.split(',').chain(of_file_system.split(',')).collect() })
}

#[cfg(test)]
mod tests {
    use super::*;

    const MOUNTS: &str = "\
22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw
40 22 0:40 / /home rw,relatime shared:2 - nfs4 files:/home rw,vers=4.2,hard,proto=tcp,local_lock=none,addr=10.0.0.2
41 22 0:41 / /old rw,relatime shared:3 master:1 - nfs files:/old rw,vers=3,nolock,local_lock=all,addr=10.0.0.2
42 22 0:42 / /mnt/team\\040share rw,relatime - cifs //files/team rw,vers=3.1.1,nobrl
43 41 8:2 / /old/disk rw,relatime - ext4 /dev/sdb1 rw
44 22 0:44 / /remote rw,nosuid - fuse.sshfs user@host: rw,user_id=0
";

    #[test]
    fn mounts_without_shared_locks_are_named() {
        let of = |folder| reason(MOUNTS, folder);
        for folder in ["/srv/state", "/home/ada/state", "/older/state", "/old/disk/state", "/"] {
            assert_eq!(of(folder), None, "{folder}");
        }
        assert_eq!(of("/old").unwrap(), "/old is mounted as nfs with the option `nolock`");
        assert_eq!(of("/mnt/team share/state").unwrap(), "/mnt/team share is mounted as cifs with the option `nobrl`");
        assert_eq!(of("/remote/state/dev").unwrap(), "/remote is mounted as fuse.sshfs");
    }

    #[test]
    fn unreadable_lines_are_left_out() {
        assert_eq!(parse("22 1 8:1 /"), None);
        assert_eq!(reason("\n-\n - \n", "/"), None);
    }

    #[test]
    fn disk_of_the_tests_has_locks() {
        assert_eq!(without_locks(tempfile::tempdir().unwrap().path()), None);
    }
}
