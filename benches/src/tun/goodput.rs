//! What arrives over a path that delays and loses, ours and the kernel's over the same one.

use std::time::Duration;

use anyhow::{Result, anyhow};
use sockeye_interop::{Exchange, Family, Path, Who};

use crate::row::{Outcome, Plan, Samples};

/// Mbit/s of `bytes` sent to the kernel, connecting included. Each pair of bursts has losses of its own, the same for both.
pub(crate) fn measure(plan: &Plan, delay: &str, loss: &str, bytes: usize) -> Result<Outcome> {
    if let Some(reason) = super::missing() {
        return Ok(Outcome::Skipped(reason));
    }
    let netem = format!("{delay} {loss}");
    let exchange = Exchange {
        family: Family::V4,
        request: bytes / usize::try_from(plan.divisor)?,
        response: 0,
        deadline: Duration::from_secs(120),
        congestion: Some("cubic"),
    };
    let once = |client: Who, seed: &mut u64| -> Result<f64> {
        *seed += 1;
        let mut path = Path::new([client, Who::Kernel], 1500, false, &netem, *seed)
            .map_err(|error| anyhow!(error))?;
        let (_, took) = path.run(&exchange).map_err(|error| anyhow!(error))?;
        #[allow(clippy::cast_precision_loss)] // a figure, not an amount
        let bits = exchange.request as f64 * 8.0;
        Ok(bits / took.as_secs_f64() / 1e6)
    };
    let (mut ours, mut theirs) = (0, 0);
    let samples = Samples::interleaved(
        plan,
        || once(Who::Ours, &mut ours),
        || once(Who::Kernel, &mut theirs),
    )?;
    Ok(Outcome::Measured(samples.with_note(format!(
        "{netem} each way, packets of 1500 bytes, a fresh connection each time, cubic"
    ))))
}
