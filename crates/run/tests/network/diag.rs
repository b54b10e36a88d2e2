//! `NETLINK_SOCK_DIAG`: what a program finds out about the run's sockets.

use std::io::Write;
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixListener, UnixStream};

use sockeye_core::netlink::message::{Attributes, Message, Messages, Writer, number_u32};

use crate::Program;
use crate::calls;

pub(crate) const PROGRAMS: &[Program] = &[
    (
        "sockets_are_told_as_the_programs_files",
        sockets_are_told_as_the_programs_files,
    ),
    (
        "queues_count_what_waits_in_the_file",
        queues_count_what_waits_in_the_file,
    ),
    (
        "a_dump_fits_into_the_room_a_reader_has",
        a_dump_fits_into_the_room_a_reader_has,
    ),
    (
        "unix_sockets_are_the_runs_alone",
        unix_sockets_are_the_runs_alone,
    ),
    (
        "many_files_are_looked_through_bit_by_bit",
        many_files_are_looked_through_bit_by_bit,
    ),
    ("a_listener_is_ended", a_listener_is_ended),
];

const ONE: u16 = 1;
const DUMP: u16 = 0x301;
const BY_FAMILY: u16 = 20;
const NLMSG_ERROR: u16 = 2;
const NLMSG_DONE: u16 = 3;
/// As many bytes as the example in sock_diag(7) has room for.
const ROOM: usize = 8192;

fn diag() -> OwnedFd {
    // SAFETY: no pointers; the descriptor is new.
    unsafe {
        let file = libc::socket(libc::AF_NETLINK, libc::SOCK_RAW | libc::SOCK_CLOEXEC, 4);
        assert!(file >= 0, "{}", std::io::Error::last_os_error());
        OwnedFd::from_raw_fd(file)
    }
}

fn inode(file: BorrowedFd<'_>) -> u32 {
    // SAFETY: all zero is a stat, which is written to.
    let number = unsafe {
        let mut stat: libc::stat = std::mem::zeroed();
        assert_eq!(libc::fstat(file.as_raw_fd(), &raw mut stat), 0);
        stat.st_ino
    };
    u32::try_from(number).unwrap()
}

/// The whole answers to a question, message by message.
fn ask(socket: &OwnedFd, flags: u16, fixed: &[u8]) -> Vec<Vec<u8>> {
    ask_for(socket, BY_FAMILY, flags, fixed)
}

fn ask_for(socket: &OwnedFd, kind: u16, flags: u16, fixed: &[u8]) -> Vec<Vec<u8>> {
    let mut writer = Writer::new(kind, flags, 7, 0);
    writer.fixed(fixed);
    send(socket, &writer.finish());
    receive(socket, flags)
}

fn send(socket: &OwnedFd, question: &[u8]) {
    // SAFETY: the address is all zero but for its family: the kernel; lengths are those of what is pointed to.
    unsafe {
        let mut kernel: libc::sockaddr_nl = std::mem::zeroed();
        kernel.nl_family = libc::sa_family_t::try_from(libc::AF_NETLINK).unwrap();
        let sent = libc::sendto(
            socket.as_raw_fd(),
            question.as_ptr().cast(),
            question.len(),
            0,
            (&raw const kernel).cast(),
            libc::socklen_t::try_from(size_of_val(&kernel)).unwrap(),
        );
        assert_eq!(usize::try_from(sent), Ok(question.len()));
    }
}

/// What answers a question, up to the last message.
fn receive(socket: &OwnedFd, flags: u16) -> Vec<Vec<u8>> {
    let mut told = Vec::new();
    loop {
        let mut buffer = [0; ROOM];
        // SAFETY: the buffer is as long as said.
        let read = unsafe {
            libc::recv(
                socket.as_raw_fd(),
                buffer.as_mut_ptr().cast(),
                buffer.len(),
                libc::MSG_TRUNC,
            )
        };
        let read = usize::try_from(read).unwrap();
        assert!(read <= ROOM, "{read} bytes in one datagram");
        for message in Messages::new(&buffer[..read]) {
            assert_eq!(message.sequence, 7);
            told.push(message.whole.to_vec());
            if message.kind == NLMSG_DONE || flags != DUMP {
                return told;
            }
        }
    }
}

fn inet(protocol: u8) -> [u8; 56] {
    let mut fixed = [0xff; 56];
    fixed[..4].copy_from_slice(&[2, protocol, 0, 0]);
    fixed[8..48].fill(0);
    fixed
}

/// Waits for what is to come soon; the run's deadline ends it.
fn until(mut is_so: impl FnMut() -> bool) {
    while !is_so() {
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
}

/// Ports, queues and inode number of each socket.
fn rows(answers: &[Vec<u8>]) -> Vec<(u16, u16, u32, u32, u32)> {
    let messages = answers.iter().flat_map(|bytes| Messages::new(bytes));
    let told = messages.filter(|message| message.kind == BY_FAMILY);
    told.map(|message| {
        let port = |at: usize| u16::from_be_bytes([message.payload[at], message.payload[at + 1]]);
        let number = |at| number_u32(message.payload, at).unwrap();
        (port(4), port(6), number(56), number(60), number(68))
    })
    .collect()
}

fn sockets_are_told_as_the_programs_files() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let client = TcpStream::connect(("127.0.0.1", port)).unwrap();
    let (server, from) = listener.accept().unwrap();
    let _waiting = TcpStream::connect(("127.0.0.1", port)).unwrap();
    let udp = UdpSocket::bind("127.0.0.1:0").unwrap();
    let socket = diag();
    let told = rows(&ask(&socket, DUMP, &inet(6)));
    let inode_of = |own: u16, peer: u16| {
        let row = told.iter().find(|row| (row.0, row.1) == (own, peer));
        row.unwrap_or_else(|| panic!("{own} and {peer} are not in {told:?}"))
            .4
    };
    assert_eq!(inode_of(port, 0), inode(listener.as_fd()));
    assert_eq!(inode_of(from.port(), port), inode(client.as_fd()));
    assert_eq!(inode_of(port, from.port()), inode(server.as_fd()));
    // Five rows: who has not been accepted has no file.
    assert_eq!(told.len(), 5);
    assert_eq!(told.iter().filter(|row| row.4 == 0).count(), 1);
    let told = rows(&ask(&socket, DUMP, &inet(17)));
    assert_eq!(told.len(), 1);
    assert_eq!(told[0].4, inode(udp.as_fd()));
    // Closed without a call that the supervisor hears of.
    drop((client, server));
    until(|| {
        let told = rows(&ask(&socket, DUMP, &inet(6)));
        told.iter().filter(|row| row.4 != 0).count() == 2
    });
}

fn queues_count_what_waits_in_the_file() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let mut client = TcpStream::connect(("127.0.0.1", port)).unwrap();
    let (_server, from) = listener.accept().unwrap();
    client.write_all(b"unread").unwrap();
    let socket = diag();
    until(|| {
        let told = rows(&ask(&socket, DUMP, &inet(6)));
        let row = told
            .iter()
            .find(|row| (row.0, row.1) == (port, from.port()));
        row.is_some_and(|row| row.2 == 6)
    });
}

fn a_dump_fits_into_the_room_a_reader_has() {
    let sockets: Vec<UdpSocket> = (0..300)
        .map(|_| UdpSocket::bind("127.0.0.1:0").unwrap())
        .collect();
    let socket = diag();
    let mut inodes: Vec<u32> = rows(&ask(&socket, DUMP, &inet(17)))
        .iter()
        .map(|row| row.4)
        .collect();
    inodes.sort_unstable();
    let mut own: Vec<u32> = sockets.iter().map(|socket| inode(socket.as_fd())).collect();
    own.sort_unstable();
    assert_eq!(inodes, own);
}

/// `struct unix_diag_req` for names and peers.
fn unix(inode: u32) -> [u8; 24] {
    let mut fixed = [0xff; 24];
    fixed[..4].copy_from_slice(&[1, 0, 0, 0]);
    fixed[8..12].copy_from_slice(&inode.to_ne_bytes());
    fixed[12..16].copy_from_slice(&5_u32.to_ne_bytes());
    fixed
}

fn error_in(message: &Message<'_>) -> Option<i32> {
    let errno = number_u32(message.payload, 0)?.cast_signed();
    (message.kind == NLMSG_ERROR).then_some(-errno)
}

fn unix_sockets_are_the_runs_alone() {
    let name = SocketAddr::from_abstract_name(b"sock_diag").unwrap();
    let listener = UnixListener::bind_addr(&name).unwrap();
    let (near, far) = UnixStream::pair().unwrap();
    // A conduit is a file of this family, too, and none of the program's sockets of it.
    let tcp = TcpListener::bind("127.0.0.1:0").unwrap();
    let socket = diag();
    let told = ask(&socket, DUMP, &unix(0));
    let messages: Vec<Message<'_>> = told.iter().flat_map(|bytes| Messages::new(bytes)).collect();
    let row = |file: BorrowedFd<'_>| {
        let inode = inode(file);
        let found = messages.iter().find(|message| {
            message.kind == BY_FAMILY && number_u32(message.payload, 4) == Some(inode)
        });
        found.map(|message| {
            let attribute = |kind| Attributes::after(message.payload, 16).find(kind);
            let name = attribute(0).map(|name| name.value.to_vec());
            (name, attribute(2).and_then(|peer| peer.as_u32()))
        })
    };
    let listening = row(listener.as_fd()).unwrap();
    assert_eq!(listening, (Some(b"\0sock_diag".to_vec()), None));
    assert_eq!(row(near.as_fd()), Some((None, Some(inode(far.as_fd())))));
    assert_eq!(row(tcp.as_fd()), None);
    let port = number_u32(messages[0].whole, 12);
    assert!(
        messages
            .iter()
            .all(|message| number_u32(message.whole, 12) == port)
    );
    let single = |inode: u32| {
        let told = ask(&socket, ONE, &unix(inode));
        Messages::new(&told[0])
            .next()
            .and_then(|message| error_in(&message))
    };
    assert_eq!(single(inode(near.as_fd())), None);
    assert_eq!(single(inode(tcp.as_fd())), Some(libc::ENOENT));
    assert_eq!(single(0), Some(libc::EINVAL));
    // The supervisor's own, and everybody else's, are none of the program's business.
    let machine = std::fs::read_to_string("/proc/net/unix").unwrap();
    let others = machine.lines().count() - 1;
    let own = messages.iter().filter(|message| message.kind == BY_FAMILY);
    assert!(own.count() < others, "the hub at least is left out");
}

/// With so many that the supervisor serves others in between.
fn many_files_are_looked_through_bit_by_bit() {
    let sockets: Vec<UdpSocket> = (0..900)
        .map(|_| UdpSocket::bind("127.0.0.1:0").unwrap())
        .collect();
    let (near, far) = UnixStream::pair().unwrap();
    let own = [inode(near.as_fd()), inode(far.as_fd())];
    let socket = diag();
    let told_of = |told: &[Vec<u8>]| {
        let messages = told.iter().flat_map(|bytes| Messages::new(bytes));
        let rows = messages.filter(|message| message.kind == BY_FAMILY);
        let mut inodes: Vec<u32> = rows
            .map(|row| number_u32(row.payload, 4).unwrap())
            .collect();
        inodes.sort_unstable();
        inodes
    };
    // By a call that the supervisor carries out, and by one that it finds out about.
    let told = ask(&socket, DUMP, &unix(0));
    assert!(own.iter().all(|own| told_of(&told).contains(own)));
    let mut question = Writer::new(BY_FAMILY, DUMP, 7, 0);
    question.fixed(&unix(0));
    let question = question.finish();
    // SAFETY: the data is as long as said.
    let sent = unsafe {
        libc::send(
            socket.as_raw_fd(),
            question.as_ptr().cast(),
            question.len(),
            0,
        )
    };
    assert_eq!(usize::try_from(sent), Ok(question.len()));
    assert_eq!(told_of(&receive(&socket, DUMP)), told_of(&told));
    let rows = rows(&ask(&socket, DUMP, &inet(17)));
    assert_eq!(rows.len(), sockets.len());
}

fn a_listener_is_ended() {
    const DESTROY: u16 = 21;
    const ACKNOWLEDGED: u16 = 5;
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let mut question = inet(6);
    question[8..10].copy_from_slice(&address.port().to_be_bytes());
    question[12..16].copy_from_slice(&[127, 0, 0, 1]);
    let end = |socket: &OwnedFd| {
        let told = ask_for(socket, DESTROY, ACKNOWLEDGED, &question);
        Messages::new(&told[0])
            .next()
            .and_then(|message| error_in(&message))
    };
    let waiting = std::thread::spawn(move || calls::errno(listener.accept()));
    let socket = diag();
    // SAFETY: no pointers.
    if unsafe { libc::geteuid() } != 0 {
        assert_eq!(end(&socket), Some(libc::EPERM));
        return;
    }
    std::thread::sleep(std::time::Duration::from_millis(50));
    assert_eq!(end(&socket), Some(0));
    assert_eq!(end(&socket), Some(libc::ENOENT));
    assert_eq!(waiting.join().unwrap(), libc::EINVAL);
    assert_eq!(
        calls::errno(TcpStream::connect(address)),
        libc::ECONNREFUSED
    );
}
