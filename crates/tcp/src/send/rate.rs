//! Delivery rate samples (draft-cheng-iccrg-delivery-rate-estimation, `tcp_rate.c`): how fast the network delivers.
//!
//! Each packet takes with it what had been delivered when it was sent. When it is acknowledged, what was delivered since
//! then over the time that took is a sample of the path's rate, unless the application had nothing to send in between.
use core::num::NonZeroU32;
use core::time::Duration;

use crate::{Instant, Seq};

/// Microseconds that wrap after 71 minutes, longer than anything stays in flight.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Micros(u32);

impl Micros {
    pub(crate) fn at(now: Instant) -> Micros {
        let low = now.as_micros() & u64::from(u32::MAX);
        Micros(u32::try_from(low).unwrap_or(0))
    }

    /// Microseconds since `earlier`.
    pub(crate) fn since(self, earlier: Micros) -> u32 {
        self.0.wrapping_sub(earlier.0)
    }
}

/// The bit of a number that says that the application limited what it counts.
const APP_LIMITED: u32 = 1 << 31;

/// What a packet in flight remembers of the moment at which it was sent.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Stamp {
    /// P.delivered: packets delivered by then.
    delivered: u32,
    /// P.delivered_time: when the last of those was.
    delivered_at: Micros,
    /// P.first_send_time: the begin of the send phase.
    first_sent: Micros,
    /// P.lost: packets lost by then.
    lost: u32,
    /// P.tx_in_flight in packets, this one included, and P.is_app_limited.
    in_flight: u32,
}

impl Stamp {
    pub(crate) fn in_flight(&self) -> u32 {
        self.in_flight & !APP_LIMITED
    }

    pub(crate) fn lost(&self) -> u32 {
        self.lost
    }

    pub(crate) fn is_app_limited(&self) -> bool {
        self.in_flight & APP_LIMITED != 0
    }
}

/// The packet among those newly acknowledged that was sent last: the sample is about it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Newest {
    stamp: Stamp,
    sent: Instant,
    end: Seq,
    is_again: bool,
}

impl Newest {
    /// Packets delivered when it was sent.
    pub(crate) fn prior_delivered(&self) -> u32 {
        self.stamp.delivered
    }

    /// The later one of `newest` and a packet that was sent at `sent` and ends at `end`.
    pub(crate) fn of(
        newest: Option<Newest>,
        stamp: Stamp,
        sent: Instant,
        end: Seq,
        is_again: bool,
    ) -> Option<Newest> {
        match newest {
            Some(other) if sent < other.sent || (sent == other.sent && !end.after(other.end)) => {
                newest
            }
            _ => Some(Newest {
                stamp,
                sent,
                end,
                is_again,
            }),
        }
    }
}

/// A rate sample (RS of the draft).
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Sample {
    /// Packets delivered over the interval; with `interval` 0 there is no rate.
    pub(crate) delivered: u32,
    /// In microseconds.
    pub(crate) interval: u32,
    /// C.delivered when the newest packet acknowledged was sent.
    pub(crate) prior_delivered: u32,
    pub(crate) is_app_limited: bool,
    /// It is about a retransmission.
    pub(crate) is_again: bool,
    /// Packets in flight when the newest packet was sent, and lost since then.
    pub(crate) tx_in_flight: u32,
    pub(crate) lost: u32,
}

/// The moments from which samples are measured, as long as something is in flight.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Course {
    /// C.delivered_time
    delivered_at: Micros,
    /// C.first_send_time
    first_sent: Micros,
}

impl Course {
    pub(crate) const NONE: Course = Course {
        delivered_at: Micros(0),
        first_sent: Micros(0),
    };
}

/// What a connection has measured.
#[derive(Clone, Debug, Default)]
pub(crate) struct Rate {
    /// C.app_limited: until so many packets are delivered, samples tell of the application.
    app_limited: Option<NonZeroU32>,
    /// The last sample that was not, or the highest one that was: packets, and microseconds with [`APP_LIMITED`].
    best: (u32, u32),
}

impl Rate {
    /// A packet is sent (`tcp_rate_skb_sent`): what it is to remember. `pipe` counts it already.
    pub(crate) fn sent(
        &self,
        course: &mut Course,
        is_first: bool,
        delivered: u32,
        lost: u32,
        pipe: u32,
        now: Instant,
    ) -> Stamp {
        if is_first {
            // Nothing was under way: the interval begins now.
            let now = Micros::at(now);
            course.first_sent = now;
            course.delivered_at = now;
        }
        let app_limited = if self.app_limited.is_some() {
            APP_LIMITED
        } else {
            0
        };
        Stamp {
            delivered,
            delivered_at: course.delivered_at,
            first_sent: course.first_sent,
            lost,
            in_flight: pipe | app_limited,
        }
    }

    /// The application has nothing to send although there would be room in the window: what is sent from now on, and what
    /// is in flight, says nothing of the path (`tcp_rate_check_app_limited`).
    pub(crate) fn app_limited(&mut self, delivered: u32, pipe: u32) {
        self.app_limited = NonZeroU32::new(delivered.wrapping_add(pipe)).or(NonZeroU32::new(1));
    }

    pub(crate) fn is_app_limited(&self) -> bool {
        self.app_limited.is_some()
    }

    /// An acknowledgment has been taken in (`tcp_rate_gen`). `delivered` and `lost` count all packets there have been.
    pub(crate) fn sample(
        &mut self,
        course: &mut Course,
        newest: Option<Newest>,
        (delivered, newly_acked): (u32, u32),
        lost: u32,
        min_rtt: Duration,
        now: Instant,
    ) -> Sample {
        // The bubble is gone when what was in flight at the time is delivered.
        if self
            .app_limited
            .is_some_and(|end| Seq::new(delivered).after(Seq::new(end.get())))
        {
            self.app_limited = None;
        }
        let now = Micros::at(now);
        if newly_acked > 0 {
            course.delivered_at = now;
        }
        let mut sample = Sample::default();
        let Some(newest) = newest else {
            return sample;
        };
        let stamp = &newest.stamp;
        let sent = Micros::at(newest.sent);
        course.first_sent = sent;
        // Whichever took longer, sending or hearing of it: a burst of acknowledgments is no rate.
        let sending = sent.since(stamp.first_sent);
        let hearing = now.since(stamp.delivered_at);
        let interval = sending.max(hearing);
        sample.prior_delivered = stamp.delivered;
        sample.is_app_limited = stamp.is_app_limited();
        sample.is_again = newest.is_again;
        sample.tx_in_flight = stamp.in_flight();
        sample.lost = lost.wrapping_sub(stamp.lost);
        sample.delivered = delivered.wrapping_sub(stamp.delivered);
        // Less than the shortest round trip can't be: the send times are those of a retransmission, most likely.
        if interval == 0 || u128::from(interval) < min_rtt.as_micros() {
            return sample;
        }
        sample.interval = interval;
        let (packets, micros) = (self.best.0, self.best.1 & !APP_LIMITED);
        let is_more = u64::from(sample.delivered) * u64::from(micros)
            >= u64::from(packets) * u64::from(interval);
        if !sample.is_app_limited || is_more {
            let flag = if sample.is_app_limited {
                APP_LIMITED
            } else {
                0
            };
            self.best = (sample.delivered, interval.min(!APP_LIMITED) | flag);
        }
        sample
    }

    /// `tcpi_delivery_rate` in bytes a second, and `tcpi_delivery_rate_app_limited`.
    pub(crate) fn best(&self, mss: u32) -> (u64, bool) {
        let (packets, micros) = (self.best.0, self.best.1 & !APP_LIMITED);
        let rate = (u64::from(packets) * u64::from(mss) * 1_000_000).checked_div(micros.into());
        (rate.unwrap_or(0), self.best.1 & APP_LIMITED != 0)
    }
}

#[cfg(test)]
mod tests;
