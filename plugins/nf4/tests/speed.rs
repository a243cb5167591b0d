//! How fast the encoders are:
//! `cargo test --release -p peftc-plugin-nf4 --test speed -- --ignored --nocapture`.

mod common;

use common::Random;
use peftc_plugin::{DataType, TensorView};
use peftc_plugin_nf4::codec::{Encoder, QuantType, Quantizer, dequantize, nested};
use peftc_plugin_nf4::errors::Errors;
use std::time::Instant;

/// Larger than caches, so that memory counts.
const ELEMENTS: usize = 1 << 24;

/// The best of some runs, in GB of float32 a second.
fn rate(elements: usize, mut run: impl FnMut()) -> f64 {
    let seconds = |_| {
        let start = Instant::now();
        run();
        start.elapsed().as_secs_f64()
    };
    let best = (0..7).map(seconds).fold(f64::INFINITY, f64::min);
    elements as f64 * 4.0 / best / 1e9
}

#[test]
#[ignore = "a measurement"]
fn rates() {
    let large = Random::new(3).normals(ELEMENTS);
    let mut out = vec![0.0f32; ELEMENTS];
    for (quant_type, block_size) in
        [(QuantType::Nf4, 64), (QuantType::Nf4, 4096), (QuantType::Fp4, 64), (QuantType::Nf4, 16)]
    {
        let quantizer = Quantizer::new(quant_type, block_size).expect("a block size");
        for encoder in Encoder::available() {
            let mut in_gigabytes = [0.0; 2];
            for (rate_of, (elements, repeats)) in
                in_gigabytes.iter_mut().zip([(ELEMENTS, 1), (1 << 16, 64)])
            {
                let mut codes = vec![0; elements / 2];
                let mut absmax = vec![0.0; elements / block_size];
                let quantizer = quantizer.with_encoder(encoder);
                *rate_of = rate(elements * repeats, || {
                    for _ in 0..repeats {
                        quantizer
                            .quantize(&large[..elements], true, &mut codes, &mut absmax)
                            .expect("finite");
                    }
                });
            }
            let [memory, cache] = in_gigabytes;
            println!(
                "{quant_type:?} block {block_size}, {}: {memory:.2} GB/s, {cache:.2} GB/s from cache",
                encoder.name()
            );
        }
        let codes = vec![0x37; ELEMENTS / 2];
        let absmax = vec![1.0; ELEMENTS / block_size];
        let back = rate(ELEMENTS, || dequantize(&codes, &absmax, block_size, quant_type, &mut out));
        println!("{quant_type:?} block {block_size}, dequantize: {back:.2} GB/s");
    }
    let nested = rate(ELEMENTS / 16, || drop(nested::quantize(&large[..ELEMENTS / 16])));
    println!("nested: {nested:.2} GB/s of absmax");
}

#[test]
#[ignore = "a measurement"]
fn rates_of_errors() {
    const SIDE: usize = 1 << 12;
    let large = Random::new(3).normals(SIDE * SIDE);
    let bytes: Vec<u8> = large.iter().flat_map(|value| value.to_le_bytes()).collect();
    let dims = [SIDE as i64; 2];
    let weight = TensorView { dtype: DataType::F32, dims: &dims, bytes: &bytes };
    let quantizer = Quantizer::new(QuantType::Nf4, 64).expect("a block size");
    let (codes, magnitudes) = (vec![0x37; SIDE * SIDE / 2], vec![1.0; SIDE * SIDE / 64]);
    for encoder in Encoder::available() {
        let [rows, columns] = [false, true].map(|is_transposed| {
            rate(SIDE * SIDE, || {
                let quantizer = quantizer.with_encoder(encoder);
                Errors::of_codes(weight, is_transposed, quantizer, &codes, &magnitudes)
                    .expect("it fits");
            })
        });
        println!("errors, {}: {rows:.2} GB/s by rows, {columns:.2} by columns", encoder.name());
    }
    let mut errors = Errors::default();
    let plain = rate(SIDE * SIDE, || errors.add(&large, &large));
    println!("errors of values: {plain:.2} GB/s");
}
