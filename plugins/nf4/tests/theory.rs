//! What the error of a quantized normal weight is.

mod common;

use common::Random;
use peftc_plugin_nf4::codec::{QuantType, Quantizer, dequantize, nested};

const BLOCK_SIZE: usize = 64;
const ELEMENTS: usize = 1 << 20;

/// Root mean square of the error, in units of the weights' standard deviation.
fn error(quant_type: QuantType, is_nested: bool) -> f64 {
    let sigma = 0.02;
    let values: Vec<f32> = Random::new(7).normals(ELEMENTS).iter().map(|v| v * sigma).collect();
    let quantizer = Quantizer::new(quant_type, BLOCK_SIZE).expect("a block size");
    let mut codes = vec![0; ELEMENTS / 2];
    let mut absmax = vec![0.0; ELEMENTS / BLOCK_SIZE];
    quantizer.quantize(&values, true, &mut codes, &mut absmax).expect("finite");
    if is_nested {
        let nested = nested::quantize(&absmax);
        absmax = nested::dequantize(&nested.codes, &nested.absmax, nested.offset);
    }
    let mut back = vec![0.0; ELEMENTS];
    dequantize(&codes, &absmax, BLOCK_SIZE, quant_type, &mut back);
    let square = |(a, b): (&f32, &f32)| f64::from(a - b).powi(2);
    let sum: f64 = values.iter().zip(&back).map(square).sum();
    (sum / ELEMENTS as f64).sqrt() / f64::from(sigma)
}

/// At block 64 the largest of 64 normals is about 2.6 σ, and the values of NF4 are 0.08 to 0.30
/// apart: a mean square of spacing² / 12 gives 0.09 σ. The often quoted 0.015 σ is not reached.
#[test]
fn nf4_is_0_09_sigma_off_at_block_64() {
    let nf4 = error(QuantType::Nf4, false);
    println!("nf4: {nf4:.4} sigma");
    assert!((0.08..0.1).contains(&nf4), "{nf4}");
    assert!(nf4 > 5.0 * 0.015, "{nf4}");
}

#[test]
fn fp4_is_worse_and_double_quantization_costs_little() {
    let (nf4, fp4) = (error(QuantType::Nf4, false), error(QuantType::Fp4, false));
    let nested = error(QuantType::Nf4, true);
    println!("nf4 {nf4:.4}, nested {nested:.4}, fp4 {fp4:.4} sigma");
    assert!(fp4 > nf4 * 1.1, "{fp4}");
    assert!((nf4..nf4 * 1.01).contains(&nested), "{nested}");
}
