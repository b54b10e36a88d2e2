//! How connections open, and how they don't.

use std::time::Duration;

use sockeye_interop::{Lab, Setting, Socket, Verdict, Who};
use sockeye_wire::TcpFlags;

use super::options::{ALL, NO_TIMESTAMPS, agree};
use super::{Feature, numbered, same, sure};

const ALWAYS: Setting = Setting {
    name: "tcp_syncookies",
    value: "2",
    apply: |sysctl| sysctl.tcp_syncookies = 2,
};
const COOKIES: &[Setting] = &[ALWAYS];
/// Only a timestamp has room for what was agreed upon.
const BARE_COOKIES: &[Setting] = &[ALWAYS, NO_TIMESTAMPS[0]];
const ABORTS: &[Setting] = &[Setting {
    name: "tcp_abort_on_overflow",
    value: "1",
    apply: |sysctl| sysctl.tcp_abort_on_overflow = true,
}];

pub(super) const FEATURES: &[Feature] = &[
    Feature::new("refused", refused),
    Feature::told("syn-cookies", COOKIES, COOKIES, |lab, here| {
        cookies(lab, here, ALL)
    }),
    Feature::told(
        "syn-cookies-bare",
        BARE_COOKIES,
        BARE_COOKIES,
        |lab, here| cookies(lab, here, 0),
    ),
    Feature::new("defer-accept", defer_accept),
    Feature::new("queue-full", queue_full),
    Feature::told("abort-on-overflow", ABORTS, ABORTS, abort_on_overflow),
    Feature::new("syn-lost", syn_lost),
    Feature::new("syn-ack-lost", syn_ack_lost),
    Feature::new("opened-by-data", opened_by_data),
    Feature::new("simultaneous-open", simultaneous_open),
];

/// Where nobody listens, a reset answers.
fn refused(lab: &mut Lab, _here: Who) -> Result<(), String> {
    let (socket, address) = (lab.socket(lab.plan.client)?, lab.service());
    let answer = lab.connect_to(&socket, address)?;
    same("connect", &answer, &Err(libc::ECONNREFUSED))?;
    same("resets", &lab.counter(lab.server(), "TcpOutRsts")?, &1)
}

/// RFC 4987 3.6
fn cookies(lab: &mut Lab, here: Who, expected: u8) -> Result<(), String> {
    agree(lab, here, expected)?;
    for name in ["TcpExtSyncookiesSent", "TcpExtSyncookiesRecv"] {
        same(name, &lab.counter(lab.server(), name)?, &1)?;
    }
    Ok(())
}

/// `TCP_DEFER_ACCEPT`: nobody is accepted who has said nothing.
fn defer_accept(lab: &mut Lab, _here: Who) -> Result<(), String> {
    let (level, name) = (libc::IPPROTO_TCP, libc::TCP_DEFER_ACCEPT);
    let server = lab.server();
    let seconds = 5_i32.to_ne_bytes().to_vec();
    lab.options.push((server, level, name, seconds));
    let listener = lab.listen()?;
    let (client, address) = (lab.socket(lab.plan.client)?, lab.service());
    same("connect", &lab.connect_to(&client, address)?, &Ok(()))?;
    lab.await_counter(server, "TcpExtTCPDeferAcceptDrop", 1)?;
    let early = lab.try_accept(&listener).map(|_| ());
    same("accept of who is silent", &early, &Err(libc::EAGAIN))?;
    lab.send(&client, b"a word")?;
    let accepted = lab.accept(&listener)?;
    let word = lab.try_receive(&accepted, 100, 0);
    same("what was said", &word, &Ok(b"a word".to_vec()))
}

/// So many connections begin to open.
fn begin(lab: &mut Lab, count: usize) -> Result<Vec<Socket>, String> {
    let address = lab.service();
    let mut clients = Vec::new();
    for _ in 0..count {
        let client = lab.socket(lab.plan.client)?;
        let answer = lab.try_connect(&client, address);
        same("connect", &answer, &Err(libc::EINPROGRESS))?;
        clients.push(client);
    }
    Ok(clients)
}

/// Whoever finds the queue full is not heard, and comes again.
fn queue_full(lab: &mut Lab, _here: Who) -> Result<(), String> {
    lab.backlog = 0;
    let listener = lab.listen()?;
    let first = begin(lab, 1)?.pop().ok_or("no client")?;
    same("the first", &lab.connected(&first)?, &Ok(()))?;
    lab.await_that("a full queue", |lab| {
        Ok(lab.poll(&listener) & libc::POLLIN != 0)
    })?;
    let second = begin(lab, 1)?.pop().ok_or("no client")?;
    for name in ["TcpExtListenOverflows", "TcpExtListenDrops"] {
        lab.await_counter(lab.server(), name, 1)?;
    }
    lab.accept(&listener)?;
    same("the second", &lab.connected(&second)?, &Ok(()))?;
    let accepted = lab.accept(&listener)?;
    lab.transfer(&second, &accepted, &numbered(1000))
}

/// With `tcp_abort_on_overflow` whoever finds no place with the last of the handshake is told.
fn abort_on_overflow(lab: &mut Lab, _here: Who) -> Result<(), String> {
    lab.backlog = 0;
    let listener = lab.listen()?;
    let client = lab.plan.client;
    let mut held = 0;
    lab.judge(move |packet| {
        if packet.from == client && !packet.has(TcpFlags::SYN) && held == 0 {
            held = 1;
            return Verdict::Hold;
        }
        Verdict::Pass
    });
    let late = begin(lab, 1)?.pop().ok_or("no client")?;
    same("the first", &lab.connected(&late)?, &Ok(()))?;
    lab.await_that("the last of its handshake", |lab| Ok(lab.held() == 1))?;
    // The second one's request is a cookie, and takes the only place.
    let second = begin(lab, 1)?.pop().ok_or("no client")?;
    same("the second", &lab.connected(&second)?, &Ok(()))?;
    lab.await_that("a full queue", |lab| {
        Ok(lab.poll(&listener) & libc::POLLIN != 0)
    })?;
    lab.release();
    same("error", &lab.receive(&late, 1)?, &Err(libc::ECONNRESET))?;
    let overflows = lab.counter(lab.server(), "TcpExtListenOverflows")?;
    same("overflows", &overflows, &1)?;
    let accepted = lab.accept(&listener)?;
    lab.transfer(&second, &accepted, &numbered(1000))
}

/// Something of the handshake is lost once.
fn lose(lab: &mut Lab, from: Who, flags: TcpFlags) {
    let mut lost = false;
    lab.judge(move |packet| {
        let has_syn = packet.has(TcpFlags::SYN) == flags.contains(TcpFlags::SYN);
        if packet.from == from && packet.has(flags) && has_syn && !lost {
            lost = true;
            return Verdict::Drop;
        }
        Verdict::Pass
    });
}

fn syn_lost(lab: &mut Lab, here: Who) -> Result<(), String> {
    let client = lab.plan.client;
    lose(lab, client, TcpFlags::SYN);
    let [socket, other] = lab.connect(here)?;
    same("SYNs", &lab.count(client, |p| p.has(TcpFlags::SYN)), &2)?;
    lab.transfer(&socket, &other, &numbered(1000))
}

/// RFC 9293 3.8.1: whichever of the two asks again first.
fn syn_ack_lost(lab: &mut Lab, here: Who) -> Result<(), String> {
    let server = lab.server();
    lose(lab, server, TcpFlags::SYN | TcpFlags::ACK);
    let [socket, other] = lab.connect(here)?;
    let answers = lab.count(server, |p| p.has(TcpFlags::SYN | TcpFlags::ACK));
    sure(answers >= 2, format!("{answers} answers"))?;
    lab.transfer(&socket, &other, &numbered(1000))
}

/// The last of the handshake is lost; what follows it says the same.
fn opened_by_data(lab: &mut Lab, _here: Who) -> Result<(), String> {
    let client = lab.plan.client;
    lose(lab, client, TcpFlags::ACK);
    let listener = lab.listen()?;
    let socket = begin(lab, 1)?.pop().ok_or("no client")?;
    same("connect", &lab.connected(&socket)?, &Ok(()))?;
    lab.pause(Duration::from_millis(5))?;
    let early = lab.try_accept(&listener).map(|_| ());
    same("accept without the last", &early, &Err(libc::EAGAIN))?;
    lab.send(&socket, b"data")?;
    let accepted = lab.accept(&listener)?;
    let data = lab.receive(&accepted, 100)?;
    same("data", &data, &Ok(b"data".to_vec()))
}

/// RFC 9293 3.5: each SYN crosses the other.
fn simultaneous_open(lab: &mut Lab, here: Who) -> Result<(), String> {
    const PORTS: [u16; 2] = [6001, 6002];
    let there = here.other();
    let (near, far) = (lab.socket(here)?, lab.socket(there)?);
    lab.bind(&near, PORTS[0])?;
    lab.bind(&far, PORTS[1])?;
    lab.judge(|_| Verdict::Hold);
    let (to_far, to_near) = (lab.address(there, PORTS[1]), lab.address(here, PORTS[0]));
    let answers = [
        lab.try_connect(&near, to_far),
        lab.try_connect(&far, to_near),
    ];
    same("connect", &answers, &[Err(libc::EINPROGRESS); 2])?;
    lab.await_that("two SYNs", |lab| Ok(lab.held() == 2))?;
    lab.release();
    same("this end", &lab.connected(&near)?, &Ok(()))?;
    same("the other", &lab.connected(&far)?, &Ok(()))?;
    let answers = |who| lab.count(who, |p| p.has(TcpFlags::SYN | TcpFlags::ACK));
    sure(
        answers(here) > 0 && answers(there) > 0,
        "a SYN without an answer",
    )?;
    let data = numbered(50_000);
    lab.transfer(&near, &far, &data)?;
    lab.transfer(&far, &near, &data)
}
