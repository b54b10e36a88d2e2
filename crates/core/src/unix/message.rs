//! One message in a queue, and what it costs its sender.

use alloc::vec::Vec;

use bytes::Bytes;

use crate::{Credentials, Errno, Host, Right, SocketId};

use super::{drop_reference, end, end_mut, poll, rights};

/// One write in a socket's queue. Linux keeps the writes of a stream apart too.
#[derive(Debug)]
pub(super) struct Message {
    /// Position in the life of the queue: numbers of neighbours follow each other.
    pub(super) number: u64,
    /// What is left of the data.
    pub(super) data: Bytes,
    pub(super) sender: SocketId,
    /// What it counts against the sender's `SO_SNDBUF`.
    pub(super) charge: usize,
    /// The sender's credentials, if one of the two ends asked for them or they were sent explicitly.
    pub(super) credentials: Option<Credentials>,
    pub(super) rights: Vec<Right>,
}

const PAGE: usize = 4096;
/// `sizeof(struct sk_buff)` as its slab rounds it.
const BUFFER: usize = 256;
/// `sizeof(struct skb_shared_info)`, aligned.
const SHARED_INFO: usize = 320;
/// `SKB_MAX_HEAD(0)`: linear data that fits one page.
const PAGE_HEAD: usize = PAGE - SHARED_INFO;
/// `SKB_MAX_ALLOC`: linear data that fits four pages.
const LARGEST_HEAD: usize = 4 * PAGE - SHARED_INFO;
/// The most that one buffer of a stream carries beyond its head: `UNIX_SKB_FRAGS_SZ`.
const STREAM_FRAGMENTS: usize = 32768;
/// `MAX_SKB_FRAGS * PAGE_SIZE`
const MOST_FRAGMENTS: usize = 17 * PAGE;

/// `truesize` of a buffer with so much linear and so much paged data: kmalloc's powers of two, then pages.
fn true_size(head: usize, paged: usize) -> usize {
    let head = head.next_multiple_of(64) + SHARED_INFO;
    BUFFER + head.max(512).next_power_of_two() + paged.next_multiple_of(PAGE)
}

/// The length of the next message of a stream that has `rest` to send, and its charge.
pub(super) fn stream_piece(rest: usize, send_buffer: usize) -> (usize, usize) {
    let length = rest
        .min((send_buffer / 2).saturating_sub(64).max(1))
        .min(PAGE_HEAD + STREAM_FRAGMENTS);
    let paged = length
        .saturating_sub(PAGE_HEAD)
        .next_multiple_of(PAGE)
        .min(length);
    (length, true_size(length - paged, paged))
}

/// The charge of a datagram.
pub(super) fn datagram_charge(length: usize) -> usize {
    let paged = length
        .saturating_sub(LARGEST_HEAD)
        .min(MOST_FRAGMENTS)
        .next_multiple_of(PAGE);
    true_size(length.saturating_sub(paged), paged)
}

/// What is to be sent: borrowed pieces that are copied once, or bytes that are shared.
pub(super) enum Source<'a> {
    Pieces(&'a [&'a [u8]]),
    Shared(Bytes),
}

impl Source<'_> {
    pub(super) fn len(&self) -> usize {
        match self {
            Self::Pieces(pieces) => pieces.iter().map(|piece| piece.len()).sum(),
            Self::Shared(bytes) => bytes.len(),
        }
    }

    pub(super) fn slice(&self, from: usize, length: usize) -> Bytes {
        match self {
            Self::Shared(bytes) => {
                bytes.slice(from.min(bytes.len())..(from + length).min(bytes.len()))
            }
            Self::Pieces(pieces) => {
                let mut copy = Vec::with_capacity(length);
                let mut skip = from;
                for piece in *pieces {
                    let skipped = skip.min(piece.len());
                    skip -= skipped;
                    let piece = piece.get(skipped..).unwrap_or_default();
                    let wanted = piece.len().min(length - copy.len());
                    copy.extend_from_slice(piece.get(..wanted).unwrap_or_default());
                }
                Bytes::from(copy)
            }
        }
    }
}

/// Queues a message: the sender pays, the receiver wakes.
pub(super) fn deliver(
    host: &mut Host,
    from: SocketId,
    to: SocketId,
    message: Message,
) -> Result<(), Errno> {
    let charge = message.charge;
    let receiver = end_mut(host, to)?;
    let number = receiver.next_number;
    receiver.next_number += 1;
    receiver.unread += message.data.len();
    receiver.queue.push_back(Message { number, ..message });
    let sender = end_mut(host, from)?;
    sender.charged += charge;
    sender.references = sender.references.saturating_add(1);
    host.wake(to);
    Ok(())
}

/// A message left a queue: its rights come out of flight, and its sender gets its room back.
/// The rights themselves are the caller's to hand over or to drop.
pub(super) fn settle(host: &mut Host, message: Message) -> Vec<Right> {
    rights::land(host, message.sender, &message.rights);
    let sender = message.sender;
    let was_writable = poll::is_writable(host, sender);
    if let Ok(end) = end_mut(host, sender) {
        end.charged = end.charged.saturating_sub(message.charge);
    }
    let is_open = end(host, sender).is_ok_and(|end| !end.is_closed);
    if is_open && poll::is_writable(host, sender) {
        let was_starved =
            end_mut(host, sender).is_ok_and(|end| core::mem::take(&mut end.is_starved));
        if !was_writable || was_starved {
            host.wake(sender);
        }
    }
    drop_reference(host, sender);
    message.rights
}
