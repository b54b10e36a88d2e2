//! A path that swallows what is too long without a word (RFC 4821 1) stops no connection that looks for itself.

use sockeye_worlds::{Family, Flow, Plan, Setup, World};

fn run(probing: u8, family: Family, carries: usize) -> Result<f64, String> {
    let wire = "delay 10ms"
        .parse()
        .map_err(|error: sockeye_link::impair::NetemError| error.to_string())?;
    let mut setup = Setup::new(4, wire, 1500);
    setup.carries = carries;
    for sysctl in &mut setup.sysctl {
        sysctl.tcp_path.probing = probing;
    }
    let plan = Plan {
        family,
        port: 8000,
        request: 2_000_000,
        response: 300_000,
        in_turns: true,
        piece: 20_000,
        ..Plan::default()
    };
    let run = World::of(&setup).run(vec![Flow::new(plan)]);
    run.map(|run| run.ended.as_millis() as f64 / 1000.0)
        .map_err(|stall| stall.to_string())
}

#[test]
fn probing_finds_the_way_through() {
    for family in [Family::V4, Family::V6] {
        for carries in [1300, 1400, 1480, 1500] {
            for probing in [1, 2] {
                let took = run(probing, family, carries)
                    .unwrap_or_else(|stall| panic!("{probing}, {family:?}, {carries}: {stall}"));
                assert!(took < 60.0, "{probing}, {family:?}, {carries}: {took} s");
            }
        }
    }
}

#[test]
fn a_short_path_is_found_by_halving() {
    let took = run(1, Family::V4, 600).unwrap_or_else(|stall| panic!("{stall}"));
    assert!(took < 200.0, "{took} s");
}

#[test]
fn without_probing_nothing_gets_through() {
    let stall = run(0, Family::V4, 1400).expect_err("2 MB are too long for it");
    assert!(
        stall.contains("nothing happens")
            || stall.contains("TimedOut")
            || stall.contains("ETIMEDOUT"),
        "{stall}"
    );
}
