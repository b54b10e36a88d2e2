//! Keys and the cookies made with them (`__tcp_fastopen_cookie_gen_cipher`).

use core::hash::Hasher;
use core::net::IpAddr;

use siphasher::sip::SipHasher24;
use sockeye_wire::FastOpenCookie;

use crate::inet::demux::FourTuple;
use crate::inet::keyed::Keyed;

/// `TCP_FASTOPEN_KEY_LENGTH`
const LENGTH: usize = 16;

/// A key, and the one before it, whose cookies are still good.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FastOpenKeys {
    primary: [u8; LENGTH],
    backup: Option<[u8; LENGTH]>,
}

impl FastOpenKeys {
    /// From the bytes of `TCP_FASTOPEN_KEY`: one key or two.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (primary, rest) = bytes.split_first_chunk()?;
        let backup = match rest {
            [] => None,
            rest => Some(rest.try_into().ok()?),
        };
        Some(Self {
            primary: *primary,
            backup,
        })
    }

    /// As `tcp_fastopen_key` writes it: four numbers of eight hexadecimal digits for each key, keys apart by a comma.
    pub fn from_text(text: &str) -> Option<Self> {
        let mut bytes = alloc::vec::Vec::new();
        for key in text.trim().split(',') {
            let words = key.split('-');
            let before = bytes.len();
            for word in words {
                bytes.extend_from_slice(&u32::from_str_radix(word, 16).ok()?.to_le_bytes());
            }
            if bytes.len() - before != LENGTH {
                return None;
            }
        }
        Self::from_bytes(&bytes)
    }

    pub(super) fn random(keyed: Keyed) -> Self {
        let mut primary = [0; LENGTH];
        let (first, second) = primary.split_at_mut(LENGTH / 2);
        first.copy_from_slice(&keyed.hash_bytes(&[0]).to_le_bytes());
        second.copy_from_slice(&keyed.hash_bytes(&[1]).to_le_bytes());
        Self {
            primary,
            backup: None,
        }
    }

    /// What `TCP_FASTOPEN_KEY` tells.
    pub(crate) fn to_bytes(&self) -> alloc::vec::Vec<u8> {
        [
            &self.primary[..],
            self.backup.as_ref().map_or(&[], |key| &key[..]),
        ]
        .concat()
    }

    /// The cookie of the peer.
    pub(super) fn cookie(&self, tuple: &FourTuple) -> Option<FastOpenCookie> {
        make(&self.primary, tuple)
    }

    /// Whether a cookie is the peer's, and if so whether it was made with the present key.
    pub(super) fn check(&self, tuple: &FourTuple, cookie: &FastOpenCookie) -> Option<Age> {
        let fits = |key| {
            make(key, tuple)
                .is_some_and(|made: FastOpenCookie| made.as_slice() == cookie.as_slice())
        };
        if fits(&self.primary) {
            return Some(Age::Present);
        }
        let is_old = self.backup.as_ref().is_some_and(fits);
        is_old.then_some(Age::Before)
    }
}

/// Which key made a cookie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Age {
    Present,
    Before,
}

/// SipHash-2-4 of the peer's address and ours.
fn make(key: &[u8; LENGTH], tuple: &FourTuple) -> Option<FastOpenCookie> {
    let mut hasher = SipHasher24::new_with_key(key);
    for address in [tuple.remote, tuple.local] {
        match address {
            IpAddr::V4(address) => hasher.write(&address.octets()),
            IpAddr::V6(address) => hasher.write(&address.octets()),
        }
    }
    FastOpenCookie::new(&hasher.finish().to_le_bytes())
}
