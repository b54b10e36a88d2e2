//! `TCP_FASTOPEN` and its kind (RFC 7413, tcp(7)).

use super::OptionValue;
use super::table::{Access, Entry, IPPROTO_TCP, Scope, Target, Value, bytes, is_listening};
use crate::Errno;
use crate::tcp::fast_open::{self, FastOpenChoices, FastOpenKeys};

const fn option(name: i32, label: &'static str, access: Access) -> Entry {
    Entry::new(IPPROTO_TCP, name, label, Scope::TCP, access)
}

pub(super) const TCP_FASTOPEN: Entry = option(
    23,
    "TCP_FASTOPEN",
    Access::Int(
        |t| Ok(i32::try_from(choices(t)?.queue).unwrap_or(i32::MAX)),
        set_queue,
    ),
)
.own();
pub(super) const TCP_FASTOPEN_CONNECT: Entry = option(
    30,
    "TCP_FASTOPEN_CONNECT",
    Access::Int(|t| Ok(choices(t)?.connect.into()), set_connect),
)
.typed(Value::Bool);
pub(super) const TCP_FASTOPEN_KEY: Entry =
    option(33, "TCP_FASTOPEN_KEY", Access::Bytes(key, set_key))
        .typed(Value::Bytes)
        .own();
pub(super) const TCP_FASTOPEN_NO_COOKIE: Entry = option(
    34,
    "TCP_FASTOPEN_NO_COOKIE",
    Access::Int(|t| Ok(choices(t)?.no_cookie.into()), set_no_cookie),
)
.typed(Value::Bool);

fn choices(t: &Target<'_>) -> Result<FastOpenChoices, Errno> {
    Ok(t.socket()?.options.fast_open().cloned().unwrap_or_default())
}

fn choices_mut<'a>(t: &'a mut Target<'_>) -> Result<&'a mut FastOpenChoices, Errno> {
    t.host.get(t.id)?;
    let sysctl = &t.host.stack.config.sysctl;
    let socket = t.host.sockets.get_mut(t.id).ok_or(Errno::EBADF)?;
    Ok(&mut socket.options.tcp_choices_mut(sysctl).fast_open)
}

/// Whether it is in CLOSE, and may listen already.
fn is_idle(t: &Target<'_>, may_listen: bool) -> Result<bool, Errno> {
    let socket = t.socket()?;
    Ok(if is_listening(socket) {
        may_listen
    } else {
        crate::tcp::is_closed(socket)
    })
}

/// `fastopen_queue_tune`
fn set_queue(t: &mut Target<'_>, value: i32) -> Result<(), Errno> {
    let wanted = u32::try_from(value).map_err(|_| Errno::EINVAL)?;
    if !is_idle(t, true)? {
        return Err(Errno::EINVAL);
    }
    let most = t.host.stack.config.sysctl.somaxconn;
    t.host.stack.fast_open.is_key_made = true;
    choices_mut(t)?.queue = wanted.min(most);
    Ok(())
}

fn boolean(value: i32) -> Result<bool, Errno> {
    match value {
        0 => Ok(false),
        1 => Ok(true),
        _ => Err(Errno::EINVAL),
    }
}

fn set_connect(t: &mut Target<'_>, value: i32) -> Result<(), Errno> {
    let is_on = boolean(value)?;
    if !fast_open::is_enabled(&t.host.stack) {
        return Err(Errno::EOPNOTSUPP);
    }
    if !is_idle(t, false)? {
        return Err(Errno::EINVAL);
    }
    choices_mut(t)?.connect = is_on;
    Ok(())
}

fn set_no_cookie(t: &mut Target<'_>, value: i32) -> Result<(), Errno> {
    let is_on = boolean(value)?;
    if !is_idle(t, true)? {
        return Err(Errno::EINVAL);
    }
    choices_mut(t)?.no_cookie = is_on;
    Ok(())
}

/// The socket's keys, else the host's.
fn key(t: &mut Target<'_>, length: usize) -> Result<OptionValue, Errno> {
    let stack = &t.host.stack;
    let is_told = stack.fast_open.is_key_made || stack.config.sysctl.tcp_fastopen_key.is_some();
    let keys = match choices(t)?.keys {
        Some(own) => own.to_bytes(),
        None if is_told => stack.fast_open_keys().to_bytes(),
        // The host's is made when a queue is asked for (`tcp_fastopen_init_key_once`).
        None => alloc::vec::Vec::new(),
    };
    Ok(bytes(&keys, length))
}

fn set_key(t: &mut Target<'_>, value: &[u8]) -> Result<(), Errno> {
    let keys = FastOpenKeys::from_bytes(value).ok_or(Errno::EINVAL)?;
    choices_mut(t)?.keys = Some(keys);
    Ok(())
}
