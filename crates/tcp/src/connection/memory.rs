//! What a connection holds of its owner's memory, and how it gives some back.
use super::Connection;
use crate::recv::window::BufferFlags;
use crate::seq::length;

/// The owner's memory.
impl Connection {
    /// Bytes held for the application and for the peer, with what keeping them costs.
    pub fn held(&self) -> usize {
        let recv = &self.block.recv;
        let behind = recv
            .queue
            .rare
            .assembler
            .as_ref()
            .map_or(0, |held| held.cost());
        length(self.block.send.queue.len()) + recv.queue.len() + behind
    }

    /// What is queued to be sent takes of the send buffer (`sk_wmem_queued`).
    pub fn send_memory(&self) -> usize {
        length(self.block.send_memory())
    }

    /// What its receive buffer is charged with: packets with all that they take (`sk_rmem_alloc`).
    pub fn charged(&self) -> usize {
        length(self.block.recv.charge())
    }

    /// A program has the connection now: until then what comes beyond a gap does not make its buffer grow.
    pub fn claimed(&mut self) {
        self.block.recv.flags.remove(BufferFlags::UNCLAIMED);
    }

    /// Memory is short, or no longer so: buffers do not grow, and the window stays small.
    pub fn set_pressure(&mut self, is_pressed: bool) {
        self.block.recv.set_pressure(is_pressed);
    }

    /// See [`Connection::set_pressure`].
    pub fn is_pressed(&self) -> bool {
        self.block.recv.is_pressed()
    }

    /// Throws away what came out of order, though the peer was told of it (RFC 2018 8). True if there was something.
    pub fn prune(&mut self) -> bool {
        let recv = &mut self.block.recv;
        recv.forget_dsack();
        recv.drop_out_of_order()
    }

    /// The send buffer becomes as small as half of what is in it (`sk_stream_moderate_sndbuf`).
    pub fn moderate_send_buffer(&mut self) {
        self.block.moderate_send_buffer();
    }
}
