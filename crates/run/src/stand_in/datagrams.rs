//! Clients that have sent datagrams.

use sockeye_core::{Errno, Incoming, MessageFlags, Outgoing, SocketAddress, SocketId, SocketType};

use super::clients::Client;
use crate::datagrams::LARGEST;
use crate::launch::Loopback;
use crate::publish::inside_address;
use crate::slab::Id;
use crate::supervisor::Supervisor;
use crate::sys::{self, Name};

impl Supervisor {
    /// Sends a client's datagram to a port of the run, from a socket that stands in for it; `None` if none can.
    pub(crate) fn send_as(&mut self, client: Client, through: usize, data: &[u8]) -> Option<()> {
        let socket = self.stand_in_of(client, through)?;
        self.clients.asked(client, through, self.now);
        if self.send_from(socket, data) == Err(Errno::ECONNREFUSED) {
            // So it went with the one before (ICMP); now the port may be there.
            let _sent = self.send_from(socket, data);
        }
        self.settle();
        Some(())
    }

    fn send_from(&mut self, socket: SocketId, data: &[u8]) -> Result<usize, Errno> {
        let outgoing = Outgoing {
            data: &[data],
            ..Outgoing::default()
        };
        self.host.send_message(socket, outgoing, self.now)
    }

    /// What a connected socket of the run has sent and nobody could be reached with goes again, if its peer is a client who was
    /// idle for long.
    pub(crate) fn send_to_recalled(&mut self, id: Id, unreachable: &[Vec<u8>]) {
        let Some(socket) = self.conduits.get(id).map(|conduit| conduit.socket) else {
            return;
        };
        let peer = self.host.peer_address(socket);
        if peer.is_ok_and(|peer| self.recall(id, &peer)) {
            for data in unreachable {
                let _sent = self.send_from(socket, data);
            }
        }
    }

    /// The socket that stands in for a client, made if there is none.
    pub(crate) fn stand_in_of(&mut self, client: Client, through: usize) -> Option<SocketId> {
        if let Some(socket) = self.clients.socket_of(client) {
            return Some(socket);
        }
        let local = inside_address(client.address, client.port);
        let socket = self.connect_as(SocketType::Datagram, client.address, local)?;
        if let Some(displaced) = self.clients.add(client, socket, through, self.now) {
            let _closed = self.host.close(displaced, self.now);
        }
        Some(socket)
    }

    /// A socket of the run speaks to `peer`: if that is a client who was idle for so long that nobody stands in for it any more,
    /// somebody does again. Whether so.
    pub(crate) fn recall(&mut self, id: Id, peer: &SocketAddress) -> bool {
        if self.loopback != Loopback::Stack {
            return false;
        }
        let Some((client, through)) = self.client_at(id, peer) else {
            return false;
        };
        self.clients.socket_of(client).is_none() && self.stand_in_of(client, through).is_some()
    }

    /// Something has come for a socket that may stand in: it goes out to the client.
    pub(crate) fn pass_answers(&mut self, socket: SocketId) {
        let Some((client, through)) = self.clients.of_socket(socket) else {
            return;
        };
        let buffer = &mut self.buffers.datagram;
        buffer.resize(LARGEST, 0);
        loop {
            let incoming = Incoming {
                buffers: &mut [buffer.as_mut_slice()],
                flags: MessageFlags::empty(),
                ancillary_room: 0,
            };
            let length = match self.host.receive_message(socket, incoming, self.now) {
                Ok(received) => received.length,
                Err(Errno::EAGAIN) => return,
                // An ordinary user can't send the client ICMP: that nobody has the port shows in captures alone.
                Err(_) => continue,
            };
            self.clients.answered(client, self.now);
            if let Some(outside) = self.publisher.socket(through) {
                let data = buffer.get(..length).unwrap_or_default();
                // What the machine can't send is lost, as datagrams are.
                let _sent = sys::send_to(outside, data, &Name::internet(client.address));
            }
        }
    }

    /// Ends the stand-ins that have been idle for long enough.
    pub(crate) fn end_idle_stand_ins(&mut self) {
        while let Some(socket) = self.clients.idle(self.now) {
            let _closed = self.host.close(socket, self.now);
        }
    }

    /// A program wants a port at which stand-ins may be in its way. They come back, or their datagrams go another way. Whether
    /// there were any.
    pub(crate) fn yield_port(&mut self, port: u16) -> bool {
        let taken = self.clients.take_at_port(port);
        for socket in &taken {
            let _closed = self.host.close(*socket, self.now);
        }
        !taken.is_empty()
    }
}
