//! What few sockets are told, so that to the others it costs a word.

use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::sync::Arc;
use core::time::Duration;

use sockeye_wire::Ipv4Options;

use super::{SharedOptions, Switches, Timestamping};
use crate::multicast::Multicast;
use crate::{Ancillary, Instant};

bitflags::bitflags! {
    /// `SOF_TIMESTAMPING_*`, Linux's numbers.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
    pub(crate) struct StampFlags: u32 {
        const TX_HARDWARE = 1;
        const TX_SOFTWARE = 1 << 1;
        const RX_HARDWARE = 1 << 2;
        const RX_SOFTWARE = 1 << 3;
        /// Software stamps are told.
        const SOFTWARE = 1 << 4;
        const SYS_HARDWARE = 1 << 5;
        const RAW_HARDWARE = 1 << 6;
        /// What was sent has a number.
        const OPT_ID = 1 << 7;
        /// When a packet enters the device's queue.
        const TX_SCHED = 1 << 8;
        const TX_ACK = 1 << 9;
        const OPT_CMSG = 1 << 10;
        /// The stamp of what was sent comes without the packet.
        const OPT_TSONLY = 1 << 11;
        const OPT_STATS = 1 << 12;
        const OPT_PKTINFO = 1 << 13;
        const OPT_TX_SWHW = 1 << 14;
        const BIND_PHC = 1 << 15;
        const OPT_ID_TCP = 1 << 16;
        /// Only stamps that this socket asked for.
        const OPT_RX_FILTER = 1 << 17;
        const TX_COMPLETION = 1 << 18;
        /// What a call asks for (`SOF_TIMESTAMPING_TX_RECORD_MASK`).
        const RECORDED = Self::TX_HARDWARE.bits()
            | Self::TX_SOFTWARE.bits()
            | Self::TX_SCHED.bits()
            | Self::TX_ACK.bits()
            | Self::TX_COMPLETION.bits();
        /// That which is told when a packet goes.
        const DEPARTURE = Self::TX_SOFTWARE.bits() | Self::TX_SCHED.bits();
    }
}

impl StampFlags {
    /// When something came is told by `SCM_TIMESTAMPING`. Every packet is stamped here, as in Linux once any socket asked for
    /// it.
    pub(crate) fn tells_arrivals(self) -> bool {
        self.contains(Self::SOFTWARE)
            && (self.contains(Self::RX_SOFTWARE) || !self.contains(Self::OPT_RX_FILTER))
    }
}

/// `UDP_ENCAP`: what else than data a UDP socket may get. L2TP (3) is the program's as long as it makes no tunnel of it.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Encapsulation {
    /// Linux's number, 0 for none.
    pub(super) kind: u8,
    /// It was ESP (2) once: Linux goes on to look for ESP until it is none.
    pub(super) was_esp: bool,
}

/// Options that few sockets have set, so that to the others they cost a word.
#[derive(Clone, Debug, Default)]
pub(super) struct Rare {
    /// `SO_RCVTIMEO`
    pub(super) receive_timeout: Option<Duration>,
    /// `SO_SNDTIMEO`
    pub(super) send_timeout: Option<Duration>,
    /// Values of options that are only recorded, by level and name.
    pub(super) recorded: BTreeMap<(i32, i32), i32>,
    pub(super) multicast: Multicast,
    /// `IP_OPTIONS`, if there are any.
    pub(super) ip_options: Option<Arc<Ipv4Options>>,
    /// `SO_MAX_PACING_RATE`, if set.
    pub(super) pacing_rate: Option<u64>,
    /// `SO_PEEK_OFF`, if set; a negative one is off.
    pub(super) peek_offset: Option<i32>,
    pub(super) encapsulation: Encapsulation,
    /// `SO_TIMESTAMPING`
    pub(super) stamp_flags: StampFlags,
    /// The number of the next datagram that is stamped when it goes (`SOF_TIMESTAMPING_OPT_ID`).
    pub(super) stamp_key: u32,
    /// How many datagrams were sent with `MSG_ZEROCOPY`.
    pub(super) zero_copies: u32,
    /// When the last bytes of a stream came whose arrival is to be told.
    pub(super) arrival: Option<Instant>,
    /// `TCP_SAVED_SYN`: the headers of the connection's SYN, until they are asked for.
    pub(super) saved_syn: Option<Box<[u8]>>,
}

impl SharedOptions {
    /// Not by way of `&mut self.rare`, which would make values of its own for a socket that has nothing rare.
    pub(super) fn rare_mut(&mut self) -> Option<&mut Rare> {
        self.rare.as_ref()?;
        self.rare.as_deref_mut()
    }

    pub(super) fn recorded(&self, level: i32, name: i32) -> Option<i32> {
        self.rare.as_ref()?.recorded.get(&(level, name)).copied()
    }

    pub(super) fn record(&mut self, level: i32, name: i32, value: i32) {
        let rare = self.rare.get_or_insert_default();
        rare.recorded.insert((level, name), value);
    }

    /// `SO_PEEK_OFF`: where the next peek begins, if peeks move on.
    pub(crate) fn peek_offset(&self) -> Option<usize> {
        let offset = self.rare.as_ref()?.peek_offset?;
        usize::try_from(offset).ok()
    }

    /// A peek looked at so many bytes more (`sk_peek_offset_fwd`).
    pub(crate) fn has_peeked(&mut self, count: usize) {
        self.move_peek_offset(i64::try_from(count).unwrap_or(i64::MAX));
    }

    /// A read took so many bytes away (`sk_peek_offset_bwd`).
    pub(crate) fn has_read(&mut self, count: usize) {
        self.move_peek_offset(-i64::try_from(count).unwrap_or(i64::MAX));
    }

    fn move_peek_offset(&mut self, by: i64) {
        let Some(rare) = self.rare_mut() else { return };
        if let Some(offset) = rare.peek_offset.filter(|offset| *offset >= 0) {
            let moved = i64::from(offset).saturating_add(by).max(0);
            rare.peek_offset = Some(i32::try_from(moved).unwrap_or(i32::MAX));
        }
    }

    /// `SO_TIMESTAMPING`
    pub(crate) fn stamp_flags(&self) -> StampFlags {
        let rare = self.rare.as_ref();
        rare.map_or(StampFlags::empty(), |rare| rare.stamp_flags)
    }

    /// Bytes of a stream came, and when is to be told.
    pub(crate) fn note_arrival(&mut self, now: Instant) {
        self.rare.get_or_insert_default().arrival = Some(now);
    }

    /// When the last bytes of the stream came, if that is known.
    pub(crate) fn arrival(&self) -> Option<Instant> {
        self.rare.as_ref()?.arrival
    }

    /// The messages of `SO_TIMESTAMP` and its like and of `SO_TIMESTAMPING`, as they are wanted. `received` is a time of the
    /// wall clock.
    pub(crate) fn stamps(&self, received: Duration) -> impl Iterator<Item = Ancillary> + use<> {
        let is_new = self.is_on(Switches::NEW_STAMPS);
        let detailed = self.stamp_flags().tells_arrivals();
        let detailed = detailed.then_some(Ancillary::Timestamping {
            software: received,
            is_new,
        });
        self.stamp(received).into_iter().chain(detailed)
    }

    fn stamp(&self, received: Duration) -> Option<Ancillary> {
        let is_new = self.is_on(Switches::NEW_STAMPS);
        match self.timestamping {
            Timestamping::Off => None,
            Timestamping::Micros if is_new => Some(Ancillary::TimestampNew(received)),
            Timestamping::Nanos if is_new => Some(Ancillary::TimestampNanosNew(received)),
            Timestamping::Micros => Some(Ancillary::Timestamp(received)),
            Timestamping::Nanos => Some(Ancillary::TimestampNanos(received)),
        }
    }

    pub(super) fn set_stamp_flags(&mut self, flags: StampFlags) {
        let rare = self.rare.get_or_insert_default();
        if !rare.stamp_flags.contains(StampFlags::OPT_ID) {
            rare.stamp_key = 0;
        }
        rare.stamp_flags = flags;
    }

    /// The number of the datagram that is sent now; 0 if they are not numbered.
    pub(crate) fn next_stamp_key(&mut self) -> u32 {
        let Some(rare) = self.rare_mut() else {
            return 0;
        };
        if !rare.stamp_flags.contains(StampFlags::OPT_ID) {
            return 0;
        }
        let key = rare.stamp_key;
        rare.stamp_key = key.wrapping_add(1);
        key
    }

    /// So many more datagrams were sent with `MSG_ZEROCOPY`: the number of the first of them.
    pub(crate) fn count_zero_copies(&mut self, count: u32) -> u32 {
        let sent = &mut self.rare.get_or_insert_default().zero_copies;
        let first = *sent;
        *sent = first.wrapping_add(count);
        first
    }

    /// Whether ESP packets and IKE's keepalives are kept from the program (`UDP_ENCAP`, RFC 3948).
    pub(crate) fn takes_esp(&self) -> bool {
        let encapsulation = self.rare.as_ref().map(|rare| rare.encapsulation);
        encapsulation.is_some_and(|encapsulation| encapsulation.kind != 0 && encapsulation.was_esp)
    }

    /// `SO_RCVTIMEO`
    pub(crate) fn receive_timeout(&self) -> Option<Duration> {
        self.rare.as_ref()?.receive_timeout
    }

    /// `SO_SNDTIMEO`
    pub(crate) fn send_timeout(&self) -> Option<Duration> {
        self.rare.as_ref()?.send_timeout
    }

    pub(crate) fn set_receive_timeout(&mut self, timeout: Option<Duration>) {
        self.rare.get_or_insert_default().receive_timeout = timeout;
    }

    pub(crate) fn set_send_timeout(&mut self, timeout: Option<Duration>) {
        self.rare.get_or_insert_default().send_timeout = timeout;
    }

    /// `SO_MAX_PACING_RATE`, in bytes per second; the largest number is no limit.
    pub(crate) fn pacing_rate(&self) -> u64 {
        let rate = self.rare.as_ref().and_then(|rare| rare.pacing_rate);
        rate.unwrap_or(u64::MAX)
    }

    pub(crate) fn set_pacing_rate(&mut self, rate: u64) {
        self.rare.get_or_insert_default().pacing_rate = Some(rate);
    }

    /// What the socket has to do with multicast, if anything.
    pub(crate) fn multicast(&self) -> Option<&Multicast> {
        self.rare.as_ref().map(|rare| &rare.multicast)
    }

    pub(crate) fn multicast_mut(&mut self) -> &mut Multicast {
        &mut self.rare.get_or_insert_default().multicast
    }

    /// The options that go into each IPv4 header, if any.
    pub(crate) fn ip_options(&self) -> Option<&Arc<Ipv4Options>> {
        self.rare.as_ref()?.ip_options.as_ref()
    }

    pub(super) fn set_ip_options(&mut self, options: Option<Arc<Ipv4Options>>) {
        if options.is_some() || self.rare.is_some() {
            self.rare.get_or_insert_default().ip_options = options;
        }
    }
}
