//! Convolutions and pools of a run.

use super::constant;
use super::launch::First;
use super::step::Run;
use super::tensor::size;
use crate::error::{Error, Result};
use crate::ir::DataType;
use crate::lower::{Along, BufferId, Launch, Place, Program, Slide, Sliding};
use crate::ops::numbers;
use crate::runtime::cpu::conv::{
    Axis, Count, Filters, Images, Sizes, Window, average_pool, conv, is_countable, max_pool,
};
use crate::runtime::cpu::gemm::Tiles;
use crate::runtime::cpu::pool::Pool;
use std::ops::Range;

/// The size of an output's axis that is expected where it is not known.
const EXPECTED: i64 = 64;

/// The filters of a convolution, packed, and the constant that they were.
pub(super) fn filters(
    program: &Program,
    slide: &Slide,
    tiles: &'static Tiles,
    pool: &Pool,
) -> Result<Option<(BufferId, Filters)>> {
    let Sliding::Conv { constant: buffer, groups, channels, filters, .. } = slide.what else {
        return Ok(None);
    };
    let number = |id: usize| Ok(program.sizes.all[id].known().unwrap_or(EXPECTED));
    let window = window(&slide.axes, &number)?;
    let sizes = Sizes { images: 1, groups, channels, filters, window };
    let tensor = constant(program, buffer).ok_or_else(|| Error::bug("filters are no constant"))?;
    let bytes = numbers::bytes(tensor)?;
    let places: usize = window.iter().map(|axis| axis.kernel).product();
    if groups * filters * channels * places * size(tensor.dtype) != bytes.len() {
        return Err(Error::bug("filters have other sizes than their constant"));
    }
    let pointer = bytes.as_ptr();
    // SAFETY: there are so many elements, as has been checked.
    let packed = unsafe {
        match tensor.dtype {
            DataType::F32 => Filters::new(tiles, &sizes, pointer.cast::<f32>(), pool),
            DataType::F16 => Filters::new(tiles, &sizes, pointer.cast::<half::f16>(), pool),
            DataType::BF16 => Filters::new(tiles, &sizes, pointer.cast::<half::bf16>(), pool),
            other => return Err(Error::bug(format!("filters of {other}"))),
        }
    };
    crate::ir::unload(bytes);
    Ok(Some((buffer, packed)))
}

/// Axes with their sizes as numbers.
fn window(axes: &[Along], number: &dyn Fn(usize) -> Result<i64>) -> Result<Window> {
    let mut window = [Axis::ONE; 3];
    let first = window.len() - axes.len();
    for (to, axis) in window[first..].iter_mut().zip(axes) {
        let size = |id: usize| count(number(id)?);
        *to = Axis {
            input: size(axis.input)?,
            output: size(axis.output)?,
            kernel: size(axis.kernel)?,
            stride: size(axis.stride)?,
            dilation: size(axis.dilation)?,
            begin: size(axis.begin)?,
        };
    }
    Ok(window)
}

fn count(number: i64) -> Result<usize> {
    usize::try_from(number).map_err(|_| Error::input("a window does not fit the input"))
}

impl Run<'_> {
    /// A convolution or a pool.
    pub(super) fn slide(
        &mut self,
        step: usize,
        slide: &Slide,
        y: &Place,
        tail: Option<&Launch>,
    ) -> Result<()> {
        let engine = self.engine;
        let (x_spot, x) = self.spot(&slide.x)?;
        let (y_spot, y) = self.spot(y)?;
        let window = window(&slide.axes, &|id| self.number(id))?;
        if !is_countable(&window) {
            return Err(Error::input("a window, or its padding, is too large"));
        }
        let (images, channels) = (count(x_spot.dims[0])?, count(x_spot.dims[1])?);
        let outputs: usize = window.iter().map(|axis| axis.output).product();
        if y_spot.dims[0] != x_spot.dims[0] || count(y_spot.dims[2])? != outputs {
            return Err(Error::bug("a window makes other sizes than were inferred"));
        }
        let tail = tail.map(|tail| self.batched(tail, &y_spot.dims[..1], false)).transpose()?;
        let first = First::default();
        let done = |image: usize, channels: Range<usize>, places: Range<usize>| {
            if let Some(tail) = &tail {
                let none = std::ptr::null_mut();
                // SAFETY: `batched` has checked the places of all images, channels and places.
                first.keep(unsafe { tail.tile(image, channels, places, none) });
            }
        };
        let (x, y) = (x.cast_const().cast::<f32>(), y.cast::<f32>());
        let all = Images { count: images, channels };
        let (pool, tiles) = (&engine.pool, engine.tiles);
        match &slide.what {
            Sliding::Conv { bias, groups, channels: own, filters, .. } => {
                if channels != groups * own || y_spot.dims[1] != (groups * filters) as i64 {
                    return Err(Error::input(format!(
                        "{channels} channels in {groups} groups for filters of {own} channels"
                    )));
                }
                let bias = bias.as_ref().map(|bias| self.spot(bias)).transpose()?;
                let bias = bias.map(|(_, pointer)| pointer.cast_const().cast::<f32>());
                let sizes =
                    Sizes { images, groups: *groups, channels: *own, filters: *filters, window };
                let filters = engine.filters.get(&step);
                let filters = filters.ok_or_else(|| Error::bug("filters are not packed"))?;
                // SAFETY: `spot` has checked x, y and the bias, which have these sizes and are contiguous;
                // nothing else writes y.
                unsafe { conv(pool, &sizes, x, filters, bias, y, &done) };
            }
            Sliding::Max | Sliding::Average { .. } if y_spot.dims[1] != x_spot.dims[1] => {
                return Err(Error::bug("a pool makes other channels"));
            }
            // SAFETY: as above.
            Sliding::Max => unsafe { max_pool(pool, tiles, all, &window, x, y, &done) },
            Sliding::Average { counts_padding } => {
                let mut count = Count::Input;
                if *counts_padding {
                    let mut ends = [0; 3];
                    let skipped = ends.len() - slide.axes.len();
                    for (end, axis) in ends[skipped..].iter_mut().zip(&slide.axes) {
                        *end = self::count(self.number(axis.end)?)?;
                    }
                    count = Count::Padded(ends);
                }
                // SAFETY: as above.
                unsafe { average_pool(pool, tiles, all, &window, count, x, y, &done) };
            }
        }
        first.result()
    }
}
