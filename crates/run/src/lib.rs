//! Puts unmodified programs on a Sockeye host.
