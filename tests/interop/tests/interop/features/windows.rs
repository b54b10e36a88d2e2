//! Receive windows: shut, opened, scaled and clamped.

use sockeye_interop::{Lab, Who};
use sockeye_wire::TcpFlags;

use super::{Feature, numbered, same, sure};

pub(super) const FEATURES: &[Feature] = &[
    Feature::new("zero-window", zero_window),
    Feature::new("large-window", large_window),
    Feature::new("window-clamp", window_clamp),
    Feature::new("low-water-mark", low_water_mark),
];

/// The other side's window is shut, is probed, and opens.
fn zero_window(lab: &mut Lab, here: Who) -> Result<(), String> {
    let there = here.other();
    let (level, room) = (libc::SOL_SOCKET, 10_000_i32.to_ne_bytes().to_vec());
    lab.options.push((there, level, libc::SO_RCVBUF, room));
    let [socket, other] = lab.connect(here)?;
    // It is queued here whatever their window is.
    lab.set(&socket, libc::SOL_SOCKET, libc::SO_SNDBUF, 200_000)?;
    let data = numbered(60_000);
    lab.send(&socket, &data)?;
    lab.await_counter(here, "TcpExtTCPWinProbe", 2)?;
    let shut = |lab: &Lab| {
        lab.count(there, |packet| {
            packet.header.window == 0 && !packet.has(TcpFlags::SYN)
        })
    };
    sure(shut(lab) > 0, "their window was never shut")?;
    let received = lab.receive_all(&other, data.len())?;
    sure(received == data, "other bytes")?;
    let last = lab.seen.iter().rfind(|packet| packet.from == there);
    sure(
        last.is_some_and(|packet| packet.header.window > 0),
        "their window is still shut",
    )
}

/// The longest window that an end told, in bytes.
fn longest_window(lab: &mut Lab, of: &sockeye_interop::Socket) -> Result<u32, String> {
    let [_, scale] = lab.info(of)?.scales();
    let who = of.who();
    let told = lab
        .seen
        .iter()
        .filter(|packet| packet.from == who && !packet.has(TcpFlags::SYN))
        .map(|packet| u32::from(packet.header.window) << scale)
        .max();
    told.ok_or_else(|| "no windows".to_owned())
}

/// RFC 7323: windows of more than 16 bits are told, and used.
fn large_window(lab: &mut Lab, here: Who) -> Result<(), String> {
    let [socket, other] = lab.connect(here)?;
    lab.transfer(&socket, &other, &numbered(2_000_000))?;
    let told = longest_window(lab, &other)?;
    sure(told > 0xffff, format!("no window above {told}"))?;
    // How far ahead of what was acknowledged anything was sent.
    let (mut acknowledged, mut flight) = (None, 0);
    for packet in &lab.seen {
        if packet.from != here {
            acknowledged = Some(packet.header.acknowledgment);
        } else if let (Some(acknowledged), true) = (acknowledged, packet.has_data()) {
            flight = flight.max(packet.end().wrapping_sub(acknowledged).cast_signed());
        }
    }
    sure(flight > 0xffff, format!("never more than {flight} sent"))
}

/// `TCP_WINDOW_CLAMP`. What was told before is not taken back, but shrinks as it is used; and it lasts only where the buffer
/// does not grow by itself.
fn window_clamp(lab: &mut Lab, here: Who) -> Result<(), String> {
    const CLAMP: u16 = 20_000;
    let room = 200_000_i32.to_ne_bytes().to_vec();
    lab.options
        .push((here, libc::SOL_SOCKET, libc::SO_RCVBUF, room));
    let [socket, other] = lab.connect(here)?;
    let data = numbered(300_000);
    lab.transfer(&other, &socket, &data)?;
    let before = longest_window(lab, &socket)?;
    sure(before > 2 * u32::from(CLAMP), format!("only {before}"))?;
    let (level, name) = (libc::IPPROTO_TCP, libc::TCP_WINDOW_CLAMP);
    lab.set(&socket, level, name, i32::from(CLAMP))?;
    lab.transfer(&other, &socket, &data)?;
    lab.seen.clear();
    lab.transfer(&other, &socket, &data)?;
    let told = longest_window(lab, &socket)?;
    sure(told <= u32::from(CLAMP), format!("a window of {told}"))
}

/// `SO_RCVLOWAT`
fn low_water_mark(lab: &mut Lab, here: Who) -> Result<(), String> {
    let [socket, other] = lab.connect(here)?;
    lab.set(&socket, libc::SOL_SOCKET, libc::SO_RCVLOWAT, 5000)?;
    let data = numbered(6000);
    lab.send(&other, &data[..3000])?;
    lab.await_that("the first part", |lab| Ok(lab.unread(&socket)? == 3000))?;
    same("ready", &(lab.poll(&socket) & libc::POLLIN), &0)?;
    lab.send(&other, &data[3000..])?;
    lab.await_that("ready", |lab| Ok(lab.poll(&socket) & libc::POLLIN != 0))?;
    let received = lab.receive_all(&socket, data.len())?;
    sure(received == data, "other bytes")
}
