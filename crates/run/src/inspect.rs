//! The run's report about itself, for `sockeye ss` and `sockeye ps`.
//!
//! A byte may be in several places: the host knows its own queues, the kernel those of the program's files, which are
//! asked for in one dump; what is on its way between the two lies in the relay. A row adds them up.

use std::collections::BTreeMap;
use std::os::fd::AsFd;

use sockeye_core::{Domain, SocketSummary, SocketType};

use crate::conduit::{Conduit, State};
use crate::describe;
use crate::launch::Loopback;
use crate::report::{Process, Run, Socket};
use crate::slab::Id;
use crate::supervisor::Supervisor;
use crate::sys::{self, Queues};

/// The program's files, by cookie.
pub(crate) type Files = BTreeMap<u64, Queues>;

/// What the host shows of a socket.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shown {
    pub(crate) recv_q: usize,
    pub(crate) send_q: usize,
    /// The connection is in CLOSE-WAIT.
    pub(crate) peer_has_ended: bool,
}

impl Supervisor {
    /// Everything about the run.
    pub(crate) fn report(&self) -> Run {
        let files = sys::unix_queues().unwrap_or_else(|error| {
            tracing::warn!("what is unread in the program's files is not known: {error}");
            Files::new()
        });
        let snapshot = self.host.snapshot();
        let rows = snapshot.sockets.iter().filter(|row| is_listed(row));
        let sockets = rows.map(|row| self.row(row, &files)).collect();
        Run {
            name: self.control.name.clone(),
            supervisor: self.pid,
            pid: self.program,
            command: self.control.command.clone(),
            loopback: match self.loopback {
                Loopback::Direct => "direct".to_owned(),
                Loopback::Stack => "stack".to_owned(),
            },
            seconds: self
                .control
                .began
                .map_or(0, |began| (self.now - began).as_secs()),
            published: self
                .published()
                .iter()
                .map(|(outside, publication)| {
                    format!(
                        "{outside} -> {}/{}",
                        publication.inside,
                        if publication.udp { "udp" } else { "tcp" }
                    )
                })
                .collect(),
            displaced_clients: self.clients.displaced(),
            abstract_prefix: self.names.private_prefix(),
            files: self
                .conduits
                .iter()
                .map(|(_, conduit)| conduit.cookie)
                .collect(),
            sockets,
        }
    }

    fn row(&self, summary: &SocketSummary, files: &Files) -> Socket {
        let found = self.conduit_of(summary.id);
        let conduit = found.and_then(|id| self.conduits.get(id));
        let (recv_q, send_q) = match (found, conduit) {
            (Some(id), Some(conduit)) => {
                let shown = Shown {
                    recv_q: summary.recv_q,
                    send_q: summary.send_q,
                    peer_has_ended: summary.state == "CLOSE-WAIT",
                };
                self.queues(&shown, id, conduit, files)
            }
            _ => (summary.recv_q, summary.send_q),
        };
        let is_accepted = conduit.is_some_and(|conduit| conduit.cookie != 0);
        // The last that made a call about it; who looks from outside finds them all.
        let process = conduit.filter(|_| is_accepted).and_then(|conduit| {
            Some(Process {
                name: conduit.owner.program()?,
                pid: conduit.owner.pid,
                fd: conduit.owner.fd,
            })
        });
        let device = summary.device.and_then(|device| {
            let mut interfaces = self.host.interfaces();
            interfaces.find(|(id, _)| *id == device)
        });
        Socket {
            netid: describe::netid(summary),
            state: summary.state.to_owned(),
            recv_q,
            send_q,
            local: describe::local(summary, device.map(|(_, name)| name)),
            peer: describe::peer(summary),
            v6: summary.domain == Domain::Inet6,
            joined: summary.is_joined,
            processes: process.into_iter().collect(),
            uid: summary.credentials.uid,
            cookie: summary.cookie,
            file: conduit.map_or(0, |conduit| conduit.cookie),
            timer: summary
                .timer
                .map(|(name, left)| describe::timer(name, left, summary.tcp_info.as_ref())),
            info: summary
                .tcp_info
                .as_ref()
                .map(|info| describe::info(info, summary.is_joined))
                .unwrap_or_default(),
            memory: describe::memory(&summary.memory_info()),
        }
    }

    /// `Recv-Q` and `Send-Q` of a socket with its conduit's share.
    pub(crate) fn queues(
        &self,
        shown: &Shown,
        id: Id,
        conduit: &Conduit,
        files: &Files,
    ) -> (usize, usize) {
        let file = files.get(&conduit.cookie).copied().unwrap_or_default();
        let is_accepted = conduit.cookie != 0;
        let (unread, unsent) = match &conduit.state {
            // The host counts what waits in the program's queue.
            State::Listening(_) => (0, 0),
            State::Joined(_) if is_accepted => (file.unread, 0),
            // Nobody can look into a file that nobody has accepted, but its peer's shows what it has sent, with the
            // kernel's bookkeeping.
            State::Joined(joined) => {
                let peer = self.conduits.get(joined.partner);
                let sent = peer.and_then(|peer| files.get(&peer.cookie));
                (sent.map_or(0, |queues| queues.unsent), 0)
            }
            State::Relay(relay) => {
                let unread = if is_accepted {
                    file.unread
                } else {
                    usize::try_from(relay.written).unwrap_or(usize::MAX)
                };
                let unsent = sys::unread(relay.end.as_fd()).unwrap_or(0);
                let unsent = usize::try_from(unsent).unwrap_or(0);
                (unread + relay.inbound.len(), unsent + relay.outbound.len())
            }
            State::Datagram(_) => (file.unread, 0),
            State::Fresh | State::Connecting(_) | State::Failed => (0, 0),
        };
        // As in Linux an end of file counts until it is read. That it has not been is certain while data lies before it,
        // and while nobody has accepted the connection.
        let ends_unread = shown.peer_has_ended && (unread > 0 || !is_accepted) && shown.recv_q == 0;
        tracing::trace!(?id, unread, unsent, "queues");
        (
            shown.recv_q + unread + usize::from(ends_unread),
            shown.send_q + unsent,
        )
    }
}

/// Whether `ss` lists it: Linux shows no internet socket that has neither a port nor a connection, and no TCP socket
/// that neither listens nor is connected.
fn is_listed(summary: &SocketSummary) -> bool {
    match (summary.domain, summary.kind) {
        // No program's.
        _ if summary.stands_in => false,
        // Not among what `sockeye ss` can be asked for.
        (Domain::Netlink, _) => false,
        (Domain::Unix, _) => true,
        (_, SocketType::Stream) => summary.state != "UNCONN",
        (_, SocketType::Datagram) => {
            let local = summary.local.as_ref().and_then(|local| local.ip());
            local.is_some_and(|(_, port)| port != 0)
        }
        _ => true,
    }
}
