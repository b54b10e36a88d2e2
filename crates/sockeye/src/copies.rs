//! Copies of what callers write, made before they take the host's lock.

use std::sync::{Mutex, PoisonError};

use bytes::Bytes;
use sockeye_core::Chunks;

/// The memory that one host's writers copy into. Its lock is held to hand out memory, not while that is filled.
#[derive(Debug, Default)]
pub(crate) struct Copies {
    chunks: Mutex<Chunks>,
}

impl Copies {
    /// A copy of `data`.
    pub(crate) fn copy(&self, data: &[u8]) -> Bytes {
        if data.len() < Chunks::LEAST {
            return Bytes::copy_from_slice(data);
        }
        let mut room = self
            .chunks
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take(data.len());
        room.extend_from_slice(data);
        room.freeze()
    }
}
