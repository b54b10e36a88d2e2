//! Explicit congestion notification (RFC 3168).

use std::cell::Cell;
use std::rc::Rc;

use sockeye_interop::{Lab, Verdict, Who};
use sockeye_wire::{Ecn, TcpFlags};

use super::options::ASKS_FOR_ECN;
use super::{Feature, numbered, same, sure, to_piece};

pub(super) const FEATURES: &[Feature] = &[
    Feature::told("ecn-mark", ASKS_FOR_ECN, ASKS_FOR_ECN, mark),
    Feature::told(
        "ecn-accurate-refused",
        ASKS_FOR_ECN,
        ASKS_FOR_ECN,
        accurate_is_refused,
    ),
    Feature::told("ecn-syn-lost", ASKS_FOR_ECN, ASKS_FOR_ECN, syn_lost),
];

/// A mark comes back, shrinks the window without any loss, and that it did is told.
fn mark(lab: &mut Lab, here: Who) -> Result<(), String> {
    /// `TCP_INFINITE_SSTHRESH`
    const INFINITE: u32 = 0x7fff_ffff;
    let there = here.other();
    let [socket, other] = lab.connect(here)?;
    let before = lab.info(&socket)?.snd_ssthresh();
    same("threshold without marks", &before, &INFINITE)?;
    lab.judge(to_piece(here, 5, 1, |packet| {
        let mut packet = packet.clone();
        packet.ecn = Ecn::Congestion;
        Verdict::Change(Box::new(packet))
    }));
    lab.transfer(&socket, &other, &numbered(100_000))?;
    let capable = lab.count(here, |p| p.has_data() && p.ecn == Ecn::Capable0);
    let data = lab.count(here, |p| p.has_data());
    sure(capable > 0, format!("{capable} of {data} capable"))?;
    let echoes = lab.count(there, |p| p.has(TcpFlags::ECE) && !p.has(TcpFlags::SYN));
    sure(echoes > 0, "no echo of the mark")?;
    let told = lab.count(here, |p| p.has(TcpFlags::CWR) && !p.has(TcpFlags::SYN));
    sure(told > 0, "not told that the window shrank")?;
    let info = lab.info(&socket)?;
    sure(info.delivered_ce() > 0, "no mark in TCP_INFO")?;
    sure(info.snd_ssthresh() < INFINITE, "the window did not shrink")
}

/// A SYN that asks for accurate ECN (RFC 9768) is answered as one that asks for the older one.
fn accurate_is_refused(lab: &mut Lab, here: Who) -> Result<(), String> {
    /// The byte and the bit of the header, beside its length.
    const AE: (usize, u8) = (12, 1);
    let client = lab.plan.client;
    let asked = Rc::new(Cell::new(0));
    let count = Rc::clone(&asked);
    lab.judge(move |packet| {
        let asks = TcpFlags::SYN | TcpFlags::ECE | TcpFlags::CWR;
        if packet.from == client && packet.has(asks) {
            count.set(count.get() + 1);
            Verdict::Patch(AE.0, AE.1)
        } else {
            Verdict::Pass
        }
    });
    let [socket, other] = lab.connect(here)?;
    same("SYNs that asked", &asked.get(), &1)?;
    let answers = lab.count(lab.server(), |packet| {
        let mask = TcpFlags::SYN | TcpFlags::ACK | TcpFlags::ECE | TcpFlags::CWR;
        packet.header.flags & mask == TcpFlags::SYN | TcpFlags::ACK | TcpFlags::ECE
    });
    same("answers for the older one", &answers, &1)?;
    lab.transfer(&socket, &other, &numbered(50_000))?;
    lab.transfer(&other, &socket, &numbered(50_000))
}

/// RFC 3168 6.1.1.1: something on the way may not like it, so that the second SYN does not ask.
fn syn_lost(lab: &mut Lab, here: Who) -> Result<(), String> {
    let client = lab.plan.client;
    lab.judge(move |packet| {
        if packet.from == client && packet.has(TcpFlags::SYN | TcpFlags::ECE) {
            Verdict::Drop
        } else {
            Verdict::Pass
        }
    });
    let [socket, other] = lab.connect(here)?;
    let syns: Vec<bool> = lab
        .seen
        .iter()
        .filter(|packet| packet.from == client && packet.has(TcpFlags::SYN))
        .map(|packet| packet.has(TcpFlags::ECE | TcpFlags::CWR))
        .collect();
    same("SYNs that ask", &syns, &vec![true, false])?;
    lab.transfer(&socket, &other, &numbered(50_000))?;
    let capable = lab.count(here, |p| p.ecn != Ecn::NotCapable);
    same("capable packets", &capable, &0)
}
