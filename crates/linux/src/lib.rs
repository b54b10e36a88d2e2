//! The Linux socket ABI as data.
