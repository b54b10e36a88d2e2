//! Urgent data (RFC 6093), from the other side to this.

use sockeye_interop::{Lab, Socket, Who};
use sockeye_wire::TcpFlags;

use super::{Feature, same, sure};

pub(super) const FEATURES: &[Feature] = &[
    Feature::new("urgent", aside),
    Feature::new("urgent-inline", inline),
];

/// Data with an urgent byte in the middle arrives.
fn say(lab: &mut Lab, here: Who, unread: usize, inline: i32) -> Result<[Socket; 2], String> {
    let [socket, other] = lab.connect(here)?;
    lab.set(&socket, libc::SOL_SOCKET, libc::SO_OOBINLINE, inline)?;
    lab.send(&other, b"before")?;
    lab.send_flagged(&other, b"!", libc::MSG_OOB)?;
    lab.send(&other, b"after")?;
    lab.await_that("POLLPRI", |lab| Ok(lab.poll(&socket) & libc::POLLPRI != 0))?;
    let marked = lab.count(here.other(), |packet| packet.has(TcpFlags::URG));
    sure(marked > 0, "nothing urgent on the wire")?;
    lab.await_that("all of it", |lab| Ok(lab.unread(&socket)? == unread))?;
    Ok([socket, other])
}

fn aside(lab: &mut Lab, here: Who) -> Result<(), String> {
    // The urgent byte is not counted, and what is behind it neither.
    let [socket, _other] = say(lab, here, 6, 0)?;
    let urgent = lab.receive_flagged(&socket, 10, libc::MSG_OOB)?;
    same("urgent", &urgent, &Ok(b"!".to_vec()))?;
    let again = lab.receive_flagged(&socket, 10, libc::MSG_OOB)?;
    same("urgent again", &again, &Err(libc::EINVAL))?;
    // Reading stops at the mark.
    let data = lab.receive(&socket, 100)?;
    same("before the mark", &data, &Ok(b"before".to_vec()))?;
    same("at the mark", &lab.at_mark(&socket)?, &true)?;
    same(
        "after the mark",
        &lab.receive_all(&socket, 5)?,
        &b"after".to_vec(),
    )?;
    same("at the mark", &lab.at_mark(&socket)?, &false)
}

fn inline(lab: &mut Lab, here: Who) -> Result<(), String> {
    let [socket, _other] = say(lab, here, 12, 1)?;
    let urgent = lab.receive_flagged(&socket, 10, libc::MSG_OOB)?;
    same("aside", &urgent, &Err(libc::EINVAL))?;
    let data = lab.receive(&socket, 100)?;
    same("before the mark", &data, &Ok(b"before".to_vec()))?;
    same("at the mark", &lab.at_mark(&socket)?, &true)?;
    same(
        "the rest",
        &lab.receive_all(&socket, 6)?,
        &b"!after".to_vec(),
    )
}
