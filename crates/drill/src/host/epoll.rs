//! `epoll` over a host's sockets.

use std::collections::BTreeMap;

use sockeye_core::{Errno, Host, SocketId};

use super::files::bits;

const ADD: i32 = 1;
const DEL: i32 = 2;
const MOD: i32 = 3;
const ONE_SHOT: u32 = 1 << 30;
const EDGE: u32 = 1 << 31;
const EXCLUSIVE: u32 = 1 << 28;
/// What may go along with `EPOLLEXCLUSIVE`: `EPOLLIN`, `EPOLLOUT`, `EPOLLERR`, `EPOLLHUP`, `EPOLLWAKEUP`, `EPOLLET`.
const EXCLUSIVE_OK: u32 = 0x1d | 1 << 29 | EDGE | EXCLUSIVE;
/// `EPOLLERR | EPOLLHUP`: told whether asked for or not.
const ALWAYS: u32 = 0x18;

#[derive(Debug)]
struct Interest {
    socket: SocketId,
    events: u32,
    data: u64,
    /// What an edge-triggered interest has told: the bits, and how many edges there were.
    told: Option<(u32, u32)>,
}

/// One epoll instance.
#[derive(Debug, Default)]
pub(super) struct Epoll {
    interests: BTreeMap<i32, Interest>,
}

impl Epoll {
    pub(super) fn control(
        &mut self,
        operation: i32,
        fd: i32,
        socket: SocketId,
        events: u32,
        data: u64,
    ) -> Result<(), Errno> {
        let interest = Interest {
            socket,
            events,
            data,
            told: None,
        };
        let known = self.interests.contains_key(&fd);
        // Exclusive from the first on, or never; `do_epoll_ctl`.
        let is_exclusive = events & EXCLUSIVE != 0;
        let was_exclusive = (self.interests.get(&fd)).is_some_and(|i| i.events & EXCLUSIVE != 0);
        if (is_exclusive && (operation == MOD || events & !EXCLUSIVE_OK != 0))
            || (was_exclusive && operation == MOD)
        {
            return Err(Errno::EINVAL);
        }
        match (operation, known) {
            (ADD, true) => return Err(Errno::EEXIST),
            (MOD | DEL, false) => return Err(Errno::ENOENT),
            (ADD | MOD, _) => {
                self.interests.insert(fd, interest);
            }
            (DEL, true) => {
                self.interests.remove(&fd);
            }
            _ => return Err(Errno::EINVAL),
        }
        Ok(())
    }

    /// The descriptor was closed.
    pub(super) fn forget(&mut self, fd: i32) {
        self.interests.remove(&fd);
    }

    /// What there is to tell now.
    pub(super) fn wait(&mut self, host: &Host, room: usize) -> Vec<(u32, u64)> {
        let mut list = Vec::new();
        for interest in self.interests.values_mut() {
            // Disabled by EPOLLONESHOT.
            if interest.events & !(ONE_SHOT | EDGE) == 0 {
                continue;
            }
            let ready = u32::from(bits(host.readiness(interest.socket)));
            let ready = ready & (interest.events | ALWAYS);
            if interest.events & EDGE != 0 {
                let edges = host.edges(interest.socket);
                let news = interest
                    .told
                    .is_none_or(|(told, at)| ready & !told != 0 || at != edges);
                interest.told = Some((ready, edges));
                if !news {
                    continue;
                }
            }
            if ready == 0 || list.len() == room {
                continue;
            }
            list.push((ready, interest.data));
            if interest.events & ONE_SHOT != 0 {
                interest.events &= ONE_SHOT | EDGE;
            }
        }
        list
    }
}
