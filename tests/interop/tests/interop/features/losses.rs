//! Losses, and what looks like losses.

use sockeye_interop::{Lab, Socket, Verdict, Who};

use super::options::NO_SACK;
use super::{Feature, numbered, same, sure, to_piece};

pub(super) const FEATURES: &[Feature] = &[
    Feature::new("sack", |lab, here| {
        one_lost(lab, here, "TcpExtTCPSackRecovery", true)
    }),
    Feature::told("newreno", NO_SACK, &[], |lab, here| {
        one_lost(lab, here, "TcpExtTCPRenoRecovery", false)
    }),
    Feature::new("lost-again", lost_again),
    Feature::new("tail-lost", tail_lost),
    Feature::new("timeout", timeout),
    Feature::new("spurious-timeout", spurious_timeout),
    Feature::new("spurious-recovery", spurious_recovery),
    Feature::new("doubled", doubled),
];

/// Enough for several windows.
const MUCH: usize = 100_000;

fn drop_it(_: &sockeye_interop::Packet) -> Verdict {
    Verdict::Drop
}

/// How often the packet that began at a place was sent.
fn sent(lab: &Lab, from: Who, start: Option<u32>) -> usize {
    lab.count(from, |packet| {
        packet.has_data() && Some(packet.header.sequence) == start
    })
}

/// Where the `which`th piece of an end's data begins.
fn start_of(lab: &Lab, from: Who, which: usize) -> Option<u32> {
    let mut starts: Vec<u32> = Vec::new();
    for packet in &lab.seen {
        let start = packet.header.sequence;
        if packet.from == from && packet.has_data() && !starts.contains(&start) {
            starts.push(start);
        }
    }
    starts.get(which).copied()
}

/// One of a window: its receiver tells what came behind it, and it alone is sent again.
fn one_lost(
    lab: &mut Lab,
    here: Who,
    recovery: &'static str,
    has_sack: bool,
) -> Result<(), String> {
    let [socket, other] = lab.connect(here)?;
    lab.judge(to_piece(here, 3, 1, drop_it));
    lab.transfer(&socket, &other, &numbered(MUCH))?;
    sure(lab.counter(here, recovery)? >= 1, format!("no {recovery}"))?;
    let lost = start_of(lab, here, 3);
    sure(sent(lab, here, lost) >= 2, "never sent again")?;
    let blocks = lab.count(here.other(), |p| !p.header.options.sack.is_empty());
    sure((blocks > 0) == has_sack, format!("{blocks} with blocks"))
}

/// RFC 8985: that what was sent again is lost too is seen by what was sent after it.
fn lost_again(lab: &mut Lab, here: Who) -> Result<(), String> {
    let [socket, other] = lab.connect(here)?;
    lab.judge(to_piece(here, 3, 2, drop_it));
    lab.transfer(&socket, &other, &numbered(MUCH))?;
    let lost = start_of(lab, here, 3);
    sure(sent(lab, here, lost) >= 3, "never sent a third time")?;
    lab.await_counter(here, "TcpExtTCPLostRetransmit", 1)
}

/// RFC 8985 7: the last of a flight has nothing behind it that would tell.
fn tail_lost(lab: &mut Lab, here: Who) -> Result<(), String> {
    let [socket, other] = lab.connect(here)?;
    lab.judge(to_piece(here, 4, 1, drop_it));
    let flight = lab.info(&socket)?.snd_mss() * 5;
    let flight = numbered(usize::try_from(flight).unwrap_or(0));
    lab.transfer(&socket, &other, &flight)?;
    let probes = lab.counter(here, "TcpExtTCPLossProbes")?;
    sure(probes >= 1, "no probe")?;
    let lost = start_of(lab, here, 4);
    sure(sent(lab, here, lost) >= 2, "never sent again")
}

/// RFC 6298: nothing comes back any more, and then it does.
fn timeout(lab: &mut Lab, here: Who) -> Result<(), String> {
    /// `TCP_CA_Loss`
    const LOSS: u8 = 4;
    let [socket, other] = lab.connect(here)?;
    lab.transfer(&socket, &other, &numbered(MUCH))?;
    let before = lab.info(&socket)?.snd_cwnd();
    lab.is_cut = true;
    let data = numbered(10_000);
    lab.send(&socket, &data)?;
    lab.await_counter(here, "TcpExtTCPTimeouts", 1)?;
    let info = lab.info(&socket)?;
    same("state of congestion control", &info.ca_state(), &LOSS)?;
    same("window", &info.snd_cwnd(), &1)?;
    sure(before > 1, "a window that was 1 before")?;
    lab.is_cut = false;
    let received = lab.receive_all(&other, data.len())?;
    sure(received == data, "other bytes")
}

/// RFC 5682, RFC 3522: the acknowledgments were only late, so that the window is what it was.
fn spurious_timeout(lab: &mut Lab, here: Who) -> Result<(), String> {
    let [socket, other] = lab.connect(here)?;
    lab.transfer(&socket, &other, &numbered(MUCH))?;
    let before = lab.info(&socket)?.snd_cwnd();
    hold_answers(lab, &other);
    let data = numbered(8_000);
    lab.send(&socket, &data)?;
    lab.await_counter(here, "TcpExtTCPTimeouts", 1)?;
    lab.release();
    lab.await_counter(here, "TcpExtTCPLossUndo", 1)?;
    let received = lab.receive_all(&other, data.len())?;
    sure(received == data, "other bytes")?;
    let after = lab.info(&socket)?.snd_cwnd();
    sure(after >= before, format!("window {before}, then {after}"))
}

fn hold_answers(lab: &mut Lab, from: &Socket) {
    let from = from.who();
    lab.judge(move |packet| {
        if packet.from == from {
            Verdict::Hold
        } else {
            Verdict::Pass
        }
    });
}

/// RFC 2883, RFC 3708: a packet was only late, and by the D-SACK for the second one its sender learns it.
fn spurious_recovery(lab: &mut Lab, here: Who) -> Result<(), String> {
    let [socket, other] = lab.connect(here)?;
    lab.judge(to_piece(here, 3, 1, |_| Verdict::Hold));
    let data = numbered(30_000);
    lab.send(&socket, &data)?;
    let late = lab.until("the late packet", |lab| Ok(start_of(lab, here, 3)))?;
    lab.await_that("the second one", |lab| Ok(sent(lab, here, Some(late)) >= 2))?;
    lab.release();
    let received = lab.receive_all(&other, data.len())?;
    sure(received == data, "other bytes")?;
    lab.await_counter(here, "TcpExtTCPDSACKRecv", 1)
}

/// RFC 2883: what comes twice by the network's fault.
fn doubled(lab: &mut Lab, here: Who) -> Result<(), String> {
    let [socket, other] = lab.connect(here)?;
    lab.judge(to_piece(here, 3, 1, |_| Verdict::Twice));
    lab.transfer(&socket, &other, &numbered(MUCH))?;
    lab.await_counter(here, "TcpExtTCPDSACKRecv", 1)?;
    // The block is below what is acknowledged.
    let told = lab.count(here.other(), |packet| {
        let end = packet.header.acknowledgment;
        let first = packet.header.options.sack.as_slice().first();
        first.is_some_and(|(start, _)| end.wrapping_sub(*start).cast_signed() > 0)
    });
    sure(told >= 1, "no D-SACK on the wire")
}
