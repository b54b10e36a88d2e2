//! What connections tell of losses, in the host's counters.

use sockeye_tcp::{Connection, LossCount};

use crate::Counters;

/// Adds what has happened since the last time.
pub(super) fn count(counters: &mut Counters, connection: &mut Connection) {
    let Some(tally) = connection.take_losses() else {
        return;
    };
    for (what, by) in tally.iter() {
        *counter(counters, what) += by;
    }
}

fn counter(counters: &mut Counters, what: LossCount) -> &mut u64 {
    match what {
        LossCount::RenoRecovery => &mut counters.tcp_ext_tcp_reno_recovery,
        LossCount::SackRecovery => &mut counters.tcp_ext_tcp_sack_recovery,
        LossCount::SackReneging => &mut counters.tcp_ext_tcp_sack_reneging,
        LossCount::SackReorder => &mut counters.tcp_ext_tcp_sack_reorder,
        LossCount::RenoReorder => &mut counters.tcp_ext_tcp_reno_reorder,
        LossCount::TsReorder => &mut counters.tcp_ext_tcp_ts_reorder,
        LossCount::FullUndo => &mut counters.tcp_ext_tcp_full_undo,
        LossCount::PartialUndo => &mut counters.tcp_ext_tcp_partial_undo,
        LossCount::DsackUndo => &mut counters.tcp_ext_tcp_dsack_undo,
        LossCount::LossUndo => &mut counters.tcp_ext_tcp_loss_undo,
        LossCount::RetransFail => &mut counters.tcp_ext_tcp_retrans_fail,
        LossCount::LostRetransmit => &mut counters.tcp_ext_tcp_lost_retransmit,
        LossCount::RenoFailures => &mut counters.tcp_ext_tcp_reno_failures,
        LossCount::SackFailures => &mut counters.tcp_ext_tcp_sack_failures,
        LossCount::LossFailures => &mut counters.tcp_ext_tcp_loss_failures,
        LossCount::FastRetrans => &mut counters.tcp_ext_tcp_fast_retrans,
        LossCount::SlowStartRetrans => &mut counters.tcp_ext_tcp_slow_start_retrans,
        LossCount::LossProbes => &mut counters.tcp_ext_tcp_loss_probes,
        LossCount::LossProbeRecovery => &mut counters.tcp_ext_tcp_loss_probe_recovery,
        LossCount::RenoRecoveryFail => &mut counters.tcp_ext_tcp_reno_recovery_fail,
        LossCount::SackRecoveryFail => &mut counters.tcp_ext_tcp_sack_recovery_fail,
        LossCount::DsackRecv => &mut counters.tcp_ext_tcp_dsack_recv,
        LossCount::DsackOfoRecv => &mut counters.tcp_ext_tcp_dsack_ofo_recv,
        LossCount::DsackRecvSegs => &mut counters.tcp_ext_tcp_dsack_recv_segs,
        LossCount::DsackIgnoredOld => &mut counters.tcp_ext_tcp_dsack_ignored_old,
        LossCount::DsackIgnoredNoUndo => &mut counters.tcp_ext_tcp_dsack_ignored_no_undo,
        LossCount::DsackIgnoredDubious => &mut counters.tcp_ext_tcp_dsack_ignored_dubious,
        LossCount::SackDiscard => &mut counters.tcp_ext_tcp_sack_discard,
        LossCount::SpuriousRtos => &mut counters.tcp_ext_tcp_spurious_rtos,
        LossCount::AckCompressed => &mut counters.tcp_ext_tcp_ack_compressed,
        LossCount::HystartTrainDetect => &mut counters.tcp_ext_tcp_hystart_train_detect,
        LossCount::HystartTrainCwnd => &mut counters.tcp_ext_tcp_hystart_train_cwnd,
        LossCount::HystartDelayDetect => &mut counters.tcp_ext_tcp_hystart_delay_detect,
        LossCount::HystartDelayCwnd => &mut counters.tcp_ext_tcp_hystart_delay_cwnd,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::format;

    #[test]
    fn each_is_counted_under_its_name() {
        for &what in LossCount::ALL {
            let mut counters = Counters::default();
            *counter(&mut counters, what) += 1;
            let name = format!("TcpExt{}", what.name());
            assert_eq!(counters.get(&name), Some(1), "{name}");
        }
    }
}
