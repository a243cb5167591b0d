//! A tensor with more or fewer elements along its axes.

use super::axis::{Axis, Kernel, Nearest, Transform};
use crate::error::{Error, Result};
use crate::ir::{DataType, Tensor};
use crate::ops::elements::{along_axes, zero};
use crate::ops::numbers::{as_many, i64s, of_reals, reals};
use crate::ops::shape::{axes, count, dims, room, sizes};
use crate::ops::{Call, Value};

/// How all axes are resized.
struct Way {
    transform: Transform,
    nearest: Nearest,
    /// None for the nearest element.
    kernel: Option<Kernel>,
    is_antialiased: bool,
    excludes_outside: bool,
    extrapolated: f64,
}

fn unknown(name: &str, found: &str, accepted: &str) -> Error {
    Error::input(format!("{name} is {found:?}")).help(format!("accepted are: {accepted}"))
}

impl Way {
    /// That of Upsample, and of Resize before version 11.
    fn simple(call: &Call<'_>) -> Result<Self> {
        let kernel = match call.string("mode")?.as_str() {
            "nearest" => None,
            "linear" | "bilinear" => Some(Kernel::Linear),
            other => return Err(unknown("mode", other, "nearest, linear")),
        };
        Ok(Self {
            transform: Transform::Asymmetric,
            nearest: Nearest::Simple,
            kernel,
            is_antialiased: false,
            excludes_outside: false,
            extrapolated: 0.0,
        })
    }

    fn new(call: &Call<'_>) -> Result<Self> {
        let transform = match call.string("coordinate_transformation_mode")?.as_str() {
            "half_pixel" => Transform::HalfPixel,
            "half_pixel_symmetric" => Transform::HalfPixelSymmetric,
            "pytorch_half_pixel" => Transform::PytorchHalfPixel,
            "align_corners" => Transform::AlignCorners,
            "asymmetric" => Transform::Asymmetric,
            "tf_crop_and_resize" => Transform::Crop,
            "tf_half_pixel_for_nn" if call.since() < 18 => Transform::TfHalfPixelForNn,
            other => {
                let accepted = "half_pixel, half_pixel_symmetric, pytorch_half_pixel, \
                                align_corners, asymmetric, tf_crop_and_resize";
                return Err(unknown("coordinate_transformation_mode", other, accepted));
            }
        };
        let nearest = match call.string("nearest_mode")?.as_str() {
            "round_prefer_floor" => Nearest::RoundPreferFloor,
            "round_prefer_ceil" => Nearest::RoundPreferCeil,
            "floor" => Nearest::Floor,
            "ceil" => Nearest::Ceil,
            other => {
                let accepted = "round_prefer_floor, round_prefer_ceil, floor, ceil";
                return Err(unknown("nearest_mode", other, accepted));
            }
        };
        let kernel = match call.string("mode")?.as_str() {
            "nearest" => None,
            "linear" => Some(Kernel::Linear),
            "cubic" => Some(Kernel::Cubic(call.float("cubic_coeff_a")?)),
            other => return Err(unknown("mode", other, "nearest, linear, cubic")),
        };
        Ok(Self {
            transform,
            nearest,
            kernel,
            is_antialiased: call.since() >= 18 && call.flag("antialias")?,
            excludes_outside: call.flag("exclude_outside")?,
            extrapolated: call.float("extrapolation_value")?,
        })
    }

    fn run(&self, x: &Tensor, all: &[Axis]) -> Result<Vec<Value>> {
        let made: Vec<usize> = all.iter().map(|axis| axis.resized).collect();
        room(&dims(&made))?;
        let y = match self.kernel {
            None => self.pick(x, all, &dims(&made))?,
            Some(kernel) => {
                let mut data = reals(x)?;
                let mut shape = sizes(x);
                for (at, axis) in all.iter().enumerate().filter(|(_, a)| !a.is_same(self.transform))
                {
                    data = self.along(&data, &mut shape, at, axis, kernel)?;
                }
                of_reals(x.dtype, &dims(&made), &data)?
            }
        };
        Ok(vec![y.into()])
    }

    fn pick(&self, x: &Tensor, all: &[Axis], dims: &[i64]) -> Result<Tensor> {
        let fill = match x.dtype {
            DataType::String | DataType::C64 | DataType::C128 => zero(x.dtype),
            dtype => of_reals(dtype, &[], &[self.extrapolated])?,
        };
        let sources: Vec<Vec<Option<usize>>> =
            all.iter().map(|axis| axis.nearest(self.transform, self.nearest)).collect();
        along_axes(x, dims, &fill, |axis, index| sources[axis][index])
    }

    /// Resizes along one axis.
    fn along(
        &self,
        data: &[f64],
        shape: &mut [usize],
        at: usize,
        axis: &Axis,
        kernel: Kernel,
    ) -> Result<Vec<f64>> {
        let weights =
            axis.weights(self.transform, kernel, self.is_antialiased, self.excludes_outside);
        let (inner, own) = (count(&shape[at + 1..]), axis.size);
        shape[at] = axis.resized;
        room(&dims(shape))?;
        let mut result = Vec::with_capacity(count(shape));
        for outer in 0..count(&shape[..at]) {
            for weights in &weights {
                let start = result.len();
                let Some(weights) = weights else {
                    result.resize(start + inner, self.extrapolated);
                    continue;
                };
                result.resize(start + inner, 0.0);
                for &(index, weight) in weights {
                    let from = &data[(outer * own + index) * inner..][..inner];
                    result[start..].iter_mut().zip(from).for_each(|(y, x)| *y += weight * x);
                }
            }
        }
        Ok(result)
    }
}

pub(super) fn upsample(call: &Call<'_>) -> Result<Vec<Value>> {
    let x = call.input(0)?;
    let scales = match call.since() {
        ..7 => return Err(Error::input("Upsample before operator set 7 is not supported")),
        7..9 => call.floats("scales")?.unwrap_or_default(),
        _ => reals(call.input(1)?)?,
    };
    let every: Vec<usize> = (0..x.dims.len()).collect();
    Way::simple(call)?.run(x, &by_scales(x, &every, &scales)?)
}

pub(super) fn resize(call: &Call<'_>) -> Result<Vec<Value>> {
    let x = call.input(0)?;
    let every: Vec<usize> = (0..x.dims.len()).collect();
    if call.since() < 11 {
        return Way::simple(call)?.run(x, &by_scales(x, &every, &reals(call.input(1)?)?)?);
    }
    let way = Way::new(call)?;
    let listed = if call.since() >= 18 { call.ints("axes")? } else { None };
    let chosen = listed.map_or(Ok(every), |listed| axes(&listed, x.dims.len()))?;
    // An input that is empty is one that is left out.
    let given = |slot| call.optional(slot).map(|t| t.filter(|t| t.element_count() != Some(0)));
    let mut all = match (given(2)?, given(3)?) {
        (Some(scales), None) => by_scales(x, &chosen, &reals(scales)?)?,
        (None, Some(wanted)) => by_sizes(call, x, &chosen, &i64s(wanted)?)?,
        (None, None) if chosen.is_empty() => by_scales(x, &[], &[])?,
        _ => return Err(Error::input("one of scales and sizes is needed")),
    };
    if way.transform == Transform::Crop {
        let roi = given(1)?.ok_or_else(|| Error::input("roi is missing"))?;
        let roi = as_many("roi", reals(roi)?, 2 * chosen.len())?;
        let (starts, ends) = roi.split_at(chosen.len());
        for ((&at, &start), &end) in chosen.iter().zip(starts).zip(ends) {
            all[at].roi = (start, end);
        }
    }
    way.run(x, &all)
}

fn same(x: &Tensor) -> Vec<Axis> {
    let one = |size| Axis { size, resized: size, scale: 1.0, roi: (0.0, 1.0) };
    sizes(x).into_iter().map(one).collect()
}

fn by_scales(x: &Tensor, chosen: &[usize], scales: &[f64]) -> Result<Vec<Axis>> {
    let scales = as_many("scales", scales.to_vec(), chosen.len())?;
    let mut all = same(x);
    for (&at, scale) in chosen.iter().zip(scales) {
        if !(scale > 0.0 && scale.is_finite()) {
            return Err(Error::input(format!("a scale is {scale}")));
        }
        // In float32, as shapes are inferred: 10 times the float32 0.7 is 7.
        let resized = (all[at].size as f32 * scale as f32).floor() as usize;
        all[at] = Axis { resized, scale, ..all[at] };
    }
    Ok(all)
}

fn by_sizes(call: &Call<'_>, x: &Tensor, chosen: &[usize], wanted: &[i64]) -> Result<Vec<Axis>> {
    let wanted = as_many("sizes", wanted.to_vec(), chosen.len())?;
    let mut all = same(x);
    for (&at, &resized) in chosen.iter().zip(&wanted) {
        let size = all[at].size;
        let resized = usize::try_from(resized).ok().filter(|&r| size > 0 || r == 0);
        let resized = resized.ok_or_else(|| {
            Error::input(format!("{:?} cannot have the sizes {wanted:?}", x.dims))
        })?;
        let scale = if size == 0 { 1.0 } else { resized as f64 / size as f64 };
        all[at] = Axis { resized, scale, ..all[at] };
    }
    let policy = match call.since() {
        18.. => call.string("keep_aspect_ratio_policy")?,
        _ => "stretch".to_owned(),
    };
    let scales = chosen.iter().map(|&at| all[at].scale);
    let common = match policy.as_str() {
        "stretch" => return Ok(all),
        "not_larger" => scales.fold(f64::INFINITY, f64::min),
        "not_smaller" => scales.fold(0.0, f64::max),
        other => {
            let accepted = "stretch, not_larger, not_smaller";
            return Err(unknown("keep_aspect_ratio_policy", other, accepted));
        }
    };
    for &at in chosen {
        let resized = (common * all[at].size as f64 + 0.5).floor() as usize;
        all[at] = Axis { resized, scale: common, ..all[at] };
    }
    Ok(all)
}
