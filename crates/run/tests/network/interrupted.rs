//! Calls that signals interrupt all the time take effect once.
//!
//! Almost: between a signal's wake-up and the caller's taking the listener's lock again, some nanoseconds, the kernel
//! takes an answer that it then does not give. So these tests count.

use std::cell::Cell;
use std::io::{self, ErrorKind, Write};
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::os::fd::AsFd;
use std::time::Duration;

use crate::Program;
use crate::calls;

pub(crate) const PROGRAMS: &[Program] = &[
    (
        "datagrams_go_once_however_often_a_signal_interrupts",
        datagrams_go_once_however_often_a_signal_interrupts,
    ),
    (
        "messages_go_once_however_often_a_signal_interrupts",
        messages_go_once_however_often_a_signal_interrupts,
    ),
    (
        "calls_that_are_issued_again_after_a_signal_take_effect_once",
        calls_that_are_issued_again_after_a_signal_take_effect_once,
    ),
    (
        "sockets_are_bound_once_however_often_a_signal_interrupts",
        sockets_are_bound_once_however_often_a_signal_interrupts,
    ),
    (
        "a_stream_loses_nothing_however_often_a_signal_interrupts",
        a_stream_loses_nothing_however_often_a_signal_interrupts,
    ),
];

/// About as often as a trapped call is answered.
const OFTEN: Duration = Duration::from_micros(60);
const ROUNDS: u32 = 3000;

/// How often a signal interrupted, and how often something went wrong.
#[derive(Default)]
struct Tally {
    interrupted: Cell<u32>,
    wrong: Cell<u32>,
}

impl Tally {
    /// Makes a call until no signal interrupts it.
    fn until_done<T>(&self, mut call: impl FnMut() -> io::Result<T>) -> io::Result<T> {
        loop {
            match call() {
                Err(error) if error.kind() == ErrorKind::Interrupted => {
                    self.interrupted.set(self.interrupted.get() + 1);
                }
                answer => return answer,
            }
        }
    }

    fn wrong(&self) {
        self.wrong.set(self.wrong.get() + 1);
    }

    /// Were effects repeated or lost, most interruptions would show it.
    fn check(&self, interrupted: u32) {
        let wrong = self.wrong.get();
        assert!(
            wrong <= interrupted / 50,
            "{wrong} calls went wrong of {interrupted} that were interrupted"
        );
    }
}

/// Sends numbered datagrams and receives them, always with another one in the queue, so that what is put back has
/// something to go before.
fn in_order(
    tally: &Tally,
    flags: i32,
    send: impl Fn(&UdpSocket, SocketAddr, &[u8]) -> io::Result<usize>,
    receive: impl Fn(&UdpSocket) -> io::Result<u32>,
) {
    let one = UdpSocket::bind("127.0.0.1:0").unwrap();
    let other = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = other.local_addr().unwrap();
    one.connect(address).unwrap();
    other.set_nonblocking(true).unwrap();
    calls::interrupt(OFTEN, flags);
    let mut expected = 0;
    for round in 0..=ROUNDS {
        let number = round.to_ne_bytes();
        tally.until_done(|| send(&one, address, &number)).unwrap();
        if round == 0 {
            continue;
        }
        match tally.until_done(|| receive(&other)) {
            Ok(number) => {
                if number != expected {
                    tally.wrong();
                }
                expected = number + 1;
            }
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::WouldBlock);
                tally.wrong();
            }
        }
    }
}

fn send_to(socket: &UdpSocket, address: SocketAddr, data: &[u8]) -> io::Result<usize> {
    socket.send_to(data, address)
}

fn receive_from(socket: &UdpSocket) -> io::Result<u32> {
    let mut buffer = [0; 4];
    let (read, _) = socket.recv_from(&mut buffer)?;
    assert_eq!(read, 4);
    Ok(u32::from_ne_bytes(buffer))
}

fn datagrams_go_once_however_often_a_signal_interrupts() {
    let tally = Tally::default();
    in_order(&tally, 0, send_to, receive_from);
    tally.check(tally.interrupted.get());
}

fn messages_go_once_however_often_a_signal_interrupts() {
    let message =
        |socket: &UdpSocket, _, data: &[u8]| calls::send_message(socket.as_fd(), data, &[], None);
    let receive = |socket: &UdpSocket| {
        let (data, _) = calls::receive_message(socket.as_fd())?;
        Ok(u32::from_ne_bytes(data.try_into().unwrap()))
    };
    let tally = Tally::default();
    in_order(&tally, 0, message, receive);
    tally.check(tally.interrupted.get());
}

fn calls_that_are_issued_again_after_a_signal_take_effect_once() {
    let tally = Tally::default();
    in_order(&tally, libc::SA_RESTART, send_to, receive_from);
    assert_eq!(tally.interrupted.get(), 0, "calls are restarted");
    tally.check(calls::interruptions());
}

fn sockets_are_bound_once_however_often_a_signal_interrupts() {
    let tally = Tally::default();
    calls::interrupt(OFTEN, 0);
    for _ in 0..ROUNDS / 5 {
        let socket = tally.until_done(|| calls::try_socket(libc::AF_INET, libc::SOCK_DGRAM));
        let bind = || calls::bind_v4(socket.as_ref().unwrap().as_fd(), 0);
        if let Err(error) = tally.until_done(bind) {
            assert_eq!(error.raw_os_error(), Some(libc::EINVAL));
            tally.wrong();
        }
    }
    tally.check(tally.interrupted.get());
}

fn a_stream_loses_nothing_however_often_a_signal_interrupts() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let (server, _) = listener.accept().unwrap();
    let sender = calls::fork(|| {
        for round in 0..ROUNDS {
            client.write_all(&round.to_ne_bytes()).unwrap();
        }
    });
    drop(client);
    let tally = Tally::default();
    calls::interrupt(OFTEN, 0);
    let mut buffer = [0; 4];
    let mut missing = ROUNDS * 4;
    loop {
        let read = tally.until_done(|| calls::receive_from(server.as_fd(), &mut buffer));
        match read.unwrap() {
            0 => break,
            read => missing -= u32::try_from(read).unwrap(),
        }
    }
    tally.wrong.set(missing.div_ceil(4));
    assert_eq!(calls::wait_for(sender), 0);
    tally.check(tally.interrupted.get());
}
