//! The Linux socket ABI as data: how addresses, messages, control messages and ioctl arguments look in memory.
//!
//! Everything here turns bytes into the core's types or back, and knows nothing of processes: whoever reads the bytes
//! (a supervisor, a C library) says where they are. Layouts are those of 64-bit Linux; numbers are in the machine's
//! byte order except where a protocol says otherwise.
#![forbid(unsafe_code)]

pub mod address;
pub mod control;
pub mod ioctl;
pub mod message;
pub mod number;
