use std::time::Duration;

use proptest::prelude::*;

use crate::impair::*;

#[test]
fn texts_are_read_as_tc_reads_them() {
    let netem: Netem = "delay 100ms 10ms 25% distribution pareto loss random 0.3% 25% ecn duplicate 1% corrupt 0.1 \
                        reorder 25% 50% gap 5 rate 1.5mbit -4 53 5 slot 1ms 2ms packets 5 bytes 3kb limit 50 seed 7 codel limit 20 ecn"
        .parse()
        .unwrap();
    assert_eq!(
        netem,
        Netem {
            latency: Latency {
                delay: Duration::from_millis(100),
                jitter: Duration::from_millis(10),
                correlation: Probability::percent(25),
                distribution: Distribution::Pareto,
                reorder: Some(Reorder {
                    probability: Probability::percent(25),
                    correlation: Probability::percent(50),
                    gap: 5,
                }),
            },
            loss: LossModel::Random {
                loss: Probability::per_million(3000),
                correlation: Probability::percent(25),
            },
            ecn: true,
            duplicate: (Probability::percent(1), Probability::NEVER),
            corrupt: (Probability::per_million(1000), Probability::NEVER),
            rate: Some(Bandwidth::bits_per_second(1_500_000)),
            framing: Framing {
                packet_overhead: -4,
                cell_size: 53,
                cell_overhead: 5,
            },
            slot: Some(Slot {
                pause: SlotPause::Between(Duration::from_millis(1), Duration::from_millis(2)),
                packets: 5,
                bytes: 3072,
            }),
            limit: Some(50),
            discipline: Some(Discipline::Codel(CodelSettings {
                limit: 20,
                ecn: true,
                ..CodelSettings::default()
            })),
            seed: Some(7),
        }
    );
    let loss = |text: &str| text.parse::<Netem>().map(|netem| netem.loss);
    let percent = Probability::percent;
    assert_eq!(
        loss("loss gemodel 10%"),
        Ok(LossModel::GilbertElliott {
            worsens: percent(10),
            recovers: percent(10).complement(),
            loss_if_bad: Probability::ALWAYS,
            loss_if_good: Probability::NEVER,
        })
    );
    assert_eq!(
        loss("loss state 1% 20% 3% 40% 5%"),
        Ok(LossModel::FourStates {
            p13: percent(1),
            p31: percent(20),
            p32: percent(3),
            p23: percent(40),
            p14: percent(5),
        })
    );
    let delay = |text: &str| text.parse::<Netem>().map(|netem| netem.latency.delay);
    assert_eq!(delay("delay 250us"), Ok(Duration::from_micros(250)));
    assert_eq!(delay("delay 250"), Ok(Duration::from_micros(250)));
    assert_eq!(delay("latency 1.5s"), Ok(Duration::from_millis(1500)));
    let rate = |text: &str| text.parse::<Bandwidth>();
    assert_eq!(rate("8kbps"), Ok(Bandwidth::bits_per_second(64_000)));
    assert_eq!(rate("1Gbit"), Ok(Bandwidth::bits_per_second(1_000_000_000)));
    assert_eq!(rate("9600"), Ok(Bandwidth::bits_per_second(9600)));
}

#[test]
fn nonsense_says_what_was_expected() {
    for (text, message) in [
        (
            "dealy 1ms",
            "expected delay, distribution, loss, ecn, duplicate, corrupt, reorder, gap, rate, slot, limit, seed, pfifo, bfifo, codel, \
             fq_codel or red, found 'dealy'",
        ),
        ("delay", "expected a time, found 'the end'"),
        (
            "delay 1parsec",
            "expected a time such as 10ms, found '1parsec'",
        ),
        (
            "delay 99999999999999999999s",
            "expected a time such as 10ms, found '99999999999999999999s'",
        ),
        (
            "loss five",
            "expected a percentage such as 0.3%, found 'five'",
        ),
        (
            "delay 1ms gap 3",
            "expected a reorder, whose distance the gap is, found 'gap'",
        ),
        (
            "delay 1ms distribution normal",
            "expected a delay with jitter, which alone has a distribution, found 'distribution'",
        ),
        (
            "delay 1ms 1ms distribution flat",
            "expected uniform, normal, pareto or paretonormal, found 'flat'",
        ),
        (
            "ecn",
            "expected a loss, in whose place frames are marked, found 'ecn'",
        ),
        (
            "codel",
            "expected a rate, without which no frame has to wait, found 'codel'",
        ),
        (
            "rate 1mbit codel delay 5ms",
            "expected limit, target, interval, ecn, noecn or ce_threshold, found 'delay'",
        ),
        ("rate 1mbit pfifo size 5", "expected limit, found 'size'"),
        (
            "rate 1mbit fq_codel flows 0",
            "expected 1 to 65536 flows, found '0'",
        ),
        (
            "rate 1mbit red min 10kb",
            "expected a limit behind it: red limit BYTES, found 'red'",
        ),
        (
            "rate 1mbit red limit 60kb min 30kb max 20kb",
            "expected a min below the max, found '30720'",
        ),
        (
            "rate 1mbit bfifo limit 1parsec",
            "expected a size in bytes such as 1514 or 60kb, found '1parsec'",
        ),
        ("loss gemodel", "expected a percentage, found 'the end'"),
        ("loss 101%", "expected at most 100%, found '101%'"),
        (
            "loss -1%",
            "expected a percentage such as 0.3%, found '-1%'",
        ),
        ("loss .%", "expected a percentage such as 0.3%, found '.%'"),
        ("limit many", "expected a whole number, found 'many'"),
        (
            "slot 2ms 1ms",
            "expected a longest pause that is not shorter than the shortest, found '1ms'",
        ),
        (
            "slot packets 3",
            "expected a time such as 10ms, found 'packets'",
        ),
        // tc asks for this order, too.
        (
            "slot 1ms bytes 10 packets 3",
            "expected delay, distribution, loss, ecn, duplicate, corrupt, reorder, gap, rate, slot, limit, seed, pfifo, bfifo, codel, \
             fq_codel or red, found 'packets'",
        ),
        (
            "slot distribution normal 1ms",
            "expected a time, found 'the end'",
        ),
        ("rate 0bit", "expected a rate such as 10mbit, found '0bit'"),
        (
            "reorder 5%",
            "expected a delay, without which nothing can overtake, found 'reorder'",
        ),
    ] {
        assert_eq!(text.parse::<Netem>().unwrap_err().to_string(), message);
    }
}

proptest! {
    #[test]
    fn any_text_is_survived(text in "(delay|loss|rate|slot|packets|bytes|limit|reorder|gap|ecn|state|gemodel|distribution|codel|fq_codel|red|pfifo|min|max|burst|flows|[0-9.%]{0,9}|ms|\\PC{0,4}| ){0,12}") {
        let _ = text.parse::<Netem>();
    }
}
