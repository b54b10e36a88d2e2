//! What the kernel has to be asked before a question about sockets is answered, bit by bit: with very many files it takes
//! longer than the programs that the supervisor serves should wait. The caller is made to try again until all is there.

use std::collections::BTreeSet;
use std::time::Duration;

use sockeye_core::Instant;
use sockeye_core::netlink::message::Messages;

use super::files::Files;
use super::native;
use crate::processes::Scan;
use crate::slab::Id;
use crate::supervisor::Supervisor;
use crate::sys::{self, UnixDump};

/// How long one step may take.
const SLICE: Duration = Duration::from_millis(2);
/// One that nobody has gone on with for so long is of a caller that was called away.
const STALE: Duration = Duration::from_secs(10);
/// Of more sockets than these which are closed is not found out again before so long.
const FEW: usize = 1024;
const FRESH: Duration = Duration::from_secs(1);
/// Files looked at between two looks at the clock.
const STRIDE: usize = 64;

/// What is gathered.
#[derive(Debug)]
pub(super) struct Preparation {
    /// The last step.
    at: Instant,
    /// What is not over yet.
    dump: Option<UnixDump>,
    scan: Option<Scan>,
    pub(super) files: Option<Files>,
    pub(super) own: Option<BTreeSet<u32>>,
}

impl Preparation {
    /// For what is asked in `datagram`.
    fn new(supervisor: i32, datagram: &[u8], at: Instant) -> Preparation {
        let is_native = Messages::new(datagram).any(|message| native::is_for(&message));
        let is_other = Messages::new(datagram).any(|message| !native::is_for(&message));
        Preparation {
            at,
            dump: is_other.then(sys::unix_dump).and_then(Result::ok),
            scan: is_native.then(|| Scan::new(supervisor)),
            files: None,
            own: None,
        }
    }

    pub(super) fn is_over(&self) -> bool {
        self.dump.is_none() && self.scan.is_none()
    }

    /// Goes on for a while.
    fn step(&mut self) {
        let end = sys::monotonic_nanos() + u64::try_from(SLICE.as_nanos()).unwrap_or(u64::MAX);
        while !self.is_over() && sys::monotonic_nanos() < end {
            if let Some(dump) = &mut self.dump {
                let files = self.files.get_or_insert_default();
                let goes_on = dump.next(|file| {
                    files.insert(file.cookie, file.queues);
                });
                if !goes_on.unwrap_or(false) {
                    self.dump = None;
                }
            } else if let Some(scan) = &mut self.scan
                && !scan.go_on(STRIDE)
            {
                self.own = self.scan.take().map(Scan::found);
            }
        }
    }
}

impl Supervisor {
    /// Before a question is put to the host. False: the caller is to try again.
    pub(crate) fn prepare_question(&mut self, id: Id, datagram: &[u8]) -> bool {
        let (now, pid) = (self.now, self.pid);
        let is_begun = match self.netlink_mut(id) {
            Some(netlink) if netlink.is_diag => netlink
                .preparation
                .as_ref()
                .is_some_and(|preparation| now - preparation.at < STALE),
            _ => return true,
        };
        if !is_begun {
            if let Some(netlink) = self.netlink_mut(id) {
                netlink.preparation = Some(Box::new(Preparation::new(pid, datagram, now)));
            }
            // Who closed a file natively has told nobody. It may have been this one: it comes here once more, and finds that
            // this has begun.
            let is_known = self.questions.counted.is_some_and(|at| now - at < FRESH);
            if self.conduits.len() <= FEW || !is_known {
                self.take_census();
                self.questions.counted = Some(now);
            }
        }
        let Some(netlink) = self.netlink_mut(id) else {
            return true;
        };
        netlink.preparation.as_mut().is_none_or(|preparation| {
            preparation.at = now;
            preparation.step();
            preparation.is_over()
        })
    }

    /// Whether a call was told to try again for that.
    pub(crate) fn is_preparing(&mut self, id: Id) -> bool {
        let netlink = self.netlink_mut(id);
        let preparation = netlink.and_then(|netlink| netlink.preparation.as_ref());
        preparation.is_some_and(|preparation| !preparation.is_over())
    }
}
