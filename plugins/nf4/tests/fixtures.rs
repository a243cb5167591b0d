//! The codec against what bitsandbytes and ONNX Runtime make, byte for byte.

mod common;

use common::{Fixtures, bits, quant_type};
use peftc_plugin_nf4::codec::{Encoder, QuantType, Quantizer, dequantize, nested};

/// A stored quantization: `CASE/TYPE/BLOCK`.
struct Case {
    name: String,
    quant_type: QuantType,
    block_size: usize,
    input: Vec<f32>,
    codes: Vec<u8>,
    absmax: Vec<f32>,
}

fn cases(fixtures: &Fixtures) -> Vec<Case> {
    let read = |name: String| {
        let parts: Vec<&str> = name.split('/').collect();
        let &[case, quant, block] = parts.as_slice() else { panic!("{name}") };
        Case {
            quant_type: quant_type(quant),
            block_size: block.parse().expect("a block size"),
            input: fixtures.floats(&format!("input/{case}")),
            codes: fixtures.bytes(&format!("codes/{name}")),
            absmax: fixtures.floats(&format!("absmax/{name}")),
            name,
        }
    };
    fixtures.names("codes/").into_iter().map(read).collect()
}

/// ONNX Runtime tells FP4's two zeros apart by the sign of the element, bitsandbytes' CPU by the
/// order of a sort: with code 8 as code 0 they can be compared.
fn with_one_zero(codes: &[u8]) -> Vec<u8> {
    let nibble = |code: u8| if code == 8 { 0 } else { code };
    codes.iter().map(|byte| nibble(byte >> 4) << 4 | nibble(byte & 15)).collect()
}

#[test]
fn codes_and_absmax_are_equal_byte_for_byte() {
    let fixtures = Fixtures::load();
    let cases = cases(&fixtures);
    assert!(cases.len() > 80, "{} cases", cases.len());
    for encoder in Encoder::available() {
        println!("encoder {}: {} cases", encoder.name(), cases.len());
        for case in &cases {
            let quantizer = Quantizer::new(case.quant_type, case.block_size).expect("a block size");
            let mut codes = vec![0xAA; case.codes.len()];
            let mut absmax = vec![f32::NAN; case.absmax.len()];
            quantizer
                .with_encoder(encoder)
                .quantize(&case.input, true, &mut codes, &mut absmax)
                .expect("finite");
            let place = format!("{} with {}", case.name, encoder.name());
            assert_eq!(bits(&absmax), bits(&case.absmax), "absmax of {place}");
            if case.block_size == 16 && case.quant_type == QuantType::Fp4 {
                assert_eq!(with_one_zero(&codes), with_one_zero(&case.codes), "codes of {place}");
            } else {
                assert_eq!(codes, case.codes, "codes of {place}");
            }
        }
    }
}

#[test]
fn values_are_code_times_absmax() {
    let fixtures = Fixtures::load();
    let cases = cases(&fixtures);
    let with_values = cases.iter().filter(|case| fixtures.has(&format!("values/{}", case.name)));
    let mut checked = 0;
    for case in with_values {
        let mut values = vec![f32::NAN; case.input.len()];
        dequantize(&case.codes, &case.absmax, case.block_size, case.quant_type, &mut values);
        let expected = fixtures.floats(&format!("values/{}", case.name));
        assert_eq!(bits(&values), bits(&expected), "{}", case.name);
        checked += 1;
    }
    assert!(checked > 20, "{checked} cases");
}

#[test]
fn code_books_are_those_of_bitsandbytes() {
    let fixtures = Fixtures::load();
    for quant in [QuantType::Nf4, QuantType::Fp4] {
        let expected = fixtures.floats(&format!("code_book/{}", quant.name()));
        assert_eq!(bits(quant.code_book()), bits(&expected), "{quant:?}");
    }
    assert_eq!(bits(nested::code_book()), bits(&fixtures.floats("code_book/dynamic")));
}

/// How far from a midpoint bitsandbytes' CPU library may still take the other side. Around 0 that
/// is several codes.
const CPU_LIBRARY_ERROR: f64 = 1.6e-5;

/// How far a scaled element is from what a code is nearest to.
fn distance_to(scaled: f64, code: u8) -> f64 {
    let value = |code: u8| f64::from(nested::code_book()[usize::from(code)]);
    let midpoint = |next: u8| (value(code) + value(next)) / 2.0;
    let lowest = code.checked_sub(1).map_or(f64::NEG_INFINITY, midpoint);
    let highest = code.checked_add(1).map_or(f64::INFINITY, midpoint);
    (lowest - scaled).max(scaled - highest).max(0.0)
}

#[test]
fn nested_codes_are_the_nearest() {
    let fixtures = Fixtures::load();
    let mut at_midpoints = 0;
    for name in fixtures.names("nested/") {
        let Some(case) = name.strip_suffix("/input") else { continue };
        let part = |part: &str| format!("nested/{case}/{part}");
        let (input, offset) =
            (fixtures.floats(&part("input")), fixtures.floats(&part("offset"))[0]);
        let found = nested::quantize_around(&input, offset);
        assert_eq!(bits(&found.absmax), bits(&fixtures.floats(&part("absmax"))), "{case}");
        assert_eq!(found.codes, fixtures.bytes(&part("cuda_codes")), "{case}");

        let expected = fixtures.bytes(&part("codes"));
        for (index, (&code, &expected)) in found.codes.iter().zip(&expected).enumerate() {
            if code != expected {
                let scale = f64::from(found.absmax[index / nested::BLOCK_SIZE]);
                let scaled = f64::from(input[index] - offset) / scale;
                let distance = distance_to(scaled, expected);
                assert!(distance < CPU_LIBRARY_ERROR, "{case}: {index} is {distance} off");
                at_midpoints += 1;
            }
        }
        let values = nested::dequantize(&expected, &found.absmax, offset);
        assert_eq!(bits(&values), bits(&fixtures.floats(&part("values"))), "{case}");
    }
    println!("{at_midpoints} codes differ from bitsandbytes' CPU library, all beside a midpoint");
}

#[test]
fn the_offset_is_the_mean_to_a_unit_or_two() {
    let fixtures = Fixtures::load();
    for case in ["normal", "heavy", "tiny", "denormal", "constant", "one"] {
        let input = fixtures.floats(&format!("nested/{case}/input"));
        let torch = fixtures.floats(&format!("nested/{case}/offset"))[0];
        let units = nested::quantize(&input).offset.to_bits().abs_diff(torch.to_bits());
        println!("{case}: {units} units in the last place from PyTorch's mean");
        assert!(units <= 2, "{case}: {units}");
    }
}
