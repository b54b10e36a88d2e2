//! Devices of the operating system that packets leave by and come in by.

mod gro;
#[cfg(target_os = "linux")]
mod tun;
mod virtio;

pub use gro::Gro;
#[cfg(target_os = "linux")]
pub use tun::{Tun, TunFeatures, TunOptions};
pub use virtio::VirtioNetHeader;
