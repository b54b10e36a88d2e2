//! The request queue of a listener: connections in SYN-RECEIVED (`request_sock_queue`).

use alloc::collections::BTreeSet;

use crate::ids::SocketId;

/// Connections that wait for the last segment of their handshake.
#[derive(Debug, Default)]
pub(super) struct Requests {
    /// Their SYN-ACK was sent once.
    young: BTreeSet<SocketId>,
    /// It was sent again, or would have been.
    old: BTreeSet<SocketId>,
}

impl Requests {
    pub(super) fn len(&self) -> usize {
        self.young.len() + self.old.len()
    }

    pub(super) fn insert(&mut self, request: SocketId) {
        self.young.insert(request);
    }

    pub(super) fn remove(&mut self, request: SocketId) {
        if !self.young.remove(&request) {
            self.old.remove(&request);
        }
    }

    /// A SYN-ACK was not answered in time.
    pub(super) fn note_timeout(&mut self, request: SocketId) {
        if self.young.remove(&request) {
            self.old.insert(request);
        }
    }

    /// All of them.
    pub(super) fn into_iter(self) -> impl Iterator<Item = SocketId> {
        self.young.into_iter().chain(self.old)
    }

    /// How often a SYN-ACK is sent again at most, of so many times. Half of the backlog is kept for the young, most of which
    /// are answered at once: where others take more than that, each time as many old ones as young ones fit in costs one
    /// repetition, down to two (`reqsk_timer_handler`).
    pub(super) fn patience(&self, backlog: usize, mut retries: u8) -> u8 {
        let all = self.len();
        if all * 2 <= backlog.max(8) {
            return retries;
        }
        let mut young = self.young.len() * 2;
        while retries > 2 && all >= young {
            retries -= 1;
            young *= 2;
        }
        retries
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use super::*;
    use crate::{Config, Credentials, Domain, Host, SocketType};

    /// Requests of which so many are old.
    fn requests(all: usize, old: usize) -> Requests {
        let mut host = Host::new(Config::default());
        let mut requests = Requests::default();
        for index in 0..all {
            let id = host.socket(Domain::Inet, SocketType::Stream, 0, Credentials::ROOT);
            let id = id.unwrap();
            requests.insert(id);
            if index < old {
                requests.note_timeout(id);
            }
        }
        requests
    }

    #[test]
    fn a_queue_that_is_half_empty_has_patience() {
        assert_eq!(requests(4, 4).patience(1, 5), 5);
        assert_eq!(requests(50, 50).patience(100, 5), 5);
    }

    #[test]
    fn old_ones_cost_those_behind_them_repetitions() {
        // Twice the young is more than all.
        assert_eq!(requests(60, 29).patience(100, 5), 5);
        assert_eq!(requests(60, 30).patience(100, 5), 4);
        assert_eq!(requests(60, 45).patience(100, 5), 3);
        assert_eq!(requests(60, 53).patience(100, 5), 2);
    }

    #[test]
    fn two_repetitions_are_left() {
        assert_eq!(requests(60, 60).patience(100, 5), 2);
        assert_eq!(requests(60, 60).patience(100, 1), 1);
    }

    #[test]
    fn what_comes_to_an_end_is_no_request_any_more() {
        let mut requests = requests(2, 1);
        let ids: Vec<SocketId> = requests
            .young
            .iter()
            .chain(&requests.old)
            .copied()
            .collect();
        for id in ids {
            requests.remove(id);
            requests.note_timeout(id);
        }
        assert_eq!(requests.len(), 0);
    }
}
