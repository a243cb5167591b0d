//! The weights of an adapter, beside a good configuration.
#![no_main]

const CONFIG: &[u8] = include_bytes!("../../../models/llama/adapters/qv/adapter_config.json");

libfuzzer_sys::fuzz_target!(|weights: &[u8]| peftc_fuzz::open_adapter(CONFIG, weights));
