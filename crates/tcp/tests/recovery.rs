//! Fast recovery, seen from outside.
#![allow(missing_docs)]
mod support;

use core::time::Duration;

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
