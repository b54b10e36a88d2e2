//! How much of a `send` is taken, where the send buffer has a size of its own and the peer does not read.

use super::Registry;
use super::option_table::SO_SNDBUF;
use crate::World;

pub(super) fn register(r: &mut Registry) {
    r.inet("stream", "amounts_taken_by_the_least_send_buffer", |w| {
        amounts(w, 1)
    });
    r.inet("stream", "amounts_taken_by_a_small_send_buffer", |w| {
        amounts(w, 10_000)
    });
    r.inet("stream", "amounts_taken_by_a_send_buffer", |w| {
        amounts(w, 50_000)
    });
}

/// More than there is room for.
fn amounts(w: &mut World<'_>, size: i32) {
    let (client, _server, _) = w.established();
    let _ = w.set_int(client, SO_SNDBUF, size);
    let data = vec![b'a'; 1 << 20];
    let _ = w.send(client, &data, 0);
}
