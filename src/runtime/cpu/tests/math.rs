//! Elementary functions, interpreted and compiled, against those of libm.

use super::{Memory, ONCE, bytes, elements, launch};
use crate::ir::DataType;
use crate::kernel::{
    Amount, AxisKind, Builder, Index, Kernel, Scalar, Term, Type, ValueId, interpret,
};
use std::f64::consts::{FRAC_1_SQRT_2, FRAC_2_PI};
use std::ops::RangeInclusive;

type Function = for<'b> fn(Scalar<'b>) -> Scalar<'b>;

/// How far a result is from the right one, of an argument.
type Distance = fn(Type, f64, f64, f64) -> f64;

/// A function, what it is, its largest distance in float32 and in float64, and where.
type Case = (&'static str, Function, fn(f64) -> f64, [f64; 2], RangeInclusive<f64>);

/// As [`Case`], of two arguments.
type Case2 =
    (&'static str, for<'b> fn(Scalar<'b>, Scalar<'b>) -> Scalar<'b>, fn(f64, f64) -> f64, [f64; 2]);

const ALL: RangeInclusive<f64> = f64::NEG_INFINITY..=f64::INFINITY;
const FINITE: RangeInclusive<f64> = f64::MIN..=f64::MAX;

fn softplus(x: f64) -> f64 {
    x.max(0.0) + (-x.abs()).exp().ln_1p()
}

fn sigmoid(x: f64) -> f64 {
    let e = (-x.abs()).exp();
    if x < 0.0 { e / (1.0 + e) } else { 1.0 / (1.0 + e) }
}

fn sign(x: f64) -> f64 {
    if x == 0.0 || x.is_nan() { x } else { x.signum() }
}

fn acosh(x: f64) -> f64 {
    if x < 1.0 { f64::NAN } else { libm::acosh(x) }
}

fn gelu(x: f64) -> f64 {
    0.5 * x * libm::erfc(-x * FRAC_1_SQRT_2)
}

fn gelu_by_tanh(x: f64) -> f64 {
    0.5 * x * (1.0 + (FRAC_2_PI.sqrt() * (x + 0.044715 * x * x * x)).tanh())
}

fn modulo(x: f64, y: f64) -> f64 {
    let r = x % y;
    if r == 0.0 || (r < 0.0) == (y < 0.0) { r } else { r + y }
}

#[rustfmt::skip]
const IN_ULPS: &[Case] = &[
    ("exp", |x| x.exp(), f64::exp, [1.6, 2.0], ALL),
    ("exp_m1", |x| x.exp_m1(), f64::exp_m1, [1.5, 2.0], f64::NEG_INFINITY..=80.0),
    ("ln", |x| x.ln(), f64::ln, [1.0, 1.0], ALL),
    ("ln_1p", |x| x.ln_1p(), f64::ln_1p, [1.5, 2.0], 0.0..=f64::INFINITY),
    ("tanh", |x| x.tanh(), f64::tanh, [2.5, 3.0], ALL),
    ("sigmoid", |x| x.sigmoid(), sigmoid, [3.0, 3.0], -87.0..=f64::INFINITY),
    ("softplus", |x| x.softplus(), softplus, [3.0, 4.0], ALL),
    ("erf", |x| x.erf(), libm::erf, [1.2, 2.0], ALL),
    ("sinh", |x| x.sinh(), f64::sinh, [0.51, 6.0], ALL),
    ("cosh", |x| x.cosh(), f64::cosh, [0.51, 4.0], ALL),
    ("asinh", |x| x.asinh(), libm::asinh, [0.51, 4.0], ALL),
    ("acosh", |x| x.acosh(), acosh, [0.51, 4.0], ALL),
    ("atanh", |x| x.atanh(), libm::atanh, [0.51, 4.0], ALL),
    ("asin", |x| x.asin(), f64::asin, [0.51, 4.0], ALL),
    ("acos", |x| x.acos(), f64::acos, [0.51, 4.0], ALL),
    ("atan", |x| x.atan(), f64::atan, [0.51, 3.0], ALL),
    ("rsqrt", |x| x.rsqrt(), |x| 1.0 / x.sqrt(), [1.5, 1.5], ALL),
    ("pow 0", |x| x.pow(x.constant(x.ty(), 0.0)), |_| 1.0, [0.0, 0.0], ALL),
    ("pow 1/2", |x| x.pow(x.constant(x.ty(), 0.5)), |x| x.powf(0.5), [0.5, 1.0], ALL),
    ("pow 3", |x| x.pow(x.constant(x.ty(), 3.0)), |x| x.powi(3), [2.0, 2.0], ALL),
    ("pow -2", |x| x.pow(x.constant(x.ty(), -2.0)), |x| x.powf(-2.0), [2.5, 2.5], ALL),
    ("recip", |x| x.recip(), f64::recip, [0.5, 0.5], ALL),
    ("sign", |x| x.sign(), sign, [0.0, 0.0], ALL),
    ("trunc", |x| x.trunc(), f64::trunc, [0.0, 0.0], ALL),
    ("nearest", |x| x.nearest(), f64::round_ties_even, [0.0, 0.0], ALL),
];

/// Of these the distance is as it is.
#[rustfmt::skip]
const ABSOLUTE: &[Case] = &[
    ("sigmoid", |x| x.sigmoid(), sigmoid, [1.2e-38, 1e-52], f64::NEG_INFINITY..=-87.0),
    ("sin", |x| x.sin(), f64::sin, [6e-8, 2.3e-16], -3e13..=3e13),
    ("cos", |x| x.cos(), f64::cos, [6e-8, 2.3e-16], -3e13..=3e13),
];

/// Of these the distance is a part of |x|.
#[rustfmt::skip]
const RELATIVE: &[Case] = &[
    ("gelu", |x| x.gelu(), gelu, [2.0e-7, 4e-16], ALL),
    ("gelu_by_tanh", |x| x.gelu_by_tanh(), gelu_by_tanh, [1.8e-7, 4e-16], FINITE),
    ("tan", |x| x.tan(), f64::tan, [2.0e-3, 1e-12], -1.5..=1.5),
];

/// y = f(x) of n elements.
fn kernel<const N: usize>(
    dtype: DataType,
    to: DataType,
    function: impl for<'b> FnOnce([Scalar<'b>; N]) -> Scalar<'b>,
) -> Kernel {
    let mut b = Builder::new("f");
    let n = b.given("n");
    let x: [_; N] = std::array::from_fn(|at| b.buffer(&format!("x{at}"), dtype, false));
    let y = b.buffer("y", to, true);
    let axis = b.open(AxisKind::Lane, n);
    let at = Index { terms: vec![(Term::Axis(axis), Amount::Constant(1))], base: None };
    let x: [ValueId; N] = x.map(|x| b.load(x, at.clone()));
    let result = b.compute(x, function);
    b.store(y, at, result);
    b.close();
    b.finish().expect("a kernel")
}

fn dtype(ty: Type) -> DataType {
    if ty == Type::F32 { DataType::F32 } else { DataType::F64 }
}

/// Numbers of all sizes, and special ones.
fn samples(ty: Type, count: u64) -> Vec<f64> {
    let mut all = vec![0.0, -0.0, 1.0, -1.0, f64::INFINITY, f64::NEG_INFINITY, f64::NAN];
    let parts = 0..count;
    match ty {
        Type::F32 => {
            let step = u64::from(u32::MAX) / count;
            let bits = parts.map(|at| (at * step) as u32);
            all.extend(bits.map(|bits| f64::from(f32::from_bits(bits))));
        }
        _ => {
            let step = u64::MAX / count;
            all.extend(parts.map(|at| f64::from_bits(at * step)));
        }
    }
    // Where most functions have their shape.
    let near = (0..count / 2).map(|at| (at as f64 / count as f64 - 0.25) * 440.0);
    let nearer = (0..count / 2).map(|at| (at as f64 / count as f64 - 0.25) * 16.0);
    let rounded = |x: f64| if ty == Type::F32 { f64::from(x as f32) } else { x };
    all.extend(near.chain(nearer).map(rounded));
    all
}

/// The distance of two numbers in units in the last place of the first.
fn ulps(ty: Type, wanted: f64, found: f64) -> f64 {
    if wanted == found || wanted.is_nan() && found.is_nan() {
        return 0.0;
    }
    let (digits, least, end): (_, f64, _) = match ty {
        Type::F32 => (23, 2.0_f64.powi(-149), 2.0_f64.powi(128)),
        _ => (52, f64::from_bits(1), f64::MAX),
    };
    let clamped = |x: f64| x.clamp(-end, end);
    let (wanted, found) = (clamped(wanted), clamped(found));
    let exponent = wanted.abs().max(f64::MIN_POSITIVE).log2().floor() as i32;
    let unit = f64::from(exponent - digits).exp2().max(least);
    (wanted - found).abs() / unit
}

fn floats(memory: &Memory) -> &[f64] {
    let Memory::Floats(floats) = memory else { unreachable!("floats stay floats") };
    floats
}

fn interpreted(kernel: &Kernel, inputs: &[Vec<f64>]) -> Vec<f64> {
    let n = inputs[0].len();
    let mut memory: Vec<Memory> = inputs.iter().cloned().map(Memory::Floats).collect();
    memory.push(Memory::Floats(vec![0.0; n]));
    interpret(kernel, &[n as i64], &mut memory).expect("runs");
    floats(&memory[inputs.len()]).to_vec()
}

fn compiled(kernel: &Kernel, inputs: &[Vec<f64>]) -> Vec<f64> {
    let n = inputs[0].len();
    let mut stored: Vec<Vec<u8>> = inputs
        .iter()
        .zip(&kernel.buffers)
        .map(|(x, buffer)| bytes(buffer.dtype, &Memory::Floats(x.clone())))
        .collect();
    let to = kernel.buffers[inputs.len()].dtype;
    stored.push(bytes(to, &Memory::Floats(vec![0.0; n])));
    launch(kernel, &[n as i64], &mut stored, ONCE).expect("runs");
    floats(&elements(to, &stored[inputs.len()])).to_vec()
}

type Run = fn(&Kernel, &[Vec<f64>]) -> Vec<f64>;

/// Holds results to a bound, and says where they are farthest.
fn hold(name: &str, bound: f64, distances: impl Iterator<Item = (f64, [f64; 4])>) {
    let mut worst = (0.0, [0.0; 4]);
    for (distance, at) in distances {
        if distance.is_nan() || distance > worst.0 {
            worst = (distance, at);
        }
    }
    let (distance, [x, y, wanted, found]) = worst;
    assert!(distance <= bound, "{name}: {found:e} of {x:e}, {y:e} is {distance} from {wanted:e}");
}

fn hold_all(cases: &[Case], distance: Distance) {
    for (name, function, right, bounds, range) in cases {
        for (ty, bound) in [Type::F32, Type::F64].into_iter().zip(bounds) {
            let kernel = kernel(dtype(ty), dtype(ty), |[x]| function(x));
            for (count, run) in [(1500, interpreted as Run), (30_000, compiled)] {
                let mut x = samples(ty, count);
                x.retain(|x| x.is_nan() || range.contains(x));
                let found = run(&kernel, std::slice::from_ref(&x));
                let distances = x.iter().zip(found).map(|(x, found)| {
                    let wanted = right(*x);
                    (distance(ty, *x, wanted, found), [*x, 0.0, wanted, found])
                });
                hold(&format!("{name} of {}", ty.name()), *bound, distances);
            }
        }
    }
}

fn same(wanted: f64, found: f64) -> bool {
    wanted == found || wanted.is_nan() && found.is_nan()
}

#[test]
fn functions_hold_their_bounds() {
    hold_all(IN_ULPS, |ty, _, wanted, found| ulps(ty, wanted, found));
}

#[test]
fn functions_hold_their_absolute_bounds() {
    hold_all(ABSOLUTE, |_, _, w, f| if same(w, f) { 0.0 } else { (w - f).abs() });
    hold_all(RELATIVE, |ty, x, w, f| {
        let least = if ty == Type::F32 { 1e-38 } else { 1e-307 };
        if same(w, f) { 0.0 } else { (w - f).abs() / x.abs().max(least) }
    });
}

#[test]
fn functions_of_two_hold_their_bounds() {
    let cases: [Case2; 3] = [
        ("pow", |x, y| x.pow(y), f64::powf, [0.51, 1000.0]),
        ("fmod", |x, y| x.fmod(y), |x, y| x % y, [0.0, 0.0]),
        ("modulo", |x, y| x.modulo(y), modulo, [0.51, 0.51]),
    ];
    for (name, function, right, bounds) in cases {
        for (ty, bound) in [Type::F32, Type::F64].into_iter().zip(bounds) {
            let kernel = kernel(dtype(ty), dtype(ty), |[x, y]| function(x, y));
            let mut each = samples(ty, 60);
            each.extend([0.5, 2.0, 3.0, -2.0, -3.0, 2.5, 1e9, 16777215.0, -0.5]);
            let pairs = each.iter().flat_map(|x| each.iter().map(move |y| (*x, *y)));
            // Quotients that are larger take more steps.
            let is_small = |&(x, y): &(f64, f64)| {
                name == "pow" || !(x / y).is_finite() && y == 0.0 || (x / y).abs() < 1e80
            };
            let (x, y): (Vec<f64>, Vec<f64>) = pairs.filter(is_small).unzip();
            for run in [interpreted as Run, compiled] {
                let found = run(&kernel, &[x.clone(), y.clone()]);
                let distances = x.iter().zip(&y).zip(found).map(|((x, y), found)| {
                    let wanted = right(*x, *y);
                    (ulps(ty, wanted, found), [*x, *y, wanted, found])
                });
                hold(&format!("{name} of {}", ty.name()), bound, distances);
            }
        }
    }
}
