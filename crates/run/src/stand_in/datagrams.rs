//! Clients that have sent datagrams.

use sockeye_core::{Errno, Incoming, MessageFlags, Outgoing, SocketAddress, SocketId, SocketType};

use super::clients::Client;
use crate::datagrams::LARGEST;
use crate::launch::Loopback;
use crate::publish::{Way, inside_address};
use crate::slab::Id;
use crate::supervisor::Supervisor;

impl Supervisor {
    /// Sends a client's datagram to a port of the run, from a socket that stands in for it; `None` if none can.
    pub(crate) fn send_as(&mut self, client: Client, way: Way, data: &[u8]) -> Option<()> {
        let socket = self.stand_in_of(client, way)?;
        self.clients.asked(client, way, self.now);
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

    /// A connected socket of the run sends to its peer: see [`Self::recall`].
    pub(crate) fn recall_peer(&mut self, id: Id) {
        let socket = self.conduits.get(id).map(|conduit| conduit.socket);
        let peer = socket.and_then(|socket| self.host.peer_address(socket).ok());
        if let Some(peer) = peer {
            self.recall(id, &peer);
        }
    }

    /// The socket that stands in for a client, made if there is none.
    pub(crate) fn stand_in_of(&mut self, client: Client, way: Way) -> Option<SocketId> {
        if let Some(socket) = self.clients.socket_of(client) {
            return Some(socket);
        }
        let local = inside_address(client.address, client.port);
        let socket = self.connect_as(SocketType::Datagram, client.address, local)?;
        if let Some(displaced) = self.clients.add(client, socket, way, self.now) {
            let _closed = self.host.close(displaced, self.now);
        }
        Some(socket)
    }

    /// A socket of the run speaks to `peer`: if that is a client who was idle for so long that nobody stands in for it any more,
    /// somebody does again.
    pub(crate) fn recall(&mut self, id: Id, peer: &SocketAddress) {
        if self.loopback == Loopback::Stack
            && let Some((client, way)) = self.client_at(id, peer)
        {
            let _stands_in = self.stand_in_of(client, way);
        }
    }

    /// Something has come for a socket that may stand in: it goes out to the client.
    pub(crate) fn pass_answers(&mut self, socket: SocketId) {
        let Some((client, way)) = self.clients.of_socket(socket) else {
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
            let data = buffer.get(..length).unwrap_or_default();
            self.publisher.send_out(client, way, data);
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
