//! Rows in process: the same body for the kernel's sockets, smoltcp's and ours. Unless a row says otherwise, one thread
//! on one core drives both ends of a connection.

pub(crate) mod churn;
pub(crate) mod flat_cost;
pub(crate) mod flow;
pub(crate) mod idle_memory;
mod ours;
pub(crate) mod ping_pong;
pub(crate) mod threads;
mod wired;

use std::io;

/// One end of a pair.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// The end that connected.
    Client,
    /// The end that was accepted.
    Server,
}

/// A connection of which one thread holds both ends. Nothing blocks: 0 means that it would.
pub(crate) trait Pair {
    /// Writes to one end.
    fn write(&mut self, end: End, data: &[u8]) -> io::Result<usize>;
    /// Reads from one end.
    fn read(&mut self, end: End, buffer: &mut [u8]) -> io::Result<usize>;
    /// Called once each time round the loop that drives the pair.
    fn tick(&mut self) {}
}
