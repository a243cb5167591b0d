//! Parts of feature maps, pooled.

use crate::error::{Error, Result};
use crate::ops::numbers::{i64s, of_floats, reals};
use crate::ops::shape::{dims, room};
use crate::ops::{Call, Value};

/// Maps of features, and regions of them.
struct Maps {
    numbers: Vec<f64>,
    rois: Vec<f64>,
    /// N, C, H, W.
    sizes: [usize; 4],
    count: usize,
}

impl Maps {
    fn new(call: &Call<'_>, columns: i64) -> Result<Self> {
        let (x, rois) = (call.input(0)?, call.input(1)?);
        match (&x.dims[..], &rois.dims[..]) {
            (&[n, c, h, w], &[count, own]) if own == columns => Ok(Self {
                numbers: reals(x)?,
                rois: reals(rois)?,
                sizes: [n, c, h, w].map(|size| size as usize),
                count: count as usize,
            }),
            (x, rois) => {
                let error = Error::input(format!("X has the shape {x:?}, rois {rois:?}"));
                Err(error.help(format!("[N, C, H, W] and [regions, {columns}] are accepted")))
            }
        }
    }

    /// The map of a channel.
    fn map(&self, batch: usize, channel: usize) -> &[f64] {
        let [_, channels, height, width] = self.sizes;
        &self.numbers[(batch * channels + channel) * height * width..][..height * width]
    }

    fn batch(&self, index: i64) -> Result<usize> {
        let batch = usize::try_from(index).ok().filter(|&batch| batch < self.sizes[0]);
        batch.ok_or_else(|| Error::input(format!("batch {index} is none of {}", self.sizes[0])))
    }
}

/// A sample along one side of a region: two elements and how far it is from the first, or none
/// outside of the map.
type Sample = Option<(usize, usize, f64)>;

/// A side of a region, cut into bins of samples.
struct Side {
    samples: Vec<Sample>,
    /// Samples of a bin.
    each: usize,
}

impl Side {
    fn new(start: f64, length: f64, size: usize, bins: usize, ratio: usize) -> Result<Self> {
        let bin = length / bins as f64;
        let each = if ratio > 0 { ratio } else { bin.ceil().max(0.0) as usize };
        let all = i64::try_from(each.saturating_mul(bins)).unwrap_or(i64::MAX);
        let all = room(&[all])?[0];
        let sample = |at: usize| {
            let x = start + (at as f64 + 0.5) * bin / each as f64;
            if !(-1.0..=size as f64).contains(&x) || size == 0 {
                return None;
            }
            let x = x.clamp(0.0, size as f64 - 1.0);
            let low = x as usize;
            Some((low, (low + 1).min(size - 1), x - low as f64))
        };
        Ok(Self { samples: (0..all).map(sample).collect(), each })
    }

    fn bin(&self, at: usize) -> &[Sample] {
        &self.samples[at * self.each..(at + 1) * self.each]
    }
}

/// Mask R-CNN (He et al., 2017). With `max`, the largest of the four weighted elements of a sample
/// counts, as ONNX's reference has it.
pub(super) fn align(call: &Call<'_>) -> Result<Vec<Value>> {
    let maps = Maps::new(call, 4)?;
    let batches = i64s(call.input(2)?)?;
    if batches.len() != maps.count {
        let (found, needed) = (batches.len(), maps.count);
        return Err(Error::input(format!("batch_indices has {found} elements for {needed} rois")));
    }
    let is_max = match call.string("mode")?.as_str() {
        "avg" => false,
        "max" => true,
        other => {
            return Err(Error::input(format!("mode is {other:?}")).help("avg and max are accepted"));
        }
    };
    let is_half_pixel =
        call.since() >= 16 && call.string("coordinate_transformation_mode")? == "half_pixel";
    let size = |name: &str| call.int(name).and_then(|size| Ok(room(&[size])?[0]));
    let (height, width) = (size("output_height")?, size("output_width")?);
    let (ratio, scale) = (size("sampling_ratio")?, call.float("spatial_scale")?);
    let shape = dims(&[maps.count, maps.sizes[1], height, width]);
    room(&shape)?;
    let mut pooled = Vec::new();
    for (roi, &batch) in maps.rois.chunks(4).zip(&batches) {
        let batch = maps.batch(batch)?;
        let offset = if is_half_pixel { 0.5 } else { 0.0 };
        let side = |at: usize, size, bins| {
            let (start, end) = (roi[at] * scale - offset, roi[at + 2] * scale - offset);
            let length = if is_half_pixel { end - start } else { (end - start).max(1.0) };
            Side::new(start, length, size, bins, ratio)
        };
        let rows = side(1, maps.sizes[2], height)?;
        let columns = side(0, maps.sizes[3], width)?;
        room(&dims(&[rows.samples.len(), columns.samples.len()]))?;
        for channel in 0..maps.sizes[1] {
            let map = maps.map(batch, channel);
            for row in 0..height {
                let bins = (0..width).map(|at| (rows.bin(row), columns.bin(at)));
                pooled.extend(bins.map(|(ys, xs)| bin(map, maps.sizes[3], ys, xs, is_max)));
            }
        }
    }
    Ok(vec![of_floats(call.input(0)?.dtype, &shape, &pooled)?.into()])
}

/// The samples of a bin as one number.
fn bin(map: &[f64], width: usize, ys: &[Sample], xs: &[Sample], is_max: bool) -> f64 {
    let samples = ys.iter().flat_map(|y| xs.iter().map(move |x| y.zip(*x)));
    let values = samples.map(|sample| {
        let Some(((top, bottom, y), (left, right, x))) = sample else { return 0.0 };
        let four = [
            (1.0 - y) * (1.0 - x) * map[top * width + left],
            (1.0 - y) * x * map[top * width + right],
            y * (1.0 - x) * map[bottom * width + left],
            y * x * map[bottom * width + right],
        ];
        match is_max {
            true => four.into_iter().fold(f64::NEG_INFINITY, f64::max),
            false => four.into_iter().sum(),
        }
    });
    match (is_max, ys.len() * xs.len()) {
        (_, 0) => 0.0,
        (true, _) => values.fold(f64::NEG_INFINITY, f64::max),
        (false, count) => values.sum::<f64>() / count as f64,
    }
}

/// Fast R-CNN (Girshick, 2015): the greatest element of each bin, 0 for one that is empty.
pub(super) fn max_pool(call: &Call<'_>) -> Result<Vec<Value>> {
    let maps = Maps::new(call, 5)?;
    let pooled = call.ints("pooled_shape")?.unwrap_or_default();
    let [rows, columns] = pooled[..] else {
        return Err(Error::input(format!("pooled_shape is {pooled:?}")));
    };
    let [_, channels, height, width] = maps.sizes;
    let shape = [maps.count as i64, channels as i64, rows, columns];
    let sizes = room(&shape)?;
    let scale = call.float("spatial_scale")?;
    let mut result = Vec::new();
    for roi in maps.rois.chunks(5) {
        let batch = maps.batch(roi[0] as i64)?;
        let side = |at: usize, size, bins| {
            bins_of((roi[at] * scale).round(), (roi[at + 2] * scale).round(), size, bins)
        };
        let (ys, xs) = (side(2, height, sizes[2]), side(1, width, sizes[3]));
        for channel in 0..channels {
            let map = maps.map(batch, channel);
            for y in &ys {
                let most = |x: &std::ops::Range<usize>| {
                    let places = y.clone().flat_map(|y| x.clone().map(move |x| y * width + x));
                    places.map(|place| map[place]).reduce(f64::max).unwrap_or(0.0)
                };
                result.extend(xs.iter().map(most));
            }
        }
    }
    Ok(vec![of_floats(call.input(0)?.dtype, &shape, &result)?.into()])
}

/// The elements of each bin of a side.
fn bins_of(start: f64, end: f64, size: usize, bins: usize) -> Vec<std::ops::Range<usize>> {
    let bin = (end - start + 1.0).max(1.0) / bins as f64;
    let inside = |x: f64| (x + start).clamp(0.0, size as f64) as usize;
    let range =
        |at: usize| inside((at as f64 * bin).floor())..inside(((at + 1) as f64 * bin).ceil());
    (0..bins).map(range).collect()
}
