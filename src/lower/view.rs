//! Values as parts of buffers: movement of elements as strides.

use super::program::BufferId;
use crate::ops::size::Size;

/// Elements of a buffer, in an order of their own. Sizes, strides and the offset count elements.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct View {
    pub(crate) buffer: BufferId,
    pub(crate) offset: Size,
    pub(crate) dims: Vec<Size>,
    pub(crate) strides: Vec<Size>,
}

/// Strides of elements in C order.
pub(crate) fn contiguous(dims: &[Size]) -> Vec<Size> {
    let mut strides = vec![Size::from(1); dims.len()];
    for axis in (1..dims.len()).rev() {
        strides[axis - 1] = &strides[axis] * &dims[axis];
    }
    strides
}

/// How many elements there are; one number is no longer right where it is beyond i64.
pub(crate) fn count(dims: &[Size]) -> Size {
    dims.iter().fold(Size::from(1), |count, size| &count * size)
}

pub(crate) fn is_one(size: &Size) -> bool {
    size.known() == Some(1)
}

impl View {
    /// All of a buffer, in C order.
    pub(crate) fn whole(buffer: BufferId, dims: Vec<Size>) -> Self {
        Self { buffer, offset: Size::from(0), strides: contiguous(&dims), dims }
    }

    /// All sizes that it is described with.
    pub(crate) fn sizes(&self) -> impl Iterator<Item = &Size> {
        self.dims.iter().chain(&self.strides).chain([&self.offset])
    }

    /// Whether elements lie in C order without gaps.
    pub(crate) fn is_contiguous(&self) -> bool {
        let expected = contiguous(&self.dims);
        let mut axes = self.dims.iter().zip(&self.strides).zip(&expected);
        axes.all(|((dim, stride), expected)| is_one(dim) || stride == expected)
    }

    /// Axes in another order.
    pub(crate) fn transposed(&self, order: &[usize]) -> Self {
        let pick = |sizes: &[Size]| order.iter().map(|&axis| sizes[axis].clone()).collect();
        Self { dims: pick(&self.dims), strides: pick(&self.strides), ..self.clone() }
    }

    /// `size` elements along an axis, from `start`, each `step`-th.
    pub(crate) fn sliced(&self, axis: usize, start: &Size, step: i64, size: Size) -> Self {
        let mut sliced = self.clone();
        sliced.offset = &sliced.offset + &(start * &self.strides[axis]);
        sliced.strides[axis] = &self.strides[axis] * &Size::from(step);
        sliced.dims[axis] = size;
        sliced
    }

    /// Spread to sizes by ONNX's rule of broadcasting; none where it has more axes. `pairs` are sizes that
    /// must be equal, or the first of them 1, where that is not known yet.
    pub(crate) fn spread(&self, dims: &[Size], pairs: &mut Vec<(Size, Size)>) -> Option<Self> {
        let missing = dims.len().checked_sub(self.dims.len())?;
        let mut strides = vec![Size::from(0); missing];
        for ((own, stride), dim) in self.dims.iter().zip(&self.strides).zip(&dims[missing..]) {
            let is_equal = own == dim;
            if !is_equal && own.known() != Some(1) {
                if own.known().is_some() && dim.known().is_some() {
                    return None;
                }
                pairs.push((own.clone(), dim.clone()));
            }
            strides.push(match own.known() {
                Some(1) => Size::from(0),
                Some(_) => stride.clone(),
                None if is_equal || own.is_clipped(dim) => stride.clone(),
                // 0 where the size is 1.
                None => stride * &(own - &Size::from(1)).smaller(&Size::from(1)),
            });
        }
        Some(Self { dims: dims.to_vec(), strides, ..self.clone() })
    }

    /// The same elements in other sizes, where strides can say it.
    pub(crate) fn reshaped(&self, dims: &[Size]) -> Option<Self> {
        let reshaped = |strides| Self { dims: dims.to_vec(), strides, ..self.clone() };
        if self.is_contiguous() {
            return Some(reshaped(contiguous(dims)));
        }
        let mut strides = vec![Size::from(0); dims.len()];
        let mut left = dims.len();
        for (mut size, mut stride) in self.runs().into_iter().rev() {
            while !is_one(&size) {
                left = left.checked_sub(1)?;
                let dim = &dims[left];
                if is_one(dim) {
                    continue;
                }
                size = size.divided(dim)?;
                strides[left] = stride.clone();
                stride = &stride * dim;
            }
        }
        dims[..left].iter().all(is_one).then(|| reshaped(strides))
    }

    /// Axes, those joined that lie one in the other: sizes and strides of the innermost.
    fn runs(&self) -> Vec<(Size, Size)> {
        let mut runs: Vec<(Size, Size)> = Vec::new();
        for (dim, stride) in self.dims.iter().zip(&self.strides).filter(|(dim, _)| !is_one(dim)) {
            match runs.last_mut() {
                Some((size, outer)) if *outer == stride * dim => {
                    *size = &*size * dim;
                    *outer = stride.clone();
                }
                _ => runs.push((dim.clone(), stride.clone())),
            }
        }
        runs
    }

    /// Its axes from the third on joined to one. None where strides cannot say it.
    pub(crate) fn planes(&self) -> Option<Self> {
        let (dims, strides) = (self.dims.get(2..)?, self.strides.get(2..)?);
        let spatial = Self { dims: dims.to_vec(), strides: strides.to_vec(), ..self.clone() };
        let stride = match &spatial.runs()[..] {
            // Of one place: as in a buffer of its own.
            [] => Size::from(1),
            [(_, stride)] => stride.clone(),
            _ => return None,
        };
        Some(Self {
            dims: [&self.dims[..2], &[count(dims)]].concat(),
            strides: [&self.strides[..2], &[stride]].concat(),
            ..self.clone()
        })
    }

    /// Its leading axes joined to one: rows, the last axis left alone. None where strides cannot say it.
    pub(crate) fn rows(&self) -> Option<Self> {
        let (last, leading) = self.dims.split_last()?;
        let (inner, outer) = self.strides.split_last()?;
        let head = Self { dims: leading.to_vec(), strides: outer.to_vec(), ..self.clone() };
        let (size, stride) = match &head.runs()[..] {
            [] => (Size::from(1), Size::from(0)),
            [(size, stride)] => (size.clone(), stride.clone()),
            _ => return None,
        };
        Some(Self {
            dims: vec![size, last.clone()],
            strides: vec![stride, inner.clone()],
            ..self.clone()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sizes(all: &[i64]) -> Vec<Size> {
        all.iter().map(|&size| size.into()).collect()
    }

    #[test]
    fn heads_are_split_and_joined_without_moving_elements() {
        let (b, s) = (Size::named("b"), Size::named("s"));
        let hidden = View::whole(0, vec![b.clone(), s.clone(), 12.into()]);
        let heads = hidden.reshaped(&[b.clone(), s.clone(), 3.into(), 4.into()]).expect("splits");
        let heads = heads.transposed(&[0, 2, 1, 3]);
        assert!(!heads.is_contiguous());
        assert_eq!(heads.strides, [&s * &12.into(), 4.into(), 12.into(), 1.into()]);
        let back = heads.transposed(&[0, 2, 1, 3]).reshaped(&[b.clone(), s.clone(), 12.into()]);
        assert_eq!(back, Some(hidden));
        assert_eq!(heads.reshaped(&[b, s, 12.into()]), None);
    }

    #[test]
    fn slices_keep_their_strides_through_reshapes() {
        let view = View::whole(0, sizes(&[5, 6])).sliced(1, &2.into(), 1, 4.into());
        let split = view.reshaped(&sizes(&[5, 2, 1, 2])).expect("splits");
        assert_eq!(split.strides, [6.into(), 2.into(), 0.into(), 1.into()]);
        assert_eq!(split.offset, 2.into());
        assert_eq!(view.reshaped(&sizes(&[20])), None);
    }

    #[test]
    fn what_is_spread_has_no_stride() {
        let view = View::whole(0, vec![1.into(), Size::named("s")]);
        let mut pairs = Vec::new();
        let dims = [4.into(), 3.into(), Size::named("s")];
        let spread = view.spread(&dims, &mut pairs).expect("spreads");
        assert!(pairs.is_empty());
        assert_eq!(spread.strides, [0.into(), 0.into(), 1.into()]);
        let known = view.spread(&[3.into(), 7.into()], &mut pairs).expect("may spread");
        assert_eq!(pairs, [(Size::named("s"), 7.into())]);
        let strides = |s: i64| known.strides[1].value(&|_| Some(s));
        assert_eq!((strides(1), strides(7)), (Some(0), Some(1)));
        let fixed = View::whole(0, vec![4.into()]);
        assert_eq!(fixed.spread(&[7.into()], &mut pairs), None);
        assert_eq!(spread.rows().expect("one run").dims[0], 12.into());
    }
}
