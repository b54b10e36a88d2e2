//! Sockets that several processes have, and processes that go.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::process::Command;

use crate::calls::{self, errno};
use crate::{Program, ROLE};

pub(crate) const PROGRAMS: &[Program] = &[
    (
        "children_accept_on_an_inherited_listener",
        children_accept_on_an_inherited_listener,
    ),
    (
        "a_listener_survives_its_maker_and_an_exec",
        a_listener_survives_its_maker_and_an_exec,
    ),
    (
        "a_killed_process_ends_its_connections",
        a_killed_process_ends_its_connections,
    ),
    (
        "a_port_is_free_when_its_last_holder_ends",
        a_port_is_free_when_its_last_holder_ends,
    ),
    ("many_processes_at_once", many_processes_at_once),
];

/// What `a_listener_survives_its_maker_and_an_exec` executes.
pub(crate) const EXECUTED: Program = ("echo_once", executed);
const INHERITED: &str = "SOCKEYE_TEST_LISTENER";

fn echo_once(listener: &TcpListener) {
    let (mut stream, _) = listener.accept().unwrap();
    let mut data = Vec::new();
    stream.read_to_end(&mut data).unwrap();
    stream.write_all(&data).unwrap();
}

fn ask(listener: &TcpListener, data: &[u8]) {
    let mut client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    client.write_all(data).unwrap();
    client.shutdown(std::net::Shutdown::Write).unwrap();
    let mut answer = Vec::new();
    client.read_to_end(&mut answer).unwrap();
    assert_eq!(answer, data);
}

fn children_accept_on_an_inherited_listener() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let children = [(); 3].map(|()| calls::fork(|| echo_once(&listener)));
    for data in [b"one".as_slice(), b"two", b"three"] {
        ask(&listener, data);
    }
    for child in children {
        assert_eq!(calls::wait_for(child), 0);
    }
}

fn executed() {
    let number = std::env::var(INHERITED).unwrap().parse().unwrap();
    // SAFETY: inherited for this.
    echo_once(&TcpListener::from(unsafe { OwnedFd::from_raw_fd(number) }));
}

fn a_listener_survives_its_maker_and_an_exec() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let child = calls::fork(|| {
        let copy = calls::inheritable_duplicate(&listener);
        let error = Command::new(std::env::current_exe().unwrap())
            .arg(EXECUTED.0)
            .env(ROLE, "program")
            .env(INHERITED, copy.as_raw_fd().to_string())
            .exec();
        panic!("{error}");
    });
    let to = listener.local_addr().unwrap();
    drop(listener);
    let mut client = TcpStream::connect(to).unwrap();
    client.write_all(b"hello").unwrap();
    client.shutdown(std::net::Shutdown::Write).unwrap();
    let mut answer = String::new();
    client.read_to_string(&mut answer).unwrap();
    assert_eq!(answer, "hello");
    assert_eq!(calls::wait_for(child), 0);
}

fn a_killed_process_ends_its_connections() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let to = listener.local_addr().unwrap();
    let child = calls::fork(|| {
        let mut stream = TcpStream::connect(to).unwrap();
        stream.write_all(b"x").unwrap();
        calls::pause(30_000);
    });
    let (mut stream, _) = listener.accept().unwrap();
    stream.read_exact(&mut [0]).unwrap();
    calls::kill(child);
    assert_eq!(calls::wait_for(child), -libc::SIGKILL);
    assert_eq!(stream.read(&mut [0]).unwrap(), 0);
}

fn a_port_is_free_when_its_last_holder_ends() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let datagrams = UdpSocket::bind("127.0.0.1:0").unwrap();
    let (to, port) = (
        listener.local_addr().unwrap(),
        datagrams.local_addr().unwrap(),
    );
    let child = calls::fork(|| calls::pause(30_000));
    drop((listener, datagrams));
    assert_eq!(errno(TcpListener::bind(to)), libc::EADDRINUSE);
    assert_eq!(errno(UdpSocket::bind(port)), libc::EADDRINUSE);
    calls::kill(child);
    calls::wait_for(child);
    assert_eq!(errno(TcpStream::connect(to)), libc::ECONNREFUSED);
    TcpListener::bind(to).unwrap();
    UdpSocket::bind(port).unwrap();
}

fn many_processes_at_once() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let children: Vec<i32> = (0..20_u8)
        .map(|number| calls::fork(|| ask(&listener, &[number; 1000])))
        .collect();
    for _ in &children {
        echo_once(&listener);
    }
    for child in children {
        assert_eq!(calls::wait_for(child), 0);
    }
}
