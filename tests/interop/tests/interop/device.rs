//! The device itself: several queues, and super-segments of datagrams both ways.

use std::collections::BTreeSet;
use std::net::{SocketAddrV4, UdpSocket};
use std::num::NonZeroU16;
use std::os::fd::AsRawFd as _;
use std::time::{Duration, Instant as Moment};

use libtest_mimic::Failed;
use sockeye_core::{Frame, Instant};
use sockeye_interop::{Place, isolate};
use sockeye_link::Link;
use sockeye_link::device::{Tun, TunFeatures};
use sockeye_wire::{ChecksumState, Headers, IpProtocol, Ipv4Header, Payload, UdpHeader, UdpView};

type Body = fn() -> Result<(), Failed>;

pub(crate) const TRIALS: [(&str, Body); 4] = [
    ("flows-are-spread-over-queues", several_queues),
    ("the-kernels-datagram-super-segments", inbound_datagrams),
    ("our-datagram-super-segments", outbound_datagrams),
    ("a-taken-name-and-a-long-one-are-errors", bad_names),
];

/// The datagrams to port 9 that come within a time, until there are so many.
fn datagrams(tun: &mut Tun, count: usize) -> Vec<Frame> {
    let began = Moment::now();
    let mut found = Vec::new();
    while found.len() < count && began.elapsed() < Duration::from_secs(10) {
        let Some(mut frame) = tun.receive(Instant::ZERO) else {
            std::thread::sleep(Duration::from_millis(1));
            continue;
        };
        // Neighbour and router solicitations come too.
        let is_udp = frame.layout().is_ok_and(|layout| {
            layout.protocol == IpProtocol::UDP
                && frame
                    .headers
                    .get(layout.transport..)
                    .and_then(|bytes| UdpView::parse(bytes).ok())
                    .is_some_and(|view| view.destination_port() == 9)
        });
        if is_udp && frame.verify_checksum() {
            found.push(frame);
        }
    }
    found
}

fn there() -> SocketAddrV4 {
    SocketAddrV4::new(Place::Server.v4(), 9)
}

fn several_queues() -> Result<(), Failed> {
    let mut tuns = isolate(Place::Client, 1500, TunFeatures::ALL, 4)?;
    let names: BTreeSet<&str> = tuns.iter().map(Tun::name).collect();
    if tuns.len() != 4 || names.len() != 1 {
        return Err(format!("{} queues of {names:?}", tuns.len()).into());
    }
    // A socket each is a flow each.
    let sockets: Vec<UdpSocket> = (0..64)
        .map(|_| UdpSocket::bind((Place::Client.v4(), 0)))
        .collect::<Result<_, _>>()?;
    for socket in &sockets {
        socket.send_to(b"datagram", there())?;
    }
    let mut counts = Vec::new();
    let began = Moment::now();
    while counts.iter().sum::<usize>() < 64 && began.elapsed() < Duration::from_secs(10) {
        counts.resize(tuns.len(), 0);
        for (tun, count) in tuns.iter_mut().zip(&mut counts) {
            while let Some(frame) = tun.receive(Instant::ZERO) {
                *count += usize::from(frame.payload.to_vec() == b"datagram");
            }
        }
    }
    let used = counts.iter().filter(|count| **count > 0).count();
    if used < 2 || counts.iter().sum::<usize>() != 64 {
        return Err(format!("the queues had {counts:?}").into());
    }
    // Any of them brings packets in.
    for (tun, socket) in tuns.iter_mut().zip(&sockets) {
        tun.send(
            datagram(socket.local_addr()?.port(), b"answer", None),
            Instant::ZERO,
        );
        socket.set_read_timeout(Some(Duration::from_secs(10)))?;
        let mut buffer = [0; 100];
        let length = socket.recv(&mut buffer)?;
        if &buffer[..length] != b"answer" {
            return Err("another answer".into());
        }
    }
    Ok(())
}

/// From the other end to a port here; a super-segment with a size.
fn datagram(port: u16, data: &[u8], size: Option<u16>) -> Frame {
    let mut headers = Headers::new();
    let (from, to) = (Place::Server.v4(), Place::Client.v4());
    Ipv4Header::new(from, to, IpProtocol::UDP, 8 + data.len()).emit(&mut headers);
    UdpHeader {
        source_port: 9,
        destination_port: port,
        payload_length: data.len(),
    }
    .emit(&mut headers);
    let mut frame = Frame::new(headers, Payload::from(data.to_vec()));
    frame.offload.checksum = ChecksumState::Partial;
    frame.offload.segment_size = size.and_then(NonZeroU16::new);
    frame
}

fn numbered(length: usize) -> Vec<u8> {
    (0..length).map(|at| (at / 7).to_le_bytes()[0]).collect()
}

fn inbound_datagrams() -> Result<(), Failed> {
    for features in [TunFeatures::ALL, TunFeatures::NONE] {
        let mut tun = isolate(Place::Client, 1500, features, 1)?
            .pop()
            .ok_or("no queue")?;
        let socket = UdpSocket::bind((Place::Client.v4(), 0))?;
        let size: libc::c_int = 1000;
        // SAFETY: the option is an `int`, which is only read.
        let answer = unsafe {
            libc::setsockopt(
                socket.as_raw_fd(),
                libc::SOL_UDP,
                libc::UDP_SEGMENT,
                (&raw const size).cast(),
                4,
            )
        };
        if answer != 0 {
            return Err(std::io::Error::last_os_error().into());
        }
        let data = numbered(10_300);
        socket.send_to(&data, there())?;
        let found = datagrams(&mut tun, 11);
        let pieces: Vec<Vec<u8>> = found.iter().map(|frame| frame.payload.to_vec()).collect();
        let expected: Vec<&[u8]> = data.chunks(1000).collect();
        if pieces != expected {
            return Err(format!("{features:?}: {} datagrams", pieces.len()).into());
        }
    }
    Ok(())
}

fn outbound_datagrams() -> Result<(), Failed> {
    for features in [TunFeatures::ALL, TunFeatures::NONE] {
        let mut tun = isolate(Place::Client, 1500, features, 1)?
            .pop()
            .ok_or("no queue")?;
        let socket = UdpSocket::bind((Place::Client.v4(), 0))?;
        socket.set_read_timeout(Some(Duration::from_secs(10)))?;
        let data = numbered(10_300);
        let port = socket.local_addr()?.port();
        tun.send(datagram(port, &data, Some(1000)), Instant::ZERO);
        for expected in data.chunks(1000) {
            let mut buffer = [0; 2000];
            let length = socket.recv(&mut buffer)?;
            if &buffer[..length] != expected {
                return Err(format!("{features:?}: a wrong datagram of {length} bytes").into());
            }
        }
        if tun.lost() != 0 {
            return Err(format!("{features:?}: {} lost", tun.lost()).into());
        }
    }
    Ok(())
}

fn bad_names() -> Result<(), Failed> {
    use sockeye_link::device::TunOptions;
    let tun = isolate(Place::Client, 1500, TunFeatures::ALL, 1)?;
    let kind = |name: &str| {
        TunOptions::new(name)
            .open()
            .map_err(|error| error.raw_os_error())
            .err()
    };
    // One that is in use; one too long for an interface; one with a zero byte.
    let answers = [kind(tun[0].name()), kind("sixteen-letters-"), kind("a\0b")];
    if answers != [Some(Some(libc::EBUSY)), Some(None), Some(None)] {
        return Err(format!("{answers:?}").into());
    }
    Ok(())
}
