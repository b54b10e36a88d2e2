//! Real programs under `sockeye run`, compared with a native run.
//!
//! A *scenario* is a bash script that starts servers and clients and prints what they said. The scenarios in
//! `scenarios/inside` are run twice: natively, in a network namespace of their own, and inside one `sockeye run`; the
//! two must print the same. Those in `scenarios/outside` run on the host's side and start `sockeye` themselves: published
//! ports, signals, exit codes, faults, what is left behind. Everything is done for both loopback ways, as root and as an
//! ordinary user.
//!
//! The rooms: [`need`] says what a scenario needs of the machine, [`stage`] lays out what a run may read, [`arm`] says
//! under which user and on which sockets it runs, [`keeper`] is the process that waits for it, with a deadline, and
//! leaves nothing of it behind, [`scenario`] is the catalogue and the comparison, [`cpython`] are CPython's own suites.
//!
//! A test harness waits for real processes: it may look at the clock, which the workspace forbids elsewhere.
#![allow(clippy::disallowed_methods)]

pub mod arm;
pub mod cpython;
pub mod keeper;
pub mod need;
pub mod scenario;
pub mod stage;
