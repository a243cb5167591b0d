//! The encoders agree, and what the quantizer says of lengths and of numbers that are none.

mod common;

use common::{Random, bits};
use peftc_plugin_nf4::codec::{Encoder, LANES, Lanes, QuantType, Quantizer};
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

/// The same of columns, each flattened.
fn quantized_columns(quantizer: Quantizer, encoder: Encoder, rows: &[Lanes<f32>]) -> Quantized {
    let mut squares = vec![[[0xAAAA_AAAA; LANES]; LANES]; Quantizer::squares(rows.len())];
    let mut absmax = vec![[f32::NAN; LANES]; rows.len() / quantizer.block_size()];
    quantizer.with_encoder(encoder).quantize_columns(rows, &mut squares, &mut absmax)?;
    let codes = (0..LANES).flat_map(|column| {
        let words = squares.iter().flat_map(move |square| square[column]);
        words.flat_map(u32::to_le_bytes).take(rows.len() / 2)
    });
    let absmax = (0..LANES).flat_map(|column| absmax.iter().map(move |row| row[column].to_bits()));
    Ok((codes.collect(), absmax.collect()))
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
    fn columns_are_quantized_as_rows_are(
        quantizer in quantizers(), blocks in 1usize..6, seed: u64, is_normal: bool,
    ) {
        let mut random = Random::new(seed);
        let mut value = || if is_normal { random.normal() as f32 } else { random.finite() };
        let length = blocks * quantizer.block_size();
        let rows: Vec<Lanes<f32>> =
            (0..length).map(|_| std::array::from_fn(|_| value())).collect();
        let flattened: Vec<f32> =
            (0..LANES).flat_map(|column| rows.iter().map(move |row| row[column])).collect();
        let expected = agreed(quantizer, &flattened).expect("finite");
        for encoder in Encoder::available() {
            let found = quantized_columns(quantizer, encoder, &rows).expect("finite");
            prop_assert!(found == expected, "{}", encoder.name());
        }
    }

    #[test]
    fn an_element_of_a_column_that_is_not_finite_is_named(
        quantizer in quantizers(), blocks in 1usize..4,
        place in any::<prop::sample::Index>(), kind in 0usize..3,
    ) {
        let mut rows = vec![[1.0; LANES]; blocks * quantizer.block_size()];
        let place = place.index(rows.len() * LANES);
        rows.as_flattened_mut()[place] = [f32::NAN, f32::INFINITY, f32::NEG_INFINITY][kind];
        for encoder in Encoder::available() {
            let found = quantized_columns(quantizer, encoder, &rows);
            prop_assert_eq!(found.err(), Some(place));
        }
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
