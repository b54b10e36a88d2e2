//! How a world is made.

use std::time::Duration;

use crate::Router;
use sockeye_core::Sysctl;
use sockeye_link::impair::{LossModel, Netem, Probability};

/// What hosts leave to their devices.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Carriage {
    /// Nothing: each packet is one frame with its checksums, and crosses as bytes.
    #[default]
    Packets,
    /// Checksums and segmentation, as a network card does: super-segments are split on their way onto the wire.
    Split,
    /// The same, but super-segments cross whole, as on a veth pair.
    Whole,
}

/// A time in which nothing arrives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outage {
    /// When it begins.
    pub from: Duration,
    /// How long it is; none if the wire never heals.
    pub length: Option<Duration>,
}

impl Outage {
    pub(crate) fn covers(self, time: Duration) -> bool {
        time >= self.from && self.length.is_none_or(|length| time < self.from + length)
    }
}

/// Two hosts and a wire, before they are there. Of each pair the first belongs to the client: its host, and what it sends.
#[derive(Clone, Debug)]
pub struct Setup {
    /// Seeds the hosts and the wires.
    pub seed: u64,
    /// What happens to what each host sends.
    pub wires: [Netem; 2],
    /// The longest packet of each host's interface.
    pub mtu: [usize; 2],
    /// What hosts leave to their devices.
    pub carriage: Carriage,
    /// Whether a host takes what arrives at one time together, or one by one.
    pub in_bursts: bool,
    /// The hosts' settings.
    pub sysctl: [Sysctl; 2],
    /// When the wire is cut.
    pub outage: Option<Outage>,
    /// Packets that are longer than this get lost, and nobody is told.
    pub carries: usize,
    /// A router on the way, which sees packets as they cross: not with super-segments.
    pub router: Option<Router>,
}

impl Setup {
    /// Hosts with Linux's defaults and the same wire both ways.
    #[must_use]
    pub fn new(seed: u64, wire: Netem, mtu: usize) -> Self {
        Self {
            seed,
            wires: [wire; 2],
            mtu: [mtu; 2],
            carriage: Carriage::Packets,
            in_bursts: seed % 2 == 1,
            sysctl: [Sysctl::default(), Sysctl::default()],
            outage: None,
            carries: usize::MAX,
            router: None,
        }
    }

    /// Whether the wires lose, damage, double and reorder nothing and let nothing wait: whatever is sent twice, or stands still,
    /// is the hosts' own doing.
    #[must_use]
    pub fn is_calm(&self) -> bool {
        let never = |(chance, _): (Probability, Probability)| chance == Probability::NEVER;
        self.outage.is_none()
            && self.router.is_none()
            && self.carries >= self.mtu[0].max(self.mtu[1])
            && self.wires.iter().all(|wire| {
                wire.loss == LossModel::NONE
                    && never(wire.duplicate)
                    && never(wire.corrupt)
                    && wire.latency.jitter.is_zero()
                    && wire.latency.reorder.is_none()
                    && wire.rate.is_none()
                    && wire.limit.is_none()
            })
    }

    /// How long a frame and its answer take on wires without a rate.
    #[must_use]
    pub fn round_trip(&self) -> Duration {
        self.wires.iter().map(|wire| wire.latency.delay).sum()
    }
}
