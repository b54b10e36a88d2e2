//! A veth pair as the way out of a namespace: the kernel's TCP has one end, a packet socket takes what comes out of the other.

use std::io;
use std::mem::{size_of, zeroed};
use std::os::fd::{AsFd, AsRawFd as _, BorrowedFd, FromRawFd as _, OwnedFd};

use bytes::Bytes;
use sockeye_core::{Frame, Instant};
use sockeye_link::Link;
use sockeye_link::device::VirtioNetHeader;
use sockeye_wire::Version;

use crate::kernel::{failed, ip};

/// Where the kernel's addresses are.
pub(crate) const NAME: &str = "veth0";
/// Where the packet socket is.
const OTHER: &str = "veth1";
/// Of `NAME`, so that frames can be addressed to it.
const ADDRESS: [u8; 6] = [2, 0, 0, 0, 0, 1];
const OTHER_ADDRESS: [u8; 6] = [2, 0, 0, 0, 0, 2];
const ETHERNET: usize = 14;
/// `linux/if_packet.h`, `linux/ethtool.h`
const PACKET_VNET_HDR: libc::c_int = 15;
const SIOCETHTOOL: libc::Ioctl = 0x8946;
/// Checksums, TCP super-segments, super-segments in software.
const ETHTOOL_OFF: [u32; 3] = [0x17, 0x1f, 0x24];
/// What may wait in the packet socket.
const ROOM: libc::c_int = 16 << 20;

/// The far end of the pair.
#[derive(Debug)]
pub struct Veth {
    socket: OwnedFd,
    has_offload: bool,
    buffer: Vec<u8>,
}

impl Veth {
    /// In the calling thread's namespace.
    pub(crate) fn new(mtu: u16, has_offload: bool) -> Result<Self, String> {
        let mtu = mtu.to_string();
        let text = |address: [u8; 6]| address.map(|byte| format!("{byte:02x}")).join(":");
        let (own, other) = (text(ADDRESS), text(OTHER_ADDRESS));
        ip(&[
            "link", "add", NAME, "address", &own, "type", "veth", "peer", "name", OTHER, "address",
            &other,
        ])?;
        // Nobody but the packet socket speaks there.
        let path = format!("/proc/sys/net/ipv6/conf/{OTHER}/disable_ipv6");
        std::fs::write(&path, "1").map_err(failed(&path))?;
        for name in [NAME, OTHER] {
            if !has_offload {
                for command in ETHTOOL_OFF {
                    turn_off(name, command).map_err(failed("offloads"))?;
                }
            }
            // What stands behind the pair answers no ARP.
            ip(&["link", "set", name, "arp", "off", "mtu", &mtu, "up"])?;
        }
        Ok(Veth {
            socket: packet_socket(has_offload).map_err(failed("packet socket"))?,
            has_offload,
            buffer: vec![0; 1 << 17],
        })
    }

    fn write(&self, mut frame: Frame) {
        let mut packet = Vec::with_capacity(VirtioNetHeader::LEN + ETHERNET + frame.len());
        if self.has_offload {
            let Some(mut header) = VirtioNetHeader::for_frame(&mut frame) else {
                return;
            };
            // They count from the beginning of the frame.
            if header.checksum_start > 0 {
                header.checksum_start += 14;
            }
            if header.header_length > 0 {
                header.header_length += 14;
            }
            packet.extend(header.to_bytes());
        } else {
            frame.complete_checksum();
        }
        let kind: [u8; 2] = match frame.layout() {
            Ok(layout) if layout.version == Version::V6 => [0x86, 0xdd],
            _ => [0x08, 0x00],
        };
        packet.extend(ADDRESS);
        packet.extend(OTHER_ADDRESS);
        packet.extend(kind);
        packet.extend(frame.to_vec());
        // What the pair does not take is lost, as on any wire.
        // SAFETY: the packet is as long as is said, and is only read.
        let _sent = unsafe {
            libc::send(
                self.socket.as_raw_fd(),
                packet.as_ptr().cast(),
                packet.len(),
                libc::MSG_DONTWAIT,
            )
        };
    }
}

fn packet_socket(has_offload: bool) -> io::Result<OwnedFd> {
    let all = u16::try_from(libc::ETH_P_ALL).unwrap_or(0).to_be();
    let kind = libc::SOCK_RAW | libc::SOCK_NONBLOCK | libc::SOCK_CLOEXEC;
    // Without a protocol, so that nothing comes before it is bound.
    // SAFETY: no pointers.
    let socket = unsafe { libc::socket(libc::AF_PACKET, kind, 0) };
    if socket < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: a descriptor that was just made and that nobody else has.
    let socket = unsafe { OwnedFd::from_raw_fd(socket) };
    let set = |level, name, value: libc::c_int| {
        // SAFETY: the option is an `int`, which is only read.
        let answer = unsafe {
            libc::setsockopt(
                socket.as_raw_fd(),
                level,
                name,
                (&raw const value).cast(),
                4,
            )
        };
        if answer == 0 {
            Ok(())
        } else {
            Err(io::Error::last_os_error())
        }
    };
    set(
        libc::SOL_PACKET,
        PACKET_VNET_HDR,
        libc::c_int::from(has_offload),
    )?;
    set(libc::SOL_SOCKET, libc::SO_RCVBUFFORCE, ROOM)?;
    set(libc::SOL_SOCKET, libc::SO_SNDBUFFORCE, ROOM)?;
    let name = std::ffi::CString::new(OTHER)?;
    // SAFETY: a string with its zero at the end.
    let index = unsafe { libc::if_nametoindex(name.as_ptr()) };
    // SAFETY: all zeroes is a valid address.
    let mut address: libc::sockaddr_ll = unsafe { zeroed() };
    address.sll_family = u16::try_from(libc::AF_PACKET).unwrap_or(0);
    address.sll_protocol = all;
    address.sll_ifindex = i32::try_from(index).unwrap_or(0);
    let length = libc::socklen_t::try_from(size_of::<libc::sockaddr_ll>()).unwrap_or(0);
    // SAFETY: the address is as long as is said and outlives the call.
    let answer = unsafe { libc::bind(socket.as_raw_fd(), (&raw const address).cast(), length) };
    if answer != 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(socket)
}

fn turn_off(name: &str, command: u32) -> io::Result<()> {
    /// `struct ethtool_value`
    #[repr(C)]
    struct Value {
        command: u32,
        data: u32,
    }
    let mut value = Value { command, data: 0 };
    // SAFETY: no pointers.
    let socket = unsafe { libc::socket(libc::AF_INET, libc::SOCK_DGRAM | libc::SOCK_CLOEXEC, 0) };
    if socket < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: a descriptor that was just made and that nobody else has.
    let socket = unsafe { OwnedFd::from_raw_fd(socket) };
    // SAFETY: all zeroes is a valid request.
    let mut request: libc::ifreq = unsafe { zeroed() };
    for (to, from) in request.ifr_name.iter_mut().zip(name.bytes()) {
        *to = libc::c_char::from_ne_bytes([from]);
    }
    request.ifr_ifru.ifru_data = (&raw mut value).cast();
    // SAFETY: the request and what it points to are what this call takes, and outlive it.
    let answer = unsafe { libc::ioctl(socket.as_raw_fd(), SIOCETHTOOL, &raw mut request) };
    if answer != 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(())
}

impl AsFd for Veth {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

impl Link for Veth {
    fn send(&mut self, frame: Frame, _now: Instant) {
        if self.has_offload || frame.offload.segment_size.is_none() {
            self.write(frame);
        } else {
            for packet in frame.segments() {
                self.write(packet);
            }
        }
    }

    fn receive(&mut self, _now: Instant) -> Option<Frame> {
        loop {
            // SAFETY: the buffer is as long as is said.
            let length = unsafe {
                libc::recv(
                    self.socket.as_raw_fd(),
                    self.buffer.as_mut_ptr().cast(),
                    self.buffer.len(),
                    libc::MSG_DONTWAIT,
                )
            };
            let mut packet = self.buffer.get(..usize::try_from(length).ok()?)?;
            let mut header = VirtioNetHeader::default();
            if self.has_offload {
                let (bytes, rest) = packet.split_first_chunk()?;
                header = VirtioNetHeader::from_bytes(*bytes);
                header.checksum_start = header.checksum_start.saturating_sub(14);
                packet = rest;
            }
            let (ethernet, packet) = packet.split_at_checked(ETHERNET)?;
            if matches!(ethernet.get(12..), Some([0x08, 0x00] | [0x86, 0xdd])) {
                return Some(header.frame(Bytes::copy_from_slice(packet)));
            }
        }
    }

    fn next_deadline(&self) -> Option<Instant> {
        None
    }

    fn queued(&self) -> usize {
        0
    }
}
