//! A client's part: the cookies that servers gave (`tcp_metrics`), and paths that swallow what they do not know.

use alloc::collections::{BTreeMap, VecDeque};
use core::net::IpAddr;
use core::time::Duration;

use sockeye_tcp::{FastOpenOutcome, FastOpenRequest};
use sockeye_wire::{FastOpenCookie, TcpOptions};

use super::{CLIENT, CLIENT_WITHOUT_COOKIE};
use crate::Instant;
use crate::host::Stack;
use crate::inet::demux::FourTuple;

/// How many servers are remembered. A stranger can't make this host connect, so that programs alone fill it.
const MOST: usize = 1024;

/// `MAX_TCP_OPTION_SPACE`: kept free in a SYN with data, for what is on the way and adds options.
const OPTIONS: u16 = 40;

/// What is known of a server.
#[derive(Clone, Copy, Debug, Default)]
struct Entry {
    cookie: Option<FastOpenCookie>,
    mss: u16,
    attempt: Attempt,
}

/// How a server is asked for a cookie that has given none (`try_exp`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
enum Attempt {
    /// By the option of RFC 7413.
    #[default]
    Standard,
    /// That brought nothing: by the experimental one.
    Experimental,
    /// Nor did this: by RFC 7413's again.
    Both,
}

/// The servers, by our address and theirs. The oldest gives way.
#[derive(Debug, Default)]
pub(super) struct Cache {
    entries: BTreeMap<(IpAddr, IpAddr), Entry>,
    order: VecDeque<(IpAddr, IpAddr)>,
}

impl Cache {
    fn get(&self, tuple: &FourTuple) -> Entry {
        let entry = self.entries.get(&(tuple.local, tuple.remote));
        entry.copied().unwrap_or_default()
    }

    fn entry(&mut self, tuple: &FourTuple) -> &mut Entry {
        let key = (tuple.local, tuple.remote);
        if !self.entries.contains_key(&key) {
            if self.order.len() >= MOST
                && let Some(oldest) = self.order.pop_front()
            {
                self.entries.remove(&oldest);
            }
            self.order.push_back(key);
        }
        self.entries.entry(key).or_default()
    }
}

/// `tcp_fastopen_active_disable`: how often, and when last, connections died of Fast Open.
#[derive(Debug, Default)]
pub(super) struct Blackhole {
    times: u32,
    since: Option<Instant>,
}

impl Blackhole {
    /// `tcp_fastopen_active_should_disable`: twice as long each time, up to 64 times.
    fn is_closed(&self, timeout: Duration, now: Instant) -> bool {
        let Some(since) = self.since.filter(|_| !timeout.is_zero()) else {
            return false;
        };
        let factor = 1 << self.times.saturating_sub(1).min(6);
        now - since < timeout * factor
    }
}

/// `tcp_fastopen`: whether clients may.
pub(crate) fn is_enabled(stack: &Stack) -> bool {
    stack.config.sysctl.tcp_fastopen & CLIENT != 0
}

/// What the SYN to this peer says, and how much data it may have (`tcp_fastopen_cookie_check`, `tcp_send_syn_data`).
pub(crate) fn request(
    stack: &Stack,
    no_cookie: bool,
    tuple: &FourTuple,
    mss: u16,
    now: Instant,
) -> FastOpenRequest {
    let sysctl = &stack.config.sysctl;
    let fast = &stack.fast_open;
    let timeout = sysctl.tcp_fastopen_blackhole_timeout;
    if fast.blackhole.is_closed(timeout, now) {
        return FastOpenRequest {
            cookie: None,
            room: 0,
        };
    }
    let entry = fast.cache.get(tuple);
    let mss = match entry.mss {
        0 => mss,
        theirs => mss.min(theirs),
    };
    let room = mss.saturating_sub(OPTIONS);
    if sysctl.tcp_fastopen & CLIENT_WITHOUT_COOKIE != 0 || no_cookie {
        return FastOpenRequest { cookie: None, room };
    }
    match entry.cookie {
        Some(cookie) => FastOpenRequest {
            cookie: Some(cookie),
            room,
        },
        None => FastOpenRequest {
            cookie: Some(
                FastOpenCookie::REQUEST.experimental(entry.attempt == Attempt::Experimental),
            ),
            room: 0,
        },
    }
}

impl Stack {
    /// A SYN-ACK with these options answered a client's attempt (`tcp_rcv_fastopen_synack`).
    pub(in crate::tcp) fn learn_of_fast_open(
        &mut self,
        tuple: &FourTuple,
        outcome: FastOpenOutcome,
        answer: &TcpOptions,
    ) {
        if outcome.had_data {
            if outcome.was_taken {
                self.counters.tcp_ext_tcp_fast_open_active += 1;
            } else {
                self.counters.tcp_ext_tcp_fast_open_active_fail += 1;
            }
        }
        let given = answer.fast_open.filter(|cookie| !cookie.is_request());
        let entry = self.fast_open.cache.entry(tuple);
        if let Some(mss) = answer.mss {
            entry.mss = mss;
        }
        match (given, outcome.asked) {
            // One that the SYN neither had nor asked for is not kept.
            (Some(cookie), Some(_)) => {
                entry.cookie = Some(cookie);
            }
            (None, Some(asked)) if asked.is_request() && !outcome.was_repeated => {
                // Each form gets one chance: after both it is the RFC's again, for good (`tcp_fastopen_cache_set`).
                let next = if asked.is_experimental() {
                    Attempt::Both
                } else {
                    Attempt::Experimental
                };
                if entry.cookie.is_none() {
                    entry.attempt = entry.attempt.max(next);
                }
            }
            _ => {}
        }
    }

    /// A client's connection looks as if something on the path swallowed Fast Open (`tcp_fastopen_active_disable`).
    pub(in crate::tcp) fn suspect_fast_open(&mut self, now: Instant) {
        if self.config.sysctl.tcp_fastopen_blackhole_timeout.is_zero() {
            return;
        }
        self.counters.tcp_ext_tcp_fast_open_blackhole += 1;
        let blackhole = &mut self.fast_open.blackhole;
        blackhole.times = blackhole.times.saturating_add(1);
        blackhole.since = Some(now);
    }

    /// One with data from its peer is over: it works again, unless it was within the host
    /// (`tcp_fastopen_active_disable_ofo_check`).
    pub(in crate::tcp) fn trust_fast_open(&mut self, tuple: &FourTuple) {
        if tuple.local != tuple.remote && !tuple.remote.is_loopback() {
            self.fast_open.blackhole = Blackhole::default();
        }
    }
}
