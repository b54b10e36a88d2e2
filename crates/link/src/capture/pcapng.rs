//! The pcapng file format (draft-ietf-opsawg-pcapng).
//!
//! One section: a Section Header Block, an Interface Description Block for each interface, an Enhanced Packet Block for each
//! packet. All numbers little-endian. Every block is put together in memory and written whole, so that a reader who follows
//! the growing file never finds half a block from us.
use std::io::{self, Write};
use std::time::Duration;

use sockeye_wire::Frame;

use super::wire_bytes::WireBytes;
use crate::Direction;

const SECTION_HEADER: u32 = 0x0a0d_0d0a;
const INTERFACE_DESCRIPTION: u32 = 1;
const ENHANCED_PACKET: u32 = 6;
const BYTE_ORDER_MAGIC: u32 = 0x1a2b_3c4d;
/// A packet starts with its IP header.
const LINKTYPE_RAW: u16 = 101;

const OPT_END: u16 = 0;
const OPT_COMMENT: u16 = 1;
const SHB_USERAPPL: u16 = 4;
const IF_NAME: u16 = 2;
const IF_TSRESOL: u16 = 9;
const EPB_FLAGS: u16 = 2;
/// Timestamps count 10^-9 s.
const NANOSECONDS: u8 = 9;

/// Wireshark refuses packets longer than this; longer ones are cut, their true length kept.
const MAX_CAPTURED: usize = 262_144;
/// What is written down at a time.
const BUFFER: usize = 1 << 16;

/// An interface of a capture file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct CaptureInterface(pub(super) u32);

/// Writes a pcapng file.
#[derive(Debug)]
pub struct Pcapng<W: Write> {
    output: W,
    /// Whole blocks that are not written yet.
    buffer: Vec<u8>,
    interfaces: u32,
}

impl<W: Write> Pcapng<W> {
    /// Starts a file with its section header.
    pub fn new(output: W) -> io::Result<Self> {
        let mut file = Pcapng {
            output,
            buffer: Vec::with_capacity(BUFFER),
            interfaces: 0,
        };
        file.block(SECTION_HEADER, |body| {
            body.extend_from_slice(&BYTE_ORDER_MAGIC.to_le_bytes());
            body.extend_from_slice(&1u16.to_le_bytes());
            body.extend_from_slice(&0u16.to_le_bytes());
            // Section length: not known in advance.
            body.extend_from_slice(&u64::MAX.to_le_bytes());
            let application = concat!("sockeye ", env!("CARGO_PKG_VERSION"));
            option(body, SHB_USERAPPL, application.as_bytes());
            option(body, OPT_END, &[]);
        })?;
        Ok(file)
    }

    /// Adds an interface whose packets start with an IP header.
    pub fn interface(&mut self, name: &str) -> io::Result<CaptureInterface> {
        self.block(INTERFACE_DESCRIPTION, |body| {
            body.extend_from_slice(&LINKTYPE_RAW.to_le_bytes());
            body.extend_from_slice(&0u16.to_le_bytes());
            let snap_length = u32::try_from(MAX_CAPTURED).unwrap_or(0);
            body.extend_from_slice(&snap_length.to_le_bytes());
            option(body, IF_NAME, name.as_bytes());
            option(body, IF_TSRESOL, &[NANOSECONDS]);
            option(body, OPT_END, &[]);
        })?;
        let interface = CaptureInterface(self.interfaces);
        self.interfaces += 1;
        Ok(interface)
    }

    /// Adds a packet, seen at `time` since the Unix epoch. An empty comment is left out.
    pub fn packet(
        &mut self,
        interface: CaptureInterface,
        time: Duration,
        frame: &Frame,
        direction: Option<Direction>,
        comment: &str,
    ) -> io::Result<()> {
        let packet = WireBytes::of(frame);
        let captured = packet.len().min(MAX_CAPTURED);
        let nanos = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        let (high, low) = (nanos >> 32, nanos & 0xffff_ffff);
        self.block(ENHANCED_PACKET, |body| {
            body.extend_from_slice(&interface.0.to_le_bytes());
            for number in [
                high,
                low,
                u64::try_from(captured).unwrap_or(0),
                u64::try_from(packet.len()).unwrap_or(0),
            ] {
                let number = u32::try_from(number).unwrap_or(u32::MAX);
                body.extend_from_slice(&number.to_le_bytes());
            }
            packet.write(body, captured);
            pad(body, captured);
            if !comment.is_empty() {
                option(body, OPT_COMMENT, comment.as_bytes());
            }
            // The two lowest bits: 1 is inbound, 2 is outbound.
            match direction {
                Some(Direction::Inbound) => option(body, EPB_FLAGS, &1u32.to_le_bytes()),
                Some(Direction::Outbound) => option(body, EPB_FLAGS, &2u32.to_le_bytes()),
                None => {}
            }
            option(body, OPT_END, &[]);
        })
    }

    /// Writes what is buffered.
    pub fn flush(&mut self) -> io::Result<()> {
        self.output.write_all(&self.buffer)?;
        self.buffer.clear();
        self.output.flush()
    }

    /// Puts a block into the buffer: type, length, body, length.
    fn block(&mut self, kind: u32, body: impl FnOnce(&mut Vec<u8>)) -> io::Result<()> {
        let start = self.buffer.len();
        self.buffer.extend_from_slice(&kind.to_le_bytes());
        self.buffer.extend_from_slice(&[0; 4]);
        body(&mut self.buffer);
        // Bodies are padded to whole words; a packet is at most 256 KiB and an option at most 64 KiB.
        let length = u32::try_from(self.buffer.len() - start + 4).unwrap_or(0);
        self.buffer.extend_from_slice(&length.to_le_bytes());
        if let Some(slot) = self.buffer.get_mut(start + 4..start + 8) {
            slot.copy_from_slice(&length.to_le_bytes());
        }
        if self.buffer.len() >= BUFFER {
            self.output.write_all(&self.buffer)?;
            self.buffer.clear();
        }
        Ok(())
    }
}

impl<W: Write> Drop for Pcapng<W> {
    fn drop(&mut self) {
        // Who wants to know of an error has called `flush`.
        let _ = self.flush();
    }
}

/// Appends an option; a value longer than 65532 bytes is cut (at a character, if it is text).
fn option(body: &mut Vec<u8>, code: u16, value: &[u8]) {
    let mut length = value.len().min(65_532);
    // Not in the middle of a UTF-8 sequence.
    while length < value.len() && value.get(length).is_some_and(|byte| byte & 0xc0 == 0x80) {
        length -= 1;
    }
    let value = value.get(..length).unwrap_or_default();
    body.extend_from_slice(&code.to_le_bytes());
    body.extend_from_slice(&u16::try_from(length).unwrap_or(0).to_le_bytes());
    body.extend_from_slice(value);
    pad(body, length);
}

/// Pads what is `length` bytes long to whole words.
fn pad(body: &mut Vec<u8>, length: usize) {
    body.extend(std::iter::repeat_n(0, length.next_multiple_of(4) - length));
}
