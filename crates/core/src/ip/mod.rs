//! The internet layer: addresses and routes, datagrams in and out, fragments, ICMP.
pub(crate) mod fragment;
pub(crate) mod reassembly;
pub mod routes;
