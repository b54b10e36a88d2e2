//! Which counters a datagram belongs to: UDP and UDP-Lite count apart, and so do the IP versions.

use crate::Counters;
use crate::inet::bind_table::PortSpace;

/// UDP or UDP-Lite, over IPv4 or IPv6.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Kind {
    is_lite: bool,
    is_ipv4: bool,
}

/// What is counted.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Event {
    InDatagram,
    NoPort,
    InError,
    OutDatagram,
    ReceiveBufferError,
    InChecksumError,
}

impl Kind {
    pub(crate) fn new(is_lite: bool, is_ipv4: bool) -> Self {
        Self { is_lite, is_ipv4 }
    }

    /// Where the ports are.
    pub(crate) fn space(self) -> PortSpace {
        if self.is_lite {
            PortSpace::UdpLite
        } else {
            PortSpace::Udp
        }
    }

    /// Counts one.
    pub(crate) fn count(self, counters: &mut Counters, event: Event) {
        let c = counters;
        let counter = match (event, self.is_lite, self.is_ipv4) {
            (Event::InDatagram, false, true) => &mut c.udp_in_datagrams,
            (Event::InDatagram, false, false) => &mut c.udp6_in_datagrams,
            (Event::InDatagram, true, true) => &mut c.udp_lite_in_datagrams,
            (Event::InDatagram, true, false) => &mut c.udp_lite6_in_datagrams,
            (Event::NoPort, false, true) => &mut c.udp_no_ports,
            (Event::NoPort, false, false) => &mut c.udp6_no_ports,
            (Event::NoPort, true, true) => &mut c.udp_lite_no_ports,
            (Event::NoPort, true, false) => &mut c.udp_lite6_no_ports,
            (Event::InError, false, true) => &mut c.udp_in_errors,
            (Event::InError, false, false) => &mut c.udp6_in_errors,
            (Event::InError, true, true) => &mut c.udp_lite_in_errors,
            (Event::InError, true, false) => &mut c.udp_lite6_in_errors,
            (Event::OutDatagram, false, true) => &mut c.udp_out_datagrams,
            (Event::OutDatagram, false, false) => &mut c.udp6_out_datagrams,
            (Event::OutDatagram, true, true) => &mut c.udp_lite_out_datagrams,
            (Event::OutDatagram, true, false) => &mut c.udp_lite6_out_datagrams,
            (Event::ReceiveBufferError, false, true) => &mut c.udp_rcvbuf_errors,
            (Event::ReceiveBufferError, false, false) => &mut c.udp6_rcvbuf_errors,
            (Event::ReceiveBufferError, true, true) => &mut c.udp_lite_rcvbuf_errors,
            (Event::ReceiveBufferError, true, false) => &mut c.udp_lite6_rcvbuf_errors,
            (Event::InChecksumError, false, true) => &mut c.udp_in_csum_errors,
            (Event::InChecksumError, false, false) => &mut c.udp6_in_csum_errors,
            (Event::InChecksumError, true, true) => &mut c.udp_lite_in_csum_errors,
            (Event::InChecksumError, true, false) => &mut c.udp_lite6_in_csum_errors,
        };
        *counter += 1;
    }
}
