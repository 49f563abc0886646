//! `cargo +nightly fuzz run manifest`, in `content`.
#![no_main]

use lectern_content::tools::probe;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let _ = probe::manifest(text);
});
