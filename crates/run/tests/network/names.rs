//! Abstract AF_UNIX names.

use std::fs;
use std::io::{Read, Write};
use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram, UnixListener, UnixStream};

use crate::Program;
use crate::calls;

pub(crate) const PROGRAMS: &[Program] = &[
    ("abstract_names_are_the_runs", abstract_names_are_the_runs),
    (
        "a_descriptor_goes_to_an_abstract_name",
        a_descriptor_goes_to_an_abstract_name,
    ),
    ("a_peer_is_who_connected", a_peer_is_who_connected),
];

fn name(text: &[u8]) -> SocketAddr {
    SocketAddr::from_abstract_name(text).unwrap()
}

/// Whether the machine knows an abstract name as it is.
fn is_bare(name: &str) -> bool {
    let names = fs::read_to_string("/proc/net/unix").unwrap();
    names
        .lines()
        .any(|line| line.ends_with(&format!(" @{name}")))
}

fn abstract_names_are_the_runs() {
    let long = "n".repeat(107);
    for text in ["sockeye-network-test", "x", long.as_str()] {
        let listener = UnixListener::bind_addr(&name(text.as_bytes())).unwrap();
        assert!(!is_bare(text));
        let shown = listener.local_addr().unwrap();
        assert_eq!(shown.as_abstract_name(), Some(text.as_bytes()));
        let mut client = UnixStream::connect_addr(&name(text.as_bytes())).unwrap();
        let shown = client.peer_addr().unwrap();
        assert_eq!(shown.as_abstract_name(), Some(text.as_bytes()));
        client.write_all(b"hello").unwrap();
        drop(client);
        let mut data = String::new();
        listener
            .accept()
            .unwrap()
            .0
            .read_to_string(&mut data)
            .unwrap();
        assert_eq!(data, "hello");
    }
    // One that the kernel is asked to choose.
    let socket = UnixDatagram::unbound().unwrap();
    calls::bind_family(socket.as_fd());
    let chosen = socket.local_addr().unwrap();
    let chosen = chosen.as_abstract_name().unwrap();
    assert_eq!(chosen.len(), 5);
    assert!(!is_bare(std::str::from_utf8(chosen).unwrap()));
    let sender = UnixDatagram::unbound().unwrap();
    sender.send_to_addr(b"hi", &name(chosen)).unwrap();
    let mut buffer = [0; 8];
    assert_eq!(socket.recv(&mut buffer).unwrap(), 2);
}

fn a_descriptor_goes_to_an_abstract_name() {
    let receiver = UnixDatagram::bind_addr(&name(b"receiver")).unwrap();
    let sender = UnixDatagram::unbound().unwrap();
    let (near, mut far) = UnixStream::pair().unwrap();
    let rights = (libc::SOL_SOCKET, libc::SCM_RIGHTS, near.as_raw_fd());
    let to = b"\x01\x00\0receiver";
    assert_eq!(
        calls::send_message(sender.as_fd(), b"take this", to, Some(rights)).unwrap(),
        9
    );
    drop(near);
    let (data, control) = calls::receive_message(receiver.as_fd()).unwrap();
    assert_eq!(data, b"take this");
    let (level, kind, number) = control.unwrap();
    assert_eq!((level, kind), (libc::SOL_SOCKET, libc::SCM_RIGHTS));
    // SAFETY: the message has just brought it.
    let mut near = UnixStream::from(unsafe { OwnedFd::from_raw_fd(number) });
    near.write_all(b"through").unwrap();
    drop(near);
    let mut data = String::new();
    far.read_to_string(&mut data).unwrap();
    assert_eq!(data, "through");
}

fn a_peer_is_who_connected() {
    let listener = UnixListener::bind_addr(&name(b"who")).unwrap();
    let child = calls::fork(|| {
        let mut stream = UnixStream::connect_addr(&name(b"who")).unwrap();
        stream.read_exact(&mut [0]).unwrap();
    });
    let (mut stream, _) = listener.accept().unwrap();
    let [pid, ..] = calls::option::<3>(stream.as_fd(), libc::SOL_SOCKET, libc::SO_PEERCRED);
    assert_eq!(pid, child);
    stream.write_all(b"x").unwrap();
    assert_eq!(calls::wait_for(child), 0);
}
