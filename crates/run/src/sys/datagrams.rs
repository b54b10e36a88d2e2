//! Datagrams of the machine with the address of its own that they came to, and are answered from.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::os::fd::BorrowedFd;

use super::messages::{Control, receive_with};
use super::{Name, control_messages, push_control_message, send_message, set_int_option};

/// Makes [`receive_datagram`] tell the own address.
pub(crate) fn tell_own_address(fd: BorrowedFd<'_>, is_v6: bool) -> io::Result<()> {
    if is_v6 {
        set_int_option(fd, libc::IPPROTO_IPV6, libc::IPV6_RECVPKTINFO, 1)
    } else {
        set_int_option(fd, libc::IPPROTO_IP, libc::IP_PKTINFO, 1)
    }
}

/// What [`receive_datagram`] found.
pub(crate) struct ReceivedDatagram {
    pub(crate) length: usize,
    pub(crate) name: Name,
    /// The address that it came to.
    pub(crate) own: Option<IpAddr>,
}

/// `recvmsg(2)`, never blocking.
pub(crate) fn receive_datagram(
    fd: BorrowedFd<'_>,
    buffer: &mut [u8],
) -> io::Result<ReceivedDatagram> {
    let mut control = Control::<64>::EMPTY;
    let told = receive_with(fd, buffer, &mut control, libc::MSG_DONTWAIT)?;
    Ok(ReceivedDatagram {
        length: told.length,
        name: told.name,
        own: own_address(told.control),
    })
}

/// The address in `IP_PKTINFO` or `IPV6_PKTINFO` that an answer may come from.
fn own_address(control: &[u8]) -> Option<IpAddr> {
    let messages = control_messages(control)?;
    messages.into_iter().find_map(|message| match message {
        // Interface, the address to answer from, the one in the packet.
        (libc::IPPROTO_IP, libc::IP_PKTINFO, [_, _, _, _, a, b, c, d, ..]) => {
            Some(Ipv4Addr::new(*a, *b, *c, *d).into())
        }
        (libc::IPPROTO_IPV6, libc::IPV6_PKTINFO, data) => {
            let octets: [u8; 16] = data.get(..16)?.try_into().ok()?;
            Some(Ipv6Addr::from(octets).into()).filter(|own: &IpAddr| !own.is_multicast())
        }
        _ => None,
    })
}

/// `sendmsg(2)` from an address of the machine, if one is named, never blocking.
pub(crate) fn send_datagram(
    fd: BorrowedFd<'_>,
    data: &[u8],
    target: &Name,
    own: Option<IpAddr>,
) -> io::Result<usize> {
    let mut control = Vec::new();
    match own {
        Some(IpAddr::V4(own)) => {
            let [a, b, c, d] = own.octets();
            let info = [0, 0, 0, 0, a, b, c, d, 0, 0, 0, 0];
            push_control_message(&mut control, libc::IPPROTO_IP, libc::IP_PKTINFO, &info);
        }
        Some(IpAddr::V6(own)) => {
            let mut info = [0; 20];
            info[..16].copy_from_slice(&own.octets());
            push_control_message(&mut control, libc::IPPROTO_IPV6, libc::IPV6_PKTINFO, &info);
        }
        None => {}
    }
    send_message(fd, data, Some(target), &control, 0)
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;
    use std::os::fd::AsFd;

    use super::*;
    use crate::sys;

    #[test]
    fn a_datagram_tells_to_which_address_it_came_and_is_answered_from_there() {
        let families = [
            (libc::AF_INET, "0.0.0.0:0", "127.0.0.77", "127.0.0.1:0"),
            (libc::AF_INET6, "[::]:0", "::1", "[::1]:0"),
        ];
        for (family, any, own, client) in families {
            let bound = |name: &str| {
                let socket = sys::socket(family, libc::SOCK_DGRAM, true).ok()?;
                sys::bind(socket.as_fd(), &Name::internet(name.parse().unwrap())).ok()?;
                let name = sys::own_name(socket.as_fd()).ok()?.as_internet()?;
                Some((socket, name))
            };
            let (Some((server, at)), Some((asker, name))) = (bound(any), bound(client)) else {
                // A machine without IPv6.
                assert_eq!(family, libc::AF_INET6);
                continue;
            };
            tell_own_address(server.as_fd(), family == libc::AF_INET6).unwrap();
            let own: IpAddr = own.parse().unwrap();
            let to = Name::internet(SocketAddr::new(own, at.port()));
            sys::send_to(asker.as_fd(), b"question", &to).unwrap();
            let mut buffer = [0; 100];
            let received = receive_datagram(server.as_fd(), &mut buffer).unwrap();
            assert_eq!(buffer.get(..received.length), Some(&b"question"[..]));
            assert_eq!(received.name.as_internet(), Some(name));
            assert_eq!(received.own, Some(own));
            for from in [Some(own), None] {
                send_datagram(server.as_fd(), b"", &received.name, from).unwrap();
                let answer = receive_datagram(asker.as_fd(), &mut buffer).unwrap();
                assert_eq!((answer.length, answer.own), (0, None));
                if from.is_some() {
                    let sender = answer.name.as_internet();
                    assert_eq!(sender, Some(SocketAddr::new(own, at.port())));
                }
            }
        }
    }

    #[test]
    fn a_link_local_name_keeps_its_interface() {
        for (text, scope) in [("[fe80::1%7]:53", 7), ("[::1]:53", 0), ("127.0.0.1:53", 0)] {
            let address: SocketAddr = text.parse().unwrap();
            let name = Name::internet(address);
            assert_eq!(name.scope(), scope);
            let known = name.as_internet().unwrap();
            assert_eq!((known.ip(), known.port()), (address.ip(), 53));
        }
    }
}
