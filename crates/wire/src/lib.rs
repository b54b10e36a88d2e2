//! Packet formats: views that prove lengths once, and builders.
#![no_std]
#![forbid(unsafe_code)]
extern crate alloc;
