//! Resizing, sampling, boxes, and transforms of signals.

use super::site::all;
use super::{Made, Site};
use crate::ops::numbers::{i64s, reals};
use crate::ops::shape::{axes, axis};
use crate::ops::size::Size;

/// Resize and Upsample.
pub(in crate::ops) fn resize(site: &Site<'_>) -> Option<Vec<Made>> {
    let own = site.shape(0)?;
    let is_upsample = site.call.op.is("Upsample");
    let is_old = is_upsample || site.call.since() < 11;
    let listed = if site.call.since() >= 18 { site.call.ints("axes").ok()? } else { None };
    let chosen = match listed {
        Some(listed) if !is_upsample => axes(&listed, own.len()).ok()?,
        _ => (0..own.len()).collect(),
    };
    // An input that is empty is one that is left out.
    let is_given = |slot: usize| {
        site.has_input(slot) && site.shape(slot).is_none_or(|shape| shape != [Size::from(0)])
    };
    let scales = match is_old {
        true if site.call.has("scales") => site.call.floats("scales").ok()?,
        true => site.constant(1).and_then(|scales| reals(scales).ok()),
        false => site.constant(2).filter(|_| is_given(2)).and_then(|scales| reals(scales).ok()),
    };
    let mut shape = all(own);
    for (at, &axis) in chosen.iter().enumerate() {
        shape[axis] = match !is_old && is_given(3) {
            true => wanted(site, at),
            false => scales.as_ref().and_then(|list| scaled(&own[axis], *list.get(at)?)),
        };
    }
    Some(vec![Made::sizes(shape)])
}

/// The size that an element of the third input wants.
fn wanted(site: &Site<'_>, at: usize) -> Option<Size> {
    let stretches =
        site.call.since() < 18 || site.call.string("keep_aspect_ratio_policy").ok()? == "stretch";
    site.elements(3).filter(|_| stretches)?.get(at).cloned()
}

/// A size times a number, in float32; one that is not known by whole numbers and halves, quarters …
fn scaled(size: &Size, scale: f64) -> Option<Size> {
    let scale = scale as f32;
    if let Some(size) = size.known() {
        return Some(((size as f32 * scale).floor() as i64).into());
    }
    let whole = |x: f32| (x.fract() == 0.0 && (1.0..65536.0).contains(&x)).then_some(x as i64);
    match (whole(scale), whole(scale.recip())) {
        (Some(times), _) => Some(size * &times.into()),
        (None, Some(part)) if part.count_ones() == 1 => Some(size.quotient(&part.into())),
        _ => None,
    }
}

/// AffineGrid.
pub(in crate::ops) fn affine(site: &Site<'_>) -> Option<Vec<Made>> {
    let [samples, _, spatial @ ..] = site.elements(1)? else { return None };
    let rank = Size::from(spatial.len() as i64);
    let shape = [std::slice::from_ref(samples), spatial, &[rank]].concat();
    Some(vec![Made::of(shape)])
}

/// GridSample.
pub(in crate::ops) fn grid(site: &Site<'_>) -> Option<Vec<Made>> {
    let [samples, channels, ..] = site.shape(0)? else { return None };
    let [_, places @ .., _] = site.shape(1)? else { return None };
    Some(vec![Made::of([&[samples.clone(), channels.clone()], places].concat())])
}

/// RoiAlign and MaxRoiPool.
pub(in crate::ops) fn regions(site: &Site<'_>) -> Option<Vec<Made>> {
    let count = site.shape(1).and_then(|regions| regions.first()).cloned();
    let channels = site.shape(0).and_then(|maps| maps.get(1)).cloned();
    let pooled = match site.call.op.is("MaxRoiPool") {
        true => site.call.ints("pooled_shape").ok()??,
        false => vec![site.int("output_height")?, site.int("output_width")?],
    };
    let pooled = pooled.into_iter().map(|size| Some(Size::from(size)));
    Some(vec![Made::sizes([count, channels].into_iter().chain(pooled))])
}

/// NonMaxSuppression: how many boxes are left is not known.
pub(in crate::ops) fn boxes(_: &Site<'_>) -> Option<Vec<Made>> {
    Some(vec![Made::sizes([None, Some(3.into())])])
}

/// An integer that an input is.
fn integer(site: &Site<'_>, slot: usize) -> Option<Size> {
    let constant = || i64s(site.constant(slot)?).ok()?.first().copied().map(Size::from);
    site.element(slot).cloned().or_else(constant)
}

/// How many frequencies a signal of real numbers has.
fn half(length: &Size) -> Option<Size> {
    Size::sum([&length.quotient(&2.into()), &1.into()])
}

/// DFT.
pub(in crate::ops) fn dft(site: &Site<'_>) -> Option<Vec<Made>> {
    let own = site.shape(0)?;
    let (is_inverse, is_half) = (site.flag("inverse")?, site.flag("onesided")?);
    let along = match site.call.since() {
        20.. if site.has_input(2) => integer(site, 2)?.known()?,
        20.. => -2,
        _ => site.int("axis")?,
    };
    let along = axis(along, own.len()).ok()?;
    let length = match site.has_input(1) {
        true => integer(site, 1),
        false if is_inverse && is_half => Some(&(&own[along] - &1.into()) * &2.into()),
        false => Some(own[along].clone()),
    };
    let mut shape = all(own);
    shape[along] = if is_half && !is_inverse { half(&length?) } else { length };
    let parts = if is_half && is_inverse { 1 } else { 2 };
    *shape.last_mut()? = Some(parts.into());
    Some(vec![Made::sizes(shape)])
}

/// STFT.
pub(in crate::ops) fn stft(site: &Site<'_>) -> Option<Vec<Made>> {
    let [batches, size, _] = site.shape(0)? else { return None };
    let step = integer(site, 1);
    let length = match (site.has_input(3), site.has_input(2)) {
        (true, _) => integer(site, 3),
        (false, true) => site.shape(2).and_then(|window| window.first()).cloned(),
        (false, false) => Some(size.clone()),
    };
    let frames = step
        .zip(length.as_ref())
        .map(|(step, length)| &(size - length).quotient(&step) + &1.into());
    let kept = match site.flag("onesided")? {
        true => length.as_ref().and_then(half),
        false => length,
    };
    Some(vec![Made::sizes([Some(batches.clone()), frames, kept, Some(2.into())])])
}

/// BlackmanWindow, HammingWindow, HannWindow.
pub(in crate::ops) fn window(site: &Site<'_>) -> Option<Vec<Made>> {
    Some(vec![Made::sizes([integer(site, 0)]).typed(site.named("output_datatype"))])
}

/// MelWeightMatrix.
pub(in crate::ops) fn mel(site: &Site<'_>) -> Option<Vec<Made>> {
    let rows = integer(site, 1).as_ref().and_then(half);
    Some(vec![Made::sizes([rows, integer(site, 0)]).typed(site.named("output_datatype"))])
}
