//! The numbers that say what follows an IP header.
use core::fmt;

/// An IP protocol number, which is also an IPv6 next-header value (IANA "Assigned Internet Protocol Numbers").
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct IpProtocol(pub u8);

impl IpProtocol {
    /// IPv6 hop-by-hop options.
    pub const HOP_BY_HOP: IpProtocol = IpProtocol(0);
    /// ICMP for IPv4.
    pub const ICMPV4: IpProtocol = IpProtocol(1);
    /// IGMP.
    pub const IGMP: IpProtocol = IpProtocol(2);
    /// IPv4 in IP.
    pub const IPV4: IpProtocol = IpProtocol(4);
    /// TCP.
    pub const TCP: IpProtocol = IpProtocol(6);
    /// UDP.
    pub const UDP: IpProtocol = IpProtocol(17);
    /// IPv6 in IP.
    pub const IPV6: IpProtocol = IpProtocol(41);
    /// IPv6 routing header.
    pub const ROUTING: IpProtocol = IpProtocol(43);
    /// IPv6 fragment header.
    pub const FRAGMENT: IpProtocol = IpProtocol(44);
    /// GRE.
    pub const GRE: IpProtocol = IpProtocol(47);
    /// Encapsulating security payload.
    pub const ESP: IpProtocol = IpProtocol(50);
    /// Authentication header.
    pub const AUTHENTICATION: IpProtocol = IpProtocol(51);
    /// ICMP for IPv6.
    pub const ICMPV6: IpProtocol = IpProtocol(58);
    /// IPv6: nothing follows.
    pub const NO_NEXT_HEADER: IpProtocol = IpProtocol(59);
    /// IPv6 destination options.
    pub const DESTINATION_OPTIONS: IpProtocol = IpProtocol(60);
    /// SCTP.
    pub const SCTP: IpProtocol = IpProtocol(132);
    /// IPv6 mobility header.
    pub const MOBILITY: IpProtocol = IpProtocol(135);
    /// UDP-Lite.
    pub const UDP_LITE: IpProtocol = IpProtocol(136);
    /// Raw IP (a socket protocol, never on a wire).
    pub const RAW: IpProtocol = IpProtocol(255);
}

impl From<u8> for IpProtocol {
    fn from(value: u8) -> Self {
        IpProtocol(value)
    }
}

impl From<IpProtocol> for u8 {
    fn from(value: IpProtocol) -> Self {
        value.0
    }
}

impl fmt::Debug for IpProtocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for IpProtocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match *self {
            IpProtocol::HOP_BY_HOP => "HOPOPT",
            IpProtocol::ICMPV4 => "ICMP",
            IpProtocol::IGMP => "IGMP",
            IpProtocol::IPV4 => "IPv4",
            IpProtocol::TCP => "TCP",
            IpProtocol::UDP => "UDP",
            IpProtocol::IPV6 => "IPv6",
            IpProtocol::ROUTING => "IPv6-Route",
            IpProtocol::FRAGMENT => "IPv6-Frag",
            IpProtocol::GRE => "GRE",
            IpProtocol::ESP => "ESP",
            IpProtocol::AUTHENTICATION => "AH",
            IpProtocol::ICMPV6 => "IPv6-ICMP",
            IpProtocol::NO_NEXT_HEADER => "IPv6-NoNxt",
            IpProtocol::DESTINATION_OPTIONS => "IPv6-Opts",
            IpProtocol::SCTP => "SCTP",
            IpProtocol::MOBILITY => "Mobility",
            IpProtocol::UDP_LITE => "UDPLite",
            IpProtocol::RAW => "RAW",
            IpProtocol(other) => return write!(f, "protocol {other}"),
        };
        f.write_str(name)
    }
}
