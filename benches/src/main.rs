//! Figures beside the kernel and other stacks, measured in one interleaved run.
fn main() {}
