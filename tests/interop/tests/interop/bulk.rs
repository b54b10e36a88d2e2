//! Bulk over every kind of wire: each combination of client and server, over TUN and a veth pair, IPv4 and IPv6, one way and both
//! ways at once, with each congestion control.
//!
//! Every byte is checked, and by the counters of both ends and of the wire that what the wire is about has happened.

use std::time::Duration;

use libtest_mimic::{Failed, Trial};
use sockeye_interop::{Exchange, Family, Medium, Path, Place, Setting, Setup, Who};
use sockeye_programs::scenario::trial;

use crate::NEEDS;

/// What has to have happened to the data of one direction.
#[derive(Clone, Copy, Debug)]
enum Proof {
    /// The wire lost some, and the sender sent it again.
    Lost,
    /// The queue in front of the wire dropped some.
    Dropped,
    /// Some came out of order.
    Reordered,
    /// Some came twice, of which the receiver told the sender.
    Doubled,
    /// Some was damaged, which the receiver noticed.
    Damaged,
    /// Some was marked, and the sender reduced its window for it.
    Marked,
}

/// The wires: their name, what they do, and what shows that they did. The slow ones are so slow that they and not the machine are
/// what holds the data up.
const WIRES: [(&str, &str, Proof); 9] = [
    ("loss", "delay 2ms loss 4% limit 10000", Proof::Lost),
    (
        "bursts",
        "delay 2ms loss gemodel 2% 40% limit 10000",
        Proof::Lost,
    ),
    (
        "jitter",
        "delay 5ms 2ms distribution normal limit 10000",
        Proof::Reordered,
    ),
    (
        "gap",
        "delay 5ms reorder 100% gap 7 limit 10000",
        Proof::Reordered,
    ),
    (
        "duplicate",
        "delay 2ms duplicate 5% limit 10000",
        Proof::Doubled,
    ),
    (
        "corrupt",
        "delay 2ms corrupt 4% limit 10000",
        Proof::Damaged,
    ),
    ("tail-drop", "rate 10mbit delay 2ms limit 8", Proof::Dropped),
    (
        "codel",
        "rate 8mbit delay 1ms codel target 1ms interval 10ms ecn",
        Proof::Marked,
    ),
    (
        "fq_codel",
        "rate 8mbit delay 1ms fq_codel target 1ms interval 10ms",
        Proof::Marked,
    ),
];

/// BBR keeps its queues too short for the marks of `codel`; `red` begins to mark at a few packets.
const RED: (&str, &str, Proof) = (
    "red",
    "rate 8mbit delay 1ms red limit 400kb min 5kb max 50kb avpkt 1500 burst 4 probability 0.3 ecn",
    Proof::Marked,
);

const COMBINATIONS: [(&str, [Who; 2]); 2] = [
    ("ours-to-kernel", [Who::Ours, Who::Kernel]),
    ("kernel-to-ours", [Who::Kernel, Who::Ours]),
];

/// Bytes of a direction that has data.
const BYTES: usize = 600_000;

/// Both ends ask for ECN.
const ECN: Setting = Setting {
    name: "tcp_ecn",
    value: "1",
    apply: |sysctl| sysctl.tcp_ecn = 1,
};

pub(crate) fn trials() -> Vec<Trial> {
    let mut trials = Vec::new();
    for (pair, who) in COMBINATIONS {
        for (wire, netem, proof) in WIRES.into_iter().chain([RED]) {
            for (at, medium) in [Medium::Tun, Medium::Veth].into_iter().enumerate() {
                for family in [Family::V4, Family::V6] {
                    for (direction, bytes) in [
                        ("up", [BYTES, 0]),
                        ("down", [0, BYTES]),
                        ("both", [BYTES, BYTES]),
                    ] {
                        for (which, congestion) in ["reno", "cubic", "bbr"].into_iter().enumerate()
                        {
                            let name = format!(
                                "bulk::{pair}::{wire}::{medium:?}::{family:?}::{direction}::{congestion}"
                            );
                            // Each algorithm with and without super-segments, one over each medium.
                            let has_offload = (at + which) % 2 == 1;
                            let exchange = Exchange {
                                family,
                                request: bytes[0],
                                response: bytes[1],
                                deadline: Duration::from_secs(60),
                                congestion: Some(congestion),
                            };
                            trials.push(trial(name, &NEEDS, move || {
                                let setup = Setup {
                                    who,
                                    medium,
                                    mtu: 1500,
                                    has_offload,
                                    netem,
                                    splits: true,
                                    seed: 1,
                                    settings: if matches!(proof, Proof::Marked) {
                                        &[ECN]
                                    } else {
                                        &[]
                                    },
                                };
                                transfer(&setup, &exchange, proof)
                            }));
                        }
                    }
                }
            }
        }
    }
    trials
}

fn transfer(setup: &Setup<'_>, exchange: &Exchange, proof: Proof) -> Result<(), Failed> {
    let mut path = Path::with(setup)?;
    let (reports, _) = path.run(exchange)?;
    exchange.check(&reports)?;
    for place in Place::BOTH {
        if exchange.sends(place.other()) > 0 {
            show(&path, place.other(), exchange.family, proof)?;
        }
    }
    Ok(())
}

/// What happened to what `sender` sent.
fn show(path: &Path, sender: Place, family: Family, proof: Proof) -> Result<(), Failed> {
    let receiver = sender.other();
    let losses = path.losses(sender);
    let resent = path.counter(sender, "TcpRetransSegs")?;
    let traffic = path.traffic[usize::from(sender == Place::Server)];
    let shown = match proof {
        Proof::Lost => vec![("lost", losses.lost), ("sent again", resent)],
        Proof::Dropped => vec![("dropped", losses.dropped), ("sent again", resent)],
        Proof::Reordered => vec![("out of order", path.counter(receiver, "TcpExtTCPOFOQueue")?)],
        Proof::Doubled => vec![(
            "D-SACK at the sender",
            path.counter(sender, "TcpExtTCPDSACKRecv")?,
        )],
        Proof::Damaged => vec![
            (
                "wrong checksums",
                path.counter(receiver, "TcpInCsumErrors")?,
            ),
            ("sent again", resent),
        ],
        Proof::Marked => vec![
            ("marked", losses.marked),
            (
                "marks that arrived",
                path.counter(
                    receiver,
                    match family {
                        Family::V4 => "IpExtInCEPkts",
                        Family::V6 => "Ip6InCEPkts",
                    },
                )?,
            ),
            ("reductions told of", traffic.reductions),
        ],
    };
    match shown.iter().find(|(_, count)| *count == 0) {
        None => Ok(()),
        Some((what, _)) => Err(format!("from the {sender:?} nothing {what}: {losses:?}").into()),
    }
}
