//! Puts unmodified programs on a Sockeye host.
//!
//! A seccomp filter sends the *control* calls of the program and all its children to a supervisor; the *data* calls stay
//! native, on real kernel files that the supervisor handed out (the *conduits*). Rooms:
//!
//! - [`launch`](self): guardian, supervisor and program, and how a run begins and ends;
//! - `filter`: which calls are trapped; `notify`: how they come in, wait and are answered, `untold` and
//!   `given`: when a signal is faster; `calls`: one file for each;
//! - `memory`, `sys`: the callers' memory and files, and the kernel calls used;
//! - `conduit`: the states a socket's file goes through; `census`: which are still open;
//! - `join`, `resets`, `listeners`, `pump`, `datagrams`: how data travels; `publish`: from outside;
//! - `netlink`: what netlink sockets are told beside what the host says;
//! - `control`, `report`: what `sockeye ss` shows; `doctor`: what this machine lacks.
//!
//! Where it differs from Linux is in the book, under "what is known not to work".

mod calls;
mod capture;
mod census;
mod conduit;
mod control;
mod datagrams;
mod describe;
mod doctor;
mod event_loop;
mod filter;
mod given;
mod inspect;
mod join;
mod launch;
mod listeners;
mod memory;
mod names;
mod netlink;
mod network;
mod notify;
mod processes;
mod publish;
mod pump;
mod queues;
pub mod report;
mod resets;
mod slab;
mod stand_in;
mod supervisor;
mod sys;
mod untold;

pub use control::{runs, shape};
pub use doctor::{Finding, examine};
pub use launch::{FAILED, Loopback, Options, run};
pub use publish::Publication;
pub use sockeye_link::impair::Netem;
