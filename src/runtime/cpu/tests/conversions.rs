//! Types of 16 bits.

use super::{Case, Memory, ONCE, both, launch, parse};
use half::{bf16, f16};

/// The number of bits.
type Number = fn(u16) -> f32;

/// The bits of a number.
type Bits = fn(f32) -> u16;

fn copy(from: &str, to: &str, kind: &str) -> String {
    format!(
        "kernel copy(n) x: {from}, out y: {to} {{
           for {kind} #0 < n {{
             %0: f32 = load x[#0]
             store y[#0] %0
           }}
         }}"
    )
}

#[test]
fn every_number_of_16_bits_is_loaded() {
    let number_of: [(&str, Number); 2] = [
        ("f16", |bits| f16::from_bits(bits).to_f32()),
        ("bf16", |bits| bf16::from_bits(bits).to_f32()),
    ];
    for (dtype, number) in number_of {
        for kind in ["sequence", "lane"] {
            let kernel = parse(&copy(dtype, "f32", kind)).expect("a kernel");
            let x = (0..=u16::MAX).flat_map(u16::to_le_bytes).collect();
            let mut bytes = [x, vec![0xff; 4 << 16]];
            launch(&kernel, &[1 << 16], &mut bytes, ONCE).expect("runs");
            for (bits, found) in (0..=u16::MAX).zip(bytes[1].chunks_exact(4)) {
                let found = f32::from_le_bytes(found.try_into().expect("4 bytes"));
                let wanted = number(bits);
                let is_same = found.to_bits() == wanted.to_bits();
                assert!(is_same || found.is_nan() && wanted.is_nan(), "{dtype} {bits:#x}: {found}");
            }
        }
    }
}

/// Numbers at, and next to, what is stored and what is halfway.
fn near_16_bits(number: Number) -> Vec<f32> {
    let mut all = vec![0.0, -0.0, f32::MAX, f32::MIN, f32::MIN_POSITIVE, f32::from_bits(1)];
    all.extend([f32::NAN, f32::INFINITY, f32::NEG_INFINITY, f32::from_bits(0x7f80_0001)]);
    for bits in 0..=u16::MAX {
        let (own, next) = (number(bits), number(bits.wrapping_add(1)));
        let half = ((f64::from(own) + f64::from(next)) / 2.0) as f32;
        all.extend([own, half, half.next_up(), half.next_down()]);
    }
    all.extend([65519.99, 65520.0, 65536.0, 1e6, -65520.0, 3.395e38, f32::MAX.next_down()]);
    all
}

#[test]
fn floats_are_rounded_once_to_16_bits() {
    let types: [(&str, Number, Bits); 2] = [
        ("f16", |bits| f16::from_bits(bits).to_f32(), |x| f16::from_f32(x).to_bits()),
        ("bf16", |bits| bf16::from_bits(bits).to_f32(), |x| bf16::from_f32(x).to_bits()),
    ];
    for (dtype, number, bits) in types {
        let all = near_16_bits(number);
        for kind in ["sequence", "lane"] {
            let kernel = parse(&copy("f32", dtype, kind)).expect("a kernel");
            let x = all.iter().flat_map(|x| x.to_le_bytes()).collect();
            let mut bytes = [x, vec![0xff; 2 * all.len()]];
            let n = all.len() as i64;
            launch(&kernel, &[n], &mut bytes, ONCE).expect("runs");
            for (x, found) in all.iter().zip(bytes[1].chunks_exact(2)) {
                let found = u16::from_le_bytes([found[0], found[1]]);
                match x.is_nan() {
                    true => assert!(number(found).is_nan(), "{dtype} of NaN: {found:#x}"),
                    false => assert_eq!(found, bits(*x), "{dtype} of {x:e} ({:#x})", x.to_bits()),
                }
            }
        }
    }
}

#[test]
fn the_interpreter_rounds_to_16_bits_alike() {
    for (dtype, number) in [
        ("f16", (|bits| f16::from_bits(bits).to_f32()) as Number),
        ("bf16", |bits| bf16::from_bits(bits).to_f32()),
    ] {
        let all: Vec<f64> = near_16_bits(number).into_iter().map(f64::from).collect();
        let n = all.len();
        let memory = [Memory::Floats(all), Memory::Floats(vec![f64::NAN; n])];
        let text = copy("f32", dtype, "lane");
        let [wanted, found] = both(&Case::once(&text, &[n as i64], &memory), ONCE).expect("runs");
        let (Memory::Floats(wanted), Memory::Floats(found)) = (&wanted[1], &found[1]) else {
            unreachable!("floats stay floats")
        };
        for (at, (wanted, found)) in wanted.iter().zip(found).enumerate() {
            let is_same = wanted == found || wanted.is_nan() && found.is_nan();
            assert!(is_same, "{dtype} {at}: {wanted} and {found}");
        }
    }
}
