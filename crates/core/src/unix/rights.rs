//! `SCM_RIGHTS` and `SCM_CREDENTIALS`: what may be sent, how much may be in flight, and the collection of sockets that
//! only rights in flight still hold.
//!
//! A right is the embedder's shared object. The host drops its copy when a message is thrown away or when a right does
//! not fit the receiver's room; if that was the last copy, the object's `Drop` runs inside the call and must not call
//! the host (it notes that the socket is to be closed).

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::sync::Arc;
use alloc::vec::Vec;

use super::{State, connect, end};
use crate::{
    Ancillary, Credentials, Errno, Host, MessageFlags, MessageLevel, Received, Right, SocketId,
};

/// `SCM_MAX_FD`
const MOST_RIGHTS: usize = 253;
/// How many rights a user may have in flight: Linux takes `RLIMIT_NOFILE`, whose usual value this is.
const MOST_IN_FLIGHT: usize = 1024;
/// `sizeof(struct cmsghdr)`
const CONTROL_HEADER: usize = 16;
/// `CMSG_SPACE(sizeof(struct ucred))`
const CREDENTIALS_SPACE: usize = 32;

/// What the ancillary data of a send asks for.
#[derive(Debug, Default)]
pub(super) struct Attached {
    pub(super) rights: Vec<Right>,
    pub(super) credentials: Option<Credentials>,
}

/// `scm_send`: what the sender may attach. Messages of other levels are ignored, as Linux does.
pub(super) fn attach(
    host: &Host,
    id: SocketId,
    ancillary: Vec<Ancillary>,
) -> Result<Attached, Errno> {
    let own = host.get(id)?.credentials();
    let mut attached = Attached::default();
    for item in ancillary {
        match item {
            Ancillary::Rights(rights) => {
                if attached.rights.len() + rights.len() > MOST_RIGHTS {
                    return Err(Errno::EINVAL);
                }
                attached.rights.extend(rights);
            }
            Ancillary::Credentials(credentials) => {
                // CAP_SYS_ADMIN for the pid, CAP_SETUID and CAP_SETGID for the ids.
                if own.uid != 0 && credentials != own {
                    return Err(Errno::EPERM);
                }
                attached.credentials = Some(credentials);
            }
            // `__scm_send`
            Ancillary::Invalid(MessageLevel::Socket)
            | Ancillary::StampRequest(_)
            | Ancillary::StampKey(_) => return Err(Errno::EINVAL),
            _ => {}
        }
    }
    if !attached.rights.is_empty() {
        let in_flight = host
            .stack
            .unix
            .in_flight
            .get(&own.uid)
            .copied()
            .unwrap_or(0);
        if own.uid != 0 && in_flight > MOST_IN_FLIGHT {
            return Err(Errno::ETOOMANYREFS);
        }
    }
    Ok(attached)
}

/// Rights were queued.
pub(super) fn take_off(host: &mut Host, sender: SocketId, rights: &[Right]) {
    if rights.is_empty() {
        return;
    }
    let uid = host
        .sockets
        .get(sender)
        .map_or(0, |socket| socket.credentials().uid);
    let state = &mut host.stack.unix;
    *state.in_flight.entry(uid).or_default() += rights.len();
    for socket in rights.iter().filter_map(|right| (state.socket_of.0)(right)) {
        *state.sockets_in_flight.entry(socket).or_default() += 1;
    }
}

/// Rights left a queue.
pub(super) fn land(host: &mut Host, sender: SocketId, rights: &[Right]) {
    if rights.is_empty() {
        return;
    }
    let uid = host
        .sockets
        .get(sender)
        .map_or(0, |socket| socket.credentials().uid);
    let state = &mut host.stack.unix;
    less(&mut state.in_flight, uid, rights.len());
    for right in rights {
        if let Some(socket) = (state.socket_of.0)(right) {
            less(&mut state.sockets_in_flight, socket, 1);
        }
    }
}

fn less<K: Ord>(table: &mut BTreeMap<K, usize>, key: K, by: usize) {
    if let Some(count) = table.get_mut(&key) {
        *count = count.saturating_sub(by);
        if *count == 0 {
            table.remove(&key);
        }
    }
}

/// `scm_recv`: writes what came into `received`, credentials first, rights as far as there is room for.
pub(super) fn hand_over(
    received: &mut Received,
    room: usize,
    credentials: Option<Option<Credentials>>,
    rights: Vec<Right>,
) {
    let mut room = room;
    if let Some(credentials) = credentials {
        // Nobody's, if the message was sent before anybody asked for credentials.
        let nobody = Credentials {
            pid: 0,
            uid: 65_534,
            gid: 65_534,
        };
        received
            .ancillary
            .push(Ancillary::Credentials(credentials.unwrap_or(nobody)));
        room = room.saturating_sub(CREDENTIALS_SPACE);
    }
    if rights.is_empty() {
        return;
    }
    // `scm_max_fds`: even what the closing alignment would not fit.
    let most = room.saturating_sub(CONTROL_HEADER) / size_of::<i32>();
    if rights.len() > most {
        received.flags |= MessageFlags::CTRUNC;
    }
    let mut rights = rights;
    rights.truncate(most);
    if !rights.is_empty() {
        received.ancillary.push(Ancillary::Rights(rights));
    }
}

/// How the host learns which of its sockets a right stands for.
#[derive(Clone, Copy)]
pub(crate) struct SocketOf(pub(super) fn(&Right) -> Option<SocketId>);

impl Default for SocketOf {
    fn default() -> Self {
        Self(|right| right.downcast_ref::<SocketId>().copied())
    }
}

impl core::fmt::Debug for SocketOf {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("SocketOf")
    }
}

impl Host {
    /// Tells the host which of its own sockets a right stands for, so that [`Self::collect_rights`] finds cycles. Until
    /// then only a right that is a bare [`SocketId`] is known.
    pub fn set_socket_of_right(&mut self, socket_of: fn(&Right) -> Option<SocketId>) {
        self.stack.unix.socket_of = SocketOf(socket_of);
    }

    /// Throws away the queued messages of sockets that nothing but rights in flight can reach: their rights are
    /// dropped, and with the last one the embedder closes the socket. Done by itself when an `AF_UNIX` socket closes;
    /// to be called when a program gave up its last handle to a socket that is still in flight. Returns how many
    /// sockets were found.
    pub fn collect_rights(&mut self) -> usize {
        collect(self)
    }
}

/// Mark and sweep over the sockets in flight, as `unix_gc`. Costs nothing while there is none.
pub(super) fn collect(host: &mut Host) -> usize {
    if host.stack.unix.sockets_in_flight.is_empty() {
        return 0;
    }
    let garbage = unreachable(host);
    for socket in &garbage {
        for holder in holders(host, *socket) {
            connect::purge(host, holder);
        }
    }
    garbage.len()
}

/// A socket whose queues its holder can reach: its own and those of the connections it has not accepted yet.
fn holders(host: &Host, id: SocketId) -> Vec<SocketId> {
    let mut all = alloc::vec![id];
    if let Ok(endpoint) = end(host, id)
        && endpoint.state == State::Listening
        && let Some(crowd) = &endpoint.crowd
    {
        all.extend(crowd.pending.iter().copied());
    }
    all
}

fn unreachable(host: &Host) -> BTreeSet<SocketId> {
    let state = &host.stack.unix;
    // What is in the queues of each socket, and how many copies of each right are there.
    let mut contents: BTreeMap<SocketId, Vec<SocketId>> = BTreeMap::new();
    let mut copies: BTreeMap<SocketId, (usize, usize)> = BTreeMap::new();
    let mut embryos = BTreeMap::new();
    for (id, _) in host.sockets.iter() {
        let Ok(endpoint) = end(host, id) else {
            continue;
        };
        for holder in holders(host, id).into_iter().skip(1) {
            embryos.insert(holder, id);
        }
        for right in endpoint.queue.iter().flat_map(|message| &message.rights) {
            if let Some(socket) = (state.socket_of.0)(right) {
                contents.entry(id).or_default().push(socket);
                let entry = copies
                    .entry(socket)
                    .or_insert((0, Arc::strong_count(&right.0)));
                entry.0 += 1;
            }
        }
    }
    // Suspects: every copy of the right is in a queue.
    let mut suspects: BTreeSet<SocketId> = copies
        .iter()
        .filter(|(_, (in_flight, held))| held <= in_flight)
        .map(|(socket, _)| *socket)
        .collect();
    let owner = |holder: SocketId| embryos.get(&holder).copied().unwrap_or(holder);
    let mut reached: Vec<SocketId> = contents
        .keys()
        .copied()
        .filter(|holder| !suspects.contains(&owner(*holder)))
        .collect();
    while let Some(holder) = reached.pop() {
        for socket in contents.get(&holder).into_iter().flatten() {
            if suspects.remove(socket) {
                reached.extend(holders(host, *socket));
            }
        }
    }
    suspects
}
