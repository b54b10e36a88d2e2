//! What `NETLINK_SOCK_DIAG` tells of the host's sockets, as the program finds it in its own files: the inode number of each
//! file, which is how `ss -p` finds processes, and queues with what waits in the file.

use std::ops::Range;

use sockeye_core::SocketId;

use super::{BY_FAMILY, NLMSG_DONE, places};
use crate::inspect::Shown;
use crate::slab::Id;
use crate::supervisor::Supervisor;
use crate::sys;

pub(super) use crate::inspect::Files;

/// `TCPDIAG_GETSOCK`
const OLD: u16 = 18;
/// `sizeof(struct nlmsghdr)`
const HEADER: usize = 16;
/// `TCP_CLOSE_WAIT`
const CLOSE_WAIT: u8 = 8;

/// A number in a message.
fn word(bytes: &mut [u8], at: usize) -> Option<&mut [u8; 4]> {
    bytes.get_mut(at..at.checked_add(4)?)?.try_into().ok()
}

impl Supervisor {
    /// Puts in what the host does not know.
    pub(super) fn complete(&mut self, id: Id, datagram: &mut [u8]) {
        let places = places(datagram);
        let ends = places.iter().any(|(kind, _)| *kind == NLMSG_DONE);
        let tells = |kind: u16| matches!(kind, OLD | BY_FAMILY);
        let Some(netlink) = self.netlink_mut(id) else {
            return;
        };
        // The kernel is asked once in a dump.
        let mut files = netlink.files.take();
        if let Some(files) = files.take_if(|_| ends) {
            drop(files);
        }
        for (_, place) in places.into_iter().filter(|(kind, _)| tells(*kind)) {
            let files = files.get_or_insert_with(|| {
                sys::unix_queues().unwrap_or_else(|error| {
                    tracing::warn!("the inode numbers of files are not known: {error}");
                    Files::new()
                })
            });
            if let Some(message) = payload(datagram, place) {
                self.complete_one(message, files);
            }
        }
        if let Some(netlink) = self.netlink_mut(id) {
            netlink.files = files;
        }
    }

    /// `struct inet_diag_msg` or `struct netlink_diag_msg`
    fn complete_one(&self, message: &mut [u8], files: &Files) -> Option<()> {
        const QUEUES: usize = 56;
        const INODE: usize = 68;
        const NETLINK_INODE: usize = 16;
        let family = i32::from(*message.first()?);
        let state = *message.get(1)?;
        let is_netlink = family == libc::AF_NETLINK;
        let inode = word(message, if is_netlink { NETLINK_INODE } else { INODE })?;
        let socket: SocketId = self.host.socket_of_inode(u32::from_ne_bytes(*inode))?;
        let found = self.conduit_of(socket);
        let conduit = found.and_then(|id| self.conduits.get(id));
        // A connection that nobody has accepted yet has no file.
        let file = conduit.and_then(|conduit| files.get(&conduit.cookie));
        *inode = file.map_or(0, |file| file.inode).to_ne_bytes();
        if is_netlink {
            return Some(());
        }
        let (id, conduit) = (found?, conduit?);
        let number = |place: &mut [u8; 4]| u32::from_ne_bytes(*place);
        let shown = Shown {
            recv_q: number(word(message, QUEUES)?).try_into().ok()?,
            send_q: number(word(message, QUEUES + 4)?).try_into().ok()?,
            peer_has_ended: state == CLOSE_WAIT,
        };
        let (recv_q, send_q) = self.queues(&shown, id, conduit, files);
        let number = |queue: usize| u32::try_from(queue).unwrap_or(u32::MAX).to_ne_bytes();
        *word(message, QUEUES)? = number(recv_q);
        *word(message, QUEUES + 4)? = number(send_q);
        Some(())
    }
}

fn payload(datagram: &mut [u8], place: Range<usize>) -> Option<&mut [u8]> {
    datagram.get_mut(place)?.get_mut(HEADER..)
}
