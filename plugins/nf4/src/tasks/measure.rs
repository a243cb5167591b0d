//! Task kinds `measure` and `measure-int`: how far a stored weight is from the one it stands for.

use super::outputs::Outputs;
use super::rows::Weight;
use crate::codec::{QuantType, Quantizer, dequantize, nested};
use crate::errors::Errors;
use crate::nbits::IntQuantizer;
use peftc_plugin::{Error, Result, TaskCall, TensorView, measure};

/// Parameters: block size; 1 for FP4; 1 if the magnitudes are quantized; 1 if the weight is stored
/// as `[in, out]`; 1 if inputs are given.
/// Sources: the weight, or the part of it that is the rows of `[out, in]` from the start on; the
/// codes of all rows; their magnitudes, or the three tensors of quantized ones; inputs.
pub(crate) fn run(call: &mut TaskCall<'_>) -> Result<()> {
    let [block_size, is_fp4, is_nested, is_transposed, has_inputs] =
        call.words()?.map(u64::from_le_bytes);
    let block_size = block_size as usize;
    let quant_type = if is_fp4 == 0 { QuantType::Nf4 } else { QuantType::Fp4 };
    let quantizer = Quantizer::new(quant_type, block_size)
        .ok_or_else(|| Error::invalid(format!("blocks of {block_size} elements")))?;
    let (sources, inputs) = split_inputs(&call.sources, has_inputs != 0);
    let &[weight, codes, ref magnitudes @ ..] = sources else { return Err(wrong_sources()) };
    let weight = Weight::new(weight, is_transposed != 0)?;
    let (first, elements) = (call.start as usize * weight.inputs, weight.out * weight.inputs);
    let codes = part(codes, first / 2, Quantizer::code_bytes(elements))?.bytes;
    let (first, count) = (first / block_size, quantizer.blocks(elements));
    let magnitudes = match (magnitudes, is_nested != 0) {
        (&[absmax], false) => part(absmax, first, count)?.to_f32()?,
        (&[codes, absmax, offset], true) => nested_part(codes, absmax, offset, first, count)?,
        _ => return Err(wrong_sources()),
    };
    let Some(inputs) = inputs else {
        let errors = weight.errors(quantizer, codes, &magnitudes)?;
        report(call, &weight, &errors);
        return Ok(());
    };
    by_rows(call, &weight, block_size, Some(inputs), |first, out| {
        let (codes, magnitudes) = (&codes[first / 2..], &magnitudes[first / block_size..]);
        dequantize(codes, magnitudes, block_size, quant_type, out);
    })
}

/// Parameters: bits; block size; 1 if symmetric; 1 if the weight is stored as `[in, out]`; 1 if
/// inputs are given.
/// Sources: the part of the weight that is the rows of `[out, in]` from the start on; the codes of
/// all rows; their scales; their zero points, where it is not symmetric; inputs.
pub(crate) fn run_int(call: &mut TaskCall<'_>) -> Result<()> {
    let [bits, block_size, is_symmetric, is_transposed, has_inputs] =
        call.words()?.map(u64::from_le_bytes);
    let quantizer = IntQuantizer::new(bits as usize, block_size as usize, is_symmetric != 0)
        .ok_or_else(|| Error::invalid(format!("{bits} bits in blocks of {block_size}")))?;
    let (sources, inputs) = split_inputs(&call.sources, has_inputs != 0);
    let &[weight, codes, scales, ref zero_points @ ..] = sources else {
        return Err(wrong_sources());
    };
    let weight = Weight::new(weight, is_transposed != 0)?;
    let scales = scales.to_f32()?;
    let zero_points = zero_points.first().map_or(&[][..], |zero_points| zero_points.bytes);
    let columns = weight.inputs;
    let blocks = quantizer.blocks(columns);
    let code_bytes = blocks * quantizer.block_bytes();
    let zero_point_bytes =
        if quantizer.is_symmetric() { 0 } else { quantizer.zero_point_bytes(blocks) };
    let start = call.start as usize;
    by_rows(call, &weight, 1, inputs, |first, out| {
        for (row, out) in (start + first / columns..).zip(out.chunks_mut(columns)) {
            let of_row = |length: usize| row * length..(row + 1) * length;
            quantizer.dequantize_row(
                &codes.bytes[of_row(code_bytes)],
                &scales[of_row(blocks)],
                &zero_points[of_row(zero_point_bytes)],
                out,
            );
        }
    })
}

/// Measures some rows at a time, whole blocks; `approximate` fills in what stands for the elements
/// from a given one on.
fn by_rows(
    call: &TaskCall<'_>,
    weight: &Weight<'_>,
    block_size: usize,
    inputs: Option<TensorView<'_>>,
    approximate: impl Fn(usize, &mut [f32]),
) -> Result<()> {
    let mut outputs = inputs.map(|inputs| Outputs::new(inputs, weight.inputs)).transpose()?;
    let mut errors = Errors::default();
    let mut approximations = Vec::new();
    weight.each_strip(block_size, |first, values| {
        approximations.resize(values.len(), 0.0);
        approximate(first, &mut approximations);
        errors.add(values, &approximations);
        if let Some(outputs) = &mut outputs {
            outputs.add(values, &approximations);
        }
        Ok(())
    })?;
    report(call, weight, &errors);
    if let Some(outputs) = outputs {
        outputs.report(call);
    }
    Ok(())
}

fn report(call: &TaskCall<'_>, weight: &Weight<'_>, errors: &Errors) {
    call.add(measure::ELEMENTS, (weight.out * weight.inputs) as f64);
    call.add(measure::SUM, errors.sum);
    call.add(measure::SQUARES, errors.squares);
    call.add(measure::ERROR_SQUARES, errors.error_squares);
    call.max(measure::ERROR_MAX, errors.error_max);
}

/// Some elements of a tensor, of whole bytes.
fn part(tensor: TensorView<'_>, first: usize, count: usize) -> Result<TensorView<'_>> {
    let size = tensor.dtype.bits() as usize / 8;
    let bytes = tensor.bytes.get(first * size..(first + count) * size).ok_or_else(wrong_sources)?;
    Ok(TensorView { bytes, ..tensor })
}

/// Some of the magnitudes that quantized ones stand for.
fn nested_part(
    codes: TensorView<'_>,
    absmax: TensorView<'_>,
    offset: TensorView<'_>,
    first: usize,
    count: usize,
) -> Result<Vec<f32>> {
    let [offset] = offset.to_f32()?[..] else { return Err(wrong_sources()) };
    let group = first / nested::BLOCK_SIZE;
    let start = group * nested::BLOCK_SIZE;
    let codes = part(codes, start, first + count - start)?.bytes;
    let absmax = part(absmax, group, codes.len().div_ceil(nested::BLOCK_SIZE))?.to_f32()?;
    Ok(nested::dequantize(codes, &absmax, offset).split_off(first - start))
}

fn split_inputs<'s, 'a>(
    sources: &'s [TensorView<'a>],
    has_inputs: bool,
) -> (&'s [TensorView<'a>], Option<TensorView<'a>>) {
    match sources.split_last() {
        Some((inputs, sources)) if has_inputs => (sources, Some(*inputs)),
        _ => (sources, None),
    }
}

fn wrong_sources() -> Error {
    Error::invalid("the task was recorded with other sources")
}
