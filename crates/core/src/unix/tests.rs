//! What Linux 6.18 answered to the same calls.

mod flow;
mod names;
mod rights;
mod streams;

use alloc::vec;
use alloc::vec::Vec;

use crate::{
    Ancillary, Config, Credentials, Domain, Errno, Host, Incoming, Instant, MessageFlags, Outgoing,
    Readiness, Received, Shutdown, SocketAddress, SocketId, SocketType, UnixAddress,
};

const NOW: Instant = Instant::ZERO;
const KINDS: [SocketType; 3] = [
    SocketType::Stream,
    SocketType::Datagram,
    SocketType::SeqPacket,
];

fn host() -> Host {
    let mut config = Config::default();
    config.sysctl.unix_max_dgram_qlen = 10;
    Host::new(config)
}

fn name(text: &str) -> SocketAddress {
    SocketAddress::Unix(match text.strip_prefix('@') {
        Some(text) => UnixAddress::Abstract(text.as_bytes().into()),
        None => UnixAddress::Path(text.as_bytes().into()),
    })
}

trait Calls {
    fn open(&mut self, kind: SocketType) -> SocketId;
    fn pair(&mut self, kind: SocketType) -> (SocketId, SocketId);
    fn bound(&mut self, kind: SocketType, text: &str) -> SocketId;
    fn listener(&mut self, text: &str, backlog: i32) -> SocketId;
    fn put(&mut self, id: SocketId, data: &[u8]) -> Result<usize, Errno>;
    fn put_with(
        &mut self,
        id: SocketId,
        data: &[u8],
        flags: MessageFlags,
        ancillary: Vec<Ancillary>,
    ) -> Result<usize, Errno>;
    fn put_to(&mut self, id: SocketId, data: &[u8], to: &str) -> Result<usize, Errno>;
    fn get_from(
        &mut self,
        id: SocketId,
        room: usize,
        flags: MessageFlags,
        control: usize,
    ) -> Result<(Vec<u8>, Received), Errno>;
    fn take(&mut self, id: SocketId, room: usize) -> Result<Vec<u8>, Errno>;
    fn is(&self, id: SocketId, bits: u16);
}

impl Calls for Host {
    fn open(&mut self, kind: SocketType) -> SocketId {
        self.socket(Domain::Unix, kind, 0, Credentials::ROOT)
            .unwrap()
    }

    fn pair(&mut self, kind: SocketType) -> (SocketId, SocketId) {
        self.socket_pair(Domain::Unix, kind, 0, Credentials::ROOT)
            .unwrap()
    }

    fn bound(&mut self, kind: SocketType, text: &str) -> SocketId {
        let id = self.open(kind);
        self.bind(id, &name(text), NOW).unwrap();
        id
    }

    fn listener(&mut self, text: &str, backlog: i32) -> SocketId {
        let id = self.bound(SocketType::Stream, text);
        self.listen(id, backlog, NOW).unwrap();
        id
    }

    fn put(&mut self, id: SocketId, data: &[u8]) -> Result<usize, Errno> {
        self.put_with(id, data, MessageFlags::empty(), vec![])
    }

    fn put_with(
        &mut self,
        id: SocketId,
        data: &[u8],
        flags: MessageFlags,
        ancillary: Vec<Ancillary>,
    ) -> Result<usize, Errno> {
        let (a, b) = data.split_at(data.len() / 3);
        self.send_message(
            id,
            Outgoing {
                data: &[a, &[], b],
                address: None,
                ancillary,
                flags,
            },
            NOW,
        )
    }

    fn put_to(&mut self, id: SocketId, data: &[u8], to: &str) -> Result<usize, Errno> {
        let to = name(to);
        self.send_message(
            id,
            Outgoing {
                data: &[data],
                address: Some(&to),
                ..Outgoing::default()
            },
            NOW,
        )
    }

    fn get_from(
        &mut self,
        id: SocketId,
        room: usize,
        flags: MessageFlags,
        control: usize,
    ) -> Result<(Vec<u8>, Received), Errno> {
        let mut buffer = vec![0; room];
        let (a, b) = buffer.split_at_mut(room / 2);
        let incoming = Incoming {
            buffers: &mut [a, b],
            flags,
            ancillary_room: control,
        };
        let received = self.receive_message(id, incoming, NOW)?;
        buffer.truncate(received.length);
        Ok((buffer, received))
    }

    fn take(&mut self, id: SocketId, room: usize) -> Result<Vec<u8>, Errno> {
        self.get_from(id, room, MessageFlags::empty(), 0)
            .map(|(data, _)| data)
    }

    #[track_caller]
    fn is(&self, id: SocketId, bits: u16) {
        assert_eq!(self.readiness(id), Readiness::from_bits_truncate(bits));
    }
}

#[test]
fn closing_everything_leaves_nothing() {
    let mut host = host();
    let listener = host.listener("@all", 10);
    let mut ids = vec![listener];
    for _ in 0..5 {
        let client = host.open(SocketType::Stream);
        host.connect(client, &name("@all"), NOW).unwrap();
        host.put(client, b"unread").unwrap();
        ids.push(client);
    }
    ids.push(host.accept(listener, NOW).unwrap().socket);
    let hub = host.bound(SocketType::Datagram, "@hub");
    for _ in 0..5 {
        let id = host.open(SocketType::Datagram);
        host.connect(id, &name("@hub"), NOW).unwrap();
        host.put(id, b"unread").unwrap();
        ids.push(id);
    }
    ids.insert(0, hub);
    for kind in KINDS {
        let (a, b) = host.pair(kind);
        host.put(a, b"x").unwrap();
        host.put(b, b"x").unwrap();
        ids.extend([a, b]);
    }
    for id in ids {
        host.close(id, NOW).unwrap();
        assert_eq!(host.close(id, NOW), Err(Errno::EBADF));
    }
    assert!(host.sockets.is_empty());
}

#[test]
fn shutdown_tells_the_other_end() {
    let mut host = host();
    let (a, b) = host.pair(SocketType::Stream);
    host.put(a, b"abc").unwrap();
    host.shutdown(a, Shutdown::Write, NOW).unwrap();
    host.is(a, 0x4);
    host.is(b, 0x2005);
    assert_eq!(host.put(a, b"x"), Err(Errno::EPIPE));
    assert_eq!(host.take(b, 10).unwrap(), b"abc");
    assert_eq!(host.take(b, 10).unwrap(), b"");
    host.put(b, b"x").unwrap();
    host.shutdown(b, Shutdown::Both, NOW).unwrap();
    host.is(a, 0x2015);
    host.is(b, 0x2015);
    assert_eq!(host.take(a, 5).unwrap(), b"x");
    assert_eq!(host.take(a, 5).unwrap(), b"");
}
