//! Codes of weights that are stored either way are measured alike, and as in float64.

mod common;

use common::Random;
use half::f16;
use peftc_plugin::{DataType, TensorView};
use peftc_plugin_nf4::codec::{Encoder, QuantType, Quantizer, dequantize};
use peftc_plugin_nf4::errors::Errors;
use proptest::prelude::*;

/// What float64 says.
fn naive(values: &[f32], near: &[f32]) -> Errors {
    let mut errors = Errors::default();
    for (&value, &near) in values.iter().zip(near) {
        let (value, error) = (f64::from(value), f64::from(value - near));
        errors.sum += value;
        errors.squares += value * value;
        errors.error_squares += error * error;
        errors.error_max = errors.error_max.max(error.abs());
    }
    errors
}

fn assert_near(errors: &Errors, expected: &Errors) {
    let near = |a: f64, b: f64, scale: f64| assert!((a - b).abs() <= 1e-5 * scale, "{a} for {b}");
    assert_eq!(errors.error_max, expected.error_max);
    near(errors.squares, expected.squares, expected.squares);
    near(errors.error_squares, expected.error_squares, expected.error_squares);
    near(errors.sum, expected.sum, 1.0 + expected.squares);
}

fn turned(values: &[f32], out: usize, inputs: usize) -> Vec<f32> {
    (0..out * inputs).map(|at| values[at % out * inputs + at / out]).collect()
}

fn config() -> ProptestConfig {
    ProptestConfig { cases: 150, failure_persistence: None, ..Default::default() }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn errors_are_those_of_float64(
        log in 4u32..=8, is_fp4: bool, is_half: bool, seed: u64,
        out in 1usize..150, blocks in 0usize..5, more in 0usize..20,
    ) {
        let block_size = 1 << log;
        let inputs = blocks * block_size + if blocks == 0 { more + 1 } else { more / 17 };
        let quant_type = if is_fp4 { QuantType::Fp4 } else { QuantType::Nf4 };
        let quantizer = Quantizer::new(quant_type, block_size).expect("a block size");
        let mut values = Random::new(seed).normals(out * inputs);
        if is_half {
            values.iter_mut().for_each(|value| *value = f16::from_f32(*value).to_f32());
        }
        let mut codes = vec![0; Quantizer::code_bytes(values.len())];
        let mut absmax = vec![0.0; quantizer.blocks(values.len())];
        quantizer.quantize(&values, true, &mut codes, &mut absmax).expect("finite");
        // Magnitudes need not be those that were divided by.
        absmax.iter_mut().for_each(|absmax| *absmax *= 1.01);
        let mut near = vec![0.0; values.len()];
        dequantize(&codes, &absmax, block_size, quant_type, &mut near);
        let expected = naive(&values, &near);

        for is_transposed in [false, true] {
            let (stored, dims) = match is_transposed {
                false => (values.clone(), [out, inputs]),
                true => (turned(&values, out, inputs), [inputs, out]),
            };
            let dims = dims.map(|dim| dim as i64);
            let dtype = if is_half { DataType::F16 } else { DataType::F32 };
            let mut bytes = vec![0; stored.len() * dtype.float_size().expect("a float")];
            dtype.encode_f32(&stored, &mut bytes).expect("a float");
            let weight = TensorView { dtype, dims: &dims, bytes: &bytes };
            let mut found = Encoder::available().map(|encoder| {
                let quantizer = quantizer.with_encoder(encoder);
                Errors::of_codes(weight, is_transposed, quantizer, &codes, &absmax).expect("it fits")
            });
            let first = found.next().expect("there is the portable one");
            assert_near(&first, &expected);
            for other in found {
                prop_assert_eq!(&other, &first);
            }
        }
    }
}

/// Squares that float32 does not have, and a deviation that it loses beside the mean.
#[test]
fn numbers_of_any_size_are_measured() {
    const SHAPE: [usize; 2] = [40, 128];
    let quantizer = Quantizer::new(QuantType::Nf4, 64).expect("a block size");
    let normals = Random::new(1).normals(SHAPE[0] * SHAPE[1]);
    for (scale, mean) in
        [(1e-35, 0.0), (1e-25, 0.0), (1e25, 0.0), (1e37, 0.0), (1.0, 3e3), (0.0, 0.1)]
    {
        let values: Vec<f32> = normals.iter().map(|value| value * scale + mean).collect();
        let mut codes = vec![0; Quantizer::code_bytes(values.len())];
        let mut absmax = vec![0.0; quantizer.blocks(values.len())];
        quantizer.quantize(&values, true, &mut codes, &mut absmax).expect("finite");
        let mut near = vec![0.0; values.len()];
        dequantize(&codes, &absmax, 64, QuantType::Nf4, &mut near);
        let expected = naive(&values, &near);
        for is_transposed in [false, true] {
            let (stored, dims) = match is_transposed {
                false => (values.clone(), [40, 128]),
                true => (turned(&values, SHAPE[0], SHAPE[1]), [128, 40]),
            };
            let bytes: Vec<u8> = stored.iter().flat_map(|value| value.to_le_bytes()).collect();
            let weight = TensorView { dtype: DataType::F32, dims: &dims, bytes: &bytes };
            let errors = Errors::of_codes(weight, is_transposed, quantizer, &codes, &absmax);
            let errors = errors.expect("it fits");
            let is_near = |a: f64, b: f64| (a - b).abs() <= 1e-12 * b.abs();
            assert_eq!(errors.error_max, expected.error_max, "{scale} {mean}");
            assert!(is_near(errors.squares, expected.squares), "{scale} {mean}");
            assert!(is_near(errors.error_squares, expected.error_squares), "{scale} {mean}");
        }
    }
}

#[test]
fn lengths_that_do_not_fit_are_refused() {
    let quantizer = Quantizer::new(QuantType::Nf4, 64).expect("a block size");
    let weight = TensorView { dtype: DataType::F32, dims: &[2, 64], bytes: &[0; 512] };
    for (codes, magnitudes) in [(63, 2), (64, 1)] {
        let (codes, magnitudes) = (vec![0; codes], vec![0.0; magnitudes]);
        assert!(Errors::of_codes(weight, false, quantizer, &codes, &magnitudes).is_err());
    }
}
