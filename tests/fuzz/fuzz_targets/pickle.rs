//! The weights of an AdapterHub adapter, beside a good configuration.
#![no_main]

const CONFIG: &[u8] =
    include_bytes!("../../../models/blocks/bert/adapterhub/pickle/adapter_config.json");

libfuzzer_sys::fuzz_target!(|weights: &[u8]| peftc_fuzz::open_pickle(CONFIG, weights));
