//! What ICMP says of the way (RFC 1122 4.2.3.9, RFC 5461).

use sockeye_interop::{Complaint, Lab, Packet, Who};
use sockeye_wire::TcpFlags;

use super::{ESTABLISHED, Feature, numbered, same};

pub(super) const FEATURES: &[Feature] = &[
    Feature::new("unreachable-while-opening", opening),
    Feature::new("unreachable-while-open", open),
];

/// The last packet of an end.
fn last(lab: &Lab, from: Who) -> Result<Packet, String> {
    let last = lab.seen.iter().rfind(|packet| packet.from == from);
    last.cloned().ok_or_else(|| "nothing sent".to_owned())
}

/// A SYN that can't get there: `connect` fails.
fn opening(lab: &mut Lab, _here: Who) -> Result<(), String> {
    let client = lab.plan.client;
    let (socket, address) = (lab.socket(client)?, lab.service());
    lab.is_cut = true;
    let answer = lab.try_connect(&socket, address);
    same("connect", &answer, &Err(libc::EINPROGRESS))?;
    lab.await_that("a SYN", |lab| {
        Ok(lab.count(client, |packet| packet.has(TcpFlags::SYN)) > 0)
    })?;
    let syn = last(lab, client)?;
    lab.complain(&syn, Complaint::NoWay)?;
    let answer = lab.connected(&socket)?;
    same("connect", &answer, &Err(libc::EHOSTUNREACH))
}

/// A connection that is open goes on, whatever is said.
fn open(lab: &mut Lab, here: Who) -> Result<(), String> {
    let [socket, other] = lab.connect(here)?;
    lab.hold(here.other());
    let data = numbered(1000);
    lab.send(&socket, &data)?;
    lab.await_that("data on its way", |lab| {
        Ok(lab.info(&socket)?.unacked() == 1)
    })?;
    let packet = last(lab, here)?;
    let name = match lab.plan.family {
        sockeye_interop::Family::V4 => "IcmpInDestUnreachs",
        sockeye_interop::Family::V6 => "Icmp6InDestUnreachs",
    };
    lab.complain(&packet, Complaint::NoWay)?;
    lab.await_counter(here, name, 1)?;
    lab.release();
    same("received", &lab.receive_all(&other, data.len())?, &data)?;
    same("state", &lab.info(&socket)?.state(), &ESTABLISHED)?;
    lab.transfer(&other, &socket, &data)?;
    lab.transfer(&socket, &other, &data)
}
