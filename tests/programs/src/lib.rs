//! Real programs under sockeye run, compared with a native run.
