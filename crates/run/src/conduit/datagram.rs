//! UDP, ICMP echo and raw sockets: the program's file is a bound AF_UNIX datagram socket.
//!
//! What arrives for the socket is put into the file from ends whose names say where it came from, so that the queue is
//! the kernel's and `poll` is right. Once connected, the file is one half of a pair and sending is native.

use std::os::fd::OwnedFd;

use crate::datagrams::Told;
use crate::netlink::Netlink;

/// A datagram on its way to the program, from a name.
#[derive(Debug)]
pub(crate) struct PendingDatagram {
    pub(crate) data: Vec<u8>,
    pub(crate) source: Vec<u8>,
    pub(crate) control: Vec<u8>,
}

/// A datagram socket.
#[derive(Debug, Default)]
pub(crate) struct Datagram {
    /// The other half of the pair, while the socket is connected.
    pub(crate) end: Option<OwnedFd>,
    /// An error that the host has told and the program's own calls may still ask for.
    pub(crate) error: Option<Told>,
    /// Didn't fit into the file's queue when last tried.
    pub(crate) pending: Option<PendingDatagram>,
    /// Tells when there is room again: an end connected to the file.
    pub(crate) bell: Option<OwnedFd>,
    /// Of a netlink socket.
    pub(crate) netlink: Option<Box<Netlink>>,
}
