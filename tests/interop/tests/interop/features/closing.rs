//! The ways in which a connection ends.

use std::time::Duration;

use sockeye_interop::{Lab, Setting, Socket, Who};
use sockeye_wire::TcpFlags;

use super::{CLOSE_WAIT, CLOSED, CLOSING, FIN_WAIT_2, Feature, numbered, same, sure};

const TAKES_OVER: &[Setting] = &[Setting {
    name: "tcp_tw_reuse",
    value: "1",
    apply: |sysctl| sysctl.tcp_tw_reuse = 1,
}];

const ONE_AT_MOST: &[Setting] = &[Setting {
    name: "tcp_max_tw_buckets",
    value: "1",
    apply: |sysctl| sysctl.tcp_max_tw_buckets = 1,
}];

pub(super) const FEATURES: &[Feature] = &[
    Feature::new("half-close", half_close),
    Feature::new("simultaneous-close", simultaneous_close),
    Feature::new("reset", reset),
    Feature::new("unread-data", unread_data),
    Feature::new("data-after-close", data_after_close),
    Feature::new("data-across-close", data_across_close),
    Feature::new("half-open", half_open),
    Feature::new("time-wait-of-server", time_wait_of_server),
    Feature::told("time-wait-bounded", ONE_AT_MOST, &[], time_wait_bounded),
    Feature::told(
        "time-wait-of-client",
        TAKES_OVER,
        TAKES_OVER,
        time_wait_of_client,
    ),
];

/// Whoever has said all still hears all.
fn half_close(lab: &mut Lab, here: Who) -> Result<(), String> {
    let [socket, other] = lab.connect(here)?;
    lab.shut(&socket)?;
    same("their end", &lab.receive_all(&other, 1)?.len(), &0)?;
    lab.await_state(&socket, FIN_WAIT_2)?;
    same("their state", &lab.info(&other)?.state(), &CLOSE_WAIT)?;
    lab.transfer(&other, &socket, &numbered(300_000))?;
    lab.close(other)?;
    same("our end", &lab.receive_all(&socket, 1)?.len(), &0)
}

/// RFC 9293 3.6: each FIN crosses the other.
fn simultaneous_close(lab: &mut Lab, here: Who) -> Result<(), String> {
    let [socket, other] = lab.connect(here)?;
    let mut fins = 0;
    lab.judge(move |packet| {
        use sockeye_interop::Verdict::{Hold, Pass};
        let is_first = packet.has(TcpFlags::FIN) && fins < 2;
        fins += usize::from(is_first);
        if is_first || fins == 2 { Hold } else { Pass }
    });
    lab.shut(&socket)?;
    lab.shut(&other)?;
    lab.await_that("two FINs", |lab| Ok(lab.held() >= 2))?;
    lab.release();
    // Only what acknowledges the FINs is held up, so that both see the state between.
    lab.judge(|packet| {
        use sockeye_interop::Verdict::{Hold, Pass};
        if packet.has(TcpFlags::FIN) {
            Pass
        } else {
            Hold
        }
    });
    lab.await_state(&socket, CLOSING)?;
    lab.await_state(&other, CLOSING)?;
    lab.release();
    for end in [&socket, &other] {
        lab.await_that("the end of CLOSING", |lab| {
            Ok(lab.info(end)?.state() != CLOSING)
        })?;
        same("the end", &lab.receive_all(end, 1)?.len(), &0)?;
    }
    Ok(())
}

/// `close` with `SO_LINGER` and no time.
fn abort(lab: &mut Lab, socket: Socket) -> Result<(), String> {
    let linger = [1_i32.to_ne_bytes(), 0_i32.to_ne_bytes()];
    let linger = linger.as_flattened();
    lab.set_bytes(&socket, libc::SOL_SOCKET, libc::SO_LINGER, linger)
        .map_err(|errno| format!("SO_LINGER: {errno}"))?;
    lab.close(socket)
}

fn reset(lab: &mut Lab, here: Who) -> Result<(), String> {
    let [socket, other] = lab.connect(here)?;
    abort(lab, socket)?;
    same("error", &lab.receive(&other, 1)?, &Err(libc::ECONNRESET))?;
    same("resets", &lab.counter(here, "TcpOutRsts")?, &1)?;
    same(
        "resets that came",
        &lab.counter(here.other(), "TcpEstabResets")?,
        &1,
    )
}

/// RFC 2525 2.17: whoever closes without reading what came says so.
fn unread_data(lab: &mut Lab, here: Who) -> Result<(), String> {
    let [socket, other] = lab.connect(here)?;
    lab.send(&other, b"never read")?;
    // Peeking is not reading.
    let peeked = lab.receive_flagged(&socket, 100, libc::MSG_PEEK)?;
    same("peeked", &peeked, &Ok(b"never read".to_vec()))?;
    lab.close(socket)?;
    same("error", &lab.receive(&other, 1)?, &Err(libc::ECONNRESET))?;
    same("counted", &lab.counter(here, "TcpExtTCPAbortOnClose")?, &1)
}

/// What arrives at a connection that no program has any more is answered by a reset.
fn data_after_close(lab: &mut Lab, here: Who) -> Result<(), String> {
    let [socket, other] = lab.connect(here)?;
    lab.close(socket)?;
    lab.await_state(&other, CLOSE_WAIT)?;
    lab.send(&other, b"too late")?;
    lab.await_state(&other, CLOSED)?;
    let answer = lab.try_send(&other, b"more", 0, None);
    same("the next write", &answer, &Err(libc::EPIPE))?;
    same("resets", &lab.counter(here, "TcpOutRsts")?, &1)
}

/// The same before the FIN was acknowledged.
fn data_across_close(lab: &mut Lab, here: Who) -> Result<(), String> {
    let [socket, other] = lab.connect(here)?;
    lab.judge(|_| sockeye_interop::Verdict::Hold);
    let sent = lab.try_send(&other, b"on its way", 0, None);
    same("sent", &sent, &Ok(10))?;
    lab.close(socket)?;
    lab.await_that("two packets", |lab| Ok(lab.held() >= 2))?;
    lab.release();
    lab.await_state(&other, CLOSED)?;
    same("counted", &lab.counter(here, "TcpExtTCPAbortOnData")?, &1)?;
    let answer = lab.try_send(&other, b"more", 0, None);
    same("the next write", &answer, &Err(libc::EPIPE))
}

/// RFC 9293 3.5.1: the other side knows nothing of the connection any more.
fn half_open(lab: &mut Lab, here: Who) -> Result<(), String> {
    let [socket, other] = lab.connect(here)?;
    lab.is_cut = true;
    abort(lab, other)?;
    let resets = |lab: &Lab| lab.count(here.other(), |packet| packet.has(TcpFlags::RST));
    lab.await_that("a reset that is lost", |lab| Ok(resets(lab) == 1))?;
    lab.is_cut = false;
    lab.send(&socket, b"anybody there?")?;
    same("error", &lab.receive(&socket, 1)?, &Err(libc::ECONNRESET))?;
    same("resets", &resets(lab), &2)
}

/// What finds the buckets full is closed without TIME-WAIT.
fn time_wait_bounded(lab: &mut Lab, here: Who) -> Result<(), String> {
    let listener = lab.listen()?;
    let first = lab.connect_more(&listener, here)?;
    let second = lab.connect_more(&listener, here)?;
    for [socket, other] in [first, second] {
        close_in_turn(lab, socket, other)?;
    }
    lab.await_counter(here, "TcpExtTCPTimeWaitOverflow", 1)
}

const PORT: u16 = 6001;

/// A connection from a port that is always the same: the client, and the server.
fn from_port(lab: &mut Lab, listener: &Socket) -> Result<[Socket; 2], String> {
    let (client, address) = (lab.socket(lab.plan.client)?, lab.service());
    lab.set(&client, libc::SOL_SOCKET, libc::SO_REUSEADDR, 1)?;
    lab.bind(&client, PORT)?;
    same("connect", &lab.connect_to(&client, address)?, &Ok(()))?;
    let server = lab.accept(listener)?;
    Ok([client, server])
}

/// The first of two closes and is left with TIME-WAIT.
fn close_in_turn(lab: &mut Lab, first: Socket, second: Socket) -> Result<(), String> {
    let who = first.who();
    lab.close(first)?;
    same("the end", &lab.receive_all(&second, 1)?.len(), &0)?;
    lab.close(second)?;
    lab.await_that("both FINs and their acknowledgments", |lab| {
        let mut packets = lab.seen.iter().rev();
        let last = packets.find(|packet| !packet.has(TcpFlags::SYN));
        let fins = lab.count(who.other(), |packet| packet.has(TcpFlags::FIN));
        Ok(fins > 0 && last.is_some_and(|packet| packet.from == who))
    })?;
    // The last acknowledgment arrives.
    lab.pause(Duration::from_millis(10))
}

/// RFC 6191: a SYN with a newer timestamp opens a new connection where the last one of these ports is still in TIME-WAIT.
fn time_wait_of_server(lab: &mut Lab, _here: Who) -> Result<(), String> {
    let listener = lab.listen()?;
    let [client, server] = from_port(lab, &listener)?;
    close_in_turn(lab, server, client)?;
    // A timestamp is newer once the clock has ticked.
    lab.pause(Duration::from_millis(5))?;
    let before = lab.seen.len();
    let [client, server] = from_port(lab, &listener)?;
    let resets = lab.seen[before..]
        .iter()
        .filter(|packet| packet.has(TcpFlags::RST));
    same("resets", &resets.count(), &0)?;
    lab.transfer(&client, &server, &numbered(1000))
}

/// `tcp_tw_reuse`: a client may after a second.
fn time_wait_of_client(lab: &mut Lab, _here: Who) -> Result<(), String> {
    let listener = lab.listen()?;
    let [client, server] = from_port(lab, &listener)?;
    close_in_turn(lab, client, server)?;
    lab.pause(Duration::from_millis(1200))?;
    let [client, server] = from_port(lab, &listener)?;
    let recycled = lab.counter(lab.plan.client, "TcpExtTWRecycled")?;
    sure(recycled == 1, format!("{recycled} taken over"))?;
    lab.transfer(&client, &server, &numbered(1000))
}
