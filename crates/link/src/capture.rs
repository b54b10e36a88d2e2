//! Writing packets down as pcapng, which Wireshark and tshark read.
//!
//! [`Pcapng`] is the file format alone. [`Capture`] is a file shared by several taps and threads: it holds one interface for
//! each process or link and never disturbs the traffic - the first write that fails ends the recording, and
//! [`Capture::finish`] says why.
use std::io::{self, Write};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use sockeye_tcp::Instant;
use sockeye_wire::Frame;

use crate::Direction;

mod pcapng;
mod wire_bytes;

pub use pcapng::{CaptureInterface, Pcapng};

/// A pcapng file that several threads write to. Clones write to the same file.
///
/// Times are the traffic's: nanoseconds since the origin of its [`Instant`]s, shifted by the moment since the Unix epoch that
/// this origin stands for (zero in virtual time).
pub struct Capture<W: Write>(Arc<Mutex<Shared<W>>>);

struct Shared<W: Write> {
    /// `None` after the first error and after `finish`.
    file: Option<Pcapng<W>>,
    error: Option<io::Error>,
    origin: Duration,
    interfaces: u32,
}

impl<W: Write> Capture<W> {
    /// Starts a file; `origin` is when [`Instant::ZERO`] was, counted from the Unix epoch.
    pub fn new(output: W, origin: Duration) -> io::Result<Self> {
        Ok(Capture(Arc::new(Mutex::new(Shared {
            file: Some(Pcapng::new(output)?),
            error: None,
            origin,
            interfaces: 0,
        }))))
    }

    /// Adds an interface, named as Wireshark will show it.
    pub fn interface(&self, name: &str) -> CaptureInterface {
        self.with(|shared| {
            shared.attempt(|file| file.interface(name).map(|_| ()));
            let interface = CaptureInterface(shared.interfaces);
            shared.interfaces += 1;
            interface
        })
    }

    /// Writes one packet down, with a comment (empty for none): who it belongs to, for instance.
    pub fn record(
        &self,
        interface: CaptureInterface,
        frame: &Frame,
        direction: Direction,
        now: Instant,
        comment: &str,
    ) {
        self.with(|shared| {
            let time = shared.origin + Duration::from_nanos(now.as_nanos());
            shared.attempt(|file| file.packet(interface, time, frame, Some(direction), comment));
        });
    }

    /// Hands what is buffered to the operating system.
    pub fn flush(&self) {
        self.with(|shared| shared.attempt(Pcapng::flush));
    }

    /// Ends the file and answers with the first error there was. What is recorded afterwards is ignored.
    pub fn finish(&self) -> io::Result<()> {
        self.with(|shared| {
            shared.attempt(Pcapng::flush);
            shared.file = None;
            shared.error.take().map_or(Ok(()), Err)
        })
    }

    fn with<T>(&self, action: impl FnOnce(&mut Shared<W>) -> T) -> T {
        // A thread that panicked while it held the lock may have left half a block: nothing more is written behind it.
        let mut shared = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if self.0.is_poisoned() {
            shared.file = None;
        }
        action(&mut shared)
    }
}

impl<W: Write> Shared<W> {
    fn attempt(&mut self, action: impl FnOnce(&mut Pcapng<W>) -> io::Result<()>) {
        let Some(file) = &mut self.file else { return };
        if let Err(error) = action(file) {
            self.file = None;
            self.error = Some(error);
        }
    }
}

impl<W: Write> Clone for Capture<W> {
    fn clone(&self) -> Self {
        Capture(Arc::clone(&self.0))
    }
}

impl<W: Write> std::fmt::Debug for Capture<W> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Capture").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
