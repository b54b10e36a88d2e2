//! Control messages: `struct cmsghdr` and what follows it.
//!
//! `SCM_RIGHTS` is not here: descriptors are the embedder's, which puts them in and takes them out.

use sockeye_core::{Ancillary, Credentials, ExtendedError, MessageLevel};

use crate::address;
use crate::number::{SOL_IP, SOL_IPV6, SOL_SOCKET};

/// `sizeof(struct cmsghdr)`.
pub const HEADER_SIZE: usize = 16;
/// `SOL_TCP`.
const SOL_TCP: i32 = 6;
const TCP_CM_INQ: i32 = 36;
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
const SCM_TIMESTAMPING: i32 = 37;
const SCM_TIMESTAMP_NEW: i32 = 63;
const SCM_TIMESTAMPNS_NEW: i32 = 64;
const SCM_TIMESTAMPING_NEW: i32 = 65;
const SCM_TIMESTAMPING_OPT_STATS: i32 = 54;
const SCM_TS_OPT_ID: i32 = 81;
/// `SOF_TIMESTAMPING_TX_RECORD_MASK`: what a call may ask for.
const STAMP_RECORDS: u32 = 1 | 1 << 1 | 1 << 8 | 1 << 9 | 1 << 18;
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
const IPV6_DONTFRAG: i32 = 62;
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

/// `struct timespec`
fn timespec(time: core::time::Duration) -> Vec<u8> {
    let mut data = time.as_secs().to_ne_bytes().to_vec();
    data.extend_from_slice(&u64::from(time.subsec_nanos()).to_ne_bytes());
    data
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
                push(&mut out, SOL_SOCKET, SCM_TIMESTAMPNS, &timespec(*time));
            }
            Ancillary::TimestampNew(time) => {
                let mut data = time.as_secs().to_ne_bytes().to_vec();
                data.extend_from_slice(&u64::from(time.subsec_micros()).to_ne_bytes());
                push(&mut out, SOL_SOCKET, SCM_TIMESTAMP_NEW, &data);
            }
            Ancillary::TimestampNanosNew(time) => {
                push(&mut out, SOL_SOCKET, SCM_TIMESTAMPNS_NEW, &timespec(*time));
            }
            Ancillary::Timestamping { software, is_new } => {
                // struct scm_timestamping: by software, nothing, and by hardware.
                let mut data = timespec(*software);
                data.resize(3 * data.len(), 0);
                let kind = if *is_new {
                    SCM_TIMESTAMPING_NEW
                } else {
                    SCM_TIMESTAMPING
                };
                push(&mut out, SOL_SOCKET, kind, &data);
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
            Ancillary::DontFragment(is_on) => push(
                &mut out,
                SOL_IPV6,
                IPV6_DONTFRAG,
                &u32::from(*is_on).to_ne_bytes(),
            ),
            Ancillary::ExtendedError(error) => extended(&mut out, error),
            Ancillary::StampStats(stats) => {
                push(&mut out, SOL_SOCKET, SCM_TIMESTAMPING_OPT_STATS, stats);
            }
            Ancillary::Unread(count) => push(&mut out, SOL_TCP, TCP_CM_INQ, &count.to_ne_bytes()),
            // What was not understood on its way in is never on its way out.
            Ancillary::Invalid(_) | Ancillary::StampRequest(_) | Ancillary::StampKey(_) => {}
        }
    }
    out
}

/// `struct sock_extended_err`, followed by the offender's address.
fn extended(out: &mut Vec<u8>, error: &ExtendedError) {
    let errno = error.errno.map_or(0, |errno| errno.number());
    let mut data = errno.to_ne_bytes().to_vec();
    data.extend_from_slice(&[error.origin as u8, error.kind, error.code, 0]);
    data.extend_from_slice(&error.info.to_ne_bytes());
    data.extend_from_slice(&error.data.to_ne_bytes());
    match &error.offender {
        Some(offender) => data.extend_from_slice(&address::encode(offender)),
        None => data.resize(data.len() + if error.is_v6 { 28 } else { 16 }, 0),
    }
    let (level, kind) = if error.is_v6 {
        (SOL_IPV6, IPV6_RECVERR)
    } else {
        (SOL_IP, IP_RECVERR)
    };
    push(out, level, kind, &data);
}

/// Cuts encoded control messages to `room` bytes; whether something is lost (`put_cmsg`). A message that does not fit
/// whole is cut within its data, and its header says so; one without room for its header is left out.
pub fn fit(encoded: &mut Vec<u8>, room: usize) -> bool {
    let mut at = 0;
    while at < encoded.len() {
        let length = encoded
            .get(at..at + 8)
            .and_then(|bytes| bytes.try_into().ok())
            .map_or(0, u64::from_ne_bytes);
        let length = usize::try_from(length)
            .unwrap_or(usize::MAX)
            .max(HEADER_SIZE);
        let left = room.saturating_sub(at);
        if left < HEADER_SIZE {
            encoded.truncate(at);
            return true;
        }
        if left < length {
            encoded.truncate(room);
            if let Some(header) = encoded.get_mut(at..at + 8) {
                header.copy_from_slice(&(left as u64).to_ne_bytes());
            }
            return true;
        }
        // The padding of the last message need not fit.
        at = at.saturating_add(align(length)).min(encoded.len());
    }
    encoded.truncate(room);
    false
}

/// The control messages of a call that sends. Those of levels that no protocol looks at are left out; which of the
/// others are in order depends on the socket, so that one that isn't is handed on as [`Ancillary::Invalid`].
/// So is a header that does not fit into what there is (`CMSG_OK`), which every socket refuses.
pub fn decode(bytes: &[u8]) -> Vec<Ancillary> {
    let mut messages = Vec::new();
    let mut at = 0;
    while bytes.len() - at >= HEADER_SIZE {
        let header = &bytes[at..at + HEADER_SIZE];
        let length = header[..8].try_into().map_or(0, u64::from_ne_bytes);
        let level = header[8..12].try_into().map_or(0, i32::from_ne_bytes);
        let kind = header[12..16].try_into().map_or(0, i32::from_ne_bytes);
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        if length < HEADER_SIZE || length > bytes.len() - at {
            messages.push(Ancillary::Invalid(MessageLevel::Socket));
            break;
        }
        let whose = match (level, kind) {
            (SOL_SOCKET, _) => Some(MessageLevel::Socket),
            (SOL_IP, _) => Some(MessageLevel::Ip),
            (SOL_IPV6, IPV6_PKTINFO) => Some(MessageLevel::Ipv6PacketInfo),
            (SOL_IPV6, _) => Some(MessageLevel::Ipv6),
            (SOL_UDP, _) => Some(MessageLevel::Udp),
            _ => None,
        };
        if let Some(whose) = whose {
            match decode_one(level, kind, &bytes[at + HEADER_SIZE..at + length]) {
                Some(Meaning::Said(message)) => messages.push(message),
                Some(Meaning::Nothing) => {}
                Some(Meaning::DefaultHopLimit) => {
                    messages.retain(|message| !matches!(message, Ancillary::HopLimit(_)));
                }
                None => messages.push(Ancillary::Invalid(whose)),
            }
        }
        at = at.saturating_add(align(length)).min(bytes.len());
    }
    messages
}

/// What a message that is in order comes to.
enum Meaning {
    Said(Ancillary),
    /// As if it was not there.
    Nothing,
    /// As if none before it had said any. RFC 3542 6.3
    DefaultHopLimit,
}

/// An `int`, and nothing but it.
fn int(data: &[u8]) -> Option<i32> {
    data.try_into().ok().map(i32::from_ne_bytes)
}

fn int_at(data: &[u8], at: usize) -> Option<i32> {
    int(data.get(at..at.checked_add(4)?)?)
}

/// What a message says; `None` if its level does not know it, or not with this length or value.
fn decode_one(level: i32, kind: i32, data: &[u8]) -> Option<Meaning> {
    Some(Meaning::Said(match (level, kind) {
        // Descriptors mean nothing to an internet socket, which takes no notice of them.
        (SOL_SOCKET, SCM_RIGHTS) => return Some(Meaning::Nothing),
        (SOL_SOCKET, SCM_CREDENTIALS) if data.len() == 12 => Ancillary::Credentials(Credentials {
            pid: int_at(data, 0)?,
            uid: int_at(data, 4)?.cast_unsigned(),
            gid: int_at(data, 8)?.cast_unsigned(),
        }),
        (SOL_SOCKET, SCM_TIMESTAMPING | SCM_TIMESTAMPING_NEW) => {
            let flags = int(data)?.cast_unsigned();
            if flags & !STAMP_RECORDS != 0 {
                return None;
            }
            Ancillary::StampRequest(flags)
        }
        (SOL_SOCKET, SCM_TS_OPT_ID) => Ancillary::StampKey(int(data)?.cast_unsigned()),
        (SOL_IP, IP_PKTINFO) if data.len() == 12 => Ancillary::PacketInfo {
            interface: int_at(data, 0)?.cast_unsigned(),
            local: octets_at::<4>(data, 4)?.into(),
            destination: octets_at::<4>(data, 8)?.into(),
        },
        (SOL_IPV6, IPV6_PKTINFO) => Ancillary::PacketInfoV6 {
            address: octets_at::<16>(data, 0)?.into(),
            interface: int_at(data, 16)?.cast_unsigned(),
        },
        (SOL_IP, IP_TTL) => {
            let hops = u8::try_from(int(data)?).ok().filter(|hops| *hops > 0);
            Ancillary::TimeToLive(hops?)
        }
        (SOL_IP, IP_TOS) => Ancillary::TypeOfService(match data {
            [class] => *class,
            _ => u8::try_from(int(data)?).ok()?,
        }),
        (SOL_IPV6, IPV6_HOPLIMIT) => match int(data)? {
            -1 => return Some(Meaning::DefaultHopLimit),
            value => Ancillary::HopLimit(u8::try_from(value).ok()?),
        },
        // RFC 3542 6.5 asks for the default with -1. Linux lets it through and sends its low byte.
        (SOL_IPV6, IPV6_TCLASS) => Ancillary::TrafficClass(match int(data)? {
            -1 => u8::MAX,
            value => u8::try_from(value).ok()?,
        }),
        (SOL_IPV6, IPV6_DONTFRAG) => Ancillary::DontFragment(match int(data)? {
            0 => false,
            1 => true,
            _ => return None,
        }),
        (SOL_UDP, UDP_SEGMENT) => Ancillary::SegmentSize(u16::from_ne_bytes(data.try_into().ok()?)),
        _ => return None,
    }))
}

fn octets_at<const N: usize>(data: &[u8], at: usize) -> Option<[u8; N]> {
    data.get(at..at.checked_add(N)?)?.try_into().ok()
}

#[cfg(test)]
mod tests;
