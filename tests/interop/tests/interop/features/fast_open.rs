//! Opening with data (RFC 7413).

use sockeye_interop::{Lab, Packet, Setting, Socket, Verdict, Who};
use sockeye_wire::{FastOpenCookie, TcpFlags};

use super::{Feature, same, sure};

/// `TCPI_OPT_SYN_DATA`
const SYN_DATA: u8 = 32;

/// As client and as server.
const FAST_OPEN: &[Setting] = &[Setting {
    name: "tcp_fastopen",
    value: "3",
    apply: |sysctl| sysctl.tcp_fastopen = 3,
}];
const NO_FAST_OPEN: &[Setting] = &[Setting {
    name: "tcp_fastopen",
    value: "0",
    apply: |sysctl| sysctl.tcp_fastopen = 0,
}];

pub(super) const FEATURES: &[Feature] = &[
    Feature::told("fast-open", FAST_OPEN, FAST_OPEN, |lab, _| {
        fast_open(lab, open_at_once)
    }),
    Feature::told("fast-open-connect", FAST_OPEN, FAST_OPEN, |lab, _| {
        fast_open(lab, open_by_writing)
    }),
    Feature::told("no-fast-open", NO_FAST_OPEN, FAST_OPEN, slow_open),
    Feature::told("fast-open-wrong-cookie", FAST_OPEN, FAST_OPEN, wrong_cookie),
    Feature::told("fast-open-lost", FAST_OPEN, FAST_OPEN, lost),
];

const QUESTION: &[u8] = b"a question";

/// How a client says its first words.
type Open = fn(&mut Lab, &Socket) -> Result<(), String>;

/// `MSG_FASTOPEN`
fn open_at_once(lab: &mut Lab, socket: &Socket) -> Result<(), String> {
    let address = lab.service();
    match lab.try_send(socket, QUESTION, libc::MSG_FASTOPEN, Some(address)) {
        // It says what went with the SYN, or that it has only begun.
        Ok(length) => same("sent", &length, &QUESTION.len()),
        Err(libc::EINPROGRESS) => {
            same("connect", &lab.connected(socket)?, &Ok(()))?;
            lab.send(socket, QUESTION)
        }
        Err(errno) => Err(format!("MSG_FASTOPEN: {errno}")),
    }
}

/// `TCP_FASTOPEN_CONNECT`
fn open_by_writing(lab: &mut Lab, socket: &Socket) -> Result<(), String> {
    let address = lab.service();
    lab.set(socket, libc::IPPROTO_TCP, libc::TCP_FASTOPEN_CONNECT, 1)?;
    same("connect", &lab.connect_to(socket, address)?, &Ok(()))?;
    lab.send(socket, QUESTION)
}

fn listen(lab: &mut Lab) -> Result<Socket, String> {
    let listener = lab.listen()?;
    lab.set(&listener, libc::IPPROTO_TCP, libc::TCP_FASTOPEN, 16)?;
    Ok(listener)
}

/// A client that connects with data, to a server that takes it: both ends, once they are open.
fn open(lab: &mut Lab, listener: &Socket, how: Open) -> Result<[Socket; 2], String> {
    let client = lab.socket(lab.plan.client)?;
    how(lab, &client)?;
    let server = lab.accept(listener)?;
    let question = lab.receive(&server, 100)?;
    same("the question", &question, &Ok(QUESTION.to_vec()))?;
    lab.await_state(&client, super::ESTABLISHED)?;
    lab.await_state(&server, super::ESTABLISHED)?;
    Ok([client, server])
}

fn had_data(lab: &mut Lab, socket: &Socket) -> Result<bool, String> {
    Ok(lab.info(socket)?.options() & SYN_DATA != 0)
}

/// The first time with a cookie to take home, the second with data at once.
fn fast_open(lab: &mut Lab, how: Open) -> Result<(), String> {
    let listener = listen(lab)?;
    for second in [false, true] {
        let before = lab.seen.len();
        let ends = open(lab, &listener, how)?;
        for end in &ends {
            same("data of the SYN", &had_data(lab, end)?, &second)?;
        }
        let with_data = lab.seen[before..]
            .iter()
            .filter(|packet| packet.has(TcpFlags::SYN) && packet.has_data());
        same("SYNs with data", &with_data.count(), &usize::from(second))?;
    }
    let (client, server) = (lab.plan.client, lab.server());
    for (who, name) in [
        (client, "TcpExtTCPFastOpenActive"),
        (server, "TcpExtTCPFastOpenPassive"),
        (server, "TcpExtTCPFastOpenCookieReqd"),
    ] {
        same(name, &lab.counter(who, name)?, &1)?;
    }
    Ok(())
}

/// Who may not, or whose other side does not, connects as ever.
fn slow_open(lab: &mut Lab, here: Who) -> Result<(), String> {
    let listener = listen(lab)?;
    for _ in 0..2 {
        let client = lab.socket(lab.plan.client)?;
        if lab.plan.client == here {
            let address = lab.service();
            let answer = lab.try_send(&client, QUESTION, libc::MSG_FASTOPEN, Some(address));
            same("MSG_FASTOPEN", &answer, &Err(libc::EOPNOTSUPP))?;
            same("connect", &lab.connect_to(&client, address)?, &Ok(()))?;
            lab.send(&client, QUESTION)?;
        } else {
            open_at_once(lab, &client)?;
        }
        let server = lab.accept(&listener)?;
        let question = lab.receive(&server, 100)?;
        same("the question", &question, &Ok(QUESTION.to_vec()))?;
        for end in [&client, &server] {
            same("data of the SYN", &had_data(lab, end)?, &false)?;
        }
    }
    Ok(())
}

fn is_fast(packet: &Packet) -> bool {
    packet.has(TcpFlags::SYN) && packet.has_data()
}

/// A cookie that is not the server's: the data comes again with the handshake's end, and a new cookie is taken home.
fn wrong_cookie(lab: &mut Lab, _here: Who) -> Result<(), String> {
    let listener = listen(lab)?;
    open(lab, &listener, open_at_once)?;
    lab.judge(|packet| {
        if !is_fast(packet) {
            return Verdict::Pass;
        }
        let mut packet = packet.clone();
        packet.header.options.fast_open = FastOpenCookie::new(&[0x55; 8]);
        Verdict::Change(Box::new(packet))
    });
    let ends = open(lab, &listener, open_at_once)?;
    for end in &ends {
        same("data of the SYN", &had_data(lab, end)?, &false)?;
    }
    let (client, server) = (lab.plan.client, lab.server());
    for (who, name) in [
        (client, "TcpExtTCPFastOpenActiveFail"),
        (server, "TcpExtTCPFastOpenPassiveFail"),
    ] {
        same(name, &lab.counter(who, name)?, &1)?;
    }
    lab.release();
    let ends = open(lab, &listener, open_at_once)?;
    for end in &ends {
        same("data with the new cookie", &had_data(lab, end)?, &true)?;
    }
    Ok(())
}

/// RFC 7413 4.1.3: something on the way may not like it, so that the second SYN is an ordinary one.
fn lost(lab: &mut Lab, _here: Who) -> Result<(), String> {
    let listener = listen(lab)?;
    open(lab, &listener, open_at_once)?;
    let before = lab.seen.len();
    lab.judge(|packet| {
        if is_fast(packet) {
            Verdict::Drop
        } else {
            Verdict::Pass
        }
    });
    open(lab, &listener, open_at_once)?;
    let syns: Vec<bool> = lab.seen[before..]
        .iter()
        .filter(|packet| packet.has(TcpFlags::SYN) && !packet.has(TcpFlags::ACK))
        .map(Packet::has_data)
        .collect();
    sure(syns == [true, false], format!("SYNs with data: {syns:?}"))
}
