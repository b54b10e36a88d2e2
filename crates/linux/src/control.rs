//! Control messages: `struct cmsghdr` and what follows it.
//!
//! `SCM_RIGHTS` is not here: descriptors are the embedder's, which puts them in and takes them out.

use core::net::{Ipv4Addr, Ipv6Addr};

use sockeye_core::{Ancillary, Credentials, Errno, ExtendedError};

use crate::address;
use crate::number::{SOL_IP, SOL_IPV6, SOL_SOCKET};

/// `sizeof(struct cmsghdr)`.
pub const HEADER_SIZE: usize = 16;
/// `SOL_UDP`.
const SOL_UDP: i32 = 17;
/// `SCM_RIGHTS`.
pub const SCM_RIGHTS: i32 = 1;
/// `SCM_CREDENTIALS`.
const SCM_CREDENTIALS: i32 = 2;
/// `SO_TIMESTAMP`, which is also `SCM_TIMESTAMP`.
const SCM_TIMESTAMP: i32 = 29;
/// `SO_TIMESTAMPNS`.
const SCM_TIMESTAMPNS: i32 = 35;
/// `SO_RXQ_OVFL`.
const SO_RXQ_OVFL: i32 = 40;
const IP_TOS: i32 = 1;
const IP_TTL: i32 = 2;
const IP_PKTINFO: i32 = 8;
const IP_RECVERR: i32 = 11;
const IP_ORIGDSTADDR: i32 = 20;
const IPV6_RECVERR: i32 = 25;
const IPV6_PKTINFO: i32 = 50;
const IPV6_HOPLIMIT: i32 = 52;
const IPV6_TCLASS: i32 = 67;
const IPV6_ORIGDSTADDR: i32 = 74;
const UDP_SEGMENT: i32 = 103;
const UDP_GRO: i32 = 104;

/// `CMSG_ALIGN`.
const fn align(length: usize) -> usize {
    length.saturating_add(7) & !7
}

fn push(out: &mut Vec<u8>, level: i32, kind: i32, data: &[u8]) {
    out.extend_from_slice(&((HEADER_SIZE + data.len()) as u64).to_ne_bytes());
    out.extend_from_slice(&level.to_ne_bytes());
    out.extend_from_slice(&kind.to_ne_bytes());
    out.extend_from_slice(data);
    out.resize(align(out.len()), 0);
}

/// Control messages as `recvmsg` writes them, each padded to its alignment. What is not data here (rights) is left out.
pub fn encode(messages: &[Ancillary]) -> Vec<u8> {
    let mut out = Vec::new();
    for message in messages {
        match message {
            Ancillary::Rights(_) => {}
            Ancillary::Credentials(credentials) => {
                let mut data = credentials.pid.to_ne_bytes().to_vec();
                data.extend_from_slice(&credentials.uid.to_ne_bytes());
                data.extend_from_slice(&credentials.gid.to_ne_bytes());
                push(&mut out, SOL_SOCKET, SCM_CREDENTIALS, &data);
            }
            Ancillary::Timestamp(time) => {
                let mut data = time.as_secs().to_ne_bytes().to_vec();
                data.extend_from_slice(&u64::from(time.subsec_micros()).to_ne_bytes());
                push(&mut out, SOL_SOCKET, SCM_TIMESTAMP, &data);
            }
            Ancillary::TimestampNanos(time) => {
                let mut data = time.as_secs().to_ne_bytes().to_vec();
                data.extend_from_slice(&u64::from(time.subsec_nanos()).to_ne_bytes());
                push(&mut out, SOL_SOCKET, SCM_TIMESTAMPNS, &data);
            }
            Ancillary::PacketInfo {
                interface,
                local,
                destination,
            } => {
                let mut data = interface.to_ne_bytes().to_vec();
                data.extend_from_slice(&local.octets());
                data.extend_from_slice(&destination.octets());
                push(&mut out, SOL_IP, IP_PKTINFO, &data);
            }
            Ancillary::PacketInfoV6 { interface, address } => {
                let mut data = address.octets().to_vec();
                data.extend_from_slice(&interface.to_ne_bytes());
                push(&mut out, SOL_IPV6, IPV6_PKTINFO, &data);
            }
            Ancillary::TimeToLive(value) => {
                push(&mut out, SOL_IP, IP_TTL, &u32::from(*value).to_ne_bytes())
            }
            Ancillary::HopLimit(value) => push(
                &mut out,
                SOL_IPV6,
                IPV6_HOPLIMIT,
                &u32::from(*value).to_ne_bytes(),
            ),
            // The one that is a single byte. ip(7)
            Ancillary::TypeOfService(value) => push(&mut out, SOL_IP, IP_TOS, &[*value]),
            Ancillary::TrafficClass(value) => push(
                &mut out,
                SOL_IPV6,
                IPV6_TCLASS,
                &u32::from(*value).to_ne_bytes(),
            ),
            Ancillary::SegmentSize(size) => {
                push(&mut out, SOL_UDP, UDP_GRO, &u32::from(*size).to_ne_bytes())
            }
            Ancillary::OriginalDestination(destination) => {
                let (level, kind) = match destination {
                    sockeye_core::SocketAddress::V6(_) => (SOL_IPV6, IPV6_ORIGDSTADDR),
                    _ => (SOL_IP, IP_ORIGDSTADDR),
                };
                push(&mut out, level, kind, &address::encode(destination));
            }
            Ancillary::Overflows(count) => {
                push(&mut out, SOL_SOCKET, SO_RXQ_OVFL, &count.to_ne_bytes())
            }
            Ancillary::ExtendedError(error) => extended(&mut out, error),
        }
    }
    out
}

/// `struct sock_extended_err`, followed by the offender's address.
fn extended(out: &mut Vec<u8>, error: &ExtendedError) {
    let mut data = error.errno.number().to_ne_bytes().to_vec();
    data.extend_from_slice(&[error.origin as u8, error.kind, error.code, 0]);
    data.extend_from_slice(&error.info.to_ne_bytes());
    data.extend_from_slice(&error.data.to_ne_bytes());
    let six = error.origin == sockeye_core::ErrorOrigin::Icmp6
        || matches!(error.offender, Some(sockeye_core::SocketAddress::V6(_)));
    match &error.offender {
        Some(offender) => data.extend_from_slice(&address::encode(offender)),
        None => data.resize(data.len() + if six { 28 } else { 16 }, 0),
    }
    let (level, kind) = if six {
        (SOL_IPV6, IPV6_RECVERR)
    } else {
        (SOL_IP, IP_RECVERR)
    };
    push(out, level, kind, &data);
}

/// How much of encoded control messages fits into `room` bytes, and whether something is cut. The last message may be
/// cut within its data, as Linux cuts it, but not within its header.
pub fn fit(encoded: &[u8], room: usize) -> (usize, bool) {
    let mut at = 0;
    while at < encoded.len() {
        let length = encoded
            .get(at..at + 8)
            .and_then(|bytes| bytes.try_into().ok())
            .map_or(0, u64::from_ne_bytes);
        let length = usize::try_from(length)
            .unwrap_or(usize::MAX)
            .max(HEADER_SIZE);
        if room.saturating_sub(at) < length {
            return (at, true);
        }
        // The padding of the last message need not fit.
        at = at.saturating_add(align(length)).min(encoded.len());
    }
    (at.min(room), false)
}

/// The control messages of a call that sends.
///
/// # Errors
/// EINVAL if a message is malformed or not one that may be sent.
pub fn decode(bytes: &[u8]) -> Result<Vec<Ancillary>, Errno> {
    let mut messages = Vec::new();
    let mut at = 0;
    while bytes.len() - at >= HEADER_SIZE {
        let header = &bytes[at..at + HEADER_SIZE];
        let length = header[..8].try_into().map_or(0, u64::from_ne_bytes);
        let level = header[8..12].try_into().map_or(0, i32::from_ne_bytes);
        let kind = header[12..16].try_into().map_or(0, i32::from_ne_bytes);
        let length = usize::try_from(length).map_err(|_| Errno::EINVAL)?;
        if length < HEADER_SIZE || length > bytes.len() - at {
            return Err(Errno::EINVAL);
        }
        if let Some(message) = decode_one(level, kind, &bytes[at + HEADER_SIZE..at + length])? {
            messages.push(message);
        }
        at = at.saturating_add(align(length)).min(bytes.len());
    }
    Ok(messages)
}

fn int(data: &[u8]) -> Result<i32, Errno> {
    data.get(..4)
        .and_then(|bytes| bytes.try_into().ok())
        .map(i32::from_ne_bytes)
        .ok_or(Errno::EINVAL)
}

fn byte(data: &[u8]) -> Result<u8, Errno> {
    match data {
        [value] => Ok(*value),
        data => u8::try_from(int(data)?).map_err(|_| Errno::EINVAL),
    }
}

fn decode_one(level: i32, kind: i32, data: &[u8]) -> Result<Option<Ancillary>, Errno> {
    Ok(Some(match (level, kind) {
        // Descriptors mean nothing to an internet socket, which takes no notice of them.
        (SOL_SOCKET, SCM_RIGHTS) => return Ok(None),
        (SOL_SOCKET, SCM_CREDENTIALS) => Ancillary::Credentials(Credentials {
            pid: int(data)?,
            uid: int(data.get(4..).unwrap_or_default())?.cast_unsigned(),
            gid: int(data.get(8..).unwrap_or_default())?.cast_unsigned(),
        }),
        (SOL_IP, IP_PKTINFO) => {
            let octets = |at: usize| -> Result<Ipv4Addr, Errno> {
                let bytes: [u8; 4] = data
                    .get(at..at + 4)
                    .and_then(|bytes| bytes.try_into().ok())
                    .ok_or(Errno::EINVAL)?;
                Ok(bytes.into())
            };
            Ancillary::PacketInfo {
                interface: int(data)?.cast_unsigned(),
                local: octets(4)?,
                destination: octets(8)?,
            }
        }
        (SOL_IPV6, IPV6_PKTINFO) => {
            let octets: [u8; 16] = data
                .get(..16)
                .and_then(|bytes| bytes.try_into().ok())
                .ok_or(Errno::EINVAL)?;
            Ancillary::PacketInfoV6 {
                interface: int(data.get(16..).unwrap_or_default())?.cast_unsigned(),
                address: Ipv6Addr::from(octets),
            }
        }
        (SOL_IP, IP_TTL) => Ancillary::TimeToLive(byte(data)?),
        (SOL_IP, IP_TOS) => Ancillary::TypeOfService(byte(data)?),
        (SOL_IPV6, IPV6_HOPLIMIT) => Ancillary::HopLimit(byte(data)?),
        (SOL_IPV6, IPV6_TCLASS) => Ancillary::TrafficClass(byte(data)?),
        (SOL_UDP, UDP_SEGMENT) => {
            let bytes: [u8; 2] = data
                .get(..2)
                .and_then(|bytes| bytes.try_into().ok())
                .ok_or(Errno::EINVAL)?;
            Ancillary::SegmentSize(u16::from_ne_bytes(bytes))
        }
        _ => return Err(Errno::EINVAL),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_be_sent_survives_the_round_trip() {
        let messages = vec![
            Ancillary::PacketInfo {
                interface: 2,
                local: Ipv4Addr::new(10, 0, 2, 100),
                destination: Ipv4Addr::new(192, 0, 2, 1),
            },
            Ancillary::PacketInfoV6 {
                interface: 1,
                address: Ipv6Addr::LOCALHOST,
            },
            Ancillary::TimeToLive(9),
            Ancillary::TypeOfService(0x10),
            Ancillary::HopLimit(3),
            Ancillary::TrafficClass(0xb8),
        ];
        assert_eq!(decode(&encode(&messages)).unwrap(), messages);
    }

    #[test]
    fn malformed_messages_are_refused() {
        let good = encode(&[Ancillary::TimeToLive(9)]);
        assert!(decode(&good).is_ok());
        let mut long = good.clone();
        long[0] = 200;
        assert_eq!(decode(&long), Err(Errno::EINVAL));
        let mut short = good.clone();
        short[0] = 15;
        assert_eq!(decode(&short), Err(Errno::EINVAL));
        let mut unknown = good;
        unknown[8] = 99;
        assert_eq!(decode(&unknown), Err(Errno::EINVAL));
        assert_eq!(decode(&[0; 15]), Ok(Vec::new()));
    }

    #[test]
    fn what_does_not_fit_is_cut_between_messages() {
        let two = encode(&[Ancillary::TimeToLive(9), Ancillary::TimeToLive(9)]);
        assert_eq!(two.len(), 48);
        assert_eq!(fit(&two, 48), (48, false));
        assert_eq!(fit(&two, 44), (44, false));
        assert_eq!(fit(&two, 43), (24, true));
        assert_eq!(fit(&two, 3), (0, true));
    }
}
