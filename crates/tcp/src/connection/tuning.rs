//! Options, the congestion control and the sizes of buffers.
use super::Connection;
use crate::block::BlockFlags;
use crate::congestion::Congestion;
use crate::recv::ack::AckFlags;
use crate::recv::window::BufferFlags;
use crate::send::SendFlags;
use crate::send::memory::LEAST_SEND_BUFFER;
use crate::seq::{length, span};
use crate::state::Machine;
use crate::timers::Timer;
use crate::{Algorithm, Instant, SocketOptions};

/// What the application chooses.
impl Connection {
    /// What the owner may change. Call [`Connection::options_changed`] afterwards.
    pub fn options_mut(&mut self) -> &mut SocketOptions {
        &mut self.block.options
    }

    /// What the owner may change.
    pub fn options(&self) -> &SocketOptions {
        &self.block.options
    }

    /// The options were changed: timers and pending data follow.
    pub fn options_changed(&mut self, now: Instant) {
        let block = &mut self.block;
        block
            .recv
            .make_room_for(block.options.receive_low_water, &block.limits);
        block.fit_pacing();
        if !self.machine.transmits() || block.flags.contains(BlockFlags::ORPHAN) {
            return;
        }
        if block.options.keepalive {
            let idle = block.recv.last.ago(now);
            let left = block.options.keep_idle.saturating_sub(idle);
            block.timers.set(Timer::Keepalive, now + left);
        } else {
            block.timers.clear(Timer::Keepalive);
        }
    }

    /// `TCP_NODELAY` was set or `TCP_CORK` taken away: what `MSG_MORE` holds back goes (`tcp_push_pending_frames`); and if
    /// it goes `at_once`, so does what the cork or Nagle holds back, until more is written (`TCP_NAGLE_PUSH`).
    pub fn release_held(&mut self, at_once: bool) {
        let send = &mut self.block.send;
        send.flags.remove(SendFlags::MORE);
        send.flags
            .set(SendFlags::RELEASED, at_once && send.unsent() > 0);
    }

    /// `TCP_CONGESTION`: another algorithm takes over. What the old one knew is gone; the window and the threshold stay, as
    /// in `tcp_reinit_congestion_control`. The same one again changes nothing.
    pub fn set_congestion(&mut self, algorithm: Algorithm, _now: Instant) {
        let send = &mut self.block.send;
        if send.congestion.algorithm() != algorithm {
            send.congestion = Congestion::new(algorithm);
            self.block.begin_control();
        }
    }

    /// The algorithm in use.
    pub fn congestion(&self) -> Algorithm {
        self.block.send.congestion.algorithm()
    }

    /// `TCP_QUICKACK`: acknowledge at once (and what waits now, unless there is something to read first), or delay as in
    /// a ping-pong. Until the connection is taken for the other again by what it does; not `lasting`, no longer than
    /// that one acknowledgment.
    pub fn set_quickack(&mut self, on: bool, lasting: bool, _now: Instant) {
        let is_open = matches!(
            self.machine,
            Machine::Established(_) | Machine::CloseWait(_)
        );
        let recv = &mut self.block.recv;
        recv.ack.set_ping_pong(!on);
        if on && is_open && recv.ack.is(AckFlags::SCHEDULED) {
            recv.ack.flags |= AckFlags::PUSHED;
            recv.ack.hurry(recv.queue.is_empty());
            recv.ack.set_ping_pong(!lasting);
        }
    }

    /// A program waits for the connection to stand because it has something to write, or waits no longer: what it writes is
    /// to carry the acknowledgment of the SYN-ACK (`sk_write_pending`).
    pub fn set_writer(&mut self, waits: bool) {
        if let Machine::SynSent(state) = &mut self.machine {
            state.has_writer = waits;
        }
    }

    /// What `TCP_QUICKACK` tells: it does not delay as in a ping-pong.
    pub fn is_quickack(&self) -> bool {
        !self.block.recv.ack.is(AckFlags::PING_PONG)
    }

    /// What `TCP_WINDOW_CLAMP` tells: the bound that was set, else that of the buffer.
    pub fn window_clamp(&self) -> u32 {
        let all = self.block.recv.space();
        self.block.options.window_clamp.unwrap_or(all)
    }

    /// `SO_SNDBUF` in `getsockopt`'s units; stops autotuning.
    pub fn set_send_buffer(&mut self, size: usize) {
        let size = span(size).clamp(LEAST_SEND_BUFFER, 1 << 30);
        self.block.send.buffer = size;
        self.block.send.flags |= SendFlags::FIXED;
    }

    /// `SO_RCVBUF` in `getsockopt`'s units; stops autotuning. The window never shrinks.
    pub fn set_receive_buffer(&mut self, size: usize) {
        let size = span(size).clamp(2304, 1 << 30);
        self.block.recv.buffer = size;
        self.block.recv.flags |= BufferFlags::FIXED;
    }

    /// `SO_SNDBUF` and `SO_RCVBUF` as they are now.
    pub fn buffer_sizes(&self) -> (usize, usize) {
        (
            length(self.block.send.buffer),
            length(self.block.recv.buffer),
        )
    }
}
