//! All conduits of a run, found by what is at hand: the file's cookie, or the host's socket.

use std::collections::BTreeMap;

use sockeye_core::SocketId;

use super::Conduit;
use crate::slab::{Id, Slab};

/// The table of conduits.
#[derive(Debug, Default)]
pub(crate) struct Conduits {
    slab: Slab<Conduit>,
    by_cookie: BTreeMap<u64, Id>,
    by_socket: BTreeMap<SocketId, Id>,
}

impl Conduits {
    pub(crate) fn insert(&mut self, conduit: Conduit) -> Id {
        let (cookie, socket) = (conduit.cookie, conduit.socket);
        let id = self.slab.insert_with(|_| conduit);
        if cookie != 0 {
            self.by_cookie.insert(cookie, id);
        }
        self.by_socket.insert(socket, id);
        id
    }

    /// The file of a connection is known now that it has been accepted.
    pub(crate) fn set_cookie(&mut self, id: Id, cookie: u64) {
        if let Some(conduit) = self.slab.get_mut(id) {
            if conduit.cookie != 0 {
                self.by_cookie.remove(&conduit.cookie);
            }
            conduit.cookie = cookie;
            self.by_cookie.insert(cookie, id);
        }
    }

    pub(crate) fn get(&self, id: Id) -> Option<&Conduit> {
        self.slab.get(id)
    }

    pub(crate) fn get_mut(&mut self, id: Id) -> Option<&mut Conduit> {
        self.slab.get_mut(id)
    }

    pub(crate) fn by_cookie(&self, cookie: u64) -> Option<Id> {
        self.by_cookie.get(&cookie).copied()
    }

    pub(crate) fn by_socket(&self, socket: SocketId) -> Option<Id> {
        self.by_socket.get(&socket).copied()
    }

    pub(crate) fn remove(&mut self, id: Id) -> Option<Conduit> {
        let conduit = self.slab.remove(id)?;
        if conduit.cookie != 0 {
            self.by_cookie.remove(&conduit.cookie);
        }
        self.by_socket.remove(&conduit.socket);
        Some(conduit)
    }

    pub(crate) fn len(&self) -> usize {
        self.slab.len()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (Id, &Conduit)> {
        self.slab.iter()
    }
}
