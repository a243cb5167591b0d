//! The quantizer of format `nbits`: hand-made rows, and a reference in float64.
//! (`tests/interop/test_nbits.py` holds it against ONNX Runtime's, byte for byte.)

mod common;

use common::Random;
use peftc_plugin_nf4::nbits::IntQuantizer;
use proptest::prelude::*;

struct Row {
    codes: Vec<u8>,
    scales: Vec<f32>,
    zero_points: Vec<u8>,
}

fn quantizer(bits: usize, block_size: usize, is_symmetric: bool) -> IntQuantizer {
    IntQuantizer::new(bits, block_size, is_symmetric).expect("a quantizer")
}

fn quantized(quantizer: IntQuantizer, row: &[f32]) -> Result<Row, usize> {
    let blocks = quantizer.blocks(row.len());
    let stored = if quantizer.is_symmetric() { 0 } else { quantizer.zero_point_bytes(blocks) };
    let mut made = Row {
        codes: vec![0xAA; blocks * quantizer.block_bytes()],
        scales: vec![f32::NAN; blocks],
        zero_points: vec![0xAA; stored],
    };
    quantizer.quantize_row(row, &mut made.codes, &mut made.scales, &mut made.zero_points)?;
    Ok(made)
}

/// The numbers of so many bits, the first in the low bits.
fn unpacked(bytes: &[u8], bits: usize) -> Vec<u8> {
    match bits {
        8 => bytes.to_vec(),
        _ => bytes.iter().flat_map(|byte| [byte & 15, byte >> 4]).collect(),
    }
}

#[test]
fn a_block_of_zeros_has_scale_zero() {
    for bits in [4, 8] {
        let middle = 1 << (bits - 1);
        let symmetric = quantized(quantizer(bits, 16, true), &[0.0; 16]).expect("finite");
        assert_eq!(symmetric.scales, [0.0]);
        assert!(unpacked(&symmetric.codes, bits).iter().all(|&code| code == middle));
        let asymmetric = quantized(quantizer(bits, 16, false), &[0.0; 16]).expect("finite");
        assert_eq!(asymmetric.scales, [0.0]);
        assert!(asymmetric.codes.iter().all(|&code| code == 0));
        assert_eq!(unpacked(&asymmetric.zero_points, bits)[0], 0);
    }
}

#[test]
fn the_largest_magnitude_is_code_zero_whatever_its_sign() {
    for (peak, scale) in [(-8.0, 1.0), (8.0, -1.0)] {
        let mut row = [0.0; 16];
        (row[0], row[1], row[2]) = (peak, 3.0, -2.5);
        let made = quantized(quantizer(4, 16, true), &row).expect("finite");
        assert_eq!(made.scales, [scale]);
        // Halves go away from zero: 8 - 2.5 = 5.5 and 8 + 2.5 = 10.5.
        let expected = if scale > 0.0 { [0, 11, 6, 8] } else { [0, 5, 11, 8] };
        assert_eq!(unpacked(&made.codes, 4)[..4], expected);
    }
    let tie = quantized(quantizer(8, 16, true), &[128.0, -128.0]).expect("finite");
    assert_eq!(tie.scales, [1.0], "the negative one counts");
    assert_eq!(tie.codes[..2], [255, 0]);
}

#[test]
fn a_range_includes_zero() {
    let made = quantized(quantizer(8, 16, false), &[51.0, 255.0]).expect("finite");
    assert_eq!((made.scales[0], made.zero_points[0]), (1.0, 0));
    assert_eq!(made.codes[..3], [51, 255, 0]);
    let made = quantized(quantizer(4, 16, false), &[-15.0, -5.0]).expect("finite");
    assert_eq!((made.scales[0], made.zero_points[0]), (1.0, 0x8F));
    assert_eq!(made.codes[0], 0xA0);
}

#[test]
fn what_follows_an_odd_row_is_onnxruntimes() {
    let row = [-8.0, 1.0, 2.0];
    let made = quantized(quantizer(4, 16, true), &row).expect("finite");
    assert_eq!(made.codes, [0x90, 0x9A, 0, 0, 0, 0, 0, 0], "the high half before, then zeros");
    let made = quantized(quantizer(4, 16, true), &row[..1]).expect("finite");
    assert_eq!(made.codes[0], 0x00, "there is no high half before");
    let made = quantized(quantizer(8, 16, true), &row).expect("finite");
    assert_eq!(made.codes[3..], [0; 13]);
}

#[test]
fn the_first_that_cannot_be_quantized_is_named() {
    for is_symmetric in [true, false] {
        let mut row = [1.0; 40];
        row[33] = f32::NAN;
        row[35] = f32::INFINITY;
        assert_eq!(quantized(quantizer(4, 16, is_symmetric), &row).err(), Some(33));
    }
    let wide = [f32::MIN, f32::MAX];
    assert_eq!(quantized(quantizer(8, 16, false), &wide).err(), Some(1), "no finite scale");
    assert!(quantized(quantizer(8, 16, true), &wide).is_ok());
}

#[test]
fn other_sizes_are_no_quantizers() {
    for (bits, block_size) in [(2, 32), (5, 32), (4, 8), (4, 48), (8, 512)] {
        assert_eq!(IntQuantizer::new(bits, block_size, true), None);
    }
}

/// Scale and zero point of a block, in float64.
fn reference(block: &[f32], bits: usize, is_symmetric: bool) -> (f64, f64) {
    let fold = |start: f64, pick: fn(f64, f64) -> f64| {
        block.iter().fold(start, |so_far, &x| pick(so_far, f64::from(x)))
    };
    let (min, max) = (fold(0.0, f64::min), fold(0.0, f64::max));
    if is_symmetric {
        let middle = f64::from(1 << (bits - 1));
        return (-(if max > -min { max } else { min }) / middle, middle);
    }
    let scale = (max - min) / f64::from((1 << bits) - 1);
    (scale, (-min / scale).round())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..Default::default() })]

    #[test]
    fn rows_are_those_of_the_reference(
        bits in prop_oneof![Just(4usize), Just(8)], log in 4u32..=8, is_symmetric: bool,
        length in 1usize..700, seed: u64,
    ) {
        let block_size = 1 << log;
        let row = Random::new(seed).normals(length);
        let made = quantized(quantizer(bits, block_size, is_symmetric), &row).expect("finite");
        let (codes, points) = (unpacked(&made.codes, bits), unpacked(&made.zero_points, bits));
        for (index, block) in row.chunks(block_size).enumerate() {
            let (scale, exact_point) = reference(block, bits, is_symmetric);
            prop_assert!((f64::from(made.scales[index]) / scale - 1.0).abs() < 1e-6);
            let point = if is_symmetric { exact_point } else { f64::from(points[index]) };
            prop_assert!((point - exact_point).abs() <= 1.0);
            let top = f64::from((1 << bits) - 1);
            for (&x, &code) in block.iter().zip(&codes[index * block_size..]) {
                let exact = (f64::from(x) / scale + point).clamp(0.0, top);
                // float32's error at 255, beside the half of rounding.
                prop_assert!((f64::from(code) - exact).abs() <= 0.5 + 1e-4, "{x}: {code}, {exact}");
            }
        }
    }
}
