//! One TCP connection and nothing else.
#![no_std]
#![forbid(unsafe_code)]
extern crate alloc;
