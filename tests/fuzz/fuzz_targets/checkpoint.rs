//! The configuration of a checkpoint and the index of its files, behind a zero byte, beside good weights.
#![no_main]

const WEIGHTS: &[u8] = include_bytes!("../../../models/bnb/llama/double/model.safetensors");

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    let (config, index) = match input.iter().position(|&byte| byte == 0) {
        Some(at) => (&input[..at], &input[at + 1..]),
        None => (
            input,
            &b"{\"weight_map\": {\"lm_head.weight\": \"model-00001-of-00001.safetensors\"}}"[..],
        ),
    };
    peftc_fuzz::open_checkpoint(config, index, WEIGHTS)
});
