//! What the settings of a host say of all its connections after their opening. Connections share it.
use alloc::sync::Arc;
use alloc::vec::Vec;

use crate::Settings;
use crate::send::memory::LEAST_SEND_BUFFER;
use crate::seq::span;
use crate::settings::{Compression, LossRules};

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Limits {
    pub(crate) max_super_segment: u32,
    /// `tcp_min_tso_segs`
    pub(crate) min_super_segment: u16,
    /// In ms.
    pub(crate) fin_timeout: u32,
    /// To which autotuning may grow the buffers, unless their size is fixed.
    pub(crate) receive_buffer: u32,
    pub(crate) send_buffer: u32,
    pub(crate) initial_window: u16,
    /// The MSS of a peer that names none: one for each family.
    pub(crate) default_mss: u16,
    pub(crate) syn_retries: u8,
    pub(crate) syn_linear_timeouts: u8,
    pub(crate) synack_retries: u8,
    pub(crate) retries1: u8,
    /// `tcp_min_rtt_wlen`, in seconds.
    pub(crate) min_rtt_window: u32,
    /// `tcp_shrink_window`
    pub(crate) shrink_window: bool,
    pub(crate) retries2: u8,
    pub(crate) orphan_retries: u8,
    pub(crate) slow_start_after_idle: bool,
    /// `tcp_pacing_ss_ratio`, `tcp_pacing_ca_ratio`
    pub(crate) pacing_ratios: (u16, u16),
    pub(crate) dsack: bool,
    /// `tcp_invalid_ratelimit`, in ms.
    pub(crate) invalid_interval: u16,
    pub(crate) rfc1337: bool,
    pub(crate) standard_urgent: bool,
    pub(crate) ping_pong_threshold: u8,
    pub(crate) compression: Compression,
    pub(crate) loss: LossRules,
}

impl Limits {
    fn of(settings: &Settings) -> Limits {
        Limits {
            max_super_segment: span(settings.max_super_segment),
            min_super_segment: settings.min_super_segment,
            fin_timeout: u32::try_from(settings.fin_timeout.as_millis()).unwrap_or(u32::MAX),
            // A buffer of a fixed size is no reason for limits of its own.
            receive_buffer: if settings.fixes_receive_buffer() {
                0
            } else {
                span(settings.receive_buffer_max).clamp(2304, 1 << 30)
            },
            send_buffer: if settings.fixes_send_buffer() {
                0
            } else {
                span(settings.send_buffer_max).clamp(LEAST_SEND_BUFFER, 1 << 30)
            },
            initial_window: u16::try_from(settings.initial_window).unwrap_or(u16::MAX),
            default_mss: settings.default_mss,
            syn_retries: settings.syn_retries,
            syn_linear_timeouts: settings.syn_linear_timeouts,
            synack_retries: settings.synack_retries,
            retries1: settings.retries1,
            min_rtt_window: settings.min_rtt_window,
            shrink_window: settings.shrink_window,
            retries2: settings.retries2,
            orphan_retries: settings.orphan_retries,
            slow_start_after_idle: settings.slow_start_after_idle,
            pacing_ratios: settings.pacing_ratios,
            dsack: settings.dsack,
            invalid_interval: settings.invalid_interval,
            rfc1337: settings.rfc1337,
            standard_urgent: settings.standard_urgent,
            ping_pong_threshold: settings.ping_pong_threshold,
            compression: settings.compression,
            loss: LossRules::new(settings),
        }
    }
}

/// The limits of one connection, from [`KnownRules`]; by default there are none yet.
#[derive(Clone, Debug, Default)]
pub struct Rules(Option<Arc<Limits>>);

impl Rules {
    /// What these settings say, shared with others if [`KnownRules::share`] was asked to.
    pub(crate) fn limits(&self, settings: &Settings) -> Arc<Limits> {
        match &self.0 {
            Some(known) => {
                debug_assert_eq!(**known, Limits::of(settings), "settings changed later");
                known.clone()
            }
            None => Arc::new(Limits::of(settings)),
        }
    }
}

/// What the connections of a host go by: few kinds of limits, each kept once.
#[derive(Clone, Debug, Default)]
pub struct KnownRules(Vec<Arc<Limits>>);

impl KnownRules {
    /// As many as there are kinds in use at once on most hosts: by family, interface and socket.
    const MOST: usize = 8;

    /// Makes the connection that these settings open share its limits with those before it. What of the settings is changed
    /// afterwards must not be among them: call it last.
    pub fn share(&mut self, settings: &mut Settings) {
        let limits = Limits::of(settings);
        let known = self.0.iter().find(|known| ***known == limits).cloned();
        settings.rules = Rules(Some(known.unwrap_or_else(|| {
            let new = Arc::new(limits);
            if self.0.len() == Self::MOST {
                self.0.remove(0);
            }
            self.0.push(new.clone());
            new
        })));
    }
}
