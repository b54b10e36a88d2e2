//! From a new socket to a connection and back: names, listening, connecting, accepting, shutting down, closing.

use alloc::boxed::Box;

use super::message::settle;
use super::names::autobind_name;
use super::{
    Crowd, State, UnixEndpoint, add_reference, drop_reference, end, end_mut, fail,
    free_if_unreferenced, insert, rights,
};
use crate::options::Switches;
use crate::{
    Accepted, Errno, Host, Instant, Shutdown, SocketAddress, SocketId, SocketType, UnixAddress,
};

/// `sizeof(sun_path)`: a path may fill it without a closing zero.
const LONGEST_PATH: usize = 108;
/// An abstract name shares it with the leading zero.
const LONGEST_ABSTRACT: usize = 107;

/// `unix_validate_addr`: a name of this family that is not empty.
pub(super) fn validate(address: &SocketAddress) -> Result<&UnixAddress, Errno> {
    match address {
        SocketAddress::Unix(UnixAddress::Abstract(name)) if name.len() > LONGEST_ABSTRACT => {
            Err(Errno::EINVAL)
        }
        SocketAddress::Unix(UnixAddress::Path(path))
            if path.is_empty() || path.len() > LONGEST_PATH =>
        {
            Err(Errno::EINVAL)
        }
        SocketAddress::Unix(UnixAddress::Unnamed) => Err(Errno::EINVAL),
        SocketAddress::Unix(name) => Ok(name),
        SocketAddress::V4(_)
        | SocketAddress::V6(_)
        | SocketAddress::Netlink { .. }
        | SocketAddress::Unspecified => Err(Errno::EINVAL),
        SocketAddress::Malformed(errno) => Err(*errno),
    }
}

pub(crate) fn bind(
    host: &mut Host,
    id: SocketId,
    address: &SocketAddress,
    _now: Instant,
) -> Result<(), Errno> {
    if *address == SocketAddress::Unix(UnixAddress::Unnamed) {
        return autobind(host, id);
    }
    let name = validate(address)?;
    let is_named = end(host, id)?.name != UnixAddress::Unnamed;
    let kind = end(host, id)?.kind;
    match name {
        UnixAddress::Path(path) => {
            let credentials = host.get(id)?.credentials();
            let names = &mut host.stack.unix.names;
            // The file is made first: an existing one is EADDRINUSE even for a socket that has a name.
            let node = names.resolver.create(path, credentials)?;
            if is_named {
                // It was made a moment ago, so there is nothing that could be lost.
                let _ = names.resolver.unlink(path);
                return Err(Errno::EINVAL);
            }
            names.bind_node(node, id);
            end_mut(host, id)?.node = Some(node);
        }
        UnixAddress::Abstract(text) => {
            if is_named {
                return Err(Errno::EINVAL);
            }
            host.stack.unix.names.bind_abstract(kind, text, id)?;
        }
        UnixAddress::Unnamed => return Err(Errno::EINVAL),
    }
    end_mut(host, id)?.name = name.clone();
    Ok(())
}

/// A free abstract name of five digits; nothing if the socket has a name.
fn autobind(host: &mut Host, id: SocketId) -> Result<(), Errno> {
    if end(host, id)?.name != UnixAddress::Unnamed {
        return Ok(());
    }
    let kind = end(host, id)?.kind;
    let start = host.stack.rng.next_u32();
    for step in 0..=0xf_ffff {
        let name = autobind_name(start.wrapping_add(step) & 0xf_ffff);
        if host.stack.unix.names.bind_abstract(kind, &name, id).is_ok() {
            end_mut(host, id)?.name = UnixAddress::Abstract(Box::from(name));
            return Ok(());
        }
    }
    // All of the million names are taken.
    Err(Errno::ENOSPC)
}

/// A socket that passes credentials has a name before it sends or connects.
pub(super) fn autobind_if_credentials_pass(host: &mut Host, id: SocketId) -> Result<(), Errno> {
    if host.get(id)?.options.is_on(Switches::PASS_CREDENTIALS) {
        autobind(host, id)?;
    }
    Ok(())
}

/// `unix_find_other`: the open socket a name leads to.
pub(super) fn find(host: &mut Host, id: SocketId, name: &UnixAddress) -> Result<SocketId, Errno> {
    let kind = end(host, id)?.kind;
    let credentials = host.get(id)?.credentials();
    let names = &mut host.stack.unix.names;
    match name {
        UnixAddress::Abstract(text) => names.find_abstract(kind, text).ok_or(Errno::ECONNREFUSED),
        UnixAddress::Path(path) => {
            let node = names.resolver.find(path, credentials)?;
            let other = names.find_node(node).ok_or(Errno::ECONNREFUSED)?;
            if end(host, other)?.kind != kind {
                return Err(Errno::EPROTOTYPE);
            }
            Ok(other)
        }
        UnixAddress::Unnamed => Err(Errno::EINVAL),
    }
}

pub(crate) fn listen(
    host: &mut Host,
    id: SocketId,
    backlog: i32,
    _now: Instant,
) -> Result<(), Errno> {
    // A negative backlog is a very large one.
    let backlog = backlog
        .cast_unsigned()
        .min(host.stack.config.sysctl.somaxconn) as usize;
    let credentials = host.get(id)?.credentials();
    let endpoint = end_mut(host, id)?;
    if !matches!(endpoint.kind, SocketType::Stream | SocketType::SeqPacket) {
        return Err(Errno::EOPNOTSUPP);
    }
    if endpoint.name == UnixAddress::Unnamed || endpoint.state == State::Established {
        return Err(Errno::EINVAL);
    }
    let grows = backlog > endpoint.backlog;
    endpoint.backlog = backlog;
    endpoint.state = State::Listening;
    endpoint.peer_credentials = Some(credentials);
    if grows {
        wake_waiters(host, id);
    }
    Ok(())
}

pub(crate) fn connect(
    host: &mut Host,
    id: SocketId,
    address: &SocketAddress,
    _now: Instant,
) -> Result<(), Errno> {
    if end(host, id)?.kind == SocketType::Datagram {
        return connect_datagram(host, id, address);
    }
    let name = validate(address)?;
    autobind_if_credentials_pass(host, id)?;
    let listener = find(host, id, name)?;
    let other = end(host, listener)?;
    if other.state != State::Listening || other.no_read {
        return Err(Errno::ECONNREFUSED);
    }
    // The listener is judged before the caller's own state: a connected socket may get EAGAIN here.
    if other.is_full() {
        let waiters = &mut end_mut(host, listener)?.crowd().waiters;
        if !waiters.contains(&id) {
            waiters.push(id);
        }
        return Err(Errno::EAGAIN);
    }
    match end(host, id)?.state {
        State::Closed => {}
        State::Established => return Err(Errno::EISCONN),
        State::Listening => return Err(Errno::EINVAL),
    }
    establish(host, id, listener)
}

/// Makes the server's socket and puts it in the listener's queue.
fn establish(host: &mut Host, client: SocketId, listener: SocketId) -> Result<(), Errno> {
    let kind = end(host, client)?.kind;
    let credentials = host.get(client)?.credentials();
    let (listener_credentials, pass) = {
        let socket = host.get(listener)?;
        (
            socket.credentials(),
            socket.options.is_on(Switches::PASS_CREDENTIALS),
        )
    };
    let server = insert(host, kind, listener_credentials, true)?;
    let name = end(host, listener)?.name.clone();
    if let Some(socket) = host.sockets.get_mut(server) {
        // Linux 6.16: SO_PASSCRED is inherited.
        socket
            .options
            .switches
            .set(Switches::PASS_CREDENTIALS, pass);
    }
    let endpoint = end_mut(host, server)?;
    endpoint.state = State::Established;
    endpoint.peer = Some(client);
    endpoint.peer_credentials = Some(credentials);
    endpoint.name = name;
    endpoint.references = 1;
    let listener_credentials = end(host, listener)?.peer_credentials;
    let endpoint = end_mut(host, client)?;
    endpoint.state = State::Established;
    endpoint.peer = Some(server);
    endpoint.peer_credentials = listener_credentials;
    endpoint.references = endpoint.references.saturating_add(1);
    end_mut(host, listener)?.crowd().pending.push_back(server);
    host.wake(listener);
    Ok(())
}

fn connect_datagram(host: &mut Host, id: SocketId, address: &SocketAddress) -> Result<(), Errno> {
    let new = if *address == SocketAddress::Unspecified {
        None
    } else {
        let name = validate(address)?;
        autobind_if_credentials_pass(host, id)?;
        let other = find(host, id, name)?;
        if !may_send(host, id, other)? {
            return Err(Errno::EPERM);
        }
        Some(other)
    };
    let old = end(host, id)?.peer;
    if let Some(other) = new {
        end_mut(host, other)?.state = State::Established;
    }
    set_datagram_peer(host, id, new)?;
    if old.is_some() && old != new {
        forget_old_peer(host, id, old)?;
    }
    Ok(())
}

/// `unix_may_send`: a datagram socket that is connected takes from its peer only.
pub(super) fn may_send(host: &Host, from: SocketId, to: SocketId) -> Result<bool, Errno> {
    Ok(end(host, to)?.peer.is_none_or(|peer| peer == from))
}

/// Changes whom a datagram socket is connected to, and who follows whom.
pub(super) fn set_datagram_peer(
    host: &mut Host,
    id: SocketId,
    new: Option<SocketId>,
) -> Result<(), Errno> {
    let endpoint = end_mut(host, id)?;
    let old = endpoint.peer;
    endpoint.peer = new;
    endpoint.state = if new.is_some() {
        State::Established
    } else {
        State::Closed
    };
    if old == new {
        return Ok(());
    }
    if let Some(other) = new {
        add_reference(host, other);
        end_mut(host, other)?.crowd().followers.push(id);
    }
    if let Some(other) = old {
        if let Ok(other) = end_mut(host, other)
            && let Some(crowd) = &mut other.crowd
        {
            crowd.followers.retain(|follower| *follower != id);
        }
        drop_reference(host, other);
    }
    Ok(())
}

/// `unix_dgram_disconnected`: what the old peer sent is thrown away, and it hears of that.
pub(super) fn forget_old_peer(
    host: &mut Host,
    id: SocketId,
    old: Option<SocketId>,
) -> Result<(), Errno> {
    let Some(old) = old else {
        return Ok(());
    };
    let had_messages = !end(host, id)?.queue.is_empty();
    if had_messages {
        purge(host, id);
        wake_waiters(host, id);
    }
    if let Ok(other) = end_mut(host, old) {
        let points_back = other.peer == Some(id);
        if other.peer.is_none() && !other.is_closed {
            other.state = State::Closed;
        }
        if had_messages && points_back && !other.is_closed {
            fail(host, old, Errno::ECONNRESET);
            host.wake(old);
        }
    }
    Ok(())
}

pub(crate) fn accept(host: &mut Host, id: SocketId, _now: Instant) -> Result<Accepted, Errno> {
    let endpoint = end_mut(host, id)?;
    if endpoint.kind == SocketType::Datagram {
        return Err(Errno::EOPNOTSUPP);
    }
    if endpoint.state != State::Listening {
        return Err(Errno::EINVAL);
    }
    let pending = endpoint
        .crowd
        .as_mut()
        .and_then(|crowd| crowd.pending.pop_front());
    let socket = pending.ok_or(Errno::EAGAIN)?;
    if let Some(accepted) = host.sockets.get_mut(socket) {
        accepted.is_hidden = false;
    }
    wake_waiters(host, id);
    host.refresh(socket);
    let peer = super::peer_address(host, socket)?;
    Ok(Accepted { socket, peer })
}

pub(crate) fn unaccept(host: &mut Host, id: SocketId, socket: SocketId) -> Result<(), Errno> {
    if end(host, id)?.state != State::Listening || end(host, socket)?.is_closed {
        return Err(Errno::EINVAL);
    }
    if let Some(returned) = host.sockets.get_mut(socket) {
        returned.is_hidden = true;
    }
    end_mut(host, id)?.crowd().pending.push_front(socket);
    host.wake(id);
    Ok(())
}

pub(crate) fn shutdown(
    host: &mut Host,
    id: SocketId,
    how: Shutdown,
    _now: Instant,
) -> Result<(), Errno> {
    let endpoint = end_mut(host, id)?;
    let is_datagram = endpoint.kind == SocketType::Datagram;
    endpoint.no_read |= how.reads();
    endpoint.no_write |= how.writes();
    let peer = endpoint.peer;
    if endpoint.state == State::Listening && how.reads() {
        wake_waiters(host, id);
    }
    if is_datagram && how.reads() {
        // Senders that wait for room in this queue learn that there will be none.
        wake_waiters(host, id);
    }
    if let Some(peer) = peer
        && !is_datagram
        && let Ok(other) = end_mut(host, peer)
    {
        other.no_write |= how.reads();
        other.no_read |= how.writes();
        host.wake(peer);
    }
    host.wake(id);
    Ok(())
}

pub(crate) fn close(host: &mut Host, id: SocketId, _now: Instant) -> Result<(), Errno> {
    end(host, id)?;
    release(host, id, false);
    rights::collect(host);
    Ok(())
}

/// `unix_release_sock`. `is_embryo`: its listener closed before it was accepted.
pub(super) fn release(host: &mut Host, id: SocketId, is_embryo: bool) {
    let Ok(endpoint) = end_mut(host, id) else {
        return;
    };
    if endpoint.is_closed {
        return;
    }
    let was_listening = endpoint.state == State::Listening;
    let has_unread = endpoint.queue.iter().any(|message| {
        // An out-of-band byte that was read leaves an empty place.
        !message.data.is_empty() || endpoint.kind != SocketType::Stream
    });
    endpoint.is_closed = true;
    endpoint.no_read = true;
    endpoint.no_write = true;
    endpoint.state = State::Closed;
    unbind(host, id);
    if let Some(socket) = host.sockets.get_mut(id) {
        socket.is_hidden = true;
    }
    leave_peer(host, id, has_unread || is_embryo);
    if was_listening {
        let pending = end_mut(host, id).ok().and_then(|end| end.crowd.as_mut());
        for embryo in pending
            .map(|crowd| core::mem::take(&mut crowd.pending))
            .unwrap_or_default()
        {
            release(host, embryo, true);
        }
    }
    wake_waiters(host, id);
    purge(host, id);
    free_if_unreferenced(host, id);
}

/// Takes the name back. The socket remembers it: its peer may ask.
fn unbind(host: &mut Host, id: SocketId) {
    let Ok(UnixEndpoint {
        kind, name, node, ..
    }) = end(host, id)
    else {
        return;
    };
    let (kind, node) = (*kind, *node);
    if let UnixAddress::Abstract(text) = name {
        let text = text.clone();
        // Accepted sockets bear their listener's name without owning it.
        if host.stack.unix.names.find_abstract(kind, &text) == Some(id) {
            host.stack.unix.names.unbind_abstract(kind, &text);
        }
    }
    if let Some(node) = node {
        host.stack.unix.names.unbind_node(node, id);
    }
}

fn leave_peer(host: &mut Host, id: SocketId, resets: bool) {
    let Ok(endpoint) = end_mut(host, id) else {
        return;
    };
    let is_datagram = endpoint.kind == SocketType::Datagram;
    let Some(peer) = endpoint.peer else {
        return;
    };
    if is_datagram {
        // The peer stays connected to the shell, and hears ECONNREFUSED when it sends.
        let _ = set_datagram_peer(host, id, None);
        return;
    }
    endpoint.peer = None;
    if let Ok(other) = end_mut(host, peer)
        && !other.is_closed
    {
        other.no_read = true;
        other.no_write = true;
        if resets {
            fail(host, peer, Errno::ECONNRESET);
        }
        host.wake(peer);
    }
    drop_reference(host, peer);
}

/// Throws all queued messages away.
pub(super) fn purge(host: &mut Host, id: SocketId) {
    let Ok(endpoint) = end_mut(host, id) else {
        return;
    };
    endpoint.unread = 0;
    endpoint.urgent = None;
    for message in core::mem::take(&mut endpoint.queue) {
        drop(settle(host, message));
    }
}

/// There is room again, or there will never be any: those who wait for it look again, and connected senders too.
pub(super) fn wake_waiters(host: &mut Host, id: SocketId) {
    let Some(crowd) = end_mut(host, id).ok().and_then(|end| end.crowd.as_mut()) else {
        return;
    };
    let Crowd {
        waiters, followers, ..
    } = &mut **crowd;
    let waiters = core::mem::take(waiters);
    let followers = followers.clone();
    for waiter in waiters {
        host.wake(waiter);
    }
    for follower in followers {
        host.refresh(follower);
    }
}
