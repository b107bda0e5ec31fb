#![no_main]
libfuzzer_sys::fuzz_target!(init: tidegate_fuzz::guided::begin("parquet"), |bytes: &[u8]| {
    let _ = tidegate_fuzz::target::run("parquet", bytes);
});
libfuzzer_sys::fuzz_mutator!(|data: &mut [u8], size: usize, most: usize, seed: u32| {
    tidegate_fuzz::guided::mutate("parquet", data, size, most, seed, libfuzzer_sys::fuzzer_mutate)
});
