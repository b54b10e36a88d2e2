//! Feeds what libFuzzer makes up to a host.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    sockeye_fuzz::host_receive(data);
});
