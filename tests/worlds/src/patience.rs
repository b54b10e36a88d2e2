//! How long a connection may stand still: as long as the rules of the retransmission timeout say, and no longer.
//!
//! Two rules, for each connection that has something outstanding (a SYN, data or a FIN that is not acknowledged, or data
//! that waits for a window):
//!
//! 1. It has a timer, which fires within the timeout that `TCP_INFO` tells (RFC 6298 5.1; with a closed window RFC 9293
//!    3.8.6.1): what is outstanding is never forgotten.
//! 2. The time since something got through is no longer than the timeouts of what was sent since, each twice the last one
//!    (RFC 6298 5.5): a timer that is pushed back again and again is as bad as none.

use std::collections::BTreeMap;
use std::time::Duration;

use sockeye_core::{Host, Instant, SocketSummary};

/// No timeout is longer (RFC 6298 2.5; Linux's TCP_RTO_MAX).
const LONGEST: Duration = Duration::from_secs(120);

/// No timeout is shorter (Linux's TCP_RTO_MIN), so nothing shorter is a stall.
const SHORTEST: Duration = Duration::from_millis(200);

/// Timers are rounded to the wheel's ticks, and the answer to the last thing sent takes its time.
const GRACE: Duration = Duration::from_millis(400);

/// What is known of a connection since something last got through.
#[derive(Debug)]
struct Still {
    mark: Mark,
    since: Instant,
    segments: u32,
    timeout: Duration,
    seen: u64,
}

/// What changes when something gets through, or something new is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Mark {
    acknowledged: u64,
    delivered: u32,
    new: u64,
    state: &'static str,
}

/// Looks at every connection before time makes a leap.
#[derive(Debug, Default)]
pub(crate) struct Patience {
    still: BTreeMap<(usize, u64), Still>,
    looks: u64,
    complaint: Option<String>,
}

impl Patience {
    /// Time is about to pass from `now` to `until`, in which nothing happens.
    pub(crate) fn watch(&mut self, hosts: &[Host], now: Instant, until: Instant) {
        if until - now < SHORTEST / 2 {
            return;
        }
        self.looks += 1;
        for (side, host) in hosts.iter().enumerate() {
            for socket in host.snapshot().sockets {
                self.look(side, &socket, now, until);
            }
        }
        // What has ended, or has nothing outstanding, is forgotten.
        let looks = self.looks;
        self.still.retain(|_, still| still.seen == looks);
    }

    /// What was wrong first.
    pub(crate) fn complaint(&mut self) -> Option<String> {
        self.complaint.take()
    }

    fn look(&mut self, side: usize, socket: &SocketSummary, now: Instant, until: Instant) {
        let Some(info) = &socket.tcp_info else {
            return;
        };
        let opens = matches!(socket.state, "SYN-SENT" | "SYN-RECV");
        if (socket.send_q == 0 && !opens) || matches!(socket.state, "UNCONN" | "LISTEN") {
            return;
        }
        let doubled =
            |timeout: Duration, times: u32| timeout.saturating_mul(1 << times.min(16)).min(LONGEST);
        // With something in flight the timeout has been doubled already.
        let (timeout, base) = if info.unacked > 0 || opens {
            let undoubled = info.rto / (1 << u32::from(info.backoff).min(16));
            (info.rto, undoubled)
        } else {
            let base = info.rto.max(SHORTEST);
            (doubled(base, info.backoff.into()), base)
        };
        let left = socket.timer.map_or(timeout, |(_, left)| left.max(timeout));
        let what = match socket.timer {
            None => Some("no timer".to_owned()),
            // A sample of the round trip makes the timeout shorter and leaves the timer as it was set: longer after a backoff, or in
            // a recovery, where only acknowledged data sets it anew, as long as any.
            Some((_, left))
                if left
                    > if info.ca_state == 0 {
                        timeout * 4
                    } else {
                        LONGEST
                    } + GRACE =>
            {
                Some(format!("a timer of {left:?} in place of {timeout:?}"))
            }
            Some(_) => None,
        };
        let mark = Mark {
            acknowledged: info.bytes_acked,
            delivered: info.delivered,
            new: info.bytes_sent.wrapping_sub(info.bytes_retrans),
            state: socket.state,
        };
        let key = (side, socket.id.to_bits());
        let still = self.still.entry(key).or_insert(Still {
            mark,
            since: now,
            segments: info.segs_out,
            timeout: left,
            seen: 0,
        });
        if still.mark != mark {
            (still.mark, still.since) = (mark, now);
            (still.segments, still.timeout) = (info.segs_out, left);
        }
        still.seen = self.looks;
        still.timeout = still.timeout.max(base);
        let sent = info.segs_out.wrapping_sub(still.segments);
        let bound = (0..=sent.min(64))
            .map(|times| doubled(still.timeout.max(SHORTEST), times))
            .sum::<Duration>();
        // The answer to a probe, or whatever else the peer says, starts the probe's timer anew.
        // A connection is seen only before leaps, so that what it had sent and waited for by then is known to half.
        let quiet = match info.unacked {
            0 => (until - still.since).min(until - now + info.last_ack_recv),
            _ => until - still.since,
        };
        // What leaves at a pace waits for the longest super-segment before it.
        let pace = if info.is_paced && info.pacing_rate > 0 {
            Duration::from_secs_f64(65_536.0 / info.pacing_rate as f64)
        } else {
            Duration::ZERO
        };
        let what = what.or_else(|| {
            (quiet > bound * 2 + pace + GRACE)
                .then(|| format!("nothing gets through for {quiet:?}, and {bound:?} is the most"))
        });
        if let (Some(what), None) = (what, &self.complaint) {
            self.complaint = Some(format!("a connection has {what}: {socket:#?}"));
        }
    }
}
