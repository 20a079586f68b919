#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| pulsewarden_fuzz::log_line(data));
