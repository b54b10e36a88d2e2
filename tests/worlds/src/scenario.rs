//! One seed, one world: the space of impairments, settings and habits.

use std::fmt;
use std::time::Duration;

use sockeye_core::config::Timestamps;
use sockeye_core::{CongestionControl, Sysctl};
use sockeye_link::impair::Netem;

use crate::plan::Leave;
use crate::{
    Carriage, Family, Flow, Habits, Outage, Plan, Random, Rest, Router, Run, Setting, Setup, Stall,
    World,
};

/// A world and what happens in it.
#[derive(Clone, Debug)]
pub struct Scenario {
    /// The hosts and the wire.
    pub setup: Setup,
    /// The programs.
    pub plans: Vec<Plan>,
}

impl Scenario {
    /// The scenario of a seed.
    ///
    /// # Panics
    /// If a wire is not in `tc netem`'s words.
    #[must_use]
    pub fn of_seed(seed: u64) -> Self {
        let mut random = Random::new(seed);
        let outage = outage(&mut random);
        let both = wire(&mut random);
        let wires = match random.below(4) {
            0 => [both, wire(&mut random)],
            _ => [both.clone(), both],
        };
        let parsed = wires.map(|words| -> Netem {
            words
                .parse()
                .unwrap_or_else(|error| panic!("{words}: {error}"))
        });
        let mtu = match random.below(4) {
            0 => [mtu(&mut random), mtu(&mut random)],
            _ => [mtu(&mut random); 2],
        };
        let sysctl = match random.below(3) {
            0 => [sysctl(&mut random), sysctl(&mut random)],
            1 => [Sysctl::default(), sysctl(&mut random)],
            _ => [Sysctl::default(), Sysctl::default()],
        };
        let setup = Setup {
            seed,
            wires: parsed,
            mtu,
            carriage: [Carriage::Packets, Carriage::Split, Carriage::Whole][random.below(3)],
            in_bursts: random.below(2) == 0,
            sysctl,
            outage,
            carries: usize::MAX,
            router: None,
        };
        let flows = [1, 1, 1, 2, 4][random.below(5)];
        let most = 200_000 / usize::from(flows);
        let plans = (0..flows)
            .map(|number| plan(&mut random, &setup, 8000 + number, most))
            .collect();
        let mut scenario = Self { setup, plans };
        scenario.complicate(&mut Random::new(!seed));
        scenario
    }

    /// What few worlds have.
    fn complicate(&mut self, random: &mut Random) {
        if random.below(3) == 0 && self.setup.carriage == Carriage::Packets {
            self.setup.router = Some(router(random, &self.plans));
        }
        if random.below(4) == 0 {
            // Cookies are asked for, or done without: then data goes with the first SYN.
            let bits = [0x403, 0x607][random.below(2)];
            for sysctl in &mut self.setup.sysctl {
                sysctl.tcp_fastopen = bits;
            }
            for plan in self.plans.iter_mut().filter(|plan| plan.request > 0) {
                let option = Setting::tcp(option::FASTOPEN_CONNECT, 1);
                plan.client.options.push(option);
            }
        }
        for plan in &mut self.plans {
            if random.below(6) == 0 {
                let ends = [&mut plan.client, &mut plan.server];
                for habits in ends {
                    // The bytes stay in the stream.
                    habits.options.push(Setting::socket(option::OOBINLINE, 1));
                    habits.urgent = Some(1 + random.below(5));
                }
            }
        }
    }

    /// Runs it, and asks what can be asked of any world.
    ///
    /// # Errors
    /// What came wrong, stood still or is left.
    pub fn run(&self, keeps_frames: bool) -> Result<Run, Stall> {
        let run = self.play(keeps_frames)?;
        // A wire that only delays is no reason to send anything twice. (Who rests may be asked again for a window, and who
        // leaves is told so by as many resets as it takes.)
        // Nor is that who has hardly room for a segment.
        let is_quiet = |habits: &Habits| {
            let narrows =
                |option: &Setting| [(1, 8), (6, 10)].contains(&(option.level, option.name));
            habits.rest.is_none() && habits.leaves.is_none() && !habits.options.iter().any(narrows)
        };
        let default = Sysctl::default();
        let is_roomy = self
            .setup
            .sysctl
            .iter()
            .all(|sysctl| sysctl.tcp_rmem == default.tcp_rmem);
        let is_plain = |plan: &Plan| is_quiet(&plan.client) && is_quiet(&plan.server);
        if self.setup.is_calm() && is_roomy && self.plans.iter().all(is_plain) {
            let bound = self.setup.round_trip() * 2 + STILL;
            if run.stillness > bound {
                let stillness = run.stillness;
                let what = format!(
                    "on a calm wire nothing moved for {stillness:?}, and {bound:?} is the most"
                );
                return Err(Stall(what));
            }
            if run.retransmissions > 0 && self.setup.round_trip() < FIRST_TIMEOUT {
                let count = run.retransmissions;
                return Err(Stall(format!(
                    "on a calm wire {count} segments were sent again"
                )));
            }
        }
        Ok(run)
    }
}

impl Scenario {
    /// Runs it without asking what is only so on calm wires.
    pub(crate) fn play(&self, keeps_frames: bool) -> Result<Run, Stall> {
        let flows = self.plans.iter().cloned().map(Flow::new).collect();
        let mut world = World::of(&self.setup);
        world.keeps_frames = keeps_frames;
        world.run(flows)
    }
}

/// A delayed acknowledgment, a cork, and a little.
const STILL: Duration = Duration::from_millis(450);

/// Longer round trips than the first timeout (RFC 6298 2.1) are waited for in vain.
const FIRST_TIMEOUT: Duration = Duration::from_millis(900);

impl fmt::Display for Scenario {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Setup {
            wires: [there, back],
            mtu,
            carriage,
            outage,
            router,
            ..
        } = &self.setup;
        writeln!(f, "to the server: {there}; to the client: {back}")?;
        writeln!(
            f,
            "mtu {mtu:?}, {carriage:?}, outage {outage:?}, {router:?}"
        )?;
        for sysctl in &self.setup.sysctl {
            writeln!(
                f,
                "sack {} timestamps {:?} scaling {} dsack {} ecn {} recovery {} early_retrans {} frto {} fastopen {:#x}",
                sysctl.tcp_sack,
                sysctl.tcp_timestamps,
                sysctl.tcp_window_scaling,
                sysctl.tcp_dsack,
                sysctl.tcp_ecn,
                sysctl.tcp_recovery,
                sysctl.tcp_early_retrans,
                sysctl.tcp_frto,
                sysctl.tcp_fastopen
            )?;
            writeln!(
                f,
                "idle {} thin {} rmem {:?} wmem {:?}",
                sysctl.tcp_slow_start_after_idle,
                sysctl.tcp_thin_linear_timeouts,
                sysctl.tcp_rmem,
                sysctl.tcp_wmem
            )?;
        }
        for plan in &self.plans {
            writeln!(f, "{plan:?}")?;
        }
        Ok(())
    }
}

fn outage(random: &mut Random) -> Option<Outage> {
    let from = Duration::from_millis(random.number() % 3000);
    let length = Duration::from_millis(random.number() % 20_000);
    match random.below(16) {
        0 => Some(Outage { from, length: None }),
        1 => Some(Outage {
            from,
            length: Some(length),
        }),
        _ => None,
    }
}

/// What IPv6 has to carry (RFC 8200 5), or something shorter.
fn router(random: &mut Random, plans: &[Plan]) -> Router {
    let least = match plans.iter().any(|plan| plan.family == Family::V6) {
        true => 1280,
        false => 600,
    };
    Router {
        mtu: least + random.below(1600 - least),
        tells_every: 1 + random.below(3),
        forges_every: [0, 0, 1, 7][random.below(4)],
    }
}

/// One of several texts.
fn one_of(random: &mut Random, texts: &[&str]) -> String {
    (*texts.get(random.below(texts.len())).unwrap_or(&"")).to_owned()
}

/// Some number up to `most`, small ones as often as large ones.
fn spread(random: &mut Random, least: usize, most: usize) -> usize {
    let ratio = (most / least.max(1)).max(1).ilog2() + 1;
    let scale = random.below(usize::try_from(ratio).unwrap_or(1));
    let low = least << scale;
    (low + random.below(low.max(1))).min(most)
}

/// A wire in `tc netem`'s words.
fn wire(random: &mut Random) -> String {
    let delay = match random.below(4) {
        0 => spread(random, 50, 1000),
        _ => spread(random, 1000, 300_000),
    };
    let mut words = vec![format!("delay {delay}us")];
    if random.below(3) == 0 {
        let jitter = random.below(delay);
        words.push(format!("{jitter}us"));
        words.push(one_of(random, &["", "20%", "60%"]));
        if jitter > 0 {
            let shapes = ["", "", "distribution normal", "distribution pareto"];
            words.push(one_of(random, &shapes));
        }
    }
    match random.below(6) {
        0 => words.push(format!("loss {}%", 1 + random.below(12))),
        1 => words.push(format!("loss 0.{}%", 1 + random.below(9))),
        2 => words.push(format!(
            "loss gemodel {}% {}%",
            1 + random.below(4),
            60 + random.below(40)
        )),
        _ => {}
    }
    if random.below(5) == 0 {
        words.push(format!("duplicate {}%", 1 + random.below(20)));
    }
    if random.below(5) == 0 {
        words.push(format!("corrupt {}%", 1 + random.below(4)));
    }
    if random.below(4) == 0 {
        words.push(format!("reorder {}% 25%", 1 + random.below(40)));
        words.push(one_of(random, &["", "", "gap 3", "gap 7"]));
    }
    if random.below(3) == 0 {
        // Slow enough to matter, fast enough that the first packet is not timed out on its own.
        words.push(format!("rate {}kbit", spread(random, 256, 1_000_000)));
        if random.below(2) == 0 {
            words.push(format!("limit {}", 3 + spread(random, 1, 100)));
        } else {
            let queues = [
                "",
                "codel",
                "codel ecn",
                "fq_codel",
                "red limit 600kb",
                "pfifo limit 8",
            ];
            words.push(one_of(random, &queues));
        }
    }
    words.retain(|word| !word.is_empty());
    words.join(" ")
}

fn mtu(random: &mut Random) -> usize {
    [1500, 1500, 1280, 1400, 9000, 65_535][random.below(6)]
}

fn sysctl(random: &mut Random) -> Sysctl {
    let mut sysctl = Sysctl {
        tcp_sack: random.below(2) == 0,
        tcp_timestamps: [Timestamps::Off, Timestamps::Offset, Timestamps::Plain][random.below(3)],
        tcp_window_scaling: random.below(2) == 0,
        tcp_dsack: random.below(4) != 0,
        tcp_ecn: [0, 1, 2][random.below(3)],
        tcp_recovery: [0, 1, 1, 2, 4][random.below(5)],
        tcp_early_retrans: [0, 3, 3][random.below(3)],
        tcp_frto: [0, 2, 2][random.below(3)],
        tcp_slow_start_after_idle: random.below(2) == 0,
        tcp_thin_linear_timeouts: random.below(8) == 0,
        ..Sysctl::default()
    };
    if random.below(3) == 0 {
        sysctl.tcp_rmem.default = spread(random, 4096, 500_000);
        sysctl.tcp_rmem.max = sysctl.tcp_rmem.default * (1 + random.below(4));
    }
    if random.below(3) == 0 {
        sysctl.tcp_wmem.default = spread(random, 4608, 500_000);
        sysctl.tcp_wmem.max = sysctl.tcp_wmem.default * (1 + random.below(4));
    }
    sysctl
}

/// The options of `SOL_SOCKET` and `IPPROTO_TCP` by their numbers.
mod option {
    pub(super) const SNDBUF: i32 = 7;
    pub(super) const RCVBUF: i32 = 8;
    pub(super) const KEEPALIVE: i32 = 9;
    pub(super) const OOBINLINE: i32 = 10;
    pub(super) const NODELAY: i32 = 1;
    pub(super) const MAXSEG: i32 = 2;
    pub(super) const CORK: i32 = 3;
    pub(super) const KEEPIDLE: i32 = 4;
    pub(super) const KEEPINTVL: i32 = 5;
    pub(super) const KEEPCNT: i32 = 6;
    pub(super) const WINDOW_CLAMP: i32 = 10;
    pub(super) const QUICKACK: i32 = 12;
    pub(super) const THIN_LINEAR_TIMEOUTS: i32 = 16;
    pub(super) const NOTSENT_LOWAT: i32 = 25;
    pub(super) const FASTOPEN_CONNECT: i32 = 30;
}

fn options(random: &mut Random) -> Vec<Setting> {
    let algorithms = CongestionControl::ALL;
    let algorithm = algorithms[random.below(algorithms.len())];
    let mut options = vec![Setting::congestion(algorithm.name())];
    let number = |number: usize| i32::try_from(number).unwrap_or(i32::MAX);
    if random.below(5) == 0 {
        let size = number(spread(random, 1000, 200_000));
        options.push(Setting::socket(option::SNDBUF, size));
    }
    if random.below(5) == 0 {
        let size = number(spread(random, 1000, 200_000));
        options.push(Setting::socket(option::RCVBUF, size));
    }
    if random.below(3) == 0 {
        options.push(Setting::tcp(option::NODELAY, 1));
    }
    if random.below(12) == 0 {
        options.push(Setting::tcp(option::CORK, 1));
    }
    if random.below(8) == 0 {
        let size = number(spread(random, 100, 1400));
        options.push(Setting::tcp(option::MAXSEG, size));
    }
    if random.below(12) == 0 {
        let size = number(spread(random, 1200, 60_000));
        options.push(Setting::tcp(option::WINDOW_CLAMP, size));
    }
    if random.below(8) == 0 {
        options.push(Setting::tcp(option::QUICKACK, 0));
    }
    if random.below(8) == 0 {
        options.push(Setting::tcp(option::THIN_LINEAR_TIMEOUTS, 1));
    }
    if random.below(8) == 0 {
        let size = number(spread(random, 1, 16_384));
        options.push(Setting::tcp(option::NOTSENT_LOWAT, size));
    }
    options
}

/// What finds out about a peer that is silently gone.
fn keepalive() -> Vec<Setting> {
    vec![
        Setting::socket(option::KEEPALIVE, 1),
        Setting::tcp(option::KEEPIDLE, 20),
        Setting::tcp(option::KEEPINTVL, 10),
        Setting::tcp(option::KEEPCNT, 5),
    ]
}

fn habits(random: &mut Random, to_receive: usize) -> Habits {
    let rest = (random.below(8) == 0).then(|| Rest {
        every: 1 + to_receive / (1 + random.below(4)),
        length: Duration::from_millis(10 * u64::try_from(spread(random, 1, 2000)).unwrap_or(1)),
    });
    Habits {
        options: options(random),
        rest,
        ..Habits::default()
    }
}

fn plan(random: &mut Random, setup: &Setup, port: u16, most: usize) -> Plan {
    let mut plan = Plan::random(random, port, most);
    plan.client = habits(random, plan.response);
    plan.server = habits(random, plan.request);
    plan.is_doomed = setup.outage.is_some_and(|outage| outage.length.is_none());
    let leaves = random.below(8) == 0;
    if leaves {
        let how = [Leave::Reset, Leave::Close][random.below(2)];
        let after = random.below(plan.request.max(plan.response).max(1));
        let end = [&mut plan.client, &mut plan.server];
        let [client, server] = end;
        let who = if random.below(2) == 0 { client } else { server };
        who.leaves = Some((after, how));
    }
    if leaves || plan.is_doomed {
        plan.client.options.extend(keepalive());
        plan.server.options.extend(keepalive());
    }
    plan
}
