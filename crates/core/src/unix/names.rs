//! Names of `AF_UNIX` sockets: abstract ones, autobind, and paths by way of a resolver.

use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use core::fmt;
use core::hash::BuildHasherDefault;

use siphasher::sip::SipHasher13;

use crate::{Credentials, Errno, SocketId, SocketType};

/// Deterministic, and names are chosen by the host's own programs.
type Table<K, V> = hashbrown::HashMap<K, V, BuildHasherDefault<SipHasher13>>;

/// What a path leads to: a file's identity, like an inode number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PathNode(pub u64);

/// Resolves the paths of `AF_UNIX` sockets. Whoever embeds a host decides what the file system is.
pub trait PathResolver: fmt::Debug + Send + Sync {
    /// Makes the socket file that `bind(2)` makes.
    ///
    /// # Errors
    /// `EADDRINUSE` if there is a file already, `ENOENT`, `EACCES`, ... as `mknod(2)`.
    fn create(&mut self, path: &[u8], credentials: Credentials) -> Result<PathNode, Errno>;

    /// The socket file at a path that `credentials` may write to.
    ///
    /// # Errors
    /// `ENOENT` if there is no file, `ECONNREFUSED` if it is no socket, `EACCES`, ...
    fn find(&mut self, path: &[u8], credentials: Credentials) -> Result<PathNode, Errno>;

    /// Removes the file.
    ///
    /// # Errors
    /// `ENOENT` if there is none.
    fn unlink(&mut self, path: &[u8]) -> Result<(), Errno>;
}

/// The resolver of a host that knows no file system: any path can be made, and stays until it is unlinked.
#[derive(Debug, Default)]
pub struct PathTable {
    nodes: BTreeMap<Box<[u8]>, PathNode>,
    next: u64,
}

/// A bound on a table that programs can grow: Linux's file systems have one too.
const MOST_PATHS: usize = 1 << 20;

impl PathResolver for PathTable {
    fn create(&mut self, path: &[u8], _credentials: Credentials) -> Result<PathNode, Errno> {
        if self.nodes.contains_key(path) {
            return Err(Errno::EADDRINUSE);
        }
        if self.nodes.len() >= MOST_PATHS {
            return Err(Errno::ENOSPC);
        }
        self.next += 1;
        let node = PathNode(self.next);
        self.nodes.insert(path.into(), node);
        Ok(node)
    }

    fn find(&mut self, path: &[u8], _credentials: Credentials) -> Result<PathNode, Errno> {
        self.nodes.get(path).copied().ok_or(Errno::ENOENT)
    }

    fn unlink(&mut self, path: &[u8]) -> Result<(), Errno> {
        self.nodes.remove(path).map(|_| ()).ok_or(Errno::ENOENT)
    }
}

/// Which socket each name leads to.
#[derive(Debug)]
pub(crate) struct Names {
    /// Each type has abstract names of its own: Linux mixes the type into the hash.
    abstracts: Table<(SocketType, Box<[u8]>), SocketId>,
    nodes: Table<PathNode, SocketId>,
    pub(super) resolver: Box<dyn PathResolver>,
}

impl Default for Names {
    fn default() -> Self {
        Self {
            abstracts: Table::default(),
            nodes: Table::default(),
            resolver: Box::new(PathTable::default()),
        }
    }
}

impl Names {
    pub(super) fn bind_abstract(
        &mut self,
        kind: SocketType,
        name: &[u8],
        id: SocketId,
    ) -> Result<(), Errno> {
        match self.abstracts.entry((kind, name.into())) {
            hashbrown::hash_map::Entry::Occupied(_) => Err(Errno::EADDRINUSE),
            hashbrown::hash_map::Entry::Vacant(entry) => {
                entry.insert(id);
                Ok(())
            }
        }
    }

    pub(super) fn find_abstract(&self, kind: SocketType, name: &[u8]) -> Option<SocketId> {
        self.abstracts.get(&(kind, Box::from(name))).copied()
    }

    pub(super) fn unbind_abstract(&mut self, kind: SocketType, name: &[u8]) {
        self.abstracts.remove(&(kind, Box::from(name)));
    }

    pub(super) fn bind_node(&mut self, node: PathNode, id: SocketId) {
        self.nodes.insert(node, id);
    }

    pub(super) fn find_node(&self, node: PathNode) -> Option<SocketId> {
        self.nodes.get(&node).copied()
    }

    pub(super) fn unbind_node(&mut self, node: PathNode, id: SocketId) {
        if self.nodes.get(&node) == Some(&id) {
            self.nodes.remove(&node);
        }
    }
}

/// The name that Linux's autobind makes of a number: five hexadecimal digits.
pub(super) fn autobind_name(number: u32) -> [u8; 5] {
    let digit = |shift: u32| {
        let nibble = (number >> shift) & 0xf;
        b"0123456789abcdef"
            .get(nibble as usize)
            .copied()
            .unwrap_or(b'0')
    };
    [digit(16), digit(12), digit(8), digit(4), digit(0)]
}
