//! Feeds what libFuzzer makes up to two hosts and the wire between them.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    sockeye_fuzz::two_endpoints(data);
});
