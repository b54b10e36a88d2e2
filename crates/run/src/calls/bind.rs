//! `bind(2)`.

use sockeye_core::{Errno, SocketAddress, SocketId, SocketType};
use sockeye_linux::address::Purpose;

use super::read_address;
use crate::notify::{Call, Outcome};
use crate::slab::Id;
use crate::supervisor::Supervisor;

pub(super) fn carry_out(
    supervisor: &mut Supervisor,
    call: &Call,
    id: Id,
) -> Result<Outcome, Errno> {
    let Some(conduit) = supervisor.conduits.get(id) else {
        return Err(Errno::EBADF);
    };
    let socket = conduit.socket;
    let given = (call.argument(1), call.int(2));
    let address = read_address(supervisor, call, id, given, Purpose::Bind)?;
    match supervisor.host.bind(socket, &address, supervisor.now) {
        // The holder of the port may have been closed without our knowing yet, or be a stand-in.
        Err(Errno::EADDRINUSE) if yields(supervisor, socket, &address) => {
            supervisor.host.bind(socket, &address, supervisor.now)?;
        }
        answer => answer?,
    }
    Ok(Outcome::Value(0))
}

/// Whether somebody who holds the port may have made room.
fn yields(supervisor: &mut Supervisor, socket: SocketId, address: &SocketAddress) -> bool {
    let kind = supervisor.host.socket_type(socket);
    let port = address.ip().map_or(0, |(_, port)| port);
    let has_yielded = kind == Ok(SocketType::Datagram) && port != 0 && supervisor.yield_port(port);
    supervisor.take_census() > 0 || has_yielded
}
