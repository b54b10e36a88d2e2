//! What a listener with `TCP_SAVE_SYN` keeps of the SYNs that come to it.

use alloc::boxed::Box;
use alloc::vec::Vec;

use sockeye_tcp::Connection;

use super::connect::Chosen;
use crate::Instant;
use crate::host::Host;
use crate::ids::{InterfaceId, SocketId};
use crate::options::SaveSyn;

/// Keeps the headers of the SYN that `child` came from, if its listener asks for it. An answer by a cookie has no child and
/// keeps nothing, as in Linux.
pub(super) fn keep(
    host: &mut Host,
    child: Option<SocketId>,
    headers: &[u8],
    interface: InterfaceId,
) {
    let socket = child.and_then(|child| host.sockets.get_mut(child));
    let Some(options) = socket.map(|socket| &mut socket.options) else {
        return;
    };
    let Some(how) = options.save_syn() else {
        return;
    };
    let link = match how {
        SaveSyn::Link if interface == InterfaceId::LOOPBACK => ethernet_of_loopback(headers),
        // Packets of the other interfaces have no header before IP's.
        SaveSyn::Link | SaveSyn::Network => Vec::new(),
    };
    let all = link.iter().chain(headers).copied();
    options.keep_syn(all.collect::<Box<[u8]>>());
}

/// The same for the server's end of a joined connection: the SYN that the client would have sent over the loopback.
pub(super) fn keep_of_joined(
    host: &mut Host,
    client: SocketId,
    server: SocketId,
    chosen: &Chosen,
    now: Instant,
) {
    let asks = |host: &Host| host.get(server).ok()?.options.save_syn();
    if asks(host).is_none() {
        return;
    }
    let Some(parts) = super::endpoint_mut(&mut host.sockets, client) else {
        return;
    };
    let (tuple, path, stack) = (&chosen.tuple, &chosen.path, &mut host.stack);
    let mut settings = super::output::settings(stack, tuple, path, parts.options, now);
    if let Some(before) = chosen.before {
        before.follow(&mut settings);
    }
    let Some(mut syn) = Connection::connect(settings, now).poll_transmit(now) else {
        return;
    };
    let fragmentation = super::path::fragmentation(stack, tuple.remote, path, parts.options);
    let label = super::output::flow_label(stack, tuple, parts.options, 0);
    let how = (fragmentation, label);
    let frame = super::output::packet(stack, tuple, path, parts.options, how, &mut syn);
    keep(host, Some(server), &frame.headers, path.interface);
}

/// `lo` is an Ethernet whose addresses are zero.
fn ethernet_of_loopback(headers: &[u8]) -> Vec<u8> {
    let is_v6 = headers.first().is_some_and(|byte| byte >> 4 == 6);
    let kind: u16 = if is_v6 { 0x86dd } else { 0x0800 };
    let mut header = Vec::from([0; 12]);
    header.extend_from_slice(&kind.to_be_bytes());
    header
}
