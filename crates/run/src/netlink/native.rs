//! Questions about `AF_UNIX`: a run's sockets of that family are the kernel's own, so the kernel is asked, and of its
//! answers the program gets those about the run's sockets, under the names that the run knows.
//!
//! The kernel's dump goes on as its answers are read, and they are read as the program reads.

use std::collections::BTreeSet;
use std::os::fd::{AsFd, OwnedFd};

use sockeye_core::netlink::message::{Attributes, Message, Messages, Writer, number_u32};
use sockeye_core::{Errno, SocketAddress};
use sockeye_linux::address;

use super::{BY_FAMILY, NLMSG_DONE, NLMSG_ERROR};
use crate::conduit::PendingDatagram;
use crate::names::Names;
use crate::processes::Scan;
use crate::slab::Id;
use crate::supervisor::Supervisor;
use crate::sys::{self, Name};

/// `sizeof(struct unix_diag_req)` and `sizeof(struct unix_diag_msg)`
const REQUEST: usize = 24;
const ANSWER: usize = 16;
/// `UNIX_DIAG_NAME`
const NAME: u16 = 0;
/// As much as the kernel puts into a datagram for who has not shown that he takes more.
const CHUNK: usize = 4096;
/// How many of those are looked through in one turn of the event loop.
const MOST_CHUNKS: usize = 16;

/// The kernel's end of such questions.
#[derive(Debug)]
pub(super) struct Native {
    kernel: OwnedFd,
    /// The program's port, to which answers go.
    port: u32,
    /// The inode numbers of the sockets that the run's processes had open when they asked.
    own: BTreeSet<u32>,
    /// How many questions have no whole answer yet.
    open: usize,
}

/// Whether a request is one of these.
pub(super) fn is_for(message: &Message<'_>) -> bool {
    let family = message.payload.first().copied().map(i32::from);
    message.kind == BY_FAMILY && message.payload.len() >= REQUEST && family == Some(libc::AF_UNIX)
}

impl Supervisor {
    /// Passes a question on. `own` are the inode numbers of the run's sockets, if they are known already.
    pub(super) fn ask_kernel(
        &mut self,
        id: Id,
        message: &Message<'_>,
        own: Option<BTreeSet<u32>>,
    ) -> Result<(), Errno> {
        let socket = self.conduits.get(id).ok_or(Errno::EBADF)?.socket;
        let port = match self.host.local_address(socket)? {
            SocketAddress::Netlink { port, .. } => port,
            _ => 0,
        };
        let own = own.unwrap_or_else(|| Scan::new(self.pid).finish());
        let netlink = self.netlink_mut(id).ok_or(Errno::EBADF)?;
        let native = match &mut netlink.native {
            Some(native) => native,
            none => {
                let kernel = sys::diag_socket();
                none.insert(Box::new(Native {
                    kernel: kernel.map_err(|error| crate::calls::errno(&error))?,
                    port,
                    own: BTreeSet::new(),
                    open: 0,
                }))
            }
        };
        (native.port, native.own) = (port, own);
        let mut question = Writer::new(BY_FAMILY, message.flags, message.sequence, 0);
        question.fixed(message.payload.get(..REQUEST).unwrap_or_default());
        let sent = sys::send(
            native.kernel.as_fd(),
            &question.finish(),
            libc::MSG_DONTWAIT,
        );
        sent.map_err(|error| crate::calls::errno(&error))?;
        native.open += 1;
        Ok(())
    }

    /// The next part of the kernel's answers.
    pub(super) fn next_native(&mut self, id: Id) -> Option<PendingDatagram> {
        // Out of the table for as long as it is asked, since what it says is looked up there.
        let mut native = self
            .netlink_mut(id)?
            .native
            .take_if(|native| native.open > 0)?;
        let data = self.receive_native(&mut native);
        if data.is_none() && native.open > 0 {
            self.return_to(id);
        }
        if let Some(netlink) = self.netlink_mut(id) {
            netlink.native = Some(native);
        }
        let source = SocketAddress::Netlink { port: 0, groups: 0 };
        Some(PendingDatagram {
            data: data?,
            source: address::encode(&source),
            control: Vec::new(),
        })
    }

    fn receive_native(&self, native: &mut Native) -> Option<Vec<u8>> {
        let mut buffer = [0; CHUNK];
        // Most of the machine's sockets may be others'.
        for _ in 0..MOST_CHUNKS {
            // The kernel answers while it is asked: what is not there now will not come.
            let received = sys::receive(native.kernel.as_fd(), &mut buffer, libc::MSG_DONTWAIT);
            let Ok(length) = received else {
                native.open = 0;
                return None;
            };
            let mut told = Vec::new();
            for message in Messages::new(buffer.get(..length)?) {
                let is_part = message.flags & 2 != 0;
                if !is_part || message.kind == NLMSG_DONE {
                    native.open = native.open.saturating_sub(1);
                }
                told.extend(self.translate(&message, native).unwrap_or_default());
            }
            if !told.is_empty() {
                return Some(told);
            }
        }
        None
    }

    /// One of the kernel's messages as the program gets it, if it is told at all.
    fn translate(&self, message: &Message<'_>, native: &Native) -> Option<Vec<u8>> {
        let begin = |kind, flags| Writer::new(kind, flags, message.sequence, native.port);
        let payload = message.payload;
        if message.kind != BY_FAMILY {
            let mut same = begin(message.kind, message.flags);
            same.fixed(payload);
            return Some(same.finish());
        }
        let inode = number_u32(payload, 4)?;
        let cookie = u64::from(number_u32(payload, 8)?) | u64::from(number_u32(payload, 12)?) << 32;
        let is_own = native.own.contains(&inode) && self.conduits.by_cookie(cookie).is_none();
        if !is_own {
            // In a dump it is left out. Who asked for it alone hears that there is no such socket.
            let is_dump = message.flags != 0;
            return (!is_dump).then(|| {
                let mut error = begin(NLMSG_ERROR, 0);
                error.fixed(&(-libc::ENOENT).to_ne_bytes());
                error.fixed(message.whole.get(..16).unwrap_or_default());
                error.finish()
            });
        }
        let mut answer = begin(BY_FAMILY, message.flags);
        answer.fixed(payload.get(..ANSWER)?);
        for attribute in Attributes::after(payload, ANSWER) {
            match attribute.kind {
                NAME => answer.attribute(NAME, &public_name(&self.names, attribute.value)),
                kind => answer.attribute(kind, attribute.value),
            };
        }
        Some(answer.finish())
    }
}

/// The name that the program gave: an abstract one is kept under another.
fn public_name(names: &Names, name: &[u8]) -> Vec<u8> {
    let [0, kept @ ..] = name else {
        return name.to_vec();
    };
    match names.public(&Name::abstract_name(kept)) {
        Some(given) => [&[0], given].concat(),
        None => name.to_vec(),
    }
}
