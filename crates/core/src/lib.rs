//! One network host: sockets and the protocol stack beneath them, without an operating system.
#![no_std]
#![forbid(unsafe_code)]
extern crate alloc;
