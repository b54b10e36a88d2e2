//! The kernel's end: a thread in a namespace that reads whatever connections bring.

use std::io::Read;
use std::net::{Ipv4Addr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc;

use anyhow::{Context, Result, anyhow};
use sockeye::link::device::{Tun, TunFeatures};
use sockeye_interop::{Place, isolate};

pub(super) const PORT: u16 = 7000;

const READ: usize = 256 * 1024;

/// A counter of what has been read.
#[derive(Clone, Default)]
pub(super) struct Receiver(Arc<AtomicU64>);

impl Receiver {
    /// A namespace with a reader in it, and the way there: from the client's address to the server's.
    pub(super) fn behind_tun(features: TunFeatures) -> Result<(Self, Tun)> {
        let receiver = Self::default();
        let (send, receive) = mpsc::channel();
        let counter = receiver.clone();
        std::thread::spawn(move || {
            let made = isolate(Place::Server, 1500, features, 1).and_then(|mut tuns| {
                let tun = tuns.pop().ok_or("no queue")?;
                let listener = counter.listen(Place::Server.v4());
                Ok((tun, listener.map_err(|error| error.to_string())?))
            });
            match made {
                Ok((tun, listener)) => {
                    drop(send.send(Ok(tun)));
                    counter.read(&listener);
                }
                Err(error) => drop(send.send(Err(error))),
            }
        });
        let tun = receive.recv().context("the reader's thread")?;
        Ok((receiver, tun.map_err(|error| anyhow!(error))?))
    }

    /// To be called in the namespace.
    pub(super) fn listen(&self, address: Ipv4Addr) -> std::io::Result<TcpListener> {
        let listener = TcpListener::bind((address, PORT))?;
        crate::kernel::set_cubic(&listener)?;
        Ok(listener)
    }

    /// Reads one connection after the other; ends with the listener's namespace at the latest.
    pub(super) fn read(&self, listener: &TcpListener) {
        let mut buffer = vec![0; READ];
        while let Ok((mut stream, _)) = listener.accept() {
            while let Ok(length @ 1..) = stream.read(&mut buffer) {
                self.0.fetch_add(length as u64, Ordering::Relaxed);
            }
        }
    }

    /// How many bytes have been read.
    pub(super) fn received(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}
