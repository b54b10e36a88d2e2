//! What a call was given in its caller's memory: by that the same call is known again.

use smallvec::SmallVec;

use crate::memory::read;
use crate::sys::Span;

/// What has been read, and where.
#[derive(Clone, Debug, Default)]
pub(crate) struct Given {
    spans: SmallVec<[Span; 4]>,
    digest: u64,
}

impl Given {
    /// Notes what was read of one span after the other.
    pub(crate) fn note(&mut self, spans: &[Span], mut bytes: &[u8]) {
        self.spans.extend_from_slice(spans);
        for span in spans {
            let (piece, rest) = bytes.split_at(span.length.min(bytes.len()));
            self.digest = digest(self.digest, piece);
            bytes = rest;
        }
    }

    /// Whether the caller gives the same now.
    pub(crate) fn is_given_by(&self, tid: i32) -> bool {
        let mut found = 0;
        for span in &self.spans {
            match read(tid, span.address, span.length) {
                Ok(bytes) => found = digest(found, &bytes),
                Err(_) => return false,
            }
        }
        found == self.digest
    }
}

/// Goes on with a digest that tells data apart which nobody forges: a program could deceive itself only.
fn digest(before: u64, bytes: &[u8]) -> u64 {
    const MIX: u64 = 0x9e37_79b9_7f4a_7c15;
    let word = |digest: u64, word: u64| (digest.rotate_left(23) ^ word).wrapping_mul(MIX);
    let (words, rest) = bytes.as_chunks();
    let mut last = [0; 8];
    last[..rest.len()].copy_from_slice(rest);
    let whole = words.iter().fold(before, |digest, bytes| {
        word(digest, u64::from_ne_bytes(*bytes))
    });
    word(word(whole, u64::from_ne_bytes(last)), bytes.len() as u64)
}
