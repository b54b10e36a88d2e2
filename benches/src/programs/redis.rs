//! redis: 50 clients, GET and SET, no pipelining. Counted in requests a second.

use anyhow::{Context, Result};

use super::{Loopback, Workload};
use crate::row::{Outcome, Plan};

const WORKLOAD: Workload = Workload {
    programs: &["redis-server", "redis-cli", "redis-benchmark"],
    script: r#"
redis-server --port "$PORT" --bind 127.0.0.1 --save '' --appendonly no --dir "$DIR" >"$DIR/log" 2>&1 &
server=$!
tries=0
until redis-cli -p "$PORT" ping >/dev/null 2>&1; do
    tries=$((tries + 1))
    [ $tries -lt 100 ] || { cat "$DIR/log" >&2; exit 1; }
    sleep 0.05
done
redis-benchmark -h 127.0.0.1 -p "$PORT" -c 50 -n 5000 -t set,get -q >/dev/null || exit 1
redis-benchmark -h 127.0.0.1 -p "$PORT" -c 50 -n "$COUNT" -t set,get --csv
answer=$?
kill $server
wait $server
exit $answer
"#,
    count: 80_000,
    figure: requests_per_second,
};

pub(crate) fn measure(plan: &Plan, loopback: Loopback) -> Result<Outcome> {
    WORKLOAD.measure(plan, loopback)
}

/// The harmonic mean of SET and GET: the rate of a half-and-half mix.
fn requests_per_second(output: &str) -> Result<f64> {
    let rate = |test: &str| -> Result<f64> {
        let line = output
            .lines()
            .find(|line| line.starts_with(&format!("\"{test}\"")))
            .with_context(|| format!("no line for {test}"))?;
        let field = line.split(',').nth(1).context("no rate")?;
        Ok(field.trim_matches('"').parse()?)
    };
    Ok(2.0 / (1.0 / rate("SET")? + 1.0 / rate("GET")?))
}

#[cfg(test)]
mod tests {
    use super::requests_per_second;

    #[test]
    fn set_and_get_count_the_same() {
        let output = "\"test\",\"rps\",\"avg_latency_ms\"\n\"SET\",\"50000.00\",\"0.5\"\n\"GET\",\"100000.00\",\"0.2\"\n";
        let rate = requests_per_second(output).unwrap();
        assert!((rate - 66_666.7).abs() < 0.1, "{rate}");
        assert!(requests_per_second("Could not connect").is_err());
    }
}
