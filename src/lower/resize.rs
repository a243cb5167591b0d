//! Resize and Pad, as copies.

use super::group::{Inst, Kind};
use super::lowering::{Home, Lowering};
use super::view::View;
use crate::error::Result;
use crate::ir::{NodeId, Op};
use crate::kernel::Type;
use crate::ops::size::Size;
use crate::ops::{numbers::reals, shape};

impl Lowering<'_> {
    /// Resize to multiples of the sizes where the nearest element is that which is repeated.
    pub(super) fn resize(&mut self, id: NodeId, op: &Op) -> Result<Option<()>> {
        let (Some(input), Some((output, dims, dtype))) = (self.slot(id, 0), self.result(id)) else {
            return Ok(None);
        };
        let call = self.call(op)?;
        if call.since() < 11 || call.string("mode")? != "nearest" || call.has("axes") {
            return Ok(None);
        }
        let scales = match self.slot(id, 2) {
            None => Vec::new(),
            Some(scales) => {
                self.ensure(scales)?;
                let Some(scales) = self.constants.get(&scales) else { return Ok(None) };
                reals(scales)?
            }
        };
        let transform = call.string("coordinate_transformation_mode")?;
        let nearest = call.string("nearest_mode")?;
        let repeats = |times: i64| match (transform.as_str(), nearest.as_str()) {
            ("asymmetric", "floor") => true,
            ("half_pixel", "round_prefer_floor" | "round_prefer_ceil") => true,
            ("asymmetric", "round_prefer_floor") => times <= 2,
            ("tf_crop_and_resize" | "tf_half_pixel_for_nn", _) => false,
            _ => times == 1,
        };
        let Some(x) = self.view(input)? else { return Ok(None) };
        let (mut sizes, mut strides) = (Vec::new(), Vec::new());
        for (axis, (size, stride)) in x.dims.iter().zip(&x.strides).enumerate() {
            let times = dims[axis].divided(size).and_then(|times| times.known());
            let fits = |&times: &i64| {
                let scale = scales.get(axis).is_none_or(|scale| *scale == times as f64);
                times > 0 && scale && repeats(times)
            };
            let Some(times) = times.filter(fits) else { return Ok(None) };
            sizes.extend([size.clone(), times.into()]);
            strides.extend([stride.clone(), 0.into()]);
        }
        let y = self.made(dtype, &dims);
        let Some(to) = y.reshaped(&sizes) else { return Ok(None) };
        // The loop inside is the long one.
        let mut order: Vec<usize> = (0..sizes.len()).collect();
        if let [.., long, times] = &mut order[..] {
            std::mem::swap(long, times);
        }
        let from = View { dims: sizes, strides, ..x };
        self.copied_into(id, from.transposed(&order), &to.transposed(&order));
        Ok(self.is(output, y))
    }

    /// Pad: the elements, and around them a constant, or copies of them, one axis after the other.
    pub(super) fn pad(&mut self, id: NodeId, op: &Op) -> Result<Option<()>> {
        let (Some(input), Some((output, dims, dtype))) = (self.slot(id, 0), self.result(id)) else {
            return Ok(None);
        };
        let call = self.call(op)?;
        let (Some(x), Some(ty)) = (self.known(input), Type::of_stored(dtype)) else {
            return Ok(None);
        };
        let Some((before, after)) = self.pads(id, op, x.0.len())? else { return Ok(None) };
        let sums = x.0.iter().zip(&before).zip(&after).map(|((x, b), a)| &(x + b) + a);
        if sums.ne(dims.iter().cloned()) {
            return Ok(None);
        }
        let mode = call.string("mode")?;
        let fill = match self.slot(id, 2) {
            Some(fill) => self.scalar(fill),
            None if call.has("value") => Some(call.float("value")?),
            None => Some(0.0),
        };
        let mut copies = Vec::new();
        for axis in 0..dims.len() {
            match around(&mode, &x.0[axis], &before[axis], &after[axis]) {
                Some(own) => copies.push(own),
                None => return Ok(None),
            }
        }
        if fill.is_none() {
            return Ok(None);
        }
        let y = self.made(dtype, &dims);
        if let ("constant", Some(fill)) = (mode.as_str(), fill) {
            let item = self.begin(id, Kind::Map, dims.clone());
            let inst = self.push(item, Inst::Constant(ty, fill));
            self.stored(item, inst, &y);
        }
        let mut part = y.clone();
        for (axis, (start, size)) in before.iter().zip(&x.0).enumerate() {
            part = part.sliced(axis, start, 1, size.clone());
        }
        let filled = self.writers_of(&[y.buffer]);
        if self.written_into(input, &part)? {
            if let Some(&Home::Inst(item, _)) = self.homes.get(&input) {
                let (item, _) = self.resolved(item, 0);
                self.items[item].needs.extend(filled);
            }
        } else {
            let Some(view) = self.view(input)? else { return Ok(None) };
            self.copied_into(id, view, &part);
        }
        for (axis, copies) in copies.into_iter().enumerate() {
            let wide = part.sliced(axis, &-&before[axis], 1, dims[axis].clone());
            for Copy { from, step, to, size } in copies {
                let mut source = part.sliced(axis, &from, 1, size.clone());
                source.strides[axis] = &source.strides[axis] * &step.into();
                self.copied_into(id, source, &wide.sliced(axis, &to, 1, size));
            }
            part = wide;
        }
        Ok(self.is(output, y))
    }

    /// How many elements are added before and after each axis; none where that is not known, or some are
    /// removed.
    fn pads(&self, id: NodeId, op: &Op, rank: usize) -> Result<Option<(Vec<Size>, Vec<Size>)>> {
        let call = self.call(op)?;
        let given = match call.has("pads") {
            true => call.ints("pads")?.map(|all| all.into_iter().map(Size::from).collect()),
            false => self.slot_sizes(id, 1),
        };
        let axes: Option<Vec<i64>> = match self.slot(id, 3) {
            None => Some((0..rank as i64).collect()),
            Some(_) => self.slot_sizes(id, 3).and_then(|all| all.iter().map(Size::known).collect()),
        };
        let (Some(given), Some(axes)) = (given, axes) else { return Ok(None) };
        let axes: Vec<usize> = shape::axes(&axes, rank)?;
        let is_added = |size: &Size| size.is_at_least(&0.into());
        if given.len() != 2 * axes.len() || !given.iter().all(is_added) {
            return Ok(None);
        }
        let (mut before, mut after) = (vec![Size::from(0); rank], vec![Size::from(0); rank]);
        for (at, &axis) in axes.iter().enumerate() {
            before[axis] = given[at].clone();
            after[axis] = given[axes.len() + at].clone();
        }
        Ok(Some((before, after)))
    }

    /// Copies a view into another of its sizes, behind all that was written there before.
    pub(super) fn copied_into(&mut self, id: NodeId, from: View, to: &View) {
        let before = self.writers_of(&[to.buffer]);
        let item = self.begin(id, Kind::Map, to.dims.clone());
        let inst = self.push(item, Inst::Operand(View { dims: to.dims.clone(), ..from }));
        self.items[item].needs.extend(before);
        self.stored(item, inst, to);
    }
}

/// Elements along an axis that are copied.
struct Copy {
    /// The first, from the first one that is not added.
    from: Size,
    step: i64,
    /// Where it goes, from the first one that is added.
    to: Size,
    size: Size,
}

/// What is copied to both ends of `size` elements; none where a mode does not do it at once.
fn around(mode: &str, size: &Size, before: &Size, after: &Size) -> Option<Vec<Copy>> {
    let behind = before + size;
    let last = size - &1.into();
    let (first, step, second, most) = match mode {
        "edge" => (0.into(), 0, last.clone(), None),
        "reflect" => (before.clone(), -1, &last - &1.into(), Some(last.clone())),
        "wrap" => (size - before, 1, 0.into(), Some(size.clone())),
        _ => return (mode == "constant").then(Vec::new),
    };
    let copy = |from: Size, to: Size, count: &Size| Copy { from, step, to, size: count.clone() };
    let ends = [(before, copy(first, 0.into(), before)), (after, copy(second, behind, after))];
    let mut copies = Vec::new();
    for (count, copy) in ends.into_iter().filter(|(count, _)| count.known() != Some(0)) {
        let fits = most.as_ref().is_none_or(|most| most.is_at_least(count));
        if !fits || !last.is_at_least(&0.into()) {
            return None;
        }
        copies.push(copy);
    }
    Some(copies)
}
