//! `struct msghdr`, `struct mmsghdr` and `struct iovec` of 64-bit Linux.

/// `sizeof(struct iovec)`.
pub const IOVEC_SIZE: usize = 16;
/// `sizeof(struct msghdr)`.
pub const MSGHDR_SIZE: usize = 56;
/// `sizeof(struct mmsghdr)`.
pub const MMSGHDR_SIZE: usize = 64;
/// Where `msg_namelen` lies in a `msghdr`.
pub const NAME_LENGTH_OFFSET: u64 = 8;
/// Where `msg_controllen` lies in a `msghdr`.
pub const CONTROL_LENGTH_OFFSET: u64 = 40;
/// Where `msg_flags` lies in a `msghdr`.
pub const FLAGS_OFFSET: u64 = 48;
/// Where `msg_len` lies in an `mmsghdr`.
pub const MESSAGE_LENGTH_OFFSET: u64 = 56;

fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_ne_bytes(
        bytes.get(at..at.checked_add(8)?)?.try_into().ok()?,
    ))
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_ne_bytes(
        bytes.get(at..at.checked_add(4)?)?.try_into().ok()?,
    ))
}

/// `struct iovec`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IoVector {
    /// `iov_base`: an address in the caller.
    pub base: u64,
    /// `iov_len`.
    pub length: u64,
}

impl IoVector {
    /// Reads one; `None` if the bytes are too few.
    pub fn decode(bytes: &[u8]) -> Option<IoVector> {
        Some(IoVector {
            base: u64_at(bytes, 0)?,
            length: u64_at(bytes, 8)?,
        })
    }
}

/// `struct msghdr`: addresses in the caller, not yet looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MessageHeader {
    /// `msg_name`.
    pub name: u64,
    /// `msg_namelen`, signed as the kernel checks it.
    pub name_length: i32,
    /// `msg_iov`.
    pub vectors: u64,
    /// `msg_iovlen`.
    pub vector_count: u64,
    /// `msg_control`.
    pub control: u64,
    /// `msg_controllen`.
    pub control_length: u64,
    /// `msg_flags`.
    pub flags: u32,
}

impl MessageHeader {
    /// Reads one; `None` if the bytes are too few.
    pub fn decode(bytes: &[u8]) -> Option<MessageHeader> {
        Some(MessageHeader {
            name: u64_at(bytes, 0)?,
            name_length: u32_at(bytes, 8)?.cast_signed(),
            vectors: u64_at(bytes, 16)?,
            vector_count: u64_at(bytes, 24)?,
            control: u64_at(bytes, 32)?,
            control_length: u64_at(bytes, 40)?,
            flags: u32_at(bytes, 48)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_is_read_field_by_field() {
        let mut bytes = Vec::new();
        for word in [0x1000_u64, 28, 0x2000, 3, 0x3000, 64, 0x20] {
            bytes.extend_from_slice(&word.to_ne_bytes());
        }
        let header = MessageHeader::decode(&bytes).unwrap();
        assert_eq!(bytes.len(), MSGHDR_SIZE);
        assert_eq!(header.name, 0x1000);
        assert_eq!(header.name_length, 28);
        assert_eq!(header.vectors, 0x2000);
        assert_eq!(header.vector_count, 3);
        assert_eq!(header.control, 0x3000);
        assert_eq!(header.control_length, 64);
        assert_eq!(header.flags, 0x20);
        assert_eq!(MessageHeader::decode(&bytes[..48]), None);
    }

    #[test]
    fn a_vector_needs_sixteen_bytes() {
        assert_eq!(IoVector::decode(&[0; 15]), None);
        assert_eq!(
            IoVector::decode(&[0; IOVEC_SIZE]),
            Some(IoVector { base: 0, length: 0 })
        );
    }
}
