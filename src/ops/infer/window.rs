//! Convolutions and pools.

use super::slice::END;
use super::{Made, Site};
use crate::ops::Call;
use crate::ops::size::Size;

/// Numbers of the spatial axes; without the attribute all are this one. None is as large as no axis is, so
/// that no sum or product of them and sizes is too large.
fn spatial(call: &Call<'_>, name: &str, count: usize, default: i64) -> Option<Vec<i64>> {
    let list = call.ints(name).ok()?.unwrap_or_else(|| vec![default; count]);
    (list.len() == count && list.iter().all(|number| (default..END).contains(number)))
        .then_some(list)
}

/// How a window slides along an axis.
pub(crate) struct Axis<'a> {
    pub(crate) input: &'a Size,
    /// How many places the window has.
    pub(crate) kernel: &'a Size,
    /// How far a window reaches.
    pub(crate) extent: Size,
    pub(crate) stride: Size,
    pub(crate) dilation: Size,
    /// Padding in front; of a pool with `auto_pad` it may be below 0.
    pub(crate) begin: Size,
    /// Padding behind.
    pub(crate) end: Size,
}

fn axes<'a>(call: &Call<'_>, input: &'a [Size], kernel: &'a [Size]) -> Option<Vec<Axis<'a>>> {
    let rank = input.len();
    let list = |name: &str, count: usize, default: i64| match call.schema.attribute(name) {
        Some(_) => spatial(call, name, count, default),
        None => Some(vec![default; count]),
    };
    let (strides, dilations) = (list("strides", rank, 1)?, list("dilations", rank, 1)?);
    let pads = list("pads", 2 * rank, 0)?;
    let one = Size::from(1);
    let axis = |at: usize| {
        let kernel = kernel.get(at)?;
        Some(Axis {
            input: &input[at],
            kernel,
            extent: &(&(kernel - &one) * &dilations[at].into()) + &one,
            stride: strides[at].into(),
            dilation: dilations[at].into(),
            begin: pads[at].into(),
            end: pads[rank + at].into(),
        })
    };
    (0..rank).map(axis).collect()
}

fn auto_pad(call: &Call<'_>) -> Option<String> {
    match call.schema.attribute("auto_pad") {
        Some(_) => call.string("auto_pad").ok(),
        None => Some(String::new()),
    }
}

/// The axes along which a window slides, with their padding, and the spatial sizes of what it makes.
pub(crate) fn slid<'a>(
    call: &Call<'_>,
    input: &'a [Size],
    kernel: &'a [Size],
) -> Option<Vec<(Axis<'a>, Option<Size>)>> {
    let has_ceil = call.schema.attribute("ceil_mode").is_some() && call.flag("ceil_mode").ok()?;
    let is_pool = call.schema.attribute("group").is_none();
    let padding = auto_pad(call)?;
    let (one, two) = (Size::from(1), Size::from(2));
    let output = |mut axis: Axis<'a>| {
        let output = match padding.as_str() {
            "SAME_UPPER" | "SAME_LOWER" => {
                let output = axis.input.quotient_up(&axis.stride);
                let last = &(&output - &one) * &axis.stride;
                let mut all = &(&last + &axis.extent) - axis.input;
                if !is_pool {
                    all = all.larger(&0.into());
                }
                axis.begin = match padding.as_str() {
                    "SAME_UPPER" => all.quotient(&two),
                    _ => (&all + &one).quotient(&two),
                };
                axis.end = &all - &axis.begin;
                Some(output)
            }
            "VALID" => {
                (axis.begin, axis.end) = (0.into(), 0.into());
                Some(&(axis.input - &axis.extent).quotient(&axis.stride) + &one)
            }
            "NOTSET" | "" => {
                let before = axis.input + &axis.begin;
                let room = &(&before + &axis.end) - &axis.extent;
                if has_ceil {
                    // A window that would start in the padding behind is none.
                    let starts = before.quotient_up(&axis.stride);
                    let all = &room.quotient_up(&axis.stride) + &one;
                    axis.extent.is_at_least(&axis.end).then(|| all.smaller(&starts))
                } else {
                    Some(&room.quotient(&axis.stride) + &one)
                }
            }
            _ => None,
        };
        (axis, output)
    };
    Some(axes(call, input, kernel)?.into_iter().map(output).collect())
}

/// The spatial sizes of what a window makes.
fn made(site: &Site<'_>, input: &[Size], kernel: &[Size]) -> Option<Vec<Option<Size>>> {
    Some(slid(&site.call, input, kernel)?.into_iter().map(|(_, output)| output).collect())
}

/// The kernel: the attribute, or the spatial sizes of the weight.
fn kernel(site: &Site<'_>, weight: Option<&[Size]>) -> Option<Vec<Size>> {
    let size = |size: i64| (1..END).contains(&size).then(|| Size::from(size));
    match site.call.ints("kernel_shape").ok()? {
        Some(kernel) => kernel.into_iter().map(size).collect(),
        None => weight.map(<[Size]>::to_vec),
    }
}

/// A convolution of two inputs.
fn convolved(site: &Site<'_>, x: usize, w: usize) -> Option<Vec<Made>> {
    let [samples, _, input @ ..] = site.shape(x)? else { return None };
    let (features, weight) = match site.shape(w) {
        Some([features, _, weight @ ..]) => (Some(features.clone()), Some(weight)),
        _ => (None, None),
    };
    let spatial = kernel(site, weight).and_then(|kernel| made(site, input, &kernel));
    let spatial = spatial.unwrap_or_else(|| vec![None; input.len()]);
    Some(vec![Made::sizes([vec![Some(samples.clone()), features], spatial].concat())])
}

/// Conv and others of the first two inputs.
pub(in crate::ops) fn conv(site: &Site<'_>) -> Option<Vec<Made>> {
    convolved(site, 0, 1)
}

/// QLinearConv.
pub(in crate::ops) fn qlinear_conv(site: &Site<'_>) -> Option<Vec<Made>> {
    convolved(site, 0, 3)
}

/// MaxPool and others: all outputs alike.
pub(in crate::ops) fn pool(site: &Site<'_>) -> Option<Vec<Made>> {
    let [samples, channels, input @ ..] = site.shape(0)? else { return None };
    let spatial = kernel(site, None).and_then(|kernel| made(site, input, &kernel));
    let spatial = spatial.unwrap_or_else(|| vec![None; input.len()]);
    let planes = vec![Some(samples.clone()), Some(channels.clone())];
    Some(vec![Made::sizes([planes, spatial].concat()); 2])
}

/// GlobalAveragePool and others.
pub(in crate::ops) fn global_pool(site: &Site<'_>) -> Option<Vec<Made>> {
    let mut shape = site.shape(0)?.to_vec();
    shape.get_mut(2..)?.fill(1.into());
    Some(vec![Made::of(shape)])
}

/// ConvTranspose.
pub(in crate::ops) fn transposed(site: &Site<'_>) -> Option<Vec<Made>> {
    let [samples, _, input @ ..] = site.shape(0)? else { return None };
    let [_, own, weight @ ..] = site.shape(1)? else {
        return None;
    };
    let features = own * &site.int("group")?.into();
    let spatial = spread(site, input, &kernel(site, Some(weight))?);
    let spatial = spatial.unwrap_or_else(|| vec![None; input.len()]);
    Some(vec![Made::sizes([vec![Some(samples.clone()), Some(features)], spatial].concat())])
}

/// The spatial sizes of what windows of a transposed convolution cover.
fn spread(site: &Site<'_>, input: &[Size], kernel: &[Size]) -> Option<Vec<Option<Size>>> {
    if site.call.has("output_shape") {
        let wanted = spatial(&site.call, "output_shape", input.len(), 0)?;
        return Some(wanted.into_iter().map(|size| Some(size.into())).collect());
    }
    let more = spatial(&site.call, "output_padding", input.len(), 0)?;
    let padding = auto_pad(&site.call)?;
    let output = |(axis, more): (Axis<'_>, i64)| {
        let steps = &axis.stride * &(axis.input - &1.into());
        let whole = &(&steps + &axis.extent) + &more.into();
        Some(match padding.as_str() {
            "SAME_UPPER" | "SAME_LOWER" => whole.smaller(&(axis.input * &axis.stride)),
            "VALID" => whole,
            _ => &whole - &(&axis.begin + &axis.end),
        })
    };
    Some(axes(&site.call, input, kernel)?.into_iter().zip(more).map(output).collect())
}

/// MaxUnpool.
pub(in crate::ops) fn unpool(site: &Site<'_>) -> Option<Vec<Made>> {
    let [samples, channels, input @ ..] = site.shape(0)? else { return None };
    if site.has_input(2) {
        let shape = site.elements(2).map(Made::of);
        return Some(vec![shape.unwrap_or_else(|| Made::rank(input.len() + 2))]);
    }
    let output = |axis: Axis<'_>| {
        let steps = &axis.stride * &(axis.input - &1.into());
        &(&steps + &axis.extent) - &(&axis.begin + &axis.end)
    };
    let kernel = kernel(site, None)?;
    let spatial = axes(&site.call, input, &kernel)?.into_iter().map(output);
    let planes = [samples.clone(), channels.clone()];
    Some(vec![Made::of(planes.into_iter().chain(spatial).collect::<Vec<_>>())])
}

/// Col2Im.
pub(in crate::ops) fn col2im(site: &Site<'_>) -> Option<Vec<Made>> {
    let [batch, rows, _] = site.shape(0)? else { return None };
    let taps = site.elements(2).and_then(Size::product);
    let planes = [Some(batch.clone()), taps.map(|taps| rows.quotient(&taps))];
    let image = site.elements(1)?.iter().cloned().map(Some);
    Some(vec![Made::sizes(planes.into_iter().chain(image))])
}

/// CausalConvWithState: also the last inputs.
pub(in crate::ops) fn causal(site: &Site<'_>) -> Option<Vec<Made>> {
    let [batch, channels, length] = site.shape(0)? else { return None };
    let planes = || [Some(batch.clone()), Some(channels.clone())].into_iter();
    let taps = site.shape(1).and_then(|weight| weight.get(2));
    let kept = taps.map(|taps| taps - &1.into());
    let output = Made::sizes(planes().chain([Some(length.clone())]));
    Some(vec![output, Made::sizes(planes().chain([kept])).typed(site.dtype(0))])
}
