//! When data goes, and how fast.

use std::collections::BTreeSet;
use std::time::{Duration, Instant as Moment};

use sockeye_interop::{Lab, Who};

use super::{Feature, numbered, same, sure};

pub(super) const FEATURES: &[Feature] = &[
    Feature::new("nagle", nagle),
    Feature::new("no-delay", no_delay),
    Feature::new("cork", cork),
    Feature::new("pacing", pacing),
    Feature::new("idle-restart", idle_restart),
    Feature::new("not-sent-low-water-mark", not_sent),
];

/// Where the data packets of an end begin.
fn starts(lab: &Lab, from: Who) -> BTreeSet<u32> {
    lab.seen
        .iter()
        .filter(|packet| packet.from == from && packet.has_data())
        .map(|packet| packet.header.sequence)
        .collect()
}

/// Three bytes while nothing is acknowledged: how many packets they take.
fn three_writes(lab: &mut Lab, here: Who, no_delay: i32) -> Result<usize, String> {
    let [socket, other] = lab.connect(here)?;
    lab.set(&socket, libc::IPPROTO_TCP, libc::TCP_NODELAY, no_delay)?;
    lab.hold(here.other());
    for piece in [b"a", b"b", b"c"] {
        lab.send(&socket, piece)?;
    }
    lab.pause(Duration::from_millis(5))?;
    let before = starts(lab, here).len();
    lab.release();
    let received = lab.receive_all(&other, 3)?;
    same("received", &received, &b"abc".to_vec())?;
    Ok(before)
}

/// RFC 9293 3.7.4
fn nagle(lab: &mut Lab, here: Who) -> Result<(), String> {
    let packets = three_writes(lab, here, 0)?;
    same("packets without an acknowledgment", &packets, &1)?;
    same("packets", &starts(lab, here).len(), &2)
}

fn no_delay(lab: &mut Lab, here: Who) -> Result<(), String> {
    let packets = three_writes(lab, here, 1)?;
    same("packets without an acknowledgment", &packets, &3)
}

/// `TCP_CORK`
fn cork(lab: &mut Lab, here: Who) -> Result<(), String> {
    let [socket, other] = lab.connect(here)?;
    lab.set(&socket, libc::IPPROTO_TCP, libc::TCP_CORK, 1)?;
    let data = numbered(200);
    lab.send(&socket, &data[..100])?;
    lab.send(&socket, &data[100..])?;
    lab.pause(Duration::from_millis(5))?;
    same("packets under the cork", &starts(lab, here).len(), &0)?;
    lab.set(&socket, libc::IPPROTO_TCP, libc::TCP_CORK, 0)?;
    let received = lab.receive_all(&other, data.len())?;
    sure(received == data, "other bytes")?;
    same("packets", &starts(lab, here).len(), &1)
}

/// `SO_MAX_PACING_RATE`
fn pacing(lab: &mut Lab, here: Who) -> Result<(), String> {
    const RATE: u32 = 1_000_000;
    let [socket, other] = lab.connect(here)?;
    let rate = RATE.to_ne_bytes();
    lab.set_bytes(&socket, libc::SOL_SOCKET, libc::SO_MAX_PACING_RATE, &rate)
        .map_err(|errno| format!("SO_MAX_PACING_RATE: {errno}"))?;
    let began = Moment::now();
    lab.transfer(&socket, &other, &numbered(300_000))?;
    // The first ten go at once.
    let took = began.elapsed();
    let least = Duration::from_millis(250);
    sure(took >= least, format!("300 kB in {took:?}"))
}

/// RFC 2861: a window that was not used for long is not believed.
fn idle_restart(lab: &mut Lab, here: Who) -> Result<(), String> {
    let [socket, other] = lab.connect(here)?;
    lab.transfer(&socket, &other, &numbered(500_000))?;
    lab.await_that("all acknowledged", |lab| {
        Ok(lab.info(&socket)?.unacked() == 0)
    })?;
    let before = lab.info(&socket)?.snd_cwnd();
    sure(before > 20, format!("a window of {before}"))?;
    lab.pause(Duration::from_millis(900))?;
    lab.transfer(&socket, &other, b"again")?;
    let after = lab.info(&socket)?.snd_cwnd();
    sure(
        after <= before / 2,
        format!("window {before}, then {after}"),
    )
}

/// `TCP_NOTSENT_LOWAT`: what can't go yet is not taken either.
fn not_sent(lab: &mut Lab, here: Who) -> Result<(), String> {
    let [socket, other] = lab.connect(here)?;
    lab.set(&socket, libc::IPPROTO_TCP, libc::TCP_NOTSENT_LOWAT, 10_000)?;
    lab.is_cut = true;
    let piece = numbered(1000);
    let mut taken = 0;
    lab.await_that("enough", |lab| {
        let is_ready = lab.poll(&socket) & libc::POLLOUT != 0;
        if is_ready {
            let sent = lab.try_send(&socket, &piece, 0, None);
            taken += sent.map_err(|errno| format!("send: {errno}"))?;
        }
        Ok(!is_ready)
    })?;
    // Ten segments are on their way.
    sure(
        (10_000..60_000).contains(&taken),
        format!("{taken} bytes taken"),
    )?;
    lab.is_cut = false;
    lab.await_that("room", |lab| Ok(lab.poll(&socket) & libc::POLLOUT != 0))?;
    same("received", &lab.receive_all(&other, taken)?.len(), &taken)
}
