//! What the packets of one super-segment have in common: their headers, and the sums over them.
use crate::{Checksum, ChecksumState, Frame, Headers, IpProtocol, Layout, TcpFlags, Version};
use crate::{ipv4, ipv6, tcp, udp};

/// The headers of every packet, with zeros where they differ, so that only what differs is summed for each.
#[derive(Clone, Debug)]
pub(super) struct Template {
    headers: Headers,
    layout: Layout,
    /// Of the first packet.
    identification: u16,
    sequence: u32,
    flags: TcpFlags,
    /// Over the IPv4 header.
    ip_sum: Checksum,
    /// Over the pseudo header and the transport header.
    transport_sum: Checksum,
}

impl Template {
    /// `None` if this is nothing that can be split.
    pub(super) fn of(whole: &Frame) -> Option<Self> {
        let layout = whole.layout().ok().filter(|layout| !layout.fragment)?;
        let mut headers = whole.headers.clone();
        let pseudo_header = whole.ip().ok()?.pseudo_header(layout.protocol, 0);
        let (ip, transport) = headers.split_at_mut_checked(layout.transport)?;
        let mut identification = 0;
        let mut ip_sum = Checksum::new();
        match layout.version {
            Version::V4 => {
                identification = u16::from_be_bytes(take(ip, ipv4::IDENTIFICATION_OFFSET)?);
                let _length: [u8; 2] = take(ip, ipv4::LENGTH_OFFSET)?;
                let _sum: [u8; 2] = take(ip, ipv4::CHECKSUM_OFFSET)?;
                ip_sum.add_bytes(ip);
            }
            Version::V6 => {
                let _length: [u8; 2] = take(ip, ipv6::LENGTH_OFFSET)?;
            }
        }
        let (mut sequence, mut flags) = (0, TcpFlags::empty());
        match layout.protocol {
            IpProtocol::TCP => {
                sequence = u32::from_be_bytes(take(transport, tcp::SEQUENCE_OFFSET)?);
                let [bits] = take(transport, tcp::FLAGS_OFFSET)?;
                flags = TcpFlags::from_bits_retain(bits);
                let _sum: [u8; 2] = take(transport, tcp::CHECKSUM_OFFSET)?;
            }
            IpProtocol::UDP => {
                let _length: [u8; 2] = take(transport, udp::LENGTH_OFFSET)?;
                let _sum: [u8; 2] = take(transport, udp::CHECKSUM_OFFSET)?;
            }
            _ => return None,
        }
        let mut transport_sum = pseudo_header;
        transport_sum.add_bytes(transport);
        Some(Template {
            headers,
            layout,
            identification,
            sequence,
            flags,
            ip_sum,
            transport_sum,
        })
    }

    /// Writes the headers of the packet number `index`, whose payload starts after `done` bytes, and its transport checksum
    /// if it is to be summed.
    pub(super) fn write(
        &self,
        packet: &mut Frame,
        index: u16,
        done: usize,
        last: bool,
        sums: bool,
    ) {
        let at = self.layout.transport;
        let length = self.headers.len() + packet.payload.len();
        let headers = &mut packet.headers;
        headers.extend_from_slice(&self.headers);
        match self.layout.version {
            Version::V4 => {
                let length = u16::try_from(length).unwrap_or(0);
                let identification = self.identification.wrapping_add(index);
                let mut sum = self.ip_sum;
                sum.add_u16(length);
                sum.add_u16(identification);
                put(headers, ipv4::LENGTH_OFFSET, length.to_be_bytes());
                put(
                    headers,
                    ipv4::IDENTIFICATION_OFFSET,
                    identification.to_be_bytes(),
                );
                put(headers, ipv4::CHECKSUM_OFFSET, sum.finish().to_be_bytes());
            }
            Version::V6 => {
                let length = u16::try_from(length - ipv6::HEADER_LEN).unwrap_or(0);
                put(headers, ipv6::LENGTH_OFFSET, length.to_be_bytes());
            }
        }
        let length = length - at;
        let mut sum = self.transport_sum;
        sum.add_length(length);
        if self.layout.protocol == IpProtocol::UDP {
            let length = u16::try_from(length).unwrap_or(0);
            sum.add_u16(length);
            put(headers, at + udp::LENGTH_OFFSET, length.to_be_bytes());
        } else {
            // Sequence numbers wrap; a super-segment is far shorter than 4 GiB.
            let sequence = self.sequence.wrapping_add(u32::try_from(done).unwrap_or(0));
            let flags = self.flags_of(index, last);
            sum.add_u32(sequence);
            sum.add_u16(flags.bits().into());
            put(headers, at + tcp::SEQUENCE_OFFSET, sequence.to_be_bytes());
            put(headers, at + tcp::FLAGS_OFFSET, [flags.bits()]);
        }
        if sums {
            packet
                .payload
                .chunks()
                .for_each(|chunk| sum.add_bytes(chunk));
            let (field, checksum) = match self.layout.protocol {
                IpProtocol::UDP => (udp::CHECKSUM_OFFSET, udp::nonzero(sum.finish())),
                _ => (tcp::CHECKSUM_OFFSET, sum.finish()),
            };
            put(&mut packet.headers, at + field, checksum.to_be_bytes());
            packet.offload.checksum = ChecksumState::Complete;
        }
    }

    fn flags_of(&self, index: u16, last: bool) -> TcpFlags {
        let mut flags = self.flags;
        if !last {
            flags.remove(TcpFlags::FIN | TcpFlags::PSH);
        }
        // RFC 3168 6.1.2: the window was reduced once.
        if index != 0 {
            flags.remove(TcpFlags::CWR);
        }
        flags
    }
}

/// What is at `at`, leaving zeros there.
fn take<const N: usize>(bytes: &mut [u8], at: usize) -> Option<[u8; N]> {
    let slot = bytes.get_mut(at..)?.first_chunk_mut()?;
    Some(core::mem::replace(slot, [0; N]))
}

fn put<const N: usize>(bytes: &mut [u8], at: usize, value: [u8; N]) {
    if let Some(slot) = bytes.get_mut(at..at + N) {
        slot.copy_from_slice(&value);
    }
}
