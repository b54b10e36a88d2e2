//! Messages that come in parts: `UDP_CORK`, and `MSG_MORE` of UDP and raw sockets.
//!
//! The first part decides where it all goes, and with what control messages; later parts are data alone, whatever address
//! they name (`udp_sendmsg`: `do_append_data`). A raw socket looks at every part's address all the same.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::net::IpAddr;

use bytes::Bytes;

use super::send::{Extent, Prepared, depart, most, prepare, refuse_gathered};
use super::{endpoint, zero_copy};
use crate::host::Host;
use crate::message::Outgoing;
use crate::socket::Endpoint;
use crate::{Domain, Errno, SocketAddress, SocketId};

/// The beginning of a message.
#[derive(Debug)]
pub(super) struct Gathered {
    prepared: Prepared,
    data: Vec<u8>,
    /// Parts of which the end is to be told (`MSG_ZEROCOPY`).
    zero_copies: u32,
}

/// Adds a part, and sends it all if there `is_more` no longer. What can't be added is the end of what was gathered.
pub(super) fn add(
    host: &mut Host,
    id: SocketId,
    message: &Outgoing<'_>,
    extent: Extent,
    is_more: bool,
) -> Result<(), Errno> {
    let socket = host.get_mut(id)?;
    let domain = socket.domain;
    let endpoint = endpoint!(socket);
    let is_begun = endpoint.is_gathering();
    let mut prepared = None;
    if !is_begun || !endpoint.protocol.is_udp() {
        prepared = Some(prepare(
            host,
            id,
            message.address,
            &message.ancillary,
            extent,
        )?);
    } else if let (Domain::Inet6, Some(SocketAddress::Malformed(errno))) = (domain, message.address)
    {
        // udpv6_sendmsg looks at each address all the same, to know whether it is for udp_sendmsg.
        return Err(*errno);
    }
    let is_zero_copy = zero_copy::is_asked_for(host, id, message)?;
    let begun = endpoint!(host.get_mut(id)?).gathered.take();
    let fresh = prepared.map(|prepared| {
        Box::new(Gathered {
            prepared,
            data: Vec::new(),
            zero_copies: 0,
        })
    });
    // One of the two is there.
    let Some(mut gathered) = begun.or(fresh) else {
        return Ok(());
    };
    if gathered.data.len() + extent.length > most(host, id, &gathered.prepared) {
        refuse_gathered(host, id, &gathered.prepared);
        return Err(Errno::EMSGSIZE);
    }
    gathered.zero_copies = gathered.zero_copies.saturating_add(is_zero_copy.into());
    for piece in message.data {
        gathered.data.extend_from_slice(piece);
    }
    if is_more {
        endpoint!(host.get_mut(id)?).gathered = Some(gathered);
        return Ok(());
    }
    gathered.send(host, id)
}

impl Gathered {
    fn send(self, host: &mut Host, id: SocketId) -> Result<(), Errno> {
        let Self {
            prepared,
            data,
            zero_copies,
        } = self;
        depart(host, id, &prepared, Bytes::from(data))?;
        zero_copy::done(host, id, zero_copies);
        Ok(())
    }

    /// `connect` to an IPv4 peer writes over the names of what is gathered, as it uses the same place for them in Linux
    /// (`inet->cork.fl`); over IPv6 it does not.
    pub(super) fn connect(&mut self, source: IpAddr, peer: IpAddr, port: u16) {
        if peer.is_ipv4() && source.is_ipv4() {
            self.prepared.redirect(source, peer, port);
        }
    }
}

/// Sends what is gathered: `UDP_CORK` was switched off. That it could not be sent, nobody is told.
pub(crate) fn push(host: &mut Host, id: SocketId) -> Result<(), Errno> {
    let gathered = endpoint!(host.get_mut(id)?).gathered.take();
    if let Some(gathered) = gathered {
        let _ = gathered.send(host, id);
    }
    Ok(())
}
