//! How much gets through in a second, in virtual time: the same on every machine.

use std::fmt::Write as _;

use sockeye_core::{CongestionControl, Instant};
use sockeye_link::impair::Netem;

use crate::{Carriage, Flow, Habits, Plan, Setting, Setup, Stall, World};

/// Rates in Mbit/s.
const RATES: [u64; 3] = [2, 20, 100];
/// Round trips in milliseconds.
const ROUND_TRIPS: [u64; 3] = [10, 40, 200];
/// Losses, of data alone.
const LOSSES: [&str; 3] = ["0%", "0.5%", "2%"];
/// Room in the queue before the wire, in hundredths of what fills the path.
const BUFFERS: [u64; 2] = [30, 100];

/// A path of the table.
#[derive(Clone, Copy, Debug)]
struct Path {
    rate: u64,
    round_trip: u64,
    loss: &'static str,
    buffer: u64,
}

impl Path {
    /// Packets in the queue; never so few that a burst of ten does not fit.
    fn limit(self) -> u64 {
        let fills = self.rate * 1000 * self.round_trip / (8 * 1500);
        (fills * self.buffer / 100).max(10)
    }

    fn setup(self, seed: u64) -> Setup {
        let parse = |words: String| -> Netem {
            words
                .parse()
                .unwrap_or_else(|error| panic!("{words}: {error}"))
        };
        let delay = self.round_trip * 1000 / 2;
        let there = parse(format!(
            "delay {delay}us loss {} rate {}mbit pfifo limit {}",
            self.loss,
            self.rate,
            self.limit()
        ));
        let back = parse(format!("delay {delay}us"));
        Setup {
            wires: [there, back],
            carriage: Carriage::Split,
            in_bursts: false,
            ..Setup::new(seed, Netem::default(), 1500)
        }
    }

    /// Enough for five seconds, but no more packets than a test has time for.
    fn bytes(self) -> usize {
        let most = (self.rate * 1_000_000 / 8 * 5).min(2_000_000);
        usize::try_from(most).unwrap_or(0)
    }

    /// Mbit/s.
    fn goodput(self, algorithm: CongestionControl) -> Result<f64, Stall> {
        let plan = Plan {
            port: 8080,
            request: self.bytes(),
            piece: 65_536,
            client: Habits {
                options: vec![Setting::congestion(algorithm.name())],
                ..Habits::default()
            },
            ..Plan::default()
        };
        let run = World::of(&self.setup(1)).run(vec![Flow::new(plan)])?;
        let megabits = u32::try_from(self.bytes() * 8).map_or(0.0, f64::from) / 1e6;
        Ok(megabits / (run.ended - Instant::ZERO).as_secs_f64())
    }
}

/// The table as text: a line for each path, a column for each congestion control.
///
/// # Errors
/// What came wrong or stood still.
pub fn table() -> Result<String, Stall> {
    let mut text = "Goodput in Mbit/s of one transfer in virtual time: 2 MB, or five seconds' worth. The queue takes a part \
                    of what fills the path.\n\n"
        .to_owned();
    let mut heading = format!("{:>9} {:>6} {:>6} {:>6}", "rate", "rtt", "loss", "queue");
    for algorithm in CongestionControl::ALL {
        let _ = write!(heading, " {:>8}", algorithm.name());
    }
    text += &heading;
    text.push('\n');
    for rate in RATES {
        for round_trip in ROUND_TRIPS {
            for loss in LOSSES {
                let mut last = 0;
                for buffer in BUFFERS {
                    let path = Path {
                        rate,
                        round_trip,
                        loss,
                        buffer,
                    };
                    let queue = path.limit();
                    if std::mem::replace(&mut last, queue) == queue {
                        continue;
                    }
                    let _ = write!(text, "{rate:>5}mbit {round_trip:>4}ms {loss:>6} {queue:>6}");
                    for algorithm in CongestionControl::ALL {
                        let _ = write!(text, " {:>8.2}", path.goodput(algorithm)?);
                    }
                    text.push('\n');
                }
            }
        }
    }
    Ok(text)
}
