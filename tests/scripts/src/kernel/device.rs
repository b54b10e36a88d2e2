//! A TUN device, and waiting for it.

use std::fs::{self, File, OpenOptions};
use std::io::{Read, Write};
use std::num::NonZeroU16;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::fs::OpenOptionsExt;
use std::process::Command;

use sockeye_drill::Setup;

/// `struct virtio_net_hdr`
const VNET_HEADER: usize = 10;

/// `TUNSETIFF`
const TUNSETIFF: libc::Ioctl = 0x4004_54ca_u32 as libc::Ioctl;

/// A device with the setup's addresses, up.
pub(super) fn open(setup: &Setup) -> Result<OwnedFd, String> {
    let mut options = OpenOptions::new();
    options
        .read(true)
        .write(true)
        .custom_flags(libc::O_NONBLOCK);
    let file = options
        .open("/dev/net/tun")
        .map_err(|error| format!("/dev/net/tun: {error}"))?;
    // SAFETY: all zeroes is a valid request; the name fits; TUNSETIFF reads the flags.
    let made = unsafe {
        let mut request: libc::ifreq = std::mem::zeroed();
        for (to, from) in request.ifr_name.iter_mut().zip(b"tun0") {
            *to = libc::c_char::from_ne_bytes([*from]);
        }
        let flags = libc::IFF_TUN | libc::IFF_NO_PI | libc::IFF_VNET_HDR;
        request.ifr_ifru.ifru_flags = libc::c_short::try_from(flags).unwrap_or(0);
        libc::ioctl(file.as_raw_fd(), TUNSETIFF, &raw mut request)
    };
    if made != 0 {
        return Err(format!("TUNSETIFF: {}", std::io::Error::last_os_error()));
    }
    let is_v6 = setup.local.is_ipv6();
    // No router is asked for, and no address is tried.
    let _quiet = fs::write("/proc/sys/net/ipv6/conf/tun0/addr_gen_mode", "1");
    let _quiet = fs::write("/proc/sys/net/ipv6/conf/tun0/accept_dad", "0");
    let family = if is_v6 { "-6" } else { "-4" };
    let address = format!("{}/{}", setup.local, setup.prefix);
    let mtu = setup.mtu.to_string();
    ip(&["link", "set", "tun0", "mtu", &mtu, "txqueuelen", "10000"])?;
    let mut add = vec![family, "addr", "add", &address, "dev", "tun0"];
    if is_v6 {
        add.push("nodad");
    }
    ip(&add)?;
    ip(&["link", "set", "tun0", "up"])?;
    ip(&[family, "route", "add", "default", "dev", "tun0"])?;
    // The device counts as up a moment later.
    wait(&[], 50_000);
    Ok(OwnedFd::from(file))
}

fn ip(arguments: &[&str]) -> Result<(), String> {
    run("ip", arguments)
}

/// Has a program do something in the namespace.
pub(super) fn run(program: &str, arguments: &[&str]) -> Result<(), String> {
    let output = Command::new(program)
        .args(arguments)
        .output()
        .map_err(|error| format!("{program}: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    Err(format!("{program} {}: {said}", arguments.join(" ")))
}

/// A pipe that tells of answers: its ends to read and to write.
pub(super) fn bell() -> Result<(OwnedFd, OwnedFd), String> {
    let mut ends = [0; 2];
    // SAFETY: the array has room for two descriptors, which nobody else has.
    let made = unsafe { libc::pipe2(ends.as_mut_ptr(), libc::O_NONBLOCK | libc::O_CLOEXEC) };
    if made != 0 {
        return Err(format!("pipe: {}", std::io::Error::last_os_error()));
    }
    // SAFETY: both were just made and belong to nobody.
    Ok(unsafe { (OwnedFd::from_raw_fd(ends[0]), OwnedFd::from_raw_fd(ends[1])) })
}

fn file(fd: &OwnedFd) -> Option<File> {
    fd.try_clone().ok().map(File::from)
}

pub(super) fn ring(bell: &OwnedFd) {
    if let Some(mut file) = file(bell) {
        let _rung = file.write(&[1]);
    }
}

pub(super) fn silence(bell: &OwnedFd) {
    if let Some(mut file) = file(bell) {
        let _silent = file.read(&mut [0; 64]);
    }
}

/// The next packet, if there is one.
pub(super) fn read(device: &OwnedFd) -> Option<Vec<u8>> {
    let mut packet = vec![0; 70_000];
    let length = file(device)?.read(&mut packet).ok()?;
    packet.truncate(length);
    // No offload was asked for: the header before the packet says nothing.
    packet.get(VNET_HEADER..).map(<[u8]>::to_vec)
}

pub(super) fn write(device: &OwnedFd, packet: &[u8], segment_size: Option<NonZeroU16>) {
    let header = segment_size.map_or([0; VNET_HEADER], |size| gso_header(packet, size));
    if let Some(mut file) = file(device) {
        let _sent = file.write(&[header.as_slice(), packet].concat());
    }
}

/// What a super-segment has before it: its checksum is to be taken as right, and where it would be cut.
fn gso_header(packet: &[u8], size: NonZeroU16) -> [u8; VNET_HEADER] {
    const NEEDS_CSUM: u8 = 1;
    const GSO_TCPV4: u8 = 1;
    const GSO_TCPV6: u8 = 4;
    const CHECKSUM: u16 = 16;
    let first = packet.first().copied().unwrap_or(0);
    let (kind, ip) = match first >> 4 {
        4 => (GSO_TCPV4, u16::from(first & 15) * 4),
        _ => (GSO_TCPV6, 40),
    };
    let tcp = packet
        .get(usize::from(ip) + 12)
        .map_or(20, |byte| u16::from(byte >> 4) * 4);
    let mut header = [0; VNET_HEADER];
    header[0] = NEEDS_CSUM;
    header[1] = kind;
    for (place, number) in [(2, ip + tcp), (4, size.get()), (6, ip), (8, CHECKSUM)] {
        header[place..place + 2].copy_from_slice(&number.to_ne_bytes());
    }
    header
}

/// Whether a script may speak of the packet: TCP, UDP, and ICMP but for the neighbours' talk.
pub(super) fn is_of_interest(packet: &[u8]) -> bool {
    const ICMPV6: u8 = 58;
    let version = packet.first().map_or(0, |byte| byte >> 4);
    if version == 4 {
        return matches!(packet.get(9), Some(1 | 6 | 17));
    }
    match packet.get(6) {
        Some(6 | 17) => true,
        Some(&ICMPV6) => packet.get(40).is_some_and(|kind| *kind < 130),
        _ => false,
    }
}

/// Waits until one of them can be read, or so many microseconds.
pub(super) fn wait(files: &[i32], micros: i64) {
    let poll = |fd: &i32| libc::pollfd {
        fd: *fd,
        events: libc::POLLIN,
        revents: 0,
    };
    let mut list: Vec<libc::pollfd> = files.iter().map(poll).collect();
    let micros = micros.clamp(0, 1_000_000);
    let time = libc::timespec {
        tv_sec: 0,
        tv_nsec: (micros * 1000).min(999_999_999),
    };
    let count = libc::nfds_t::try_from(list.len()).unwrap_or(0);
    // SAFETY: the list has `count` entries; the time is read only.
    unsafe {
        libc::ppoll(list.as_mut_ptr(), count, &raw const time, std::ptr::null());
    }
}
