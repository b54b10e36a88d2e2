//! Sharing an address.

use super::{Entry, int, switch};
use crate::options::Switches;
use crate::options::table::{Target, Value};
use crate::{Domain, Errno};

pub(super) const REUSE_ADDRESS: Entry = switch(2, "SO_REUSEADDR", Switches::REUSE_ADDRESS);
pub(super) const REUSE_PORT: Entry =
    int(15, "SO_REUSEPORT", reuse_port, set_reuse_port).typed(Value::Bool);

fn reuse_port(t: &mut Target<'_>) -> Result<i32, Errno> {
    Ok(i32::from(t.socket()?.options.is_on(Switches::REUSE_PORT)))
}

fn set_reuse_port(t: &mut Target<'_>, value: i32) -> Result<(), Errno> {
    let socket = t.socket_mut()?;
    if value != 0 && socket.domain == Domain::Unix {
        return Err(Errno::EOPNOTSUPP);
    }
    socket
        .options
        .switches
        .set(Switches::REUSE_PORT, value != 0);
    Ok(())
}
