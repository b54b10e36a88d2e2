//! Packet formats: views that prove lengths once, and builders.
//!
//! A *view* (`TcpView`, `Ipv4View`, ...) borrows bytes. Its `parse` is the only step that can fail; after it, no accessor
//! can. A *header* (`TcpHeader`, `Ipv4Header`, ...) is the owned form; `emit` appends it to [`Headers`] and is the
//! inverse of `From<View>`. Neither keeps any state, and no input of any kind makes this crate panic.
//!
//! A packet travels as a [`Frame`]: all its headers inline and contiguous in [`Headers`], its data as a [`Payload`] of
//! shared slices that are never copied on the way, and an [`Offload`] note that says which checksums are filled in and
//! whether this is a super-segment.
//!
//! Covers RFC 791 (IPv4), 8200 (IPv6 and its extension headers), 792 (ICMP), 4443 (ICMPv6), 768 (UDP), 3828 (UDP-Lite), 9293 (TCP), 7323
//! and 2018 (TCP options), 7413 (Fast Open), 5482 (user timeout), 1071 and 1624 (checksum), 2675 (jumbograms).
#![no_std]
#![forbid(unsafe_code)]
extern crate alloc;
#[cfg(test)]
extern crate std;

pub mod checksum;
pub mod chunks;
pub mod coalescing;
pub mod ecn;
pub mod error;
pub mod frame;
pub mod headers;
pub mod icmp;
pub mod icmpv4;
pub mod icmpv6;
pub mod ip;
pub mod ipv4;
pub mod ipv6;
pub mod payload;
pub mod protocol;
pub mod quote;
pub mod segmentation;
pub mod tcp;
pub mod udp;
pub mod udp_lite;

pub use checksum::Checksum;
pub use chunks::Chunks;
pub use ecn::Ecn;
pub use error::ParseError;
pub use frame::{ChecksumState, Frame, Offload};
pub use headers::Headers;
pub use icmp::IcmpView;
pub use icmpv4::{Icmpv4Error, Icmpv4Header};
pub use icmpv6::{Icmpv6Error, Icmpv6Header};
pub use ip::{IpView, Layout, Version};
pub use ipv4::{Ipv4Header, Ipv4Options, Ipv4View};
pub use ipv6::{FragmentHeader, Ipv6Extensions, Ipv6Header, Ipv6View};
pub use payload::Payload;
pub use protocol::IpProtocol;
pub use quote::{Quote, QuotedTransport};
pub use tcp::{FastOpenCookie, SackBlocks, TcpFlags, TcpHeader, TcpOptions, TcpView, Timestamps};
pub use udp::{UdpHeader, UdpView};
pub use udp_lite::{UdpLiteHeader, UdpLiteView};
