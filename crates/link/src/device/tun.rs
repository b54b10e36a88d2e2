//! TUN: an interface of the machine whose other end is a file.
use std::collections::VecDeque;
use std::fs::{File, OpenOptions};
use std::io::{self, IoSlice, Write as _};
use std::os::fd::{AsFd, AsRawFd as _, BorrowedFd};
use std::os::unix::fs::OpenOptionsExt as _;

use bytes::Bytes;
use sockeye_tcp::Instant;
use sockeye_wire::segmentation::Segments;
use sockeye_wire::{Chunks, Frame, IpProtocol};

use super::VirtioNetHeader;
use crate::Link;

/// `TUNSETIFF` and its kin, of `linux/if_tun.h`.
const TUNSETIFF: libc::Ioctl = 0x4004_54ca_u32 as libc::Ioctl;
const TUNSETOFFLOAD: libc::Ioctl = 0x4004_54d0_u32 as libc::Ioctl;
const TUN_F_CSUM: libc::c_ulong = 0x01;
const TUN_F_TSO4: libc::c_ulong = 0x02;
const TUN_F_TSO6: libc::c_ulong = 0x04;
const TUN_F_TSO_ECN: libc::c_ulong = 0x08;
const TUN_F_USO4: libc::c_ulong = 0x20;
const TUN_F_USO6: libc::c_ulong = 0x40;

/// The longest packet that comes or goes, with its header.
const LONGEST: usize = VirtioNetHeader::LEN + 65_535 + 40;

/// Packets up to this length are handed over in one piece.
const LINEAR: usize = 2048;

/// Which offloads a device has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TunFeatures {
    /// Checksums are left out and filled in later.
    pub checksum: bool,
    /// TCP super-segments (TSO).
    pub tcp: bool,
    /// UDP super-segments (USO); Linux 6.2 or later.
    pub udp: bool,
}

impl TunFeatures {
    /// Packets as they are on a wire.
    pub const NONE: TunFeatures = TunFeatures {
        checksum: false,
        tcp: false,
        udp: false,
    };
    /// Everything that this crate speaks.
    pub const ALL: TunFeatures = TunFeatures {
        checksum: true,
        tcp: true,
        udp: true,
    };

    fn any(self) -> bool {
        self.checksum || self.tcp || self.udp
    }

    fn bits(self) -> libc::c_ulong {
        // Super-segments have no checksums.
        let mut bits = 0;
        if self.any() {
            bits |= TUN_F_CSUM;
        }
        if self.tcp {
            bits |= TUN_F_TSO4 | TUN_F_TSO6 | TUN_F_TSO_ECN;
        }
        if self.udp {
            bits |= TUN_F_USO4 | TUN_F_USO6;
        }
        bits
    }
}

/// How to open a device.
#[derive(Clone, Debug)]
pub struct TunOptions {
    /// The interface's name, up to 15 bytes, as in `tun0`; one with `%d` in it is given a number.
    pub name: String,
    /// What the machine may leave to us and we to it.
    pub features: TunFeatures,
    /// How many queues, each a [`Tun`]: flows are spread over them, so that each can have a thread. 0 counts as 1.
    pub queues: usize,
}

impl TunOptions {
    /// One queue with all offloads.
    pub fn new(name: impl Into<String>) -> Self {
        TunOptions {
            name: name.into(),
            features: TunFeatures::ALL,
            queues: 1,
        }
    }

    /// Makes the interface, or takes it if it is there and nobody has it, and answers its queues. They do not block.
    ///
    /// It is gone with the last of them. Addresses and routes of the machine's side, and raising it, are the caller's.
    ///
    /// # Errors
    /// Without `CAP_NET_ADMIN`, `/dev/net/tun`, or with a name that is too long or taken. Offloads that the machine does not
    /// know are an error, too: `EINVAL`.
    pub fn open(&self) -> io::Result<Vec<Tun>> {
        let mut name = self.name.clone();
        let count = self.queues.max(1);
        let mut queues = Vec::with_capacity(count);
        for _ in 0..count {
            let tun = self.queue(&name, count > 1)?;
            // The number that a name was given is for all of them.
            name.clone_from(&tun.name);
            queues.push(tun);
        }
        Ok(queues)
    }

    fn queue(&self, name: &str, is_one_of_several: bool) -> io::Result<Tun> {
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .custom_flags(libc::O_NONBLOCK | libc::O_CLOEXEC)
            .open("/dev/net/tun")?;
        let mut flags = libc::IFF_TUN | libc::IFF_NO_PI;
        if self.features.any() {
            flags |= libc::IFF_VNET_HDR;
        }
        if is_one_of_several {
            flags |= libc::IFF_MULTI_QUEUE;
        }
        // SAFETY: all zeroes is a valid request.
        let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
        // One byte is left for the zero at the end.
        if name.len() >= request.ifr_name.len() || name.contains('\0') {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        for (to, from) in request.ifr_name.iter_mut().zip(name.bytes()) {
            *to = libc::c_char::from_ne_bytes([from]);
        }
        request.ifr_ifru.ifru_flags = libc::c_short::try_from(flags).unwrap_or(0);
        // SAFETY: the request is a whole `ifreq` that outlives the call, which writes the name into it.
        let answer = unsafe { libc::ioctl(file.as_raw_fd(), TUNSETIFF, &raw mut request) };
        if answer != 0 {
            return Err(io::Error::last_os_error());
        }
        if self.features.any() {
            // SAFETY: the argument is a number.
            let answer =
                unsafe { libc::ioctl(file.as_raw_fd(), TUNSETOFFLOAD, self.features.bits()) };
            if answer != 0 {
                return Err(io::Error::last_os_error());
            }
        }
        let given = request.ifr_name.iter().take_while(|byte| **byte != 0);
        let given: Vec<u8> = given.map(|byte| byte.to_ne_bytes()[0]).collect();
        Ok(Tun {
            file,
            name: String::from_utf8_lossy(&given).into_owned(),
            features: self.features,
            chunks: Chunks::default(),
            datagrams: None,
            lost: 0,
            waiting: VecDeque::new(),
        })
    }
}

/// One queue of a TUN interface: a link whose other end is the machine.
///
/// Whoever drives it waits until its file can be read, see [`AsFd`].
#[derive(Debug)]
pub struct Tun {
    file: File,
    name: String,
    features: TunFeatures,
    chunks: Chunks,
    /// What is left of a super-segment of datagrams, which are received one by one.
    datagrams: Option<Segments>,
    /// Frames that the device had no room for at first.
    waiting: VecDeque<Frame>,
    lost: u64,
}

/// Frames that wait for room in the device, at most.
const MOST_WAITING: usize = 1000;

impl Tun {
    /// The longest super-segment it takes whole, 0 if none: `OffloadCapabilities::segmentation` of the host's interface.
    pub fn segmentation(&self) -> usize {
        if self.features.tcp { 65_535 } else { 0 }
    }

    /// The interface's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its offloads.
    pub fn features(&self) -> TunFeatures {
        self.features
    }

    /// How many frames could not be sent.
    pub fn lost(&self) -> u64 {
        self.lost
    }

    /// Writes a frame, which is made fit for it; to do it again does no harm.
    fn write(&self, frame: &mut Frame) -> io::Result<()> {
        let header = if self.features.any() {
            match VirtioNetHeader::for_frame(frame) {
                Some(header) => header.to_bytes(),
                None => return Err(io::ErrorKind::InvalidInput.into()),
            }
        } else {
            frame.complete_checksum();
            [0; VirtioNetHeader::LEN]
        };
        if frame.len() <= LINEAR {
            // One short piece costs less to copy than several cost the kernel to look at.
            let mut packet = [0; LINEAR + VirtioNetHeader::LEN];
            let mut end = 0;
            let header: &[u8] = if self.features.any() { &header } else { &[] };
            let parts = [header, &frame.headers].into_iter();
            for part in parts.chain(frame.payload.chunks().map(|chunk| &**chunk)) {
                if let Some(room) = packet.get_mut(end..end + part.len()) {
                    room.copy_from_slice(part);
                    end += part.len();
                }
            }
            return (&self.file)
                .write(packet.get(..end).unwrap_or_default())
                .map(|_| ());
        }
        let whole;
        let mut slices = smallvec::SmallVec::<[IoSlice<'_>; 8]>::new();
        if self.features.any() {
            slices.push(IoSlice::new(&header));
        }
        slices.push(IoSlice::new(&frame.headers));
        // The kernel takes up to 1024 pieces.
        if frame.payload.chunk_count() <= 1000 {
            slices.extend(frame.payload.chunks().map(|chunk| IoSlice::new(chunk)));
        } else {
            whole = frame.payload.to_bytes();
            slices.push(IoSlice::new(&whole));
        }
        (&self.file).write_vectored(&slices).map(|_| ())
    }

    fn submit(&mut self, frame: Frame) {
        let is_possible = match frame.offload.segment_size {
            Some(size) if frame.payload.len() > usize::from(size.get()) => {
                let is_udp = frame
                    .layout()
                    .is_ok_and(|layout| layout.protocol == IpProtocol::UDP);
                if is_udp {
                    self.features.udp
                } else {
                    self.features.tcp
                }
            }
            _ => true,
        };
        if is_possible {
            self.submit_one(frame);
        } else {
            for packet in frame.segments() {
                self.submit_one(packet);
            }
        }
    }

    fn submit_one(&mut self, mut frame: Frame) {
        match self.write(&mut frame) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                if self.waiting.len() < MOST_WAITING {
                    self.waiting.push_back(frame);
                } else {
                    self.lost += 1;
                }
            }
            Err(_) => self.lost += 1,
            Ok(()) => {}
        }
    }

    /// Sends what the device had no room for.
    fn retry(&mut self) {
        while let Some(mut frame) = self.waiting.pop_front() {
            match self.write(&mut frame) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.waiting.push_front(frame);
                    return;
                }
                Err(_) => self.lost += 1,
                Ok(()) => {}
            }
        }
    }

    /// Reads into the buffers in turn; how many bytes came.
    fn read_into(&self, buffers: &mut [libc::iovec]) -> Option<usize> {
        let count = libc::c_int::try_from(buffers.len()).ok()?;
        loop {
            // SAFETY: each buffer is memory that the caller has borrowed for writing, `iov_len` bytes long.
            let length = unsafe { libc::readv(self.file.as_raw_fd(), buffers.as_ptr(), count) };
            if let Ok(length) = usize::try_from(length) {
                return Some(length);
            }
            if io::Error::last_os_error().kind() != io::ErrorKind::Interrupted {
                return None;
            }
        }
    }

    /// The next packet; `None` if there is none, or the interface is down.
    fn read(&mut self) -> Option<Frame> {
        let has_header = self.features.any();
        let mut header = [0; VirtioNetHeader::LEN];
        let mut chunks = std::mem::take(&mut self.chunks);
        let room = chunks.room(LONGEST);
        room.clear();
        let spare = room.spare_capacity_mut();
        let capacity = spare.len();
        let mut buffers = [
            libc::iovec {
                iov_base: header.as_mut_ptr().cast(),
                iov_len: header.len(),
            },
            libc::iovec {
                iov_base: spare.as_mut_ptr().cast(),
                iov_len: capacity,
            },
        ];
        let skipped = if has_header { 0 } else { 1 };
        let read = buffers
            .get_mut(skipped..)
            .and_then(|buffers| self.read_into(buffers));
        let length =
            read.and_then(|read| read.checked_sub(if has_header { header.len() } else { 0 }));
        let packet = length.filter(|length| *length <= capacity).map(|length| {
            // SAFETY: the kernel has written so many bytes there, and they fit.
            unsafe { room.set_len(length) };
            if length >= Chunks::LEAST {
                room.split().freeze()
            } else {
                // A short one would keep much memory alive.
                let packet = Bytes::copy_from_slice(room);
                room.clear();
                packet
            }
        });
        self.chunks = chunks;
        let packet = packet?;
        if !has_header {
            return Some(Frame::from_bytes(packet));
        }
        let header = VirtioNetHeader::from_bytes(header);
        let frame = header.frame(packet);
        if header.is_datagrams() {
            let mut datagrams = frame.segments();
            let first = datagrams.next();
            self.datagrams = Some(datagrams);
            return first;
        }
        Some(frame)
    }
}

impl AsFd for Tun {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }
}

impl Link for Tun {
    fn send(&mut self, frame: Frame, _now: Instant) {
        self.retry();
        if self.waiting.is_empty() {
            self.submit(frame);
        } else if self.waiting.len() < MOST_WAITING {
            self.waiting.extend(frame.segments());
        } else {
            self.lost += 1;
        }
    }

    fn receive(&mut self, _now: Instant) -> Option<Frame> {
        self.retry();
        if let Some(datagram) = self.datagrams.as_mut().and_then(Iterator::next) {
            return Some(datagram);
        }
        self.datagrams = None;
        self.read()
    }

    fn next_deadline(&self) -> Option<Instant> {
        // What is there is read at once; for the rest the file says when.
        self.datagrams.is_some().then_some(Instant::ZERO)
    }

    fn queued(&self) -> usize {
        self.waiting.len()
    }
}
