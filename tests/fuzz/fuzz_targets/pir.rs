//! The text form: what is parsed is printed, and parsed again as the same model.
#![no_main]

use peftc::ir::{text, verify_model};

libfuzzer_sys::fuzz_target!(|source: &str| {
    text::parse_tensors(source).ok();
    let Ok(model) = text::parse(source) else { return };
    let printed = text::print(&model);
    let again = text::parse(&printed).expect("what is printed is parsed");
    assert_eq!(text::print(&again), printed);
    assert_eq!(verify_model(&again), verify_model(&model));
});
