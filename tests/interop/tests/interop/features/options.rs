//! What is agreed upon when a connection opens.

use sockeye_core::config::Timestamps;
use sockeye_interop::{Family, Lab, Setting, Who};

use super::{Feature, numbered, same, sure};

/// `TCPI_OPT_*`
const TIMESTAMPS: u8 = 1;
const SACK: u8 = 2;
const WSCALE: u8 = 4;
const ECN: u8 = 8;
pub(super) const ALL: u8 = TIMESTAMPS | SACK | WSCALE;

pub(super) const NO_TIMESTAMPS: &[Setting] = &[Setting {
    name: "tcp_timestamps",
    value: "0",
    apply: |sysctl| sysctl.tcp_timestamps = Timestamps::Off,
}];
pub(super) const NO_SACK: &[Setting] = &[Setting {
    name: "tcp_sack",
    value: "0",
    apply: |sysctl| sysctl.tcp_sack = false,
}];
const NO_SCALING: &[Setting] = &[Setting {
    name: "tcp_window_scaling",
    value: "0",
    apply: |sysctl| sysctl.tcp_window_scaling = false,
}];
pub(super) const ASKS_FOR_ECN: &[Setting] = &[Setting {
    name: "tcp_ecn",
    value: "1",
    apply: |sysctl| sysctl.tcp_ecn = 1,
}];
const NO_ECN: &[Setting] = &[Setting {
    name: "tcp_ecn",
    value: "0",
    apply: |sysctl| sysctl.tcp_ecn = 0,
}];

pub(super) const FEATURES: &[Feature] = &[
    Feature::new("all-options", |lab, here| agree(lab, here, ALL)),
    Feature::told("no-timestamps", NO_TIMESTAMPS, &[], |lab, here| {
        agree(lab, here, SACK | WSCALE)
    }),
    Feature::told("no-sack", NO_SACK, &[], |lab, here| {
        agree(lab, here, TIMESTAMPS | WSCALE)
    }),
    Feature::told("no-scaling", NO_SCALING, &[], |lab, here| {
        agree(lab, here, TIMESTAMPS | SACK)
    }),
    Feature::told("ecn-both", ASKS_FOR_ECN, ASKS_FOR_ECN, |lab, here| {
        agree(lab, here, ALL | ECN)
    }),
    // A server agrees although it does not ask, unless it is told not to.
    Feature::told("ecn-asked-for", ASKS_FOR_ECN, &[], |lab, here| {
        let ecn = if lab.plan.client == here { ECN } else { 0 };
        agree(lab, here, ALL | ecn)
    }),
    Feature::new("info", info),
    Feature::told("no-ecn", NO_ECN, ASKS_FOR_ECN, |lab, here| {
        agree(lab, here, ALL)
    }),
];

/// Both ends say the same of what they agreed upon.
pub(super) fn agree(lab: &mut Lab, here: Who, expected: u8) -> Result<(), String> {
    let [socket, other] = lab.connect(here)?;
    let data = numbered(100_000);
    lab.transfer(&socket, &other, &data)?;
    lab.transfer(&other, &socket, &data)?;
    let (near, far) = (lab.info(&socket)?, lab.info(&other)?);
    // That a packet was marked ECT is not agreed upon, but seen (16).
    let mask = ALL | ECN;
    same("options", &(near.options() & mask), &expected)?;
    same("the other's options", &(far.options() & mask), &expected)?;
    let [sent, received] = near.scales();
    same("scales", &far.scales(), &[received, sent])?;
    let scales = expected & WSCALE != 0;
    sure(
        (sent > 0 && received > 0) == scales,
        format!("scales {sent} and {received}"),
    )?;
    // A timestamp takes 12 bytes of each segment.
    let header = match lab.plan.family {
        Family::V4 => 40,
        Family::V6 => 60,
    };
    let space = if expected & TIMESTAMPS == 0 { 0 } else { 12 };
    same("MSS", &near.snd_mss(), &(1500 - header - space))?;
    same("the other's MSS", &far.snd_mss(), &near.snd_mss())
}

/// What an end counts of what it sent is what the other counts of what came.
fn info(lab: &mut Lab, here: Who) -> Result<(), String> {
    const SENT: u32 = 200_000;
    let [socket, other] = lab.connect(here)?;
    let data = numbered(usize::try_from(SENT).unwrap_or(0));
    lab.transfer(&socket, &other, &data)?;
    // What was sent again without need comes, too, a moment later.
    lab.await_that(
        "all acknowledged, and as many segments as were sent",
        |lab| {
            let (near, far) = (lab.info(&socket)?, lab.info(&other)?);
            Ok(near.unacked() == 0 && far.data_segs_in() == near.data_segs_out())
        },
    )?;
    let (near, far) = (lab.info(&socket)?, lab.info(&other)?);
    same("bytes received", &far.bytes_received(), &u64::from(SENT))?;
    // A client's SYN is one.
    let syn = u64::from(here == lab.plan.client);
    same(
        "bytes acknowledged",
        &near.bytes_acked(),
        &(u64::from(SENT) + syn),
    )?;
    let segments = SENT.div_ceil(near.snd_mss());
    sure(
        near.data_segs_out() >= segments,
        format!("{} segments", near.data_segs_out()),
    )?;
    same("their segments", &far.data_segs_out(), &0)?;
    sure(
        near.min_rtt() >= 2000,
        format!("a round trip of {} µs", near.min_rtt()),
    )?;
    sure(near.delivered() >= segments, "less delivered than sent")?;
    sure(near.delivery_rate() > 0, "no delivery rate")?;
    same("longest segment that came", &far.rcv_mss(), &near.snd_mss())
}
