//! `--pcap`: the host's packets in a pcapng file, each with the program it belongs to.

use std::fs::File;
use std::io::BufWriter;
use std::path::Path;

use anyhow::Context;
use sockeye_core::{Frame, Instant};
use sockeye_link::Direction;
use sockeye_link::capture::{Capture as PacketFile, CaptureInterface};

/// A capture of one run.
pub(crate) struct Capture {
    file: PacketFile<BufWriter<File>>,
    interface: CaptureInterface,
}

impl Capture {
    pub(crate) fn create(path: &Path) -> anyhow::Result<Capture> {
        let file = File::create(path)
            .with_context(|| format!("cannot create the capture {}", path.display()))?;
        let file = PacketFile::new(BufWriter::new(file), crate::network::origin())
            .with_context(|| format!("cannot write the capture {}", path.display()))?;
        let interface = file.interface("lo");
        Ok(Capture { file, interface })
    }

    pub(crate) fn record(&mut self, frame: &Frame, comment: &str, now: Instant) {
        self.file
            .record(self.interface, frame, Direction::Outbound, now, comment);
    }

    /// Closes the file; a capture that could not be written is worth a word.
    pub(crate) fn finish(&mut self) {
        if let Err(error) = self.file.finish() {
            eprintln!("sockeye: the capture is incomplete: {error}");
        }
    }

    /// Leaves nothing in memory: the file is readable up to here whatever becomes of the supervisor.
    pub(crate) fn flush(&mut self) {
        self.file.flush();
    }
}
