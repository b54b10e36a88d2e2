//! `IPPROTO_UDPLITE` (udplite(7)): how much the checksum covers.

use super::table::{Access, Entry, IPPROTO_UDPLITE, Scope, Target};
use crate::Errno;
use crate::datagram::Protocol;
use crate::socket::Endpoint;
use crate::udp::Coverage;

pub(super) const SEND_COVERAGE: Entry = Entry::new(
    IPPROTO_UDPLITE,
    10,
    "UDPLITE_SEND_CSCOV",
    Scope::UDP,
    Access::Int(
        |t| Ok(get(t)?.send.unwrap_or(0).into()),
        |t, value| {
            coverage(t)?.send = Some(Coverage::from_option(value));
            Ok(())
        },
    ),
);

pub(super) const RECEIVE_COVERAGE: Entry = Entry::new(
    IPPROTO_UDPLITE,
    11,
    "UDPLITE_RECV_CSCOV",
    Scope::UDP,
    Access::Int(
        |t| Ok(get(t)?.receive.unwrap_or(0).into()),
        |t, value| {
            coverage(t)?.receive = Some(Coverage::from_option(value));
            Ok(())
        },
    ),
);

/// A UDP socket can be asked, too, and has none.
fn get(t: &Target<'_>) -> Result<Coverage, Errno> {
    Ok(match &t.socket()?.endpoint {
        Endpoint::Datagram(endpoint) => match &endpoint.protocol {
            Protocol::UdpLite(coverage) => *coverage,
            Protocol::Udp | Protocol::Ping | Protocol::Raw(_) => Coverage::default(),
        },
        Endpoint::Unix(_) | Endpoint::Tcp(_) | Endpoint::Listener(_) | Endpoint::Netlink(_) => {
            Coverage::default()
        }
    })
}

fn coverage<'a>(t: &'a mut Target<'_>) -> Result<&'a mut Coverage, Errno> {
    match &mut t.socket_mut()?.endpoint {
        Endpoint::Datagram(endpoint) => match &mut endpoint.protocol {
            Protocol::UdpLite(coverage) => Ok(coverage),
            Protocol::Udp | Protocol::Ping | Protocol::Raw(_) => Err(Errno::ENOPROTOOPT),
        },
        Endpoint::Unix(_) | Endpoint::Tcp(_) | Endpoint::Listener(_) | Endpoint::Netlink(_) => {
            Err(Errno::ENOPROTOOPT)
        }
    }
}
