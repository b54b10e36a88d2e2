//! Explicit congestion notification in the IP header (RFC 3168).
use crate::{Checksum, Frame, Version};

/// What the two bits of the IP header say (RFC 3168 5).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Ecn {
    /// The transport does not understand marks.
    #[default]
    NotCapable,
    /// It does: ECT(1).
    Capable1,
    /// It does: ECT(0), which is what RFC 3168 sends.
    Capable0,
    /// Congestion experienced.
    Congestion,
}

impl Ecn {
    /// Where the bits are in the traffic class (the type of service).
    pub const MASK: u8 = 0x03;

    /// Of a packet with this traffic class.
    pub const fn of(traffic_class: u8) -> Ecn {
        match traffic_class & Ecn::MASK {
            0 => Ecn::NotCapable,
            1 => Ecn::Capable1,
            2 => Ecn::Capable0,
            _ => Ecn::Congestion,
        }
    }

    /// The bits.
    pub const fn bits(self) -> u8 {
        match self {
            Ecn::NotCapable => 0,
            Ecn::Capable1 => 1,
            Ecn::Capable0 => 2,
            Ecn::Congestion => 3,
        }
    }
}

/// Where the two bits are in the second byte of an IPv4 header, and all four values.
const V4_MASK: u8 = 0x03;
/// Where they are in the second byte of an IPv6 header.
const V6_MASK: u8 = 0x30;

impl Frame {
    /// Marks the packet "congestion experienced", as a router does in place of dropping it. False, and nothing is changed, if
    /// its transport does not understand marks (RFC 3168 5).
    pub fn mark_congestion(&mut self) -> bool {
        let Ok(version) = Version::of(&self.headers) else {
            return false;
        };
        let mask = match version {
            Version::V4 => V4_MASK,
            Version::V6 => V6_MASK,
        };
        let Some(&before) = self.headers.get(1) else {
            return false;
        };
        if before & mask == 0 {
            return false;
        }
        let after = before | mask;
        if version == Version::V4 {
            let Some(&[a, b]) = self
                .headers
                .get(10..)
                .and_then(|rest| rest.first_chunk::<2>())
            else {
                return false;
            };
            let sum = Checksum::update(u16::from_be_bytes([a, b]), before.into(), after.into());
            if let Some(slot) = self.headers.get_mut(10..12) {
                slot.copy_from_slice(&sum.to_be_bytes());
            }
        }
        if let Some(slot) = self.headers.get_mut(1) {
            *slot = after;
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use core::net::{Ipv4Addr, Ipv6Addr};

    use crate::{Frame, Headers, IpProtocol, IpView, Ipv4Header, Ipv6Header, Payload};

    fn packet(is_v6: bool, traffic_class: u8, identification: u16) -> Frame {
        let mut headers = Headers::new();
        if is_v6 {
            let localhost = Ipv6Addr::LOCALHOST;
            let mut header = Ipv6Header::new(localhost, localhost, IpProtocol::UDP, 8);
            header.traffic_class = traffic_class;
            header.emit(&mut headers);
        } else {
            let localhost = Ipv4Addr::LOCALHOST;
            let mut header = Ipv4Header::new(localhost, localhost, IpProtocol::UDP, 8);
            header.traffic_class = traffic_class;
            header.identification = identification;
            header.emit(&mut headers);
        }
        headers.extend_from_slice(&[0; 8]);
        Frame::new(headers, Payload::new())
    }

    #[test]
    fn a_mark_is_set_where_the_transport_understands_it() {
        for is_v6 in [false, true] {
            for class in 0..=255 {
                for identification in [0, 1, 0x7fff, 0xfffe, 0xffff] {
                    let before = packet(is_v6, class, identification);
                    let mut after = before.clone();
                    assert_eq!(after.mark_congestion(), class & 3 != 0);
                    let expected = if class & 3 == 0 { class } else { class | 3 };
                    assert_eq!(after.ip().unwrap().traffic_class(), expected);
                    if let IpView::V4(view) = after.ip().unwrap() {
                        assert!(view.checksum_is_valid());
                    }
                    assert_eq!(after.headers.len(), before.headers.len());
                }
            }
        }
    }

    #[test]
    fn what_is_no_packet_is_left_alone() {
        for bytes in [&[][..], &[0x45][..], &[0x45, 3, 0][..], &[0x15, 3][..]] {
            let mut frame = Frame::new(Headers::from(bytes), Payload::new());
            assert!(!frame.mark_congestion());
            assert_eq!(frame.headers.as_slice(), bytes);
        }
    }
}
