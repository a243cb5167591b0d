//! The encoders agree, and what the quantizer says of lengths and of numbers that are none.

mod common;

use common::{Random, bits};
use peftc_plugin_nf4::codec::{Encoder, QuantType, Quantizer};
use proptest::prelude::*;

type Quantized = Result<(Vec<u8>, Vec<u32>), usize>;

fn quantized(quantizer: Quantizer, encoder: Encoder, values: &[f32]) -> Quantized {
    let mut codes = vec![0xAA; Quantizer::code_bytes(values.len())];
    let mut absmax = vec![f32::NAN; quantizer.blocks(values.len())];
    quantizer.with_encoder(encoder).quantize(values, true, &mut codes, &mut absmax)?;
    Ok((codes, bits(&absmax)))
}

/// What all encoders of this CPU say.
fn agreed(quantizer: Quantizer, values: &[f32]) -> Quantized {
    let mut answers = Encoder::available().map(|encoder| quantized(quantizer, encoder, values));
    let first = answers.next().expect("there is the portable one");
    answers.for_each(|other| assert_eq!(first, other));
    first
}

fn quantizers() -> impl Strategy<Value = Quantizer> {
    (prop_oneof![Just(QuantType::Nf4), Just(QuantType::Fp4)], 4u32..=12)
        .prop_map(|(quant, log)| Quantizer::new(quant, 1 << log).expect("a block size"))
}

fn config() -> ProptestConfig {
    ProptestConfig { cases: 400, failure_persistence: None, ..Default::default() }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn encoders_agree(
        quantizer in quantizers(), length in 0usize..10_000, seed: u64, is_normal: bool,
    ) {
        let mut random = Random::new(seed);
        let mut value = || if is_normal { random.normal() as f32 } else { random.finite() };
        let values: Vec<f32> = (0..length).map(|_| value()).collect();
        prop_assert!(agreed(quantizer, &values).is_ok());
    }

    #[test]
    fn the_first_that_is_not_finite_is_named(
        quantizer in quantizers(), seed: u64, length in 1usize..9000,
        places in proptest::collection::vec((any::<prop::sample::Index>(), 0usize..4), 1..4),
    ) {
        let mut values = Random::new(seed).normals(length);
        let kinds = [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, -f32::NAN];
        for (place, kind) in &places {
            values[place.index(length)] = kinds[*kind];
        }
        let first = places.iter().map(|(place, _)| place.index(length)).min();
        prop_assert_eq!(agreed(quantizer, &values).err(), first);
    }

    #[test]
    fn pieces_at_block_boundaries_make_the_whole(
        quantizer in quantizers(), seed: u64, length in 1usize..9000,
        cut in any::<prop::sample::Index>(),
    ) {
        let values = Random::new(seed).normals(length);
        let (whole_codes, whole_absmax) = agreed(quantizer, &values).expect("finite");
        let cut = cut.index(length) / quantizer.block_size() * quantizer.block_size();
        let (mut codes, mut absmax) = (vec![0; cut / 2], vec![0.0; cut / quantizer.block_size()]);
        quantizer.quantize(&values[..cut], false, &mut codes, &mut absmax).expect("finite");
        let (rest_codes, rest_absmax) = agreed(quantizer, &values[cut..]).expect("finite");
        prop_assert_eq!([codes, rest_codes].concat(), whole_codes);
        prop_assert_eq!([bits(&absmax), rest_absmax].concat(), whole_absmax);
    }
}

#[test]
fn block_sizes_are_powers_of_two_from_16_to_4096() {
    let sizes = |quant| (0..10_000).filter(move |&size| Quantizer::new(quant, size).is_some());
    let expected = [16, 32, 64, 128, 256, 512, 1024, 2048, 4096];
    assert!(sizes(QuantType::Nf4).eq(expected));
    assert!(sizes(QuantType::Fp4).eq(expected));
}

#[test]
#[should_panic(expected = "a partial block within a matrix")]
fn a_partial_block_is_only_at_the_end() {
    let quantizer = Quantizer::new(QuantType::Nf4, 64).expect("a block size");
    let _ = quantizer.quantize(&[0.0; 65], false, &mut [0; 33], &mut [0.0; 2]);
}
