//! `cargo fuzz` target `workbook`; the code is in `muster::app::fuzzing`.
#![no_main]

libfuzzer_sys::fuzz_target!(|raw: &[u8]| muster::app::fuzzing::workbook(raw));
