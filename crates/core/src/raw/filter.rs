//! `ICMP_FILTER` (raw(7)) and `ICMPV6_FILTER` (RFC 3542 3.2): which ICMP types a raw socket does not want.

/// Bits of the types that are blocked. IPv4's filter knows 32 types, IPv6's all 256.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct IcmpFilter {
    words: [u32; 8],
}

impl IcmpFilter {
    /// The bytes that `getsockopt` gives, in the machine's order: 4 for `ICMP_FILTER`, 32 for `ICMPV6_FILTER`.
    pub(crate) fn to_bytes(self) -> [u8; 32] {
        let mut bytes = [0; 32];
        for (chunk, word) in bytes.chunks_exact_mut(4).zip(self.words) {
            chunk.copy_from_slice(&word.to_ne_bytes());
        }
        bytes
    }

    /// Takes the first bytes from `setsockopt`; the others stay.
    pub(crate) fn set_bytes(&mut self, value: &[u8]) {
        let mut bytes = self.to_bytes();
        for (byte, new) in bytes.iter_mut().zip(value) {
            *byte = *new;
        }
        for (word, chunk) in self.words.iter_mut().zip(bytes.chunks_exact(4)) {
            if let Ok(chunk) = chunk.try_into() {
                *word = u32::from_ne_bytes(chunk);
            }
        }
    }

    /// Whether a message with this ICMP header is not for the socket. Types beyond IPv4's 32 always pass (`icmp_filter`).
    pub(crate) fn blocks(&self, is_ipv4: bool, header: &[u8]) -> bool {
        let Some(&kind) = header.first() else {
            return true;
        };
        if is_ipv4 && kind >= 32 {
            return false;
        }
        let word = self.words.get(usize::from(kind / 32)).copied().unwrap_or(0);
        word & (1 << (kind % 32)) != 0
    }
}

#[cfg(test)]
mod tests {
    use super::IcmpFilter;

    #[test]
    fn a_short_value_changes_only_its_bytes() {
        let mut filter = IcmpFilter::default();
        filter.set_bytes(&(-130i32).to_ne_bytes());
        filter.set_bytes(&[1]);
        assert_eq!(filter.to_bytes()[..4], (-255i32).to_ne_bytes());
    }

    #[test]
    fn a_set_bit_blocks_its_type() {
        let mut filter = IcmpFilter::default();
        filter.set_bytes(&(!(1u32 << 0)).to_ne_bytes());
        assert!(!filter.blocks(true, &[0]));
        assert!(filter.blocks(true, &[8]));
        assert!(!filter.blocks(true, &[40]));
        assert!(filter.blocks(true, &[]));
    }
}
