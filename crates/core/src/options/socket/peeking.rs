//! `SO_PEEK_OFF`: peeks that move on.

use super::{Entry, L};
use crate::Errno;
use crate::options::table::{Access, Scope, Target};

/// Raw sockets have none (`inet_sockraw_ops`).
const SCOPE: Scope = Scope::TCP
    .union(Scope::UDP)
    .union(Scope::PING4)
    .union(Scope::PING6)
    .union(Scope::UNIX);

pub(super) const OFFSET: Entry =
    Entry::new(L, 42, "SO_PEEK_OFF", SCOPE, Access::Int(offset, set_offset));

fn offset(t: &mut Target<'_>) -> Result<i32, Errno> {
    let rare = t.socket()?.options.rare.as_ref();
    Ok(rare.and_then(|rare| rare.peek_offset).unwrap_or(-1))
}

/// Any negative number switches it off, and is kept.
fn set_offset(t: &mut Target<'_>, value: i32) -> Result<(), Errno> {
    let rare = &mut t.socket_mut()?.options.rare;
    rare.get_or_insert_default().peek_offset = Some(value);
    Ok(())
}
