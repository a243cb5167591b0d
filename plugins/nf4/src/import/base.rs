//! Whether a checkpoint and a model are of one base.
//!
//! What the checkpoint has not quantized must be what the model has, up to rounding to the type
//! of either; and where a weight is quantized, its codes must be those that the model's weight
//! quantizes to. Small tensors are compared whole, of others some rows, and of codes some blocks: a
//! checkpoint of another model is told at once, and gigabytes are not read for it.

use super::stored::Stored;
use crate::codec::Quantizer;
use crate::layer::Layer;
use peftc_plugin::{DataType, Error, Level, Result, Run, SiteInfo, TensorView};

/// Tensors of more elements are compared at some rows.
const LARGE: usize = 1 << 20;
/// Rows of a large tensor, and blocks of a quantized one, that are compared.
const SAMPLES: usize = 8;
/// Names that a note lists.
const MOST_NAMES: usize = 6;

/// What was compared, and found.
pub(crate) struct Base {
    is_strict: bool,
    /// Tensors that are equal.
    equal: usize,
    differences: Vec<String>,
    /// Names of tensors that the model has not.
    missing: Vec<String>,
    /// Tensors that an earlier pass changed.
    changed: usize,
    layers: usize,
    codes: usize,
    equal_codes: usize,
}

impl Base {
    /// Where it is strict, a difference is an error; else it is a warning.
    pub(crate) fn new(is_strict: bool) -> Self {
        Self {
            is_strict,
            equal: 0,
            differences: Vec::new(),
            missing: Vec::new(),
            changed: 0,
            layers: 0,
            codes: 0,
            equal_codes: 0,
        }
    }

    /// Compares a tensor that is not quantized with the parameter of its name.
    pub(crate) fn compare(&mut self, run: &Run<'_>, name: &str) -> Result<()> {
        let tensor = run.adapter_tensor(name)?;
        if let Some(site) = site_of_weight(run, name) {
            let shape = [site.out_features, site.in_features];
            if tensor.dims != shape && !tensor.dims.iter().rev().eq(&shape) {
                let dims = tensor.dims;
                return Err(Error::invalid(format!(
                    "{name} is {dims:?} in the checkpoint, {shape:?} in the model"
                )));
            }
        }
        let parameter = run.parameter(name, &tensor.ty());
        let Ok(info) = parameter.and_then(|parameter| run.parameter_info(parameter)) else {
            self.missing.push(name.to_owned());
            return Ok(());
        };
        if run.value(info.value)?.is_pending {
            self.changed += 1;
            return Ok(());
        }
        let model = run.tensor(info.value)?;
        let (Some(_), Some(_)) = (tensor.dtype.float_size(), model.dtype.float_size()) else {
            self.missing.push(name.to_owned());
            return Ok(());
        };
        let sides = Sides { tensor, model, is_transposed: info.transposed, factor: info.factor };
        let mut difference = sides.difference()?;
        let is_square = tensor.dims.len() == 2 && tensor.dims[0] == tensor.dims[1];
        if difference.is_some() && is_square {
            // Sizes do not tell whether the module stores its weight as [in, out].
            let turned = Sides { is_transposed: !sides.is_transposed, ..sides };
            if turned.difference()?.is_none() {
                difference = None;
            }
        }
        match difference {
            None => self.equal += 1,
            Some((place, [checkpoint, model])) => self.differs(format!(
                "{name} has {checkpoint} at {place:?} in the checkpoint, {model} in the model"
            ))?,
        }
        Ok(())
    }

    /// Compares some of the codes of a weight with those of the model's weight.
    pub(crate) fn compare_codes(
        &mut self,
        run: &Run<'_>,
        layer: &Layer<'_>,
        stored: &Stored<'_>,
    ) -> Result<()> {
        let Some(quantizer) = Quantizer::new(stored.quant_type, stored.block_size) else {
            return Ok(());
        };
        let model = run.tensor(layer.weight.value)?;
        let [out, inputs] = stored.shape.map(|size| size as usize);
        let (mut equal, mut count) = (0, 0);
        let mut values = vec![0.0; stored.block_size];
        let mut codes = vec![0; stored.block_size / 2];
        for block in sampled_blocks(out, inputs, stored.block_size, self.layers) {
            let first = block * stored.block_size;
            for (index, value) in (first..).zip(&mut values) {
                let (row, column) = (index / inputs, index % inputs);
                let place = if layer.weight.transposed { column * out + row } else { index };
                *value = element(model, place)?;
            }
            round(stored.dtype, &mut values)?;
            count += values.len();
            let mut absmax = [0.0];
            if quantizer.quantize(&values, false, &mut codes, &mut absmax).is_ok()
                && is_near(stored.magnitude(block)?, absmax[0])
            {
                let found = &stored.codes.bytes[first / 2..][..codes.len()];
                equal += equal_codes(&codes, found);
            }
        }
        self.layers += 1;
        self.codes += count;
        self.equal_codes += equal;
        if 2 * equal < count {
            let name = stored.name;
            self.differs(format!(
                "the weight of the model quantizes to {equal} of {count} sampled codes of {name}, where magnitudes are alike"
            ))?;
        }
        Ok(())
    }

    fn differs(&mut self, what: String) -> Result<()> {
        if self.is_strict {
            return Err(Error::invalid(format!(
                "{what}: the checkpoint seems to be of another model; check_base = false takes it over all the same"
            )));
        }
        self.differences.push(what);
        Ok(())
    }

    /// Says what was found.
    pub(crate) fn finish(&self, run: &Run<'_>) {
        let Self { equal, codes, equal_codes, .. } = self;
        let warn = |message: &str| run.note_about(Level::Warning, None, message);
        let text = format!(
            "the same in checkpoint and model: {equal} tensors that are not quantized, {equal_codes} of {codes} sampled codes"
        );
        // Codes near a midpoint depend on the last bit of a weight.
        match 100 * equal_codes < 99 * codes {
            false => run.note(&text),
            true => warn(&format!(
                "{text}: the weights of the model are not quite those that were quantized, as after a merge"
            )),
        }
        if !self.differences.is_empty() {
            warn(&format!(
                "the checkpoint seems to be of another model: {}",
                list(&self.differences)
            ));
        }
        if !self.missing.is_empty() {
            run.note(&format!(
                "left out, since the model has none of them: {}",
                list(&self.missing)
            ));
        }
        if self.changed > 0 {
            run.note(&format!(
                "{} tensors were changed by an earlier pass and not compared",
                self.changed
            ));
        }
    }
}

/// The first of some texts, and how many more there are.
fn list(texts: &[String]) -> String {
    let (first, more) = texts.split_at(texts.len().min(MOST_NAMES));
    let first = first.join(", ");
    if more.is_empty() { first } else { format!("{first} and {} more", more.len()) }
}

/// The layer whose weight has this name.
fn site_of_weight<'a>(run: &Run<'a>, name: &str) -> Option<SiteInfo<'a>> {
    let sites = run.sites_of_module(name.strip_suffix(".weight")?).ok()?;
    run.site(*sites.first()?).ok()
}

/// Whole blocks of a flattened matrix, below each other where rows are whole blocks: a weight
/// that is stored `[in, out]` has them side by side.
fn sampled_blocks(out: usize, inputs: usize, block_size: usize, layer: usize) -> Vec<usize> {
    const STEP: usize = 131;
    if inputs.is_multiple_of(block_size) {
        let per_row = inputs / block_size;
        let count = out.min(SAMPLES);
        let first = layer * STEP % (out - count + 1);
        return (first..first + count).map(|row| row * per_row + layer % per_row).collect();
    }
    let whole = out * inputs / block_size;
    let count = whole.min(SAMPLES);
    let first = layer * STEP % (whole - count + 1);
    (first..first + count).collect()
}

/// Whether a magnitude may be that of a block of the model, or of one a little changed. One that is
/// quantized is off by a part of the largest beside it.
fn is_near([magnitude, scale]: [f32; 2], absmax: f32) -> bool {
    (magnitude - absmax).abs() <= 0.25 * absmax + 0.02 * scale
}

/// How many codes, two a byte, are equal.
fn equal_codes(codes: &[u8], others: &[u8]) -> usize {
    let differ = codes.iter().zip(others).map(|(a, b)| a ^ b);
    differ.map(|byte| usize::from(byte >> 4 == 0) + usize::from(byte & 15 == 0)).sum()
}

/// A tensor of the checkpoint and the one of the model.
#[derive(Clone, Copy)]
struct Sides<'a> {
    tensor: TensorView<'a>,
    model: TensorView<'a>,
    /// Whether the model's is stored as the transpose.
    is_transposed: bool,
    /// What the model multiplies its by.
    factor: f32,
}

impl Sides<'_> {
    /// Where they differ, among the rows that are compared, and both values.
    fn difference(&self) -> Result<Option<(Vec<usize>, [f32; 2])>> {
        let dims: Vec<usize> = self.tensor.dims.iter().map(|&d| d as usize).collect();
        let elements: usize = dims.iter().product();
        let (rows, columns) = match dims[..] {
            [] | [_] => (1, elements),
            [rows, ..] => (rows, elements / rows.max(1)),
        };
        let (mut theirs, mut ours) = (vec![0.0; columns], vec![0.0; columns]);
        for row in sampled_rows(rows, elements) {
            for (column, (theirs, ours)) in theirs.iter_mut().zip(&mut ours).enumerate() {
                let index = row * columns + column;
                let place = if self.is_transposed { column * rows + row } else { index };
                *theirs = element(self.tensor, index)?;
                *ours = element(self.model, place)? * self.factor;
            }
            if let Some(column) = self.first_difference(&theirs, &ours)? {
                let place = if dims.len() < 2 { vec![column] } else { vec![row, column] };
                return Ok(Some((place, [theirs[column], ours[column]])));
            }
        }
        Ok(None)
    }

    /// Either may have been rounded to its type from what the other is.
    fn first_difference(&self, theirs: &[f32], ours: &[f32]) -> Result<Option<usize>> {
        let (mut as_theirs, mut as_ours) = (ours.to_vec(), theirs.to_vec());
        round(self.tensor.dtype, &mut as_theirs)?;
        round(self.model.dtype, &mut as_ours)?;
        let is_same = |a: f32, b: f32| a == b || a.is_nan() && b.is_nan();
        Ok((0..theirs.len())
            .find(|&i| !is_same(theirs[i], as_theirs[i]) && !is_same(ours[i], as_ours[i])))
    }
}

/// All rows of a small tensor; the first, the last and some between of a large one.
fn sampled_rows(rows: usize, elements: usize) -> Vec<usize> {
    if elements <= LARGE || rows <= SAMPLES {
        return (0..rows).collect();
    }
    (0..SAMPLES).map(|i| i * (rows - 1) / (SAMPLES - 1)).collect()
}

/// One element of a tensor of floats.
pub(super) fn element(tensor: TensorView<'_>, index: usize) -> Result<f32> {
    let size = tensor.dtype.float_size().unwrap_or(1);
    let bytes = tensor.bytes.get(index * size..(index + 1) * size);
    let bytes = bytes.ok_or_else(|| Error::invalid("a tensor is shorter than its shape"))?;
    let mut value = [0.0];
    tensor.dtype.decode_f32(bytes, &mut value)?;
    Ok(value[0])
}

/// Rounds values to a type.
fn round(dtype: DataType, values: &mut [f32]) -> Result<()> {
    let mut bytes = vec![0; values.len() * dtype.float_size().unwrap_or(4)];
    dtype.encode_f32(values, &mut bytes)?;
    dtype.decode_f32(&bytes, values)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sampled_blocks_are_in_the_matrix() {
        for (out, inputs) in [(1, 64), (3, 64), (200, 256), (5, 48), (1, 20), (100, 96)] {
            for layer in 0..300 {
                let blocks = sampled_blocks(out, inputs, 64, layer);
                assert!(blocks.iter().all(|block| (block + 1) * 64 <= out * inputs));
                assert!(blocks.len() == SAMPLES.min(out * inputs / 64) || inputs % 64 == 0);
            }
        }
    }

    #[test]
    fn the_first_and_the_last_row_of_a_large_tensor_are_compared() {
        assert_eq!(sampled_rows(3, 12), [0, 1, 2]);
        assert_eq!(sampled_rows(100_001, 1 << 24).first(), Some(&0));
        assert_eq!(sampled_rows(100_001, 1 << 24).last(), Some(&100_000));
    }

    #[test]
    fn codes_are_counted_one_by_one() {
        assert_eq!(equal_codes(&[0x12, 0x34], &[0x12, 0x35]), 3);
    }

    #[test]
    fn a_tensor_may_be_rounded_on_either_side() {
        let full = 1.001f32.to_le_bytes();
        let mut half = [0; 2];
        DataType::BF16.encode_f32(&[1.001], &mut half).expect("a float");
        let dims = [1];
        let long = TensorView { dtype: DataType::F32, dims: &dims, bytes: &full };
        let short = TensorView { dtype: DataType::BF16, dims: &dims, bytes: &half };
        let other = [0; 4];
        let zero = TensorView { dtype: DataType::F32, dims: &dims, bytes: &other };
        for (tensor, model, is_equal) in
            [(long, short, true), (short, long, true), (long, long, true), (short, zero, false)]
        {
            let sides = Sides { tensor, model, is_transposed: false, factor: 1.0 };
            assert_eq!(sides.difference().expect("floats").is_none(), is_equal);
        }
    }
}
