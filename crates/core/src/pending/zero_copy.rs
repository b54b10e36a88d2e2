//! Streams without a copy inside the host: data in shared slices.

use bytes::Bytes;

use super::{Pending, Step};
use crate::{Errno, Host, Instant, MessageFlags, Payload};

impl Pending {
    /// Goes on sending `data`, which is the same each time: what was sent already is skipped. For streams, which send all
    /// of it before they return.
    pub fn send_bytes(&mut self, host: &mut Host, data: &Bytes, now: Instant) -> Step<usize> {
        let has_waited = self.waits_for_room;
        let step = self.try_send_bytes(host, data, now);
        if has_waited || step == Step::Blocked {
            self.tell_of_writer(host, step == Step::Blocked, data.len());
        }
        step
    }

    fn try_send_bytes(&mut self, host: &mut Host, data: &Bytes, now: Instant) -> Step<usize> {
        if let Some(step) = self.waits(host, MessageFlags::empty(), now) {
            return step;
        }
        loop {
            let rest = data.slice(self.progress.min(data.len())..);
            match host.send_bytes(self.socket, rest, now) {
                Ok(sent) => {
                    self.progress += sent;
                    if self.progress >= data.len() || sent == 0 {
                        return Step::Done(Ok(self.progress));
                    }
                }
                Err(Errno::EAGAIN) if self.may_wait(MessageFlags::empty(), now) => {
                    self.waits_for_room = true;
                    return Step::Blocked;
                }
                Err(errno) => return Step::Done(self.partly(errno)),
            }
        }
    }

    /// Goes on receiving at most `max` bytes of a stream. They gather in `into`, which is empty at first and the same
    /// each time; it returns when there are as many as `SO_RCVLOWAT` asks for, and at the end.
    pub fn receive_payload(
        &mut self,
        host: &mut Host,
        into: &mut Payload,
        max: usize,
        now: Instant,
    ) -> Step<usize> {
        let target = self.target(host, MessageFlags::empty(), max);
        loop {
            match host.receive_payload(self.socket, max.saturating_sub(self.progress), now) {
                Ok(mut payload) => {
                    let is_end = payload.is_empty();
                    self.progress += payload.len();
                    into.append(&mut payload);
                    if is_end
                        || self.progress >= target
                        || host.at_mark(self.socket).unwrap_or(false)
                    {
                        return Step::Done(Ok(self.progress));
                    }
                }
                Err(Errno::EAGAIN) if self.may_wait(MessageFlags::empty(), now) => {
                    return Step::Blocked;
                }
                Err(errno) => return Step::Done(self.partly(errno)),
            }
        }
    }
}
