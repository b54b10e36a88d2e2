//! Who is at the other end: a connection by an abstract name was made in the caller's stead, and the kernel would say
//! that the supervisor made it.

use std::collections::{BTreeMap, VecDeque};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use sockeye_core::Errno;

use crate::memory;
use crate::notify::{Call, Outcome};
use crate::supervisor::Supervisor;
use crate::sys;

/// How many connections are remembered.
const MOST: usize = 4096;
/// `SO_PEERGROUPS`
const SO_PEERGROUPS: i32 = 59;
/// `SO_PEERPIDFD`
const SO_PEERPIDFD: i32 = 77;

/// Who a process was when it connected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Identity {
    pid: i32,
    /// When it began, in ticks: its number may be another's later.
    began: u64,
    /// Real, effective and saved.
    users: Vec<u32>,
    groups: Vec<u32>,
    supplementary: Vec<u32>,
}

impl Identity {
    pub(super) fn of(tid: i32) -> Option<Identity> {
        let status = std::fs::read_to_string(format!("/proc/{tid}/status")).ok()?;
        let mut identity = Identity::parse(&status)?;
        identity.began = sys::beginning_of(identity.pid)?;
        Some(identity)
    }

    /// A handle on the process, if it is still there.
    fn handle(&self) -> std::io::Result<OwnedFd> {
        let handle = sys::pidfd_open(self.pid, 0)?;
        if sys::beginning_of(self.pid) == Some(self.began) {
            Ok(handle)
        } else {
            Err(std::io::Error::from_raw_os_error(libc::ESRCH))
        }
    }

    /// From a `/proc/TID/status`.
    fn parse(status: &str) -> Option<Identity> {
        let numbers = |field: &str| -> Option<Vec<u32>> {
            let line = status.lines().find_map(|line| line.strip_prefix(field))?;
            line.split_ascii_whitespace()
                .map(|word| word.parse().ok())
                .collect()
        };
        Some(Identity {
            pid: i32::try_from(*numbers("Tgid:")?.first()?).ok()?,
            began: 0,
            users: numbers("Uid:")?.get(..3)?.to_vec(),
            groups: numbers("Gid:")?.get(..3)?.to_vec(),
            supplementary: numbers("Groups:")?,
        })
    }

    /// `struct ucred` with the effective ids.
    pub(super) fn ucred(&self) -> [u8; 12] {
        let effective = |ids: &[u32]| ids.get(1).copied().unwrap_or(u32::MAX);
        let mut bytes = [0; 12];
        bytes[..4].copy_from_slice(&self.pid.to_ne_bytes());
        bytes[4..8].copy_from_slice(&effective(&self.users).to_ne_bytes());
        bytes[8..].copy_from_slice(&effective(&self.groups).to_ne_bytes());
        bytes
    }

    /// Whether the process may say that it is this one (`scm_check_creds`).
    pub(super) fn may_claim(&self, claimed: &[u8; 12]) -> bool {
        let word = |at: usize| -> [u8; 4] {
            [
                claimed[at],
                claimed[at + 1],
                claimed[at + 2],
                claimed[at + 3],
            ]
        };
        self.users.get(1) == Some(&0)
            || (i32::from_ne_bytes(word(0)) == self.pid
                && self.users.contains(&u32::from_ne_bytes(word(4)))
                && self.groups.contains(&u32::from_ne_bytes(word(8))))
    }
}

/// Who connected by abstract names, by the inode of the connecting socket; the oldest are forgotten.
#[derive(Debug, Default)]
pub(crate) struct Identities {
    known: BTreeMap<u64, Identity>,
    order: VecDeque<u64>,
}

impl Identities {
    /// A thread has been connected.
    pub(super) fn connected(&mut self, file: BorrowedFd<'_>, tid: i32) {
        let (Some(inode), Some(identity)) = (sys::inode(file), Identity::of(tid)) else {
            return;
        };
        if self.known.insert(inode, identity).is_none() {
            self.order.push_back(inode);
        }
        if self.order.len() > MOST
            && let Some(oldest) = self.order.pop_front()
        {
            self.known.remove(&oldest);
        }
    }

    fn of_peer(&self, file: BorrowedFd<'_>) -> Option<&Identity> {
        if self.known.is_empty() {
            return None;
        }
        self.known.get(&sys::unix_peer(sys::inode(file)?)?)
    }
}

/// `getsockopt` of an AF_UNIX socket.
pub(super) fn of_peer(
    supervisor: &mut Supervisor,
    call: &Call,
    file: &OwnedFd,
) -> Result<Outcome, Errno> {
    let name = call.int(2);
    if !matches!(name, libc::SO_PEERCRED | SO_PEERGROUPS | SO_PEERPIDFD)
        || sys::peer_pid(file.as_fd()).map_or(true, |pid| pid != supervisor.pid)
    {
        return Ok(Outcome::Proceed);
    }
    let Some(identity) = supervisor.identities.of_peer(file.as_fd()) else {
        return Ok(Outcome::Proceed);
    };
    let (tid, value, length) = (call.tid(), call.argument(3), call.argument(4));
    let room = memory::read_u32(tid, length)?;
    let room = usize::try_from(room.cast_signed()).map_err(|_| Errno::EINVAL)?;
    let mut whole = match name {
        libc::SO_PEERCRED => identity.ucred().to_vec(),
        SO_PEERGROUPS => {
            let groups = &identity.supplementary;
            let bytes: Vec<u8> = groups
                .iter()
                .flat_map(|group| group.to_ne_bytes())
                .collect();
            if room < bytes.len() {
                let needed = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
                memory::write(tid, length, &needed.to_ne_bytes())?;
                return Err(Errno::ERANGE);
            }
            bytes
        }
        _ => {
            let handle = identity.handle().map_err(|error| super::errno(&error))?;
            let number = supervisor
                .listener
                .add_file(call.notification.id, handle.as_fd(), true)
                .map_err(|error| super::errno(&error))?;
            number.to_ne_bytes().to_vec()
        }
    };
    whole.truncate(room);
    memory::write(tid, value, &whole)?;
    let given = u32::try_from(whole.len()).unwrap_or(u32::MAX);
    memory::write(tid, length, &given.to_ne_bytes())?;
    Ok(Outcome::Value(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    const STATUS: &str =
        "Name:\tx\nTgid:\t42\nPid:\t43\nUid:\t1\t2\t3\t4\nGid:\t5\t6\t7\t8\nGroups:\t9 10 \n";

    #[test]
    fn a_process_is_known_by_its_status() {
        let identity = Identity::parse(STATUS).unwrap();
        let words: Vec<u8> = [42_u32, 2, 6]
            .iter()
            .flat_map(|word| word.to_ne_bytes())
            .collect();
        assert_eq!(identity.ucred().to_vec(), words);
        assert_eq!(identity.supplementary, [9, 10]);
        assert_eq!(Identity::parse("Tgid:\t42\n"), None);
    }

    #[test]
    fn a_process_may_claim_what_it_is() {
        let identity = Identity::parse(STATUS).unwrap();
        let claim = |words: [u32; 3]| {
            let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_ne_bytes()).collect();
            identity.may_claim(&bytes.try_into().unwrap())
        };
        assert!(claim([42, 1, 7]));
        assert!(!claim([41, 1, 7]));
        assert!(!claim([42, 4, 7]));
        assert!(!claim([42, 1, 8]));
    }
}
