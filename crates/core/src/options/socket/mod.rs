//! `SOL_SOCKET` (socket(7), `net/core/sock.c`): its options in the order of their numbers, each declared in the room of
//! its idea.

mod buffers;
mod device;
mod filters;
mod identity;
mod linger;
mod peeking;
mod peer;
mod polling;
mod reuse;
mod sending;
mod stamps;
mod switches;
mod timeouts;

use super::Switches;
use super::table::{Access, Entry, GetInt, SOL_SOCKET, Scope, SetInt};
use crate::Errno;

const ALL: Scope = Scope::ALL;
const L: i32 = SOL_SOCKET;

pub(super) const TABLE: &[Entry] = &[
    switches::DEBUG,
    reuse::REUSE_ADDRESS,
    identity::TYPE,
    identity::ERROR,
    sending::DONT_ROUTE,
    sending::BROADCAST,
    buffers::SEND_BUFFER,
    buffers::RECEIVE_BUFFER,
    switches::KEEPALIVE,
    switches::OOB_INLINE,
    sending::NO_CHECKSUM,
    sending::PRIORITY,
    linger::LINGER,
    switches::BSD_COMPAT,
    reuse::REUSE_PORT,
    peer::PASS_CREDENTIALS,
    peer::CREDENTIALS,
    buffers::RECEIVE_LOW_WATER,
    buffers::SEND_LOW_WATER,
    timeouts::RECEIVE,
    timeouts::SEND,
    device::BY_NAME,
    filters::ATTACH,
    filters::DETACH,
    peer::NAME,
    stamps::MICROS,
    identity::ACCEPTS_CONNECTIONS,
    peer::SECURITY,
    buffers::SEND_BUFFER_FORCE,
    buffers::RECEIVE_BUFFER_FORCE,
    peer::PASS_SECURITY,
    stamps::NANOS,
    sending::MARK,
    stamps::DETAILED,
    identity::PROTOCOL,
    identity::DOMAIN,
    buffers::RECEIVE_OVERFLOWS,
    switches::WIFI_STATUS,
    peeking::OFFSET,
    switches::NO_FCS,
    filters::LOCK,
    polling::SELECT_ERROR_QUEUE,
    polling::BUSY_POLL,
    sending::MAX_PACING_RATE,
    filters::EXTENSIONS,
    polling::INCOMING_CPU,
    filters::ATTACH_BPF,
    filters::ATTACH_REUSE_PORT_CBPF,
    filters::ATTACH_REUSE_PORT_EBPF,
    sending::CONNECTION_ADVICE,
    buffers::MEMORY_INFORMATION,
    polling::INCOMING_NAPI_ID,
    identity::COOKIE,
    peer::GROUPS,
    sending::ZERO_COPY,
    sending::SEND_TIME,
    device::BY_INDEX,
    stamps::MICROS_NEW,
    stamps::NANOS_NEW,
    stamps::DETAILED_NEW,
    timeouts::RECEIVE_NEW,
    timeouts::SEND_NEW,
    filters::DETACH_REUSE_PORT,
    polling::PREFER_BUSY_POLL,
    polling::BUSY_POLL_BUDGET,
    identity::NAMESPACE_COOKIE,
    buffers::LOCK,
    buffers::RESERVED_MEMORY,
    sending::REHASH,
    sending::RECEIVE_MARK,
    peer::PASS_PROCESS,
    peer::PROCESS,
    sending::RECEIVE_PRIORITY,
    peer::PASS_RIGHTS,
];

const fn switch(name: i32, label: &'static str, switch: Switches) -> Entry {
    Entry::new(L, name, label, ALL, Access::Switch(switch))
}

const fn int(name: i32, label: &'static str, get: GetInt, set: SetInt) -> Entry {
    Entry::new(L, name, label, ALL, Access::Int(get, set))
}

const fn refused(name: i32, label: &'static str, errno: Errno, why: &'static str) -> Entry {
    Entry::refused(L, name, label, ALL, errno, why)
}

const fn recorded(
    name: i32,
    label: &'static str,
    bounds: (i32, i32, i32),
    why: &'static str,
) -> Entry {
    Entry::recorded(L, name, label, ALL, bounds, why)
}
