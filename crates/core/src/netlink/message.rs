//! Netlink messages and attributes as bytes. RFC 3549 2.2 and 2.3; `linux/netlink.h`.
//!
//! All numbers are in the machine's order; messages and attributes begin at multiples of four.

use alloc::vec::Vec;

/// `sizeof(struct nlmsghdr)`.
pub const HEADER_SIZE: usize = 16;
/// `sizeof(struct nlattr)`.
const ATTRIBUTE_HEADER_SIZE: usize = 4;
/// The bits of an attribute's type that are its type (`NLA_TYPE_MASK`).
const TYPE_MASK: u16 = 0x3fff;
/// `NLA_F_NESTED`.
const NESTED: u16 = 0x8000;

/// `NLMSG_ALIGN` and `NLA_ALIGN`.
fn aligned(length: usize) -> usize {
    length.saturating_add(3) & !3
}

fn number_u16(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_ne_bytes(
        bytes.get(at..at.checked_add(2)?)?.try_into().ok()?,
    ))
}

/// The `u32` at an offset, if there is one.
pub fn number_u32(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_ne_bytes(
        bytes.get(at..at.checked_add(4)?)?.try_into().ok()?,
    ))
}

/// One message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Message<'a> {
    /// `nlmsg_type`.
    pub kind: u16,
    /// `nlmsg_flags`.
    pub flags: u16,
    /// `nlmsg_seq`.
    pub sequence: u32,
    /// `nlmsg_pid`.
    pub port: u32,
    /// What follows the header.
    pub payload: &'a [u8],
    /// The message as it came, header included.
    pub whole: &'a [u8],
}

/// The messages of a datagram, up to the first that does not fit into it.
#[derive(Clone, Debug)]
pub struct Messages<'a>(&'a [u8]);

impl<'a> Messages<'a> {
    /// Reads `datagram`.
    pub fn new(datagram: &'a [u8]) -> Self {
        Self(datagram)
    }
}

impl<'a> Iterator for Messages<'a> {
    type Item = Message<'a>;

    fn next(&mut self) -> Option<Message<'a>> {
        let bytes = self.0;
        let length = usize::try_from(number_u32(bytes, 0)?).ok()?;
        let whole = bytes.get(..length)?;
        let payload = whole.get(HEADER_SIZE..)?;
        // The padding of the last message may be missing.
        self.0 = bytes.get(aligned(length)..).unwrap_or_default();
        Some(Message {
            kind: number_u16(whole, 4)?,
            flags: number_u16(whole, 6)?,
            sequence: number_u32(whole, 8)?,
            port: number_u32(whole, 12)?,
            payload,
            whole,
        })
    }
}

/// One attribute.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attribute<'a> {
    /// `nla_type` without its flags.
    pub kind: u16,
    /// Its value.
    pub value: &'a [u8],
}

impl Attribute<'_> {
    /// The value as a `u32`, if it is as long as one.
    pub fn as_u32(&self) -> Option<u32> {
        (self.value.len() == 4).then(|| number_u32(self.value, 0))?
    }

    /// The value up to its closing zero, if it has one.
    pub fn as_text(&self) -> &[u8] {
        let end = self.value.iter().position(|byte| *byte == 0);
        self.value
            .get(..end.unwrap_or(self.value.len()))
            .unwrap_or_default()
    }
}

/// The attributes in a message behind its fixed part, or in a nested attribute, up to the first that does not fit.
#[derive(Clone, Debug)]
pub struct Attributes<'a>(&'a [u8]);

impl<'a> Attributes<'a> {
    /// Reads what follows the first `fixed` bytes of `payload`.
    pub fn after(payload: &'a [u8], fixed: usize) -> Self {
        Self(payload.get(aligned(fixed)..).unwrap_or_default())
    }

    /// The last attribute of this type, which is the one that counts.
    pub fn find(self, kind: u16) -> Option<Attribute<'a>> {
        self.filter(|attribute| attribute.kind == kind).last()
    }
}

impl<'a> Iterator for Attributes<'a> {
    type Item = Attribute<'a>;

    fn next(&mut self) -> Option<Attribute<'a>> {
        let bytes = self.0;
        let length = usize::from(number_u16(bytes, 0)?);
        let value = bytes.get(ATTRIBUTE_HEADER_SIZE..length)?;
        let kind = number_u16(bytes, 2)? & TYPE_MASK;
        self.0 = bytes.get(aligned(length)..).unwrap_or_default();
        Some(Attribute { kind, value })
    }
}

/// Writes one message.
#[derive(Clone, Debug)]
pub struct Writer(Vec<u8>);

impl Writer {
    /// A message with nothing in it yet.
    pub fn new(kind: u16, flags: u16, sequence: u32, port: u32) -> Self {
        let mut bytes = Vec::with_capacity(128);
        bytes.extend_from_slice(&[0; 4]);
        bytes.extend_from_slice(&kind.to_ne_bytes());
        bytes.extend_from_slice(&flags.to_ne_bytes());
        bytes.extend_from_slice(&sequence.to_ne_bytes());
        bytes.extend_from_slice(&port.to_ne_bytes());
        Self(bytes)
    }

    /// Adds bytes of the message's fixed part.
    pub fn fixed(&mut self, bytes: &[u8]) -> &mut Self {
        self.0.extend_from_slice(bytes);
        self
    }

    /// Adds an attribute. One longer than 65,531 bytes is cut: an attribute can't say a greater length.
    pub fn attribute(&mut self, kind: u16, value: &[u8]) -> &mut Self {
        self.pad();
        let value = value
            .get(..usize::from(u16::MAX) - ATTRIBUTE_HEADER_SIZE)
            .unwrap_or(value);
        let length = u16::try_from(ATTRIBUTE_HEADER_SIZE + value.len()).unwrap_or(u16::MAX);
        self.0.extend_from_slice(&length.to_ne_bytes());
        self.0.extend_from_slice(&kind.to_ne_bytes());
        self.0.extend_from_slice(value);
        self.pad();
        self
    }

    /// Adds a `u32` attribute.
    pub fn u32(&mut self, kind: u16, value: u32) -> &mut Self {
        self.attribute(kind, &value.to_ne_bytes())
    }

    /// Adds a `u8` attribute.
    pub fn u8(&mut self, kind: u16, value: u8) -> &mut Self {
        self.attribute(kind, &[value])
    }

    /// Adds a text with its closing zero.
    pub fn text(&mut self, kind: u16, value: &str) -> &mut Self {
        let mut bytes = Vec::from(value.as_bytes());
        bytes.push(0);
        self.attribute(kind, &bytes)
    }

    /// Adds an attribute that consists of those that `fill` adds. Most of the kernel's nests do not say that they are
    /// ones; `flagged` ones do.
    pub fn nest(&mut self, kind: u16, flagged: bool, fill: impl FnOnce(&mut Self)) -> &mut Self {
        self.pad();
        let start = self.0.len();
        self.attribute(if flagged { kind | NESTED } else { kind }, &[]);
        fill(self);
        let length = u16::try_from(self.0.len() - start).unwrap_or(u16::MAX);
        if let Some(place) = self.0.get_mut(start..start + 2) {
            place.copy_from_slice(&length.to_ne_bytes());
        }
        self
    }

    /// The message, padded so that another may follow.
    pub fn finish(mut self) -> Vec<u8> {
        let length = u32::try_from(self.0.len()).unwrap_or(u32::MAX);
        if let Some(place) = self.0.get_mut(..4) {
            place.copy_from_slice(&length.to_ne_bytes());
        }
        self.pad();
        self.0
    }

    fn pad(&mut self) {
        self.0.resize(aligned(self.0.len()), 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_back() {
        let mut writer = Writer::new(16, 2, 7, 9);
        writer
            .fixed(&[1, 2, 3, 4])
            .u8(1, 5)
            .text(3, "lo")
            .nest(26, true, |nest| {
                nest.u32(1, 77).u32(2, 78);
            });
        let mut bytes = writer.finish();
        bytes.extend(Writer::new(3, 2, 7, 9).finish());
        let messages: Vec<_> = Messages::new(&bytes).collect();
        assert_eq!(messages.len(), 2);
        let first = messages[0];
        assert_eq!(
            (first.kind, first.flags, first.sequence, first.port),
            (16, 2, 7, 9)
        );
        assert_eq!(first.payload[..4], [1, 2, 3, 4]);
        let attributes = Attributes::after(first.payload, 4);
        assert_eq!(attributes.clone().find(3).unwrap().as_text(), b"lo");
        let nest = attributes.find(26).unwrap();
        let inner = Attributes::after(nest.value, 0).map(|attribute| attribute.as_u32());
        assert_eq!(inner.collect::<Vec<_>>(), [Some(77), Some(78)]);
    }

    #[test]
    fn lengths_that_lie_end_the_reading() {
        let whole = Writer::new(16, 0, 0, 0).finish();
        for cut in 0..whole.len() {
            assert_eq!(Messages::new(&whole[..cut]).count(), 0);
        }
        let mut short = whole.clone();
        short[0] = 15;
        assert_eq!(Messages::new(&short).count(), 0);
        for length in [0_u8, 3, 9] {
            assert_eq!(Attributes::after(&[length, 0, 1, 0, 1, 2], 0).count(), 0);
        }
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_are_read_to_an_end(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..200)) {
            for message in Messages::new(&bytes) {
                for attribute in Attributes::after(message.payload, 4) {
                    let _inner = Attributes::after(attribute.value, 0).count();
                }
            }
            let _outer = Attributes::after(&bytes, 0).count();
        }
    }
}
