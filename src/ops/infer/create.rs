//! Tensors that are made of attributes and sizes.

use super::declared::of_tensor;
use super::elementwise::like;
use super::site::all;
use super::{ELEMENTS, Made, Site, count};
use crate::ir::{AttributeValue, DataType};
use crate::ops::numbers::{i64s, reals};
use crate::ops::size::Size;

/// Constant.
pub(in crate::ops) fn constant(site: &Site<'_>) -> Option<Vec<Made>> {
    let [(_, attribute)] = site.call.op.attributes.as_slice() else { return None };
    let list = |dtype, count: usize| Made::of([Size::from(count as i64)]).typed(Some(dtype));
    let number = |number: &i64| Some(Size::from(*number));
    Some(vec![match &attribute.value {
        AttributeValue::Tensor(tensor) | AttributeValue::SparseTensor(tensor) => {
            Made::from(&of_tensor(tensor))
        }
        AttributeValue::Int(int) => {
            Made::of([]).typed(Some(DataType::I64)).with(Some(vec![number(int)]))
        }
        AttributeValue::Ints(ints) => {
            list(DataType::I64, ints.len()).with(Some(ints.iter().map(number).collect()))
        }
        AttributeValue::Float(_) => Made::of([]).typed(Some(DataType::F32)),
        AttributeValue::Floats(floats) => list(DataType::F32, floats.len()),
        AttributeValue::String(_) => Made::of([]).typed(Some(DataType::String)),
        AttributeValue::Strings(strings) => list(DataType::String, strings.len()),
        _ => return None,
    }])
}

/// A tensor of the sizes that an input has as its elements.
fn of_sizes(site: &Site<'_>, slot: usize) -> Option<Made> {
    if let Some(sizes) = site.elements(slot) {
        return Some(Made::of(sizes));
    }
    Some(Made::rank(site.length(slot)?))
}

/// ConstantOfShape.
pub(in crate::ops) fn constant_of_shape(site: &Site<'_>) -> Option<Vec<Made>> {
    let value = site.call.tensor("value").ok()?;
    let dtype = value.map_or(DataType::F32, |value| value.dtype);
    let element = value.and_then(|value| i64s(value).ok()?.first().copied());
    let count = site.elements(0).and_then(count).filter(|&count| count <= ELEMENTS);
    let elements = element.zip(count).map(|(x, count)| vec![Some(Size::from(x)); count]);
    Some(vec![of_sizes(site, 0).unwrap_or_default().typed(Some(dtype)).with(elements)])
}

/// EyeLike, RandomNormalLike, RandomUniformLike, Bernoulli: a type may be said.
pub(in crate::ops) fn typed_like(site: &Site<'_>) -> Option<Vec<Made>> {
    let dtype = if site.call.has("dtype") { site.named("dtype") } else { site.dtype(0) };
    Some(vec![like(site, 0).unwrap_or_default().typed(dtype)])
}

/// RandomNormal and RandomUniform.
pub(in crate::ops) fn of_attributes(site: &Site<'_>) -> Option<Vec<Made>> {
    let shape = site.call.ints("shape").ok()?.unwrap_or_default();
    let shape: Vec<Size> = shape.into_iter().map(Size::from).collect();
    Some(vec![Made::of(shape).typed(site.named("dtype"))])
}

/// Multinomial.
pub(in crate::ops) fn multinomial(site: &Site<'_>) -> Option<Vec<Made>> {
    let batch = site.shape(0).and_then(|own| own.first()).cloned();
    let samples = Size::from(site.int("sample_size")?);
    Some(vec![Made::sizes([batch, Some(samples)]).typed(site.named("dtype"))])
}

/// Dropout: also a mask.
pub(in crate::ops) fn dropout(site: &Site<'_>) -> Option<Vec<Made>> {
    let mask = if site.call.since() < 10 { site.dtype(0) } else { Some(DataType::Bool) };
    Some(vec![like(site, 0)?, like(site, 0)?.typed(mask)])
}

/// OneHot.
pub(in crate::ops) fn one_hot(site: &Site<'_>) -> Option<Vec<Made>> {
    let own = site.shape(0)?;
    let mut shape = all(own);
    let depth = site.constant(1).and_then(|depth| reals(depth).ok()?.first().copied());
    let depth = depth.map(|depth| Size::from(depth as i64));
    shape.insert(site.axis(own.len() + 1)?, site.element(1).cloned().or(depth));
    Some(vec![Made::sizes(shape)])
}

/// Range: from a start in steps, before a limit.
pub(in crate::ops) fn range(site: &Site<'_>) -> Option<Vec<Made>> {
    let [start, limit, step] = [0, 1, 2].map(|slot| site.element(slot));
    let (Some(start), Some(limit), Some(step)) = (start, limit, step) else {
        return Some(vec![Made::sizes([real_range(site)])]);
    };
    let Some(by) = step.known().filter(|&step| step != 0) else {
        return Some(vec![Made::rank(1)]);
    };
    let (sign, by) = (Size::from(by.signum()), Size::from(by.saturating_abs()));
    let length = &(limit - start) * &sign;
    let length = length.quotient_up(&by).larger(&0.into());
    let each = |at: i64| Size::sum([start, &Size::product([step, &at.into()])?]);
    let elements = length.known().filter(|&count| count <= ELEMENTS as i64);
    let elements = elements.map(|count| (0..count).map(each).collect());
    Some(vec![Made::of([length]).with(elements)])
}

/// How many numbers there are of constants that are floats.
fn real_range(site: &Site<'_>) -> Option<Size> {
    let number = |slot: usize| reals(site.constant(slot)?).ok()?.first().copied();
    let count = ((number(1)? - number(0)?) / number(2)?).ceil().max(0.0);
    (count < 1e9).then(|| Size::from(count as i64))
}
