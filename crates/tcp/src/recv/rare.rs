//! What few receivers have, because what they get comes in order, once and without urgent data.
use alloc::boxed::Box;

use super::Receiver;
use super::assembler::Assembler;
use super::compression::Compressed;
use super::urgent::Urgent;
use crate::Seq;
use crate::lazy::Resting;

/// To the others it costs a word.
#[derive(Debug, Default)]
pub(crate) struct Rare {
    /// What has come beyond a gap.
    pub(crate) assembler: Option<Box<Assembler>>,
    pub(crate) urgent: Option<Urgent>,
    /// A duplicate to report first in the next acknowledgment (RFC 2883).
    pub(crate) dsack: Option<(Seq, Seq)>,
    /// `tcpi_rcv_ooopack`
    pub(crate) out_of_order_segments: u32,
    /// Acknowledgments that wait for each other.
    pub(super) compressed: Compressed,
    /// Answers that were sent, as long as they are counted.
    pub(crate) answers: u8,
}

impl Resting for Rare {
    fn resting() -> &'static Rare {
        static NOTHING: Rare = Rare {
            assembler: None,
            urgent: None,
            dsack: None,
            out_of_order_segments: 0,
            compressed: Compressed::NONE,
            answers: 0,
        };
        &NOTHING
    }
}

impl Receiver {
    /// Gives the memory back if there is nothing to remember.
    pub(crate) fn rest_rare(&mut self) {
        if self.queue.rare.is_at_rest() {
            return;
        }
        let rare = &*self.queue.rare;
        let is_over = rare.assembler.is_none()
            && rare.urgent.is_none()
            && rare.dsack.is_none()
            && rare.compressed.is_over()
            && rare.out_of_order_segments == 0
            && rare.answers == 0;
        if is_over && let Some(queue) = self.queue.existing() {
            queue.rare.rest();
        }
    }

    /// What is rare, if there is any.
    pub(super) fn existing_rare(&mut self) -> Option<&mut Rare> {
        self.queue.existing()?.rare.existing()
    }

    /// There is nothing to report that came twice.
    pub(crate) fn forget_dsack(&mut self) {
        if let Some(rare) = self.existing_rare() {
            rare.dsack = None;
        }
    }

    pub(crate) fn forget_urgent(&mut self) {
        if let Some(rare) = self.existing_rare() {
            rare.urgent = None;
        }
    }

    /// A FIN beyond a gap, and nothing else there.
    pub(crate) fn has_lone_fin(&self) -> bool {
        let assembler = self.queue.rare.assembler.as_ref();
        assembler.is_some_and(|assembler| assembler.fin.is_some() && assembler.bytes() == 0)
    }

    /// Throws away what came beyond a gap. True if there was something.
    pub(crate) fn drop_out_of_order(&mut self) -> bool {
        self.existing_rare()
            .is_some_and(|rare| rare.assembler.take().is_some())
    }
}
