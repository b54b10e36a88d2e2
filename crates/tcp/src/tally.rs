//! What happened to losses, for the counters of `/proc/net/netstat`.

macro_rules! counts {
    ($($name:ident: $linux:literal,)*) => {
        /// A counter of `TcpExt` that loss recovery and congestion control add to.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum LossCount {
            $(#[doc = concat!("`", $linux, "`")] $name,)*
        }

        impl LossCount {
            /// All of them.
            pub const ALL: &[LossCount] = &[$(LossCount::$name,)*];

            /// The name in `/proc/net/netstat`.
            pub const fn name(self) -> &'static str {
                match self { $(LossCount::$name => $linux,)* }
            }
        }
    };
}

counts! {
    RenoRecovery: "TCPRenoRecovery",
    SackRecovery: "TCPSackRecovery",
    SackReneging: "TCPSACKReneging",
    SackReorder: "TCPSACKReorder",
    RenoReorder: "TCPRenoReorder",
    TsReorder: "TCPTSReorder",
    FullUndo: "TCPFullUndo",
    PartialUndo: "TCPPartialUndo",
    DsackUndo: "TCPDSACKUndo",
    LossUndo: "TCPLossUndo",
    LostRetransmit: "TCPLostRetransmit",
    RetransFail: "TCPRetransFail",
    RenoFailures: "TCPRenoFailures",
    SackFailures: "TCPSackFailures",
    LossFailures: "TCPLossFailures",
    FastRetrans: "TCPFastRetrans",
    SlowStartRetrans: "TCPSlowStartRetrans",
    LossProbes: "TCPLossProbes",
    LossProbeRecovery: "TCPLossProbeRecovery",
    RenoRecoveryFail: "TCPRenoRecoveryFail",
    SackRecoveryFail: "TCPSackRecoveryFail",
    DsackRecv: "TCPDSACKRecv",
    DsackOfoRecv: "TCPDSACKOfoRecv",
    DsackRecvSegs: "TCPDSACKRecvSegs",
    DsackIgnoredOld: "TCPDSACKIgnoredOld",
    DsackIgnoredNoUndo: "TCPDSACKIgnoredNoUndo",
    DsackIgnoredDubious: "TCPDSACKIgnoredDubious",
    SackDiscard: "TCPSACKDiscard",
    SpuriousRtos: "TCPSpuriousRTOs",
    AckCompressed: "TCPAckCompressed",
    HystartTrainDetect: "TCPHystartTrainDetect",
    HystartTrainCwnd: "TCPHystartTrainCwnd",
    HystartDelayDetect: "TCPHystartDelayDetect",
    HystartDelayCwnd: "TCPHystartDelayCwnd",
}

/// How often since it was taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tally {
    counts: [u32; LossCount::ALL.len()],
    is_used: bool,
}

impl Default for Tally {
    fn default() -> Tally {
        Tally {
            counts: [0; LossCount::ALL.len()],
            is_used: false,
        }
    }
}

impl Tally {
    pub(crate) fn add(&mut self, what: LossCount, by: u32) {
        self.is_used = true;
        if let Some(count) = self.counts.get_mut(what as usize) {
            *count = count.saturating_add(by);
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        !self.is_used
    }

    /// What has happened, and how often.
    pub fn iter(&self) -> impl Iterator<Item = (LossCount, u64)> + '_ {
        let counts = self.counts.iter().map(|count| u64::from(*count));
        let all = LossCount::ALL.iter().copied().zip(counts);
        all.filter(|(_, count)| *count > 0)
    }
}
