//! Splitting a super-segment into packets, for a device that cannot (Linux "GSO": TSO for TCP, USO for UDP).
mod template;

use template::Template;

use crate::{ChecksumState, Frame, Headers, Offload};

/// The packets of one super-segment, in order.
///
/// Each has the headers of the whole with lengths, sequence number, identification and flags adjusted; its transport
/// checksum is [`ChecksumState::Partial`] if there was more than one packet to make, unless it is [`summed`](Self::summed).
#[derive(Clone, Debug)]
pub struct Segments {
    whole: Frame,
    /// The headers of the packets, if there is more than one.
    template: Option<Template>,
    size: usize,
    /// Packets made so far.
    index: u16,
    /// Payload bytes in the packets made so far.
    done: usize,
    finished: bool,
    /// Whether the transport checksums are filled in.
    sums: bool,
}

impl Frame {
    /// The packets that this frame stands for: itself, unless it is a super-segment.
    pub fn segments(self) -> Segments {
        let size = self
            .offload
            .segment_size
            .map_or(usize::MAX, |size| usize::from(size.get()));
        let template = if self.payload.len() > size {
            Template::of(&self)
        } else {
            None
        };
        Segments {
            whole: self,
            template,
            size,
            index: 0,
            done: 0,
            finished: false,
            sums: false,
        }
    }
}

impl Iterator for Segments {
    type Item = Frame;

    #[inline]
    fn next(&mut self) -> Option<Frame> {
        if self.finished {
            return None;
        }
        let Some(template) = &self.template else {
            self.finished = true;
            let mut frame = core::mem::take(&mut self.whole);
            frame.offload.segment_size = None;
            if self.sums {
                frame.complete_checksum();
            }
            return Some(frame);
        };
        let payload = self.whole.payload.split_to(self.size);
        self.finished = self.whole.payload.is_empty();
        let (index, done) = (self.index, self.done);
        self.index = index.wrapping_add(1);
        self.done += payload.len();
        // Filled in where it is: to move a packet costs as much as to make it.
        let mut packet = Some(Frame {
            headers: Headers::new(),
            payload,
            offload: Offload {
                checksum: ChecksumState::Partial,
                segment_size: None,
            },
        });
        if let Some(packet) = &mut packet {
            template.write(packet, index, done, self.finished, self.sums);
        }
        packet
    }
}

impl Segments {
    /// The same with all checksums filled in.
    pub fn summed(self) -> Self {
        Segments { sums: true, ..self }
    }

    /// Whether every packet has been made.
    pub fn is_finished(&self) -> bool {
        self.finished
    }
}

#[cfg(test)]
mod tests;
