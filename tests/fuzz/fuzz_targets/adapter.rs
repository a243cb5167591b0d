//! The configuration of an adapter, beside good weights.
#![no_main]

const WEIGHTS: &[u8] =
    include_bytes!("../../../models/llama/adapters/qv/adapter_model.safetensors");

libfuzzer_sys::fuzz_target!(|config: &[u8]| peftc_fuzz::open_adapter(config, WEIGHTS));
