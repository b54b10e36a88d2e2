//! When datagrams went: `SO_TIMESTAMPING` of what is sent (`__skb_tstamp_tx`).
//!
//! A stamp comes by the error queue, with the packet as it was given to the device unless only the stamp is wanted. A
//! device of the host takes a packet at once, so that the stamps of its queue and of the wire are the same.

use alloc::vec::Vec;

use bytes::Bytes;
use sockeye_wire::{Frame, Payload};

use crate::address::as_seen_by;
use crate::host::{Host, Stack};
use crate::ip::output::Kept;
use crate::message::{Ancillary, ErrorOrigin, ExtendedError};
use crate::options::{SharedOptions, StampFlags, Switches};
use crate::socket::Endpoint;
use crate::socket::datagrams::QueuedError;
use crate::{Domain, Errno, Instant, InterfaceId, SocketId};

/// `SCM_TSTAMP_SCHED`, in the order in which they come.
const SCHEDULED: u32 = 1;
/// `SCM_TSTAMP_SND`
const SENT: u32 = 0;

/// Whether a datagram is stamped when it goes.
fn is_stamped(options: &SharedOptions) -> bool {
    let stamps = StampFlags::TX_SOFTWARE | StampFlags::TX_SCHED;
    options.stamp_flags().intersects(stamps)
}

/// Before a datagram is sent.
pub(super) fn begin(stack: &mut Stack, options: &SharedOptions) {
    if is_stamped(options) {
        stack.kept = Kept::Wanted;
    }
}

/// After a datagram was sent, or was not.
pub(super) fn end(host: &mut Host, id: SocketId, interface: InterfaceId, is_sent: bool) {
    let Host { sockets, stack } = host;
    let frame = match core::mem::take(&mut stack.kept) {
        Kept::Nothing => return,
        Kept::Wanted => None,
        Kept::Frame(frame) => Some(frame),
    };
    let (Some(frame), Some(socket), true) = (frame, sockets.get_mut(id), is_sent) else {
        return;
    };
    let Endpoint::Datagram(endpoint) = &mut socket.endpoint else {
        return;
    };
    let options = &mut socket.options;
    let key = options.next_stamp_key();
    let flags = options.stamp_flags();
    let payload = if flags.contains(StampFlags::OPT_TSONLY) {
        Payload::new()
    } else {
        as_the_device_sees(&frame, interface)
    };
    let stamp = flags
        .contains(StampFlags::SOFTWARE)
        .then(|| Ancillary::Timestamping {
            software: stack.config.epoch + (stack.now - Instant::ZERO),
            is_new: options.is_on(Switches::NEW_STAMPS),
        });
    // ipv6_recv_error names the sender of the packet, which is this host, if there is a packet.
    let source = frame.ip().map(|ip| ip.source()).ok();
    let offender = source
        .filter(|_| socket.domain == Domain::Inet6 && !payload.is_empty())
        .map(|source| as_seen_by(socket.domain, source, 0, 0));
    let wanted = [
        (StampFlags::TX_SCHED, SCHEDULED),
        (StampFlags::TX_SOFTWARE, SENT),
    ];
    for (_, which) in wanted.iter().filter(|(flag, _)| flags.contains(*flag)) {
        let error = ExtendedError {
            errno: Errno::ENOMSG,
            origin: ErrorOrigin::Timestamping,
            kind: 0,
            code: 0,
            info: *which,
            data: key,
            offender: offender.clone(),
            is_v6: socket.domain == Domain::Inet6,
        };
        let queued = QueuedError {
            error,
            payload: payload.clone(),
            destination: None,
            stamp: stamp.clone(),
        };
        endpoint.queues.push_error(queued, options);
    }
    host.wake(id);
}

/// The loopback is an Ethernet to Linux; the host's other devices carry IP.
fn as_the_device_sees(frame: &Frame, interface: InterfaceId) -> Payload {
    let mut packet = Vec::new();
    if interface == InterfaceId::LOOPBACK {
        let is_v4 = frame.headers.first().is_some_and(|first| first >> 4 == 4);
        packet.extend([0; 12]);
        packet.extend(if is_v4 { [0x08, 0x00] } else { [0x86, 0xdd] });
    }
    packet.extend(frame.to_vec());
    Payload::from(Bytes::from(packet))
}
