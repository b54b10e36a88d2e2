//! `SOCK_DESTROY`: ends a socket's connection from outside, as `ss -K` does (`sock_diag_destroy`).

use super::inet::{self, TCP};
use crate::netlink::exchange::{Answer, Asker};
use crate::netlink::message::Message;
use crate::{Errno, Host, Instant, datagram, tcp};

/// `inet_diag_handler_cmd`
pub(super) fn carry_out(
    host: &mut Host,
    message: &Message<'_>,
    asker: Asker,
    now: Instant,
) -> Result<Answer, Errno> {
    let request = inet::Request::read(message, asker)?;
    let found = inet::find(host, &request, inet::Source::Own)?;
    if asker.uid != 0 {
        return Err(Errno::EPERM);
    }
    match found {
        inet::Found::Record(tuple) => tcp::forget_time_wait(host, &tuple),
        inet::Found::Socket(id) if request.protocol == TCP => tcp::destroy(host, id, now)?,
        inet::Found::Socket(id) => datagram::destroy(host, id, now)?,
    }
    Ok(Answer::Done)
}
