//! The longest packet of a path (RFC 1191, RFC 8201, RFC 4821).

use sockeye_interop::{Complaint, Family, Lab, Narrow, Setting, TcpInfo, Verdict, Who};
use sockeye_wire::TcpFlags;

use super::{Feature, numbered, same, sure};

/// What the hop takes; no less than IPv6 asks of every link.
const HOP: u16 = 1300;

const BLACK_HOLES: &[Setting] = &[Setting {
    name: "tcp_mtu_probing",
    value: "1",
    apply: |sysctl| sysctl.tcp_path.probing = 1,
}];
const ALWAYS: &[Setting] = &[Setting {
    name: "tcp_mtu_probing",
    value: "2",
    apply: |sysctl| sysctl.tcp_path.probing = 2,
}];

pub(super) const FEATURES: &[Feature] = &[
    Feature::new("path-mtu-told", told),
    Feature::new("path-mtu-of-old-data", told_of_old_data),
    Feature::told("path-mtu-black-hole", BLACK_HOLES, &[], black_hole),
    Feature::told("path-mtu-probed", ALWAYS, &[], probed),
    Feature::new("mss-clamped", clamped),
    Feature::new("mss-option", option),
];

/// Of a segment with a timestamp.
fn headers(lab: &Lab) -> u32 {
    match lab.plan.family {
        Family::V4 => 52,
        Family::V6 => 72,
    }
}

/// So many bytes through a hop; what their sender says then.
fn through(lab: &mut Lab, here: Who, hop: Narrow, bytes: usize) -> Result<TcpInfo, String> {
    let [socket, other] = lab.connect(here)?;
    lab.narrow = Some(hop);
    lab.transfer(&socket, &other, &numbered(bytes))?;
    lab.info(&socket)
}

fn told(lab: &mut Lab, here: Who) -> Result<(), String> {
    let hop = Narrow {
        mtu: HOP,
        tells: true,
    };
    let info = through(lab, here, hop, 100_000)?;
    same("the path's MTU", &info.pmtu(), &u32::from(HOP))?;
    let longest = u32::from(HOP) - headers(lab);
    same("segments", &info.snd_mss(), &longest)
}

/// RFC 5927 4.1: of a packet that is not on its way nobody can tell anything.
fn told_of_old_data(lab: &mut Lab, here: Who) -> Result<(), String> {
    let [socket, other] = lab.connect(here)?;
    lab.transfer(&socket, &other, &numbered(50_000))?;
    lab.await_that("all acknowledged", |lab| {
        Ok(lab.info(&socket)?.unacked() == 0)
    })?;
    let mut sent = lab.seen.iter();
    let old = sent.find(|packet| packet.from == here && packet.has_data());
    let old = old.cloned().ok_or("nothing sent")?;
    lab.complain(&old, Complaint::TooBig(HOP))?;
    lab.await_counter(here, "TcpExtOutOfWindowIcmps", 1)?;
    lab.transfer(&socket, &other, &numbered(50_000))?;
    let info = lab.info(&socket)?;
    same("the path's MTU", &info.pmtu(), &1500)?;
    same("segments", &info.snd_mss(), &(1500 - headers(lab)))
}

/// A hop that says nothing: after timeouts the segments are shorter.
fn black_hole(lab: &mut Lab, here: Who) -> Result<(), String> {
    let hop = Narrow {
        mtu: HOP,
        tells: false,
    };
    let info = through(lab, here, hop, 100_000)?;
    let longest = u32::from(HOP) - headers(lab);
    sure(
        info.snd_mss() <= longest,
        format!("segments of {}", info.snd_mss()),
    )
}

/// From 1024 upwards by probes that came through.
fn probed(lab: &mut Lab, here: Who) -> Result<(), String> {
    let wide = Narrow {
        mtu: 1500,
        tells: false,
    };
    let info = through(lab, here, wide, 2_000_000)?;
    sure(
        info.snd_mss() > 1300,
        format!("segments of {}", info.snd_mss()),
    )?;
    let probes = lab.counter(here, "TcpExtTCPMTUPSuccess")?;
    sure(probes > 0, "no probe came through")
}

/// The longest data of an end's packets.
fn longest(lab: &Lab, from: Who) -> Option<usize> {
    let sent = lab.seen.iter().filter(|packet| packet.from == from);
    sent.map(|packet| packet.payload.len()).max()
}

/// Something on the way makes the SYN ask for shorter segments.
fn clamped(lab: &mut Lab, here: Who) -> Result<(), String> {
    let there = here.other();
    lab.judge(move |packet| {
        if packet.from != there || !packet.has(TcpFlags::SYN) {
            return Verdict::Pass;
        }
        let mut packet = packet.clone();
        packet.header.options.mss = Some(1000);
        Verdict::Change(Box::new(packet))
    });
    let [socket, other] = lab.connect(here)?;
    lab.transfer(&socket, &other, &numbered(50_000))?;
    same("segments", &lab.info(&socket)?.snd_mss(), &988)?;
    same("the longest", &longest(lab, here), &Some(988))
}

/// `TCP_MAXSEG`: both ways.
fn option(lab: &mut Lab, here: Who) -> Result<(), String> {
    let value = 900_i32.to_ne_bytes().to_vec();
    let (level, name) = (libc::IPPROTO_TCP, libc::TCP_MAXSEG);
    lab.options.push((here, level, name, value));
    let [socket, other] = lab.connect(here)?;
    lab.transfer(&socket, &other, &numbered(50_000))?;
    lab.transfer(&other, &socket, &numbered(50_000))?;
    let asked = lab.count(here, |packet| packet.header.options.mss == Some(900));
    same("SYNs that ask for it", &asked, &1)?;
    same("the longest of ours", &longest(lab, here), &Some(888))?;
    same("of the other", &longest(lab, here.other()), &Some(888))
}
