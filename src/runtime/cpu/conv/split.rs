//! Planes whose places are ordered by their residues modulo the strides: a window with strides over a plane
//! is one without over those.

use super::super::gemm::{Aligned, Matrix, Place, pack_panel, with_kept};
use super::super::pool::Pool;
use super::{Axis, Sizes, Window, inputs};
use std::cell::Cell;

thread_local! {
    /// The planes of an input.
    static PLANES: Cell<Aligned> = Cell::default();
}

/// The planes of an input. Those of a residue on each axis stand together, in the order of the residues.
pub(super) struct Split<'a> {
    first: Place,
    window: &'a Window,
    /// The sizes of the part of a plane that has one residue on each axis.
    pub(super) sizes: [usize; 3],
}

/// What a place of the window sees on one axis: output o sees place o + shift of a part.
#[derive(Clone, Copy)]
pub(super) struct Sight {
    /// The residue of the part.
    residue: usize,
    /// How far the place is from the output.
    pub(super) shift: isize,
    /// The size of the part; outside of it is padding.
    pub(super) size: usize,
}

impl Sight {
    fn new(axis: &Axis, place: usize) -> Self {
        let (at, stride) = (axis.at(0, place), axis.stride as isize);
        if stride == 1 {
            return Self { residue: 0, shift: at, size: axis.input };
        }
        let residue = at.rem_euclid(stride) as usize;
        let size = axis.input.saturating_sub(residue).div_ceil(axis.stride);
        Self { residue, shift: at.div_euclid(stride), size }
    }
}

impl<'a> Split<'a> {
    /// Calls `work` with the planes of an input, which are copied if there are strides.
    ///
    /// # Safety
    /// The elements of `x` can be read.
    pub(super) unsafe fn with(
        pool: &Pool,
        sizes: &'a Sizes,
        x: *const f32,
        work: impl FnOnce(&Split<'a>),
    ) {
        let window = &sizes.window;
        if window.iter().all(|axis| axis.stride == 1) {
            let sizes = window.map(|axis| axis.input);
            return work(&Split { first: Place(x.cast_mut()), window, sizes });
        }
        let part = window.map(|axis| axis.input.div_ceil(axis.stride));
        let planes = sizes.images * sizes.groups * sizes.channels;
        let floats = planes
            * part.iter().product::<usize>()
            * window.iter().map(residues).product::<usize>();
        with_kept(&PLANES, floats, |memory| {
            let split = Split { first: Place(memory), window, sizes: part };
            let x = Place(x.cast_mut());
            pool.run(planes, &|plane| {
                // SAFETY: the planes are those of the input, and each is written by one call.
                unsafe { split.copy(x.at(plane * inputs(window)), split.plane(plane)) };
            });
            work(&split);
        });
    }

    /// Whether the parts of the planes are the rows of the columns: each place of the input is seen by one
    /// place of the window.
    pub(super) fn is_columns(&self) -> bool {
        self.window.iter().all(|axis| {
            let is_apart = axis.kernel == axis.stride && (axis.dilation == 1 || axis.kernel == 1);
            is_apart && axis.begin == 0 && axis.input == axis.output * axis.stride
        })
    }

    /// A plane of the input.
    pub(super) fn plane(&self, plane: usize) -> *mut f32 {
        self.first.at(plane * self.step())
    }

    /// From plane to plane.
    pub(super) fn step(&self) -> usize {
        self.part() * self.window.iter().map(residues).product::<usize>()
    }

    /// What a place of the window sees, by axis, and how far it is from the plane's begin what output 0
    /// would see.
    pub(super) fn sight(&self, place: [usize; 3]) -> ([Sight; 3], isize) {
        let sight = |axis: usize| Sight::new(&self.window[axis], place[axis]);
        let (z, y, x) = (sight(0), sight(1), sight(2));
        let residue = (z.residue * residues(&self.window[1]) + y.residue)
            * residues(&self.window[2])
            + x.residue;
        let row = z.shift * self.sizes[1] as isize + y.shift;
        let offset = row * self.sizes[2] as isize + x.shift;
        ([z, y, x], (residue * self.part()) as isize + offset)
    }

    /// The floats of a part.
    fn part(&self) -> usize {
        self.sizes.iter().product()
    }

    /// Copies those parts of a plane that are seen.
    ///
    /// # Safety
    /// The plane `from` can be read, and that at `to` be written.
    unsafe fn copy(&self, from: *const f32, to: *mut f32) {
        let [depth, height, width] = self.window;
        let is_seen = self.window.map(|axis| {
            let only = (axis.kernel == 1).then(|| Sight::new(&axis, 0).residue);
            move |at: usize| only.is_none_or(|only| at % axis.stride == only)
        });
        for z in (0..depth.input).filter(|z| is_seen[0](*z)) {
            for y in (0..height.input).filter(|y| is_seen[1](*y)) {
                let residue = z % depth.stride * residues(height) + y % height.stride;
                let row = z / depth.stride * self.sizes[1] + y / height.stride;
                // SAFETY: the row is one of the plane, and its parts are those of the part.
                unsafe {
                    let from = from.add((z * height.input + y) * width.input);
                    let to = to.add(residue * residues(width) * self.part() + row * self.sizes[2]);
                    match width.stride {
                        1 | 2 => {
                            for x in (0..residues(width)).filter(|x| is_seen[2](*x)) {
                                let from = std::slice::from_raw_parts(from.add(x), width.input - x);
                                let count = from.len().div_ceil(width.stride);
                                let to =
                                    std::slice::from_raw_parts_mut(to.add(x * self.part()), count);
                                every(from, width.stride, to);
                            }
                        }
                        stride => self.transpose(from, stride, to),
                    }
                }
            }
        }
    }

    /// Copies a row, each residue to its part.
    ///
    /// # Safety
    /// The row can be read, and the parts be written.
    unsafe fn transpose(&self, from: *const f32, stride: usize, to: *mut f32) {
        let input = self.window[2].input;
        let part = |first: usize, rows: usize, columns: usize| Matrix {
            pointer: from.wrapping_add(first * stride),
            rows,
            columns,
            row_stride: 1,
            column_stride: stride as isize,
        };
        let whole = input / stride;
        // SAFETY: as the caller says.
        unsafe {
            pack_panel(part(0, stride, whole), self.part(), to);
            pack_panel(part(whole, input % stride, 1), self.part(), to.add(whole));
        }
    }
}

/// The residues that places of the input have.
fn residues(axis: &Axis) -> usize {
    axis.stride.min(axis.input)
}

/// Copies every `stride`-th element, from the first on.
pub(super) fn every(from: &[f32], stride: usize, to: &mut [f32]) {
    if stride == 2 {
        let (pairs, last) = from.as_chunks::<2>();
        to.iter_mut().zip(pairs).for_each(|(to, from)| *to = from[0]);
        if let (Some(to), [from]) = (to.get_mut(pairs.len()), last) {
            *to = *from;
        }
    } else {
        to.iter_mut().zip(from.iter().step_by(stride)).for_each(|(to, from)| *to = *from);
    }
}
