#![no_main]
libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let _ = tidegate_fuzz::target::run("markdown", bytes);
});
