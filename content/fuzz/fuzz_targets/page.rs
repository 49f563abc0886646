//! `cargo +nightly fuzz run page`, in `content`.
#![no_main]

use lectern_content::Style;
use lectern_content::tools::probe;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    for style in [Style::Classic, Style::Hugo, Style::Either] {
        let _ = probe::page(text, style);
    }
});
