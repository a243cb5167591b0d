//! Products with weights of a few bits.

use crate::error::{Error, Result};
use crate::ir::{DataType, Tensor};
use crate::ops::numbers::{bytes, floats, i64s, is_float, of_floats, parts};
use crate::ops::product::{permuted, product};
use crate::ops::shape::{count, dims, filled, sizes, spread};
use crate::ops::{Call, Value};

/// The codes of NF4 (Dettmers et al., "QLoRA", arXiv 2305.14314, appendix E).
const NF4: [f64; 16] = [
    -1.0,
    -0.6961928009986877,
    -0.5250730514526367,
    -0.39491748809814453,
    -0.28444138169288635,
    -0.18477343022823334,
    -0.09105003625154495,
    0.0,
    0.07958029955625534,
    0.16093020141124725,
    0.24611230194568634,
    0.33791524171829224,
    0.44070982933044434,
    0.5626170039176941,
    0.7229568362236023,
    1.0,
];

/// The codes of FP4 without sign, in twelfths.
const FP4: [f64; 8] = [0.0, 0.0625, 8.0, 12.0, 4.0, 6.0, 2.0, 3.0];

/// Sizes that attributes say.
fn size(call: &Call<'_>, name: &str) -> Result<usize> {
    let size = call.int(name)?;
    let known = usize::try_from(size).ok().filter(|size| u32::try_from(*size).is_ok());
    known.ok_or_else(|| Error::input(format!("{name} is {size}")))
}

/// Sizes that must not be 0.
fn divisor(call: &Call<'_>, name: &str) -> Result<usize> {
    match size(call, name)? {
        0 => Err(Error::input(format!("{name} is 0"))),
        size => Ok(size),
    }
}

/// Whether a tensor has as many elements as it should.
fn expect(tensor: &Tensor, what: &str, expected: usize) -> Result<()> {
    match count(&sizes(tensor)) {
        found if found == expected => Ok(()),
        found => Err(Error::input(format!("{what} has {found} elements, not {expected}"))),
    }
}

/// The bytes of packed codes, as many as there should be.
fn packed<'t>(tensor: &'t Tensor, what: &str, expected: usize) -> Result<&'t [u8]> {
    expect(tensor, what, expected)?;
    match tensor.dtype {
        DataType::U8 => bytes(tensor),
        other => Err(Error::input(format!("{what} is {other}, not u8"))),
    }
}

/// The weight that a product of either operator multiplies by, and its shape: the first input does
/// not matter.
pub(crate) fn dequantized(call: &Call<'_>) -> Result<(Vec<f64>, [usize; 2])> {
    match call.op.op_type.as_str() {
        "MatMulBnb4" => bnb4_weight(call),
        _ => nbits_weight(call),
    }
}

pub(super) fn matmul_nbits(call: &Call<'_>) -> Result<Vec<Value>> {
    let a = call.input(0)?;
    let (weight, [k, n]) = nbits_weight(call)?;
    let (mut y, shape) = product(&floats(a)?, &sizes(a), &weight, &[k, n])?;
    if let Some(bias) = call.optional(5)? {
        expect(bias, "bias", n)?;
        let bias = spread(&floats(bias)?, &[n], &shape)?;
        y.iter_mut().zip(bias).for_each(|(y, b)| *y += b);
    }
    Ok(vec![of_floats(a.dtype, &dims(&shape), &y)?.into()])
}

/// The weight is [N, K] in blocks of a row, which are padded; its lowest bits come first. Without
/// elements it is 0. It is transposed.
fn nbits_weight(call: &Call<'_>) -> Result<(Vec<f64>, [usize; 2])> {
    let (n, k) = (size(call, "N")?, size(call, "K")?);
    if call.int("weight_prepacked")? != 0 {
        return Err(Error::input("weight_prepacked is not 0: that layout is not supported"));
    }
    let weight = match sizes(call.input(1)?).contains(&0) {
        true => filled(&[k, n], 0.0)?,
        false => permuted(&nbits_rows(call, n, k)?, &[n, k], &[1, 0]).0,
    };
    Ok((weight, [k, n]))
}

fn nbits_rows(call: &Call<'_>, n: usize, k: usize) -> Result<Vec<f64>> {
    let scales = call.input(2)?;
    let (bits, block) = (size(call, "bits")?, divisor(call, "block_size")?);
    if ![2, 4, 8].contains(&bits) {
        return Err(Error::input(format!("bits is {bits}: 2, 4 and 8 are supported")));
    }
    let blocks = k.div_ceil(block);
    let row = blocks * (block * bits).div_ceil(8);
    let codes = packed(call.input(1)?, "B", n.saturating_mul(row))?;
    expect(scales, "scales", n * blocks)?;
    let zeros = nbits_zeros(call.optional(3)?, bits, n, blocks)?;
    let groups = match call.optional(4)? {
        None => (0..k).map(|at| at / block).collect(),
        Some(groups) => groups_of(groups, k, blocks)?,
    };
    let scales = floats(scales)?;
    let mut weight = Vec::with_capacity(n * k);
    for at in 0..n {
        let row = parts(&codes[at * row..][..row], bits, k);
        for (code, group) in row.zip(&groups) {
            let group = at * blocks + group;
            weight.push((f64::from(code) - zeros[group]) * scales[group]);
        }
    }
    Ok(weight)
}

/// The group of each column, where they are not in order.
fn groups_of(groups: &Tensor, k: usize, blocks: usize) -> Result<Vec<usize>> {
    let groups = i64s(groups)?;
    if groups.len() < k {
        return Err(Error::input(format!("g_idx has {} elements, not {k}", groups.len())));
    }
    let known = |&group: &i64| {
        let known = usize::try_from(group).ok().filter(|&group| group < blocks);
        known.ok_or_else(|| Error::input(format!("g_idx has group {group} of {blocks}")))
    };
    groups[..k].iter().map(known).collect()
}

/// A zero point for each block: packed by rows, or floats; else the middle of the codes.
fn nbits_zeros(zeros: Option<&Tensor>, bits: usize, n: usize, blocks: usize) -> Result<Vec<f64>> {
    match zeros {
        None => Ok(vec![f64::from(1 << (bits - 1)); n * blocks]),
        Some(zeros) if is_float(zeros.dtype) => {
            expect(zeros, "zero_points", n * blocks)?;
            floats(zeros)
        }
        Some(zeros) => {
            let row = (blocks * bits).div_ceil(8);
            let codes = packed(zeros, "zero_points", n * row)?;
            let row_of = |at: usize| parts(&codes[at * row..][..row], bits, blocks);
            Ok((0..n).flat_map(row_of).map(f64::from).collect())
        }
    }
}

pub(super) fn matmul_bnb4(call: &Call<'_>) -> Result<Vec<Value>> {
    let a = call.input(0)?;
    let (weight, shape) = bnb4_weight(call)?;
    let (y, shape) = product(&floats(a)?, &sizes(a), &weight, &shape)?;
    Ok(vec![of_floats(a.dtype, &dims(&shape), &y)?.into()])
}

/// The weight is [N, K] in blocks of all its elements; the first of two is in the high bits. It is
/// transposed, but for the gradient of the input.
fn bnb4_weight(call: &Call<'_>) -> Result<(Vec<f64>, [usize; 2])> {
    let absmax = call.input(2)?;
    let (n, k, block) = (size(call, "N")?, size(call, "K")?, divisor(call, "block_size")?);
    let code = match call.int("quant_type")? {
        0 => |code: u8| {
            let magnitude = FP4[usize::from(code & 7)] / 12.0;
            if code < 8 { magnitude } else { -magnitude }
        },
        1 => |code: u8| NF4[usize::from(code)],
        other => return Err(Error::input(format!("quant_type is {other}: 0 is FP4, 1 NF4"))),
    };
    let elements = n * k;
    let codes = packed(call.input(1)?, "B", elements.div_ceil(2))?;
    expect(absmax, "absmax", elements.div_ceil(block))?;
    let absmax = floats(absmax)?;
    let codes = codes.iter().flat_map(|byte| [byte >> 4, byte & 15]).take(elements);
    let weight = codes.enumerate().map(|(at, x)| code(x) * absmax[at / block]).collect::<Vec<_>>();
    Ok(match call.flag("transB")? {
        true => (permuted(&weight, &[n, k], &[1, 0]).0, [k, n]),
        false => (weight, [n, k]),
    })
}
