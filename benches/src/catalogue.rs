//! The rows, with what each compares and the goal of each.

use crate::in_process::{churn, flat_cost, flow, idle_memory, ping_pong, threads};
use crate::programs::{Loopback, iperf3, nginx, redis, startup};
use crate::row::{Goal, Row, Rule};
use crate::tun;

/// Paths for goodput: what delays, each way, and what is lost.
const HIGH_DELAY: (&str, &str) = ("delay 100ms limit 100000", "loss 0.5%");
const LOW_DELAY: (&str, &str) = ("delay 10ms limit 100000", "loss 1%");

/// Every row, in the order in which they are measured.
static ROWS: [Row; 24] = [
    Row {
        name: "redis-direct",
        about: "redis, 50 clients, SET and GET, joined directly, to native",
        unit: "requests/s",
        rule: Rule::Ratio,
        goal: Goal::AtLeast(1.2),
        measure: |plan| redis::measure(plan, Loopback::Direct),
    },
    Row {
        name: "nginx-direct",
        about: "nginx keep-alive, wrk with 50 connections, joined directly, to native",
        unit: "requests/s",
        rule: Rule::Ratio,
        goal: Goal::AtLeast(1.4),
        measure: |plan| nginx::measure(plan, Loopback::Direct),
    },
    Row {
        name: "iperf3-direct",
        about: "iperf3, one TCP flow, joined directly, to native",
        unit: "Gbit/s",
        rule: Rule::Ratio,
        goal: Goal::AtLeast(1.3),
        measure: |plan| iperf3::measure(plan, Loopback::Direct),
    },
    Row {
        name: "redis-stack",
        about: "redis, 50 clients, SET and GET, through our TCP, to native",
        unit: "requests/s",
        rule: Rule::Ratio,
        goal: Goal::AtLeast(0.9),
        measure: |plan| redis::measure(plan, Loopback::Stack),
    },
    Row {
        name: "nginx-stack",
        about: "nginx keep-alive, wrk with 50 connections, through our TCP, to native",
        unit: "requests/s",
        rule: Rule::Ratio,
        goal: Goal::AtLeast(0.9),
        measure: |plan| nginx::measure(plan, Loopback::Stack),
    },
    Row {
        name: "iperf3-stack",
        about: "iperf3, one TCP flow, through our TCP, to native",
        unit: "Gbit/s",
        rule: Rule::Ratio,
        goal: Goal::AtLeast(0.9),
        measure: |plan| iperf3::measure(plan, Loopback::Stack),
    },
    Row {
        name: "flow",
        about: "in process: one TCP flow, 64 KiB writes, both ends on one core, to the kernel's loopback on one core",
        unit: "Gbit/s",
        rule: Rule::Ratio,
        goal: Goal::AtLeast(2.0),
        measure: flow::measure,
    },
    Row {
        name: "flow-smoltcp",
        about: "in process: the same, to smoltcp at a large MTU",
        unit: "Gbit/s",
        rule: Rule::Ratio,
        goal: Goal::AtLeast(1.3),
        measure: flow::measure_smoltcp,
    },
    Row {
        name: "flow-threads",
        about: "in process: one TCP flow, each end on a thread of its own that blocks, to the kernel's loopback",
        unit: "Gbit/s",
        rule: Rule::Ratio,
        goal: Goal::AtLeast(1.7),
        measure: threads::flow,
    },
    Row {
        name: "flow-1500",
        about: "in process: 1,500-byte segments without offload, both ends on one core, to smoltcp",
        unit: "Gbit/s",
        rule: Rule::Ratio,
        goal: Goal::AtLeast(1.1),
        measure: |plan| flow::measure_1500(plan, 0),
    },
    Row {
        name: "flow-1500-idle",
        about: "in process: the same with 1,000 idle sockets beside it, to smoltcp with as many",
        unit: "Gbit/s",
        rule: Rule::Ratio,
        goal: Goal::AtLeast(8.0),
        measure: |plan| flow::measure_1500(plan, 1000),
    },
    Row {
        name: "ping-pong",
        about: "in process: 1-byte ping-pong on one core, time per round trip, to the kernel's loopback",
        unit: "us",
        rule: Rule::Ratio,
        goal: Goal::AtMost(0.2),
        measure: ping_pong::measure,
    },
    Row {
        name: "ping-pong-threads",
        about: "in process: 1-byte ping-pong between two threads that sleep, time per round trip, to the kernel's loopback",
        unit: "us",
        rule: Rule::Ratio,
        goal: Goal::AtMost(0.8),
        measure: threads::ping_pong,
    },
    Row {
        name: "churn",
        about: "in process: connections opened and closed, both ends on one core, to the kernel's loopback",
        unit: "connections/s",
        rule: Rule::Ratio,
        goal: Goal::AtLeast(5.0),
        measure: churn::measure,
    },
    Row {
        name: "flat-cost",
        about: "in process: time per packet with 100,000 open connections, to with 1",
        unit: "ns/packet",
        rule: Rule::Ratio,
        goal: Goal::AtMost(1.3),
        measure: flat_cost::measure,
    },
    Row {
        name: "idle-memory",
        about: "in process: memory of an idle established connection, one end",
        unit: "bytes",
        rule: Rule::Ours,
        goal: Goal::AtMost(512.0),
        measure: idle_memory::measure,
    },
    Row {
        name: "tun-offload",
        about: "one TCP flow over TUN with offload, our stack to the kernel's, to the kernel over a veth pair",
        unit: "Gbit/s",
        rule: Rule::Ratio,
        goal: Goal::AtLeast(0.7),
        measure: tun::offload,
    },
    Row {
        name: "tun-1500",
        about: "one TCP flow over TUN in packets of 1,500 bytes without offload, to smoltcp on such a TUN",
        unit: "Gbit/s",
        rule: Rule::Ratio,
        goal: Goal::AtLeast(1.5),
        measure: tun::plain,
    },
    Row {
        name: "goodput-200ms",
        about: "goodput to the kernel over 200 ms and 0.5 % loss, cubic, to the kernel's over the same path",
        unit: "Mbit/s",
        rule: Rule::Ratio,
        goal: Goal::AtLeast(1.0),
        measure: |plan| {
            let load = tun::Load {
                bytes: 1_000_000,
                paths: 12,
                congestion: "cubic",
            };
            tun::goodput(plan, HIGH_DELAY, load)
        },
    },
    Row {
        name: "goodput-20ms",
        about: "goodput to the kernel over 20 ms and 1 % loss, cubic, to the kernel's over the same path",
        unit: "Mbit/s",
        rule: Rule::Ratio,
        goal: Goal::AtLeast(1.0),
        measure: |plan| {
            let load = tun::Load {
                bytes: 2_000_000,
                paths: 12,
                congestion: "cubic",
            };
            tun::goodput(plan, LOW_DELAY, load)
        },
    },
    Row {
        name: "goodput-bbr-200ms",
        about: "the same over 200 ms and 0.5 % loss with BBR",
        unit: "Mbit/s",
        rule: Rule::Ratio,
        goal: Goal::AtLeast(1.0),
        measure: |plan| {
            let load = tun::Load {
                bytes: 20_000_000,
                paths: 1,
                congestion: "bbr",
            };
            tun::goodput(plan, HIGH_DELAY, load)
        },
    },
    Row {
        name: "goodput-bbr-20ms",
        about: "the same over 20 ms and 1 % loss with BBR",
        unit: "Mbit/s",
        rule: Rule::Ratio,
        goal: Goal::AtLeast(1.0),
        measure: |plan| {
            let load = tun::Load {
                bytes: 40_000_000,
                paths: 1,
                congestion: "bbr",
            };
            tun::goodput(plan, LOW_DELAY, load)
        },
    },
    Row {
        name: "fairness-cubic",
        about: "Jain's index of a cubic flow of ours beside one of the kernel's at one bottleneck",
        unit: "",
        rule: Rule::Ours,
        goal: Goal::AtLeast(0.9),
        measure: |plan| tun::fairness(plan, "delay 10ms rate 20mbit limit 60", "cubic"),
    },
    Row {
        name: "run-start",
        about: "`sockeye run -- true` over `true`",
        unit: "ms",
        rule: Rule::Difference,
        goal: Goal::AtMost(20.0),
        measure: startup::measure,
    },
];

/// The rows whose names begin with one of `names`; all of them if there is none.
pub(crate) fn select(names: &[String]) -> Result<Vec<&'static Row>, String> {
    if names.is_empty() {
        return Ok(ROWS.iter().collect());
    }
    for name in names {
        if !ROWS.iter().any(|row| row.name.starts_with(name.as_str())) {
            let known: Vec<&str> = ROWS.iter().map(|row| row.name).collect();
            return Err(format!(
                "no row is called {name:?}; there are {}",
                known.join(", ")
            ));
        }
    }
    Ok(ROWS
        .iter()
        .filter(|row| names.iter().any(|name| row.name.starts_with(name.as_str())))
        .collect())
}

/// The list of rows for `--help`.
pub(crate) fn help() -> String {
    let mut text = "Rows:\n".to_owned();
    for row in &ROWS {
        text.push_str(&format!("  {:<18} {}\n", row.name, row.about));
    }
    text.push_str(
        "\nThe kernel's side uses cubic. A goal is compared with the median over the bursts; `ratio` in the JSON is ours \
         over theirs, except ours less theirs (ms) for run-start and ours alone (bytes) for idle-memory.",
    );
    text
}

#[cfg(test)]
mod tests {
    use super::{ROWS, select};

    #[test]
    fn a_name_selects_what_begins_with_it() {
        let chosen = select(&["redis".to_owned(), "flat".to_owned()]).unwrap();
        let names: Vec<&str> = chosen.iter().map(|row| row.name).collect();
        assert_eq!(names, ["redis-direct", "redis-stack", "flat-cost"]);
        assert!(select(&["nonsense".to_owned()]).is_err());
        assert_eq!(select(&[]).unwrap().len(), ROWS.len());
    }
}
