//! `TCP_SAVE_SYN`, `TCP_SAVED_SYN`: the headers of the SYN that a connection began with (`tcp_save_syn` in
//! `net/ipv4/tcp_input.c`).

use alloc::boxed::Box;

use super::table::{Access, Entry, IPPROTO_TCP, Scope, Target, Value};
use super::{OptionValue, SharedOptions, tcp};
use crate::Errno;

const SAVE_SYN: i32 = 27;

/// What a listener keeps of each SYN.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SaveSyn {
    /// From the IP header on.
    Network,
    /// From the link's header on, where there is one.
    Link,
}

pub(super) const TCP_SAVE_SYN: Entry = Entry::new(
    IPPROTO_TCP,
    SAVE_SYN,
    "TCP_SAVE_SYN",
    Scope::TCP,
    Access::Kept(0, 0, 2),
);

pub(super) const TCP_SAVED_SYN: Entry = Entry::new(
    IPPROTO_TCP,
    28,
    "TCP_SAVED_SYN",
    Scope::TCP,
    Access::Bytes(saved, tcp::read_only_structure),
)
.typed(Value::Bytes)
.own();

/// What `getsockopt` writes for the length beside `EINVAL`: how much room would do.
pub(super) fn needed(options: &SharedOptions, level: i32, name: i32) -> Option<usize> {
    let is_saved_syn = (level, name) == (TCP_SAVED_SYN.level, TCP_SAVED_SYN.name);
    is_saved_syn.then(|| options.saved_syn_length()).flatten()
}

/// Told once, and only to who has room for all of it.
fn saved(t: &mut Target<'_>, length: usize) -> Result<OptionValue, Errno> {
    let options = &mut t.socket_mut()?.options;
    let kept = options.rare.as_mut().map(|rare| &mut rare.saved_syn);
    let Some(kept) = kept else {
        return Ok(OptionValue::new());
    };
    match kept {
        Some(headers) if length < headers.len() => Err(Errno::EINVAL),
        _ => Ok(kept.take().map_or_else(OptionValue::new, |headers| {
            OptionValue::from_slice(&headers)
        })),
    }
}

impl SharedOptions {
    /// How much room `TCP_SAVED_SYN` needs, if there is something to tell.
    fn saved_syn_length(&self) -> Option<usize> {
        let kept = self.rare.as_ref()?.saved_syn.as_ref()?;
        Some(kept.len())
    }

    /// `TCP_SAVE_SYN`
    pub(crate) fn save_syn(&self) -> Option<SaveSyn> {
        match self.recorded(IPPROTO_TCP, SAVE_SYN)? {
            1 => Some(SaveSyn::Network),
            2 => Some(SaveSyn::Link),
            _ => None,
        }
    }

    /// The headers of the SYN that this socket's connection began with.
    pub(crate) fn keep_syn(&mut self, headers: Box<[u8]>) {
        self.rare.get_or_insert_default().saved_syn = Some(headers);
    }
}
