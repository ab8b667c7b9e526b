#![no_main]

#[path = "../targets/cluster_link.rs"]
mod target;

libfuzzer_sys::fuzz_target!(|data: &[u8]| target::run(data));
