//! RACK (RFC 8985 6): what was sent before something that has arrived is lost, once the network has had time to change
//! their order back.
//!
//! Linux keeps all segments in a list sorted by time. Here what was sent once is sorted by time as it lies in the flight:
//! a place in it (`judged`) says how far it was looked at. What was found there too young to be lost, and what was sent
//! again, are in two short lists in the order of time. So each transmission is looked at once, and again only as long as
//! it waits for the reordering window.
use alloc::collections::VecDeque;
use core::time::Duration;

use super::flight::{Arrival, Flight, Sent};
use crate::{Instant, Seq};

/// A transmission to look at again. It stands for those records between its ends whose last transmission it was.
#[derive(Clone, Copy, Debug)]
struct Watch {
    start: Seq,
    end: Seq,
    time: Instant,
}

/// RFC 8985 5.3
#[derive(Debug)]
pub(crate) struct Rack {
    /// RACK.xmit_ts and RACK.end_seq: the newest transmission that has arrived.
    newest: Option<(Instant, Seq)>,
    /// RACK.rtt
    pub(crate) rtt: Duration,
    /// Something arrived since losses were looked for.
    pub(crate) advanced: bool,
    /// Everything before this that was sent once was looked at.
    pub(super) judged: Seq,
    waiting: VecDeque<Watch>,
    again: VecDeque<Watch>,
    /// When something was last sent again.
    latest: Instant,
}

/// Packets declared lost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Losses {
    /// For the first time.
    pub(crate) new: u32,
    /// Retransmissions.
    pub(crate) again: u32,
}

/// What a look for losses found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Detection {
    pub(crate) losses: Losses,
    /// How long until the last of what is suspected is lost.
    pub(crate) wait: Option<Duration>,
}

/// RFC 8985 6.1: `RACK_sent_after`, the ends decide between two sent at once.
fn is_after(a: (Instant, Seq), b: (Instant, Seq)) -> bool {
    a.0 > b.0 || (a.0 == b.0 && a.1.after(b.1))
}

impl Rack {
    pub(super) fn new(start: Seq) -> Rack {
        Rack {
            newest: None,
            rtt: Duration::ZERO,
            advanced: false,
            judged: start,
            waiting: VecDeque::new(),
            again: VecDeque::new(),
            latest: Instant::ZERO,
        }
    }

    /// The time of what is sent now for the first time: no sooner than of what was sent again before it.
    pub(super) fn time_of_new(&self, now: Instant) -> Instant {
        now.max(self.latest)
    }

    /// The time of what is sent again now. A caller's clock may stand still while acknowledgments come and data goes, in which
    /// the ends would make everything new later than everything that is sent again: this one is later than all before it.
    /// (Linux has a clock of nanoseconds.)
    pub(super) fn time_of_copy(&self, last_new: Instant, now: Instant) -> Instant {
        now.max(last_new.max(self.latest) + Duration::from_nanos(1))
    }

    pub(super) fn heap(&self) -> usize {
        (self.waiting.capacity() + self.again.capacity()) * size_of::<Watch>()
    }

    /// RFC 8985 6.2 step 2 (`tcp_rack_advance`): a transmission has arrived.
    pub(super) fn advance(&mut self, sent: &Sent, is_copy: bool, at: &Arrival) {
        let rtt = at.now - sent.time;
        // Sooner than the path allows: it was an earlier transmission that arrived.
        if is_copy && at.min_rtt.is_none_or(|least| rtt < least) {
            return;
        }
        self.advanced = true;
        self.rtt = rtt;
        let this = (sent.time, sent.end);
        if self.newest.is_none_or(|newest| is_after(this, newest)) {
            self.newest = Some(this);
        }
    }

    /// A timeout took for lost what wasn't: from `una` on all that was sent once is looked at anew.
    pub(super) fn look_again(&mut self, una: Seq) {
        self.judged = una;
        self.waiting.clear();
    }

    pub(super) fn sent_again(&mut self, sent: &Sent) {
        self.latest = sent.time;
        self.again.push_back(Watch {
            start: sent.start,
            end: sent.end,
            time: sent.time,
        });
    }
}

/// Looks for losses (`tcp_rack_detect_loss`).
pub(super) fn detect(flight: &mut Flight, window: Duration, now: Instant) -> Detection {
    let mut found = Detection::default();
    let Some(rack) = flight.rack() else {
        return found;
    };
    let Some(newest) = rack.newest else {
        return found;
    };
    let age = rack.rtt + window;
    let (mut waiting, mut again) = (
        core::mem::take(&mut rack.waiting),
        core::mem::take(&mut rack.again),
    );
    look(flight, &mut waiting, newest, age, now, &mut found);
    look(flight, &mut again, newest, age, now, &mut found);
    let mut judged = flight.rack().map_or(newest.1, |rack| rack.judged);
    let mut index = flight.position(judged);
    while let Some(&sent) = flight.records.get(index) {
        if sent.is_watched_once() {
            if !is_after(newest, (sent.time, sent.end)) {
                break;
            }
            let watch = Watch {
                start: sent.start,
                end: sent.end,
                time: sent.time,
            };
            if judge(flight, watch, newest, age, now, &mut found) {
                waiting.push_back(watch);
            }
        }
        judged = sent.end;
        index += 1;
    }
    if let Some(rack) = flight.rack() {
        rack.judged = judged;
        rack.waiting = waiting;
        rack.again = again;
    }
    found
}

/// Looks at the entries of a list that were sent before `newest`, and keeps those that wait on.
fn look(
    flight: &mut Flight,
    list: &mut VecDeque<Watch>,
    newest: (Instant, Seq),
    age: Duration,
    now: Instant,
    found: &mut Detection,
) {
    let (mut seen, mut kept) = (0, 0);
    while let Some(&watch) = list.get(seen) {
        // Of what was sent at once some may be before the newest, and some after it.
        if watch.time > newest.0 {
            break;
        }
        seen += 1;
        if judge(flight, watch, newest, age, now, found) {
            if let Some(place) = list.get_mut(kept) {
                *place = watch;
            }
            kept += 1;
        }
    }
    list.drain(kept..seen);
}

/// True if some of it is neither in nor lost, but may become so.
fn judge(
    flight: &mut Flight,
    watch: Watch,
    newest: (Instant, Seq),
    age: Duration,
    now: Instant,
    found: &mut Detection,
) -> bool {
    let mut waits = false;
    let mut index = flight.position(watch.start);
    while let Some(&sent) = flight.records.get(index) {
        if !sent.start.before(watch.end) {
            break;
        }
        if sent.is_watched(watch.time) {
            let left = (sent.time + age) - now;
            if !is_after(newest, (sent.time, sent.end)) {
                waits = true;
            } else if left.is_zero() {
                let losses = flight.lose(index);
                found.losses.new += losses.new;
                found.losses.again += losses.again;
            } else {
                waits = true;
                found.wait = found.wait.max(Some(left));
            }
        }
        index += 1;
    }
    waits
}

/// Drops the entries that no record stands behind any more.
pub(super) fn prune(flight: &mut Flight) {
    let Some(rack) = flight.rack() else {
        return;
    };
    let mut lists = [
        core::mem::take(&mut rack.waiting),
        core::mem::take(&mut rack.again),
    ];
    for list in &mut lists {
        list.retain(|watch| {
            let mut index = flight.position(watch.start);
            while let Some(sent) = flight.records.get(index) {
                if !sent.start.before(watch.end) {
                    break;
                }
                if sent.is_watched(watch.time) {
                    return true;
                }
                index += 1;
            }
            false
        });
    }
    if let Some(rack) = flight.rack() {
        [rack.waiting, rack.again] = lists;
    }
}
