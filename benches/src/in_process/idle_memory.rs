//! What one end of an established connection that has worked and is idle holds: the bytes that a host asked the
//! allocator for and did not give back, while connections were opened, by the number of their ends. Tables that grow
//! with the number of connections are in it.

use anyhow::Result;

use super::ours::Ours;
use crate::counting;
use crate::row::{Outcome, Plan, Samples};

const CONNECTIONS: usize = 20_000;

pub(crate) fn measure(plan: &Plan) -> Result<Outcome> {
    let mut samples = Samples::default();
    // A count, not a time: it is the same each time, so twice is enough to show that.
    for _ in 0..plan.bursts.min(2) {
        let mut ours = Ours::new();
        ours.reserve(CONNECTIONS);
        let (opened, growth) = counting::growth(|| {
            let opened = ours.open(CONNECTIONS);
            ours.rest();
            opened
        });
        opened?;
        #[allow(clippy::cast_precision_loss)] // a figure, not an amount
        samples.ours.push(growth as f64 / (2 * CONNECTIONS) as f64);
    }
    Ok(Outcome::Measured(samples.with_note(
        "after a byte each way; the tables' room to grow is counted too",
    )))
}
