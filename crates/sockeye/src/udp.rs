//! UDP sockets.

use std::fmt;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use sockeye_core::{Errno, MessageFlags, SocketType};

use crate::address::{ToSocketAddrs, domain, each_address, invalid, to_std};
use crate::error::io_error;
use crate::socket::Socket;
use crate::{Net, options};

/// A UDP socket of a [`Net`], as `std::net::UdpSocket`.
///
/// ```
/// use sockeye::{Net, UdpSocket};
///
/// let net = Net::new()?;
/// let server = UdpSocket::bind(&net, "127.0.0.1:53")?;
/// let client = UdpSocket::bind(&net, "127.0.0.1:0")?;
/// client.send_to(b"who?", server.local_addr()?)?;
/// let mut buffer = [0; 16];
/// let (length, peer) = server.recv_from(&mut buffer)?;
/// assert_eq!((&buffer[..length], peer), (&b"who?"[..], client.local_addr()?));
/// # Ok::<(), std::io::Error>(())
/// ```
pub struct UdpSocket {
    socket: Socket,
}

impl UdpSocket {
    /// A socket with the first of the addresses that is free.
    pub fn bind(net: &Net, addresses: impl ToSocketAddrs) -> io::Result<Self> {
        each_address(addresses, |address| {
            let socket = Socket::new(net, domain(address), SocketType::Datagram)?;
            socket.bind(&(*address).into())?;
            Ok(Self { socket })
        })
    }

    /// Receives a datagram, cut to the buffer, and who sent it.
    pub fn recv_from(&self, buffer: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        self.receive_from(buffer, MessageFlags::empty())
    }

    /// Looks at the next datagram and who sent it.
    pub fn peek_from(&self, buffer: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        self.receive_from(buffer, MessageFlags::PEEK)
    }

    fn receive_from(
        &self,
        buffer: &mut [u8],
        flags: MessageFlags,
    ) -> io::Result<(usize, SocketAddr)> {
        let received = self.socket.receive(&mut [buffer], flags)?;
        let address = received.address.ok_or_else(|| io_error(Errno::EINVAL))?;
        Ok((received.length, to_std(address)?))
    }

    /// Sends a datagram to the first of the addresses.
    pub fn send_to(&self, data: &[u8], addresses: impl ToSocketAddrs) -> io::Result<usize> {
        let address = addresses.to_socket_addrs()?.into_iter().next();
        let address = address.ok_or_else(|| invalid("no addresses to send data to".to_owned()))?;
        self.socket.send(data, Some(&address.into()))
    }

    /// Sets the peer: the one that `send` sends to and datagrams are received from.
    pub fn connect(&self, addresses: impl ToSocketAddrs) -> io::Result<()> {
        each_address(addresses, |address| self.socket.connect(&(*address).into()))
    }

    /// Sends a datagram to the peer.
    pub fn send(&self, data: &[u8]) -> io::Result<usize> {
        self.socket.send(data, None)
    }

    /// Receives a datagram of the peer, cut to the buffer.
    pub fn recv(&self, buffer: &mut [u8]) -> io::Result<usize> {
        Ok(self
            .socket
            .receive(&mut [buffer], MessageFlags::empty())?
            .length)
    }

    /// Looks at the next datagram of the peer.
    pub fn peek(&self, buffer: &mut [u8]) -> io::Result<usize> {
        Ok(self
            .socket
            .receive(&mut [buffer], MessageFlags::PEEK)?
            .length)
    }

    /// The peer set by [`connect`](Self::connect).
    pub fn peer_addr(&self) -> io::Result<SocketAddr> {
        to_std(self.socket.peer_address()?)
    }

    /// The socket's address.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        to_std(self.socket.local_address()?)
    }

    /// Another handle on the same socket.
    pub fn try_clone(&self) -> io::Result<Self> {
        Ok(Self {
            socket: self.socket.clone(),
        })
    }

    /// How long receiving waits; it answers `WouldBlock` then. `None` is for ever, zero is refused.
    pub fn set_read_timeout(&self, timeout: Option<Duration>) -> io::Result<()> {
        self.socket.set_timeout(options::READ_TIMEOUT, timeout)
    }

    /// How long sending waits; it answers `WouldBlock` then. `None` is for ever, zero is refused.
    pub fn set_write_timeout(&self, timeout: Option<Duration>) -> io::Result<()> {
        self.socket.set_timeout(options::WRITE_TIMEOUT, timeout)
    }

    /// How long receiving waits.
    pub fn read_timeout(&self) -> io::Result<Option<Duration>> {
        self.socket.timeout(options::READ_TIMEOUT)
    }

    /// How long sending waits.
    pub fn write_timeout(&self) -> io::Result<Option<Duration>> {
        self.socket.timeout(options::WRITE_TIMEOUT)
    }

    /// `SO_BROADCAST`: whether it may send to broadcast addresses.
    pub fn set_broadcast(&self, broadcast: bool) -> io::Result<()> {
        self.socket.set_option(options::BROADCAST, broadcast.into())
    }

    /// `SO_BROADCAST`.
    pub fn broadcast(&self) -> io::Result<bool> {
        Ok(self.socket.option(options::BROADCAST)? != 0)
    }

    /// `IP_MULTICAST_LOOP`: whether this host's members hear what the socket sends to an IPv4 group.
    pub fn set_multicast_loop_v4(&self, multicast_loop_v4: bool) -> io::Result<()> {
        self.socket
            .set_option(options::MULTICAST_LOOP, multicast_loop_v4.into())
    }

    /// `IP_MULTICAST_LOOP`.
    pub fn multicast_loop_v4(&self) -> io::Result<bool> {
        Ok(self.socket.option(options::MULTICAST_LOOP)? != 0)
    }

    /// `IP_MULTICAST_TTL`: 1 at first, so that datagrams to groups stay on their link.
    pub fn set_multicast_ttl_v4(&self, multicast_ttl_v4: u32) -> io::Result<()> {
        let ttl = i32::try_from(multicast_ttl_v4).unwrap_or(i32::MAX);
        self.socket.set_option(options::MULTICAST_TTL, ttl)
    }

    /// `IP_MULTICAST_TTL`.
    pub fn multicast_ttl_v4(&self) -> io::Result<u32> {
        Ok(u32::try_from(self.socket.option(options::MULTICAST_TTL)?).unwrap_or(0))
    }

    /// `IPV6_MULTICAST_LOOP`: whether this host's members hear what the socket sends to an IPv6 group.
    pub fn set_multicast_loop_v6(&self, multicast_loop_v6: bool) -> io::Result<()> {
        self.socket
            .set_option(options::MULTICAST_LOOP_V6, multicast_loop_v6.into())
    }

    /// `IPV6_MULTICAST_LOOP`.
    pub fn multicast_loop_v6(&self) -> io::Result<bool> {
        Ok(self.socket.option(options::MULTICAST_LOOP_V6)? != 0)
    }

    /// Joins an IPv4 group on the interface of this address, or where the group is routed to if it is `0.0.0.0`.
    pub fn join_multicast_v4(&self, multiaddr: &Ipv4Addr, interface: &Ipv4Addr) -> io::Result<()> {
        let request = [multiaddr.octets(), interface.octets()].concat();
        self.socket.set_bytes(options::ADD_MEMBERSHIP, &request)
    }

    /// Joins an IPv6 group on the interface of this number, or any if it is 0.
    pub fn join_multicast_v6(&self, multiaddr: &Ipv6Addr, interface: u32) -> io::Result<()> {
        let request = [&multiaddr.octets()[..], &interface.to_ne_bytes()].concat();
        self.socket.set_bytes(options::ADD_MEMBERSHIP_V6, &request)
    }

    /// Leaves an IPv4 group.
    pub fn leave_multicast_v4(&self, multiaddr: &Ipv4Addr, interface: &Ipv4Addr) -> io::Result<()> {
        let request = [multiaddr.octets(), interface.octets()].concat();
        self.socket.set_bytes(options::DROP_MEMBERSHIP, &request)
    }

    /// Leaves an IPv6 group.
    pub fn leave_multicast_v6(&self, multiaddr: &Ipv6Addr, interface: u32) -> io::Result<()> {
        let request = [&multiaddr.octets()[..], &interface.to_ne_bytes()].concat();
        self.socket.set_bytes(options::DROP_MEMBERSHIP_V6, &request)
    }

    /// `IP_TTL`.
    pub fn set_ttl(&self, ttl: u32) -> io::Result<()> {
        self.socket
            .set_option(options::TTL, i32::try_from(ttl).unwrap_or(i32::MAX))
    }

    /// `IP_TTL`.
    pub fn ttl(&self) -> io::Result<u32> {
        Ok(u32::try_from(self.socket.option(options::TTL)?).unwrap_or(0))
    }

    /// Takes the error that is pending (`SO_ERROR`).
    pub fn take_error(&self) -> io::Result<Option<io::Error>> {
        self.socket.take_error()
    }

    /// Whether calls answer `WouldBlock` instead of waiting.
    pub fn set_nonblocking(&self, nonblocking: bool) -> io::Result<()> {
        self.socket.set_nonblocking(nonblocking);
        Ok(())
    }
}

impl fmt::Debug for UdpSocket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.socket.describe("UdpSocket", to_std, f)
    }
}
