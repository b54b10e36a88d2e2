//! Fast recovery, seen from outside.
#![allow(missing_docs)]
mod support;

use core::time::Duration;

use sockeye_tcp::LossCount;
use support::{Channel, Pair};

const MS: Duration = Duration::from_millis(1);
/// `TCP_CA_Recovery`
const RECOVERY: u8 = 3;

#[test]
fn a_loss_brings_the_window_down_to_the_threshold_packet_by_packet() {
    let mut pair = Pair::established(1, Channel::default());
    // A window of some size, all of it written packet by packet, of which the first is lost.
    for round in 0..6 {
        let now = pair.now;
        let mut is_first = round == 5;
        for _ in 0..40 {
            pair.ends[0].send_slice(&[7; 1448], false, now);
            if is_first {
                assert!(pair.ends[0].poll_transmit(now).is_some());
                is_first = false;
            }
            pair.flush();
        }
        if round < 5 {
            pair.run_for(100 * MS);
            while !pair.ends[1].read_bytes(usize::MAX, pair.now).is_empty() {}
            pair.flush();
        }
    }
    let before = pair.ends[0].info(pair.now);
    let (mut was_in_recovery, mut sent) = (false, 0);
    for _ in 0..200 {
        let info = pair.ends[0].info(pair.now);
        let now = pair.now;
        if info.ca_state == RECOVERY {
            was_in_recovery = true;
            // There is always more to send.
            pair.ends[0].send_slice(&[7; 1448], false, now);
            pair.flush();
            sent = pair.ends[0].info(now).data_segs_out - before.data_segs_out;
        } else if was_in_recovery {
            break;
        }
        if !pair.step() {
            break;
        }
        while !pair.ends[1].read_bytes(usize::MAX, pair.now).is_empty() {}
        pair.flush();
    }
    let after = pair.ends[0].info(pair.now);
    assert!(was_in_recovery, "{before:?} {after:?}");
    let retransmitted = after.total_retrans - before.total_retrans;
    assert_eq!((after.total_rto, retransmitted), (0, 1));
    assert_eq!(after.snd_cwnd, after.snd_ssthresh);
    assert!(after.snd_ssthresh < before.snd_cwnd, "{after:?}");
    assert!(sent > 1, "{sent}");
}

/// Writes `packets` full segments and sends them, of which those in `lost` never leave.
fn write(pair: &mut Pair, packets: u32, lost: &[u32]) {
    let now = pair.now;
    for index in 0..packets {
        pair.ends[0].send_slice(&[7; 1448], false, now);
        if lost.contains(&index) {
            assert!(pair.ends[0].poll_transmit(now).is_some());
        }
        pair.flush();
    }
}

fn losses(pair: &mut Pair) -> Vec<(LossCount, u64)> {
    let tally = pair.ends[0].take_losses();
    tally.map_or(Vec::new(), |tally| tally.iter().collect())
}

fn read_all(pair: &mut Pair) {
    while !pair.ends[1].read_bytes(usize::MAX, pair.now).is_empty() {}
    pair.flush();
}

#[test]
fn what_repaired_a_loss_is_counted() {
    let mut pair = Pair::established(1, Channel::default());
    assert_eq!(losses(&mut pair), []);
    write(&mut pair, 8, &[2]);
    pair.run_for(300 * MS);
    read_all(&mut pair);
    assert_eq!(
        losses(&mut pair),
        [(LossCount::SackRecovery, 1), (LossCount::FastRetrans, 1)]
    );
    // The tail is lost: its probe repairs it, and what comes later tells so.
    write(&mut pair, 4, &[3]);
    pair.run_for(500 * MS);
    read_all(&mut pair);
    write(&mut pair, 2, &[]);
    pair.run_for(300 * MS);
    assert_eq!(
        losses(&mut pair),
        [
            (LossCount::LossProbes, 1),
            (LossCount::LossProbeRecovery, 1)
        ]
    );
    assert_eq!(pair.ends[0].info(pair.now).total_rto, 0);
}

#[test]
fn a_timeout_that_was_too_early_is_taken_back() {
    let mut pair = Pair::established(1, Channel::default());
    for _ in 0..5 {
        write(&mut pair, 6, &[]);
        pair.run_for(100 * MS);
        read_all(&mut pair);
    }
    let _ = losses(&mut pair);
    let before = pair.ends[0].info(pair.now);
    // Suddenly the path takes longer than the timeout.
    pair.channel.delay = 400 * MS;
    write(&mut pair, 6, &[]);
    pair.run_for(1500 * MS);
    read_all(&mut pair);
    let after = pair.ends[0].info(pair.now);
    assert!(after.total_rto > before.total_rto, "{after:?}");
    let seen = losses(&mut pair);
    assert!(
        seen.iter()
            .any(|(what, _)| matches!(what, LossCount::LossUndo | LossCount::SpuriousRtos)),
        "{seen:?}"
    );
    assert_eq!(after.snd_ssthresh, before.snd_ssthresh);
    assert!(after.snd_cwnd >= before.snd_cwnd, "{after:?}");
    assert_eq!(after.ca_state, 0);
}
