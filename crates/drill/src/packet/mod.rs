//! Packets as bytes: made from the script's words, read back, and shown in them.

mod build;
mod icmp;
mod options;
mod seen;
mod show;

pub(crate) use build::{icmp, segment, udp};
pub(crate) use icmp::Message;
pub(crate) use options::length as option_length;
pub(crate) use seen::{Body, Seen};
pub(crate) use show::{options as show_options, script as show_script, seen as show_seen};
