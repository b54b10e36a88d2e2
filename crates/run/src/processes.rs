//! What only `/proc` tells about a run: which processes have a socket open, and the `AF_UNIX` sockets that the program has
//! from the kernel itself.
//!
//! Whoever asks for the report looks, not the supervisor, which has programs to serve.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{DirEntry, ReadDir};

use crate::describe;
use crate::report::{Process, Run, Socket};
use crate::sys::{self, UnixFile};

/// Adds to a run's report what its processes' files tell. What may not be looked at stays as the supervisor told it.
pub(crate) fn complete(run: &mut Run) {
    let conduits: BTreeSet<u64> = std::mem::take(&mut run.files).into_iter().collect();
    let Ok(files) = sys::unix_files() else {
        return;
    };
    let users = users(run.supervisor);
    let by_cookie: BTreeMap<u64, &UnixFile> =
        files.iter().map(|file| (file.cookie, file)).collect();
    for socket in &mut run.sockets {
        let file = by_cookie.get(&socket.file);
        if let Some(found) = file.and_then(|file| users.get(&file.inode)) {
            socket.processes.clone_from(found);
        }
    }
    let names: BTreeMap<u32, String> = files
        .iter()
        .map(|file| (file.inode, name(&file.name, &run.abstract_prefix)))
        .collect();
    let native = files.iter().filter(|file| !conduits.contains(&file.cookie));
    let rows = native.filter_map(|file| Some(row(file, users.get(&file.inode)?, &names)));
    run.sockets.extend(rows);
}

/// The inode number of an entry of `/proc/PID/fd`, if it is a socket.
fn inode_of(entry: &DirEntry) -> Option<u32> {
    let target = std::fs::read_link(entry.path()).ok()?;
    let text = target.to_str()?;
    text.strip_prefix("socket:[")?
        .strip_suffix(']')?
        .parse()
        .ok()
}

/// Finds the sockets that a run's processes have open, bit by bit.
#[derive(Debug)]
pub(crate) struct Scan {
    processes: Vec<i32>,
    /// The files of the process that is looked at.
    files: Option<ReadDir>,
    found: BTreeSet<u32>,
}

impl Scan {
    pub(crate) fn new(supervisor: i32) -> Scan {
        Scan {
            processes: sys::children_of(supervisor),
            files: None,
            found: BTreeSet::new(),
        }
    }

    /// Looks at so many more; false if there are none.
    pub(crate) fn go_on(&mut self, most: usize) -> bool {
        for _ in 0..most {
            match self.files.as_mut().and_then(Iterator::next) {
                Some(entry) => self.found.extend(entry.ok().as_ref().and_then(inode_of)),
                None => {
                    let Some(pid) = self.processes.pop() else {
                        return false;
                    };
                    self.processes.extend(sys::children_of(pid));
                    self.files = std::fs::read_dir(format!("/proc/{pid}/fd")).ok();
                }
            }
        }
        true
    }

    /// The inode numbers that were found.
    pub(crate) fn found(self) -> BTreeSet<u32> {
        self.found
    }

    /// Looks at all there is.
    pub(crate) fn finish(mut self) -> BTreeSet<u32> {
        while self.go_on(1024) {}
        self.found
    }
}

/// The processes of a run that have each socket open, by inode.
fn users(supervisor: i32) -> BTreeMap<u32, Vec<Process>> {
    let mut users: BTreeMap<u32, Vec<Process>> = BTreeMap::new();
    let mut queue = sys::children_of(supervisor);
    while let Some(pid) = queue.pop() {
        queue.extend(sys::children_of(pid));
        let Ok(entries) = std::fs::read_dir(format!("/proc/{pid}/fd")) else {
            continue;
        };
        let program = std::fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
        for entry in entries.flatten() {
            let inode = inode_of(&entry);
            let fd = entry.file_name().to_str().and_then(|fd| fd.parse().ok());
            if let (Some(inode), Some(fd)) = (inode, fd) {
                users.entry(inode).or_default().push(Process {
                    name: program.trim_end().to_owned(),
                    pid,
                    fd,
                });
            }
        }
    }
    for list in users.values_mut() {
        list.sort_by_key(|process| (process.pid, process.fd));
    }
    users
}

/// A native socket in the words of `ss -x`.
fn row(file: &UnixFile, processes: &[Process], names: &BTreeMap<u32, String>) -> Socket {
    let peer = names.get(&file.peer).map_or("*", String::as_str);
    let netid = match i32::from(file.kind) {
        libc::SOCK_STREAM => "u_str",
        libc::SOCK_SEQPACKET => "u_seq",
        _ => "u_dgr",
    };
    Socket {
        netid: netid.to_owned(),
        state: match file.state {
            1 => "ESTAB",
            10 => "LISTEN",
            _ => "UNCONN",
        }
        .to_owned(),
        recv_q: file.queues.unread,
        send_q: file.queues.unsent,
        local: format!(
            "{} {}",
            names.get(&file.inode).map_or("*", String::as_str),
            file.inode
        ),
        peer: format!("{peer} {}", file.peer),
        v6: false,
        joined: false,
        processes: processes.to_vec(),
        uid: file.uid,
        cookie: file.cookie,
        file: file.cookie,
        timer: None,
        info: Vec::new(),
        memory: describe::memory(&file.memory),
    }
}

/// A name as `ss` writes it: `@` for the zero byte of an abstract one, `*` for none.
fn name(bytes: &[u8], prefix: &str) -> String {
    match bytes {
        [] => "*".to_owned(),
        [0, rest @ ..] => {
            let own = rest.strip_prefix(prefix.as_bytes()).unwrap_or(rest);
            let own: Vec<u8> = own
                .iter()
                .map(|byte| if *byte == 0 { b'@' } else { *byte })
                .collect();
            format!("@{}", String::from_utf8_lossy(&own))
        }
        path => {
            let end = path
                .iter()
                .position(|byte| *byte == 0)
                .unwrap_or(path.len());
            String::from_utf8_lossy(&path[..end]).into_owned()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_the_programs_own() {
        assert_eq!(name(b"", "1234@"), "*");
        assert_eq!(name(b"/run/x\0", "1234@"), "/run/x");
        assert_eq!(name(b"\x001234@bus\0x", "1234@"), "@bus@x");
        assert_eq!(name(b"\0other", "1234@"), "@other");
    }
}
