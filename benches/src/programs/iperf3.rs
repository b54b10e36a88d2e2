//! iperf3: one TCP flow, what the receiver got. Counted in Gbit/s.

use anyhow::{Context, Result};

use super::{Loopback, Workload};
use crate::row::{Outcome, Plan};

const WORKLOAD: Workload = Workload {
    programs: &["iperf3"],
    script: r#"
iperf3 -s -1 -B 127.0.0.1 -p "$PORT" >"$DIR/server" 2>&1 &
server=$!
tries=0
# With -J iperf3 ends with 0 even if it could not connect.
while :; do
    iperf3 -c 127.0.0.1 -p "$PORT" -t "$SECONDS_OF_BURST" -J >"$DIR/client" 2>&1
    ! grep -q sum_received "$DIR/client" || break
    grep -q 'Connection refused' "$DIR/client" || { cat "$DIR/client" >&2; exit 1; }
    tries=$((tries + 1))
    [ $tries -lt 100 ] || { cat "$DIR/client" "$DIR/server" >&2; exit 1; }
    sleep 0.05
done
cat "$DIR/client"
wait $server
"#,
    count: 0,
    figure: gigabits_per_second,
};

pub(crate) fn measure(plan: &Plan, loopback: Loopback) -> Result<Outcome> {
    WORKLOAD.measure(plan, loopback)
}

fn gigabits_per_second(output: &str) -> Result<f64> {
    let report: serde_json::Value = serde_json::from_str(output)?;
    let bits = report["end"]["sum_received"]["bits_per_second"]
        .as_f64()
        .context("no end.sum_received.bits_per_second")?;
    Ok(bits / 1e9)
}

#[cfg(test)]
mod tests {
    use super::gigabits_per_second;

    #[test]
    fn the_receiver_is_believed() {
        let report = r#"{"end":{"sum_sent":{"bits_per_second":9e9},"sum_received":{"bits_per_second":8e9}}}"#;
        assert!((gigabits_per_second(report).unwrap() - 8.0).abs() < 1e-9);
        assert!(gigabits_per_second(r#"{"error":"refused"}"#).is_err());
    }
}
