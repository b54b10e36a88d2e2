//! Paths that hold many bytes fill with what a host does by default.

use sockeye_worlds::{Family, Flow, Plan, World};

/// How long so many bytes take from the client to the server, in seconds.
fn duration(wire: &str, bytes: usize) -> f64 {
    let plan = Plan {
        family: Family::V4,
        port: 8000,
        request: bytes,
        response: 0,
        in_turns: true,
        piece: 256 << 10,
        ..Plan::default()
    };
    let run = World::new(2, wire, 9000).run(vec![Flow::new(plan)]);
    run.unwrap_or_else(|stall| panic!("{stall}"))
        .ended
        .as_millis() as f64
        / 1000.0
}

#[test]
fn a_path_of_200_ms_and_1_gbit_fills() {
    const LESS: usize = 300 << 20;
    const MORE: usize = 500 << 20;
    let wire = "delay 100ms rate 1gbit limit 20000";
    let seconds = duration(wire, MORE) - duration(wire, LESS);
    let rate = (MORE - LESS) as f64 * 8.0 / seconds / 1e9;
    assert!(rate >= 0.9, "{rate} Gbit/s");
}
