#![no_main]
libfuzzer_sys::fuzz_target!(init: tidegate_fuzz::guided::begin("table"), |bytes: &[u8]| {
    let _ = tidegate_fuzz::target::run("table", bytes);
});
libfuzzer_sys::fuzz_mutator!(|data: &mut [u8], size: usize, most: usize, seed: u32| {
    tidegate_fuzz::guided::mutate("table", data, size, most, seed, libfuzzer_sys::fuzzer_mutate)
});
