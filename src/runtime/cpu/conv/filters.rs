//! Filters, packed once.

use super::super::gemm::{Aligned, Element, Matrix, Tiles, pack, panels_len};
use super::super::pool::Pool;
use super::{Sizes, outputs, places};

/// The filters of a convolution, in the order in which its kernels read them.
pub(crate) struct Filters {
    memory: Aligned,
    tiles: &'static Tiles,
    form: Form,
    groups: usize,
    filters: usize,
    depth: usize,
    /// The filters of a panel.
    width: usize,
}

/// What a convolution makes of its filters.
#[derive(Clone, Copy, PartialEq)]
enum Form {
    /// The left matrix of products.
    Left,
    /// The right matrix of products.
    Right,
    /// They are as they were: one for each output's channel.
    Depthwise,
}

/// Images of fewer places than this are small: panels of them would be half empty.
const SMALL_IMAGE: usize = 256;
/// The least filters for which a small image is the left matrix.
const MANY_FILTERS: usize = 64;

impl Filters {
    /// Packs filters, M × C / groups × kernel, contiguous; they need not be aligned. `sizes` are those
    /// that convolutions are expected to have: images and their sizes may be others later.
    ///
    /// # Safety
    /// The elements can be read, and are not written meanwhile.
    pub(crate) unsafe fn new<T: Element>(
        tiles: &'static Tiles,
        sizes: &Sizes,
        filters: *const T,
        pool: &Pool,
    ) -> Self {
        let Sizes { groups, filters: rows, .. } = *sizes;
        let depth = sizes.channels * places(&sizes.window);
        let is_small = outputs(&sizes.window) < SMALL_IMAGE && rows >= MANY_FILTERS;
        let form = match sizes.channels {
            1 if groups > 1 => Form::Depthwise,
            _ if is_small => Form::Right,
            _ => Form::Left,
        };
        let width = match form {
            Form::Left => tiles.height(rows),
            Form::Right => tiles.nr,
            Form::Depthwise => 1,
        };
        let each = panels_len(depth, rows, width);
        let memory = Aligned::new(groups * each);
        for group in 0..groups {
            let matrix = Matrix {
                pointer: filters.wrapping_add(group * rows * depth),
                rows: depth,
                columns: rows,
                row_stride: 1,
                column_stride: depth as isize,
            };
            // SAFETY: the memory has room for each group, and the caller vouches for the filters.
            unsafe { pack(pool, matrix, width, memory.pointer().add(group * each)) };
        }
        Self { memory, tiles, form, groups, filters: rows, depth, width }
    }

    pub(super) fn is_depthwise(&self) -> bool {
        self.form == Form::Depthwise
    }

    pub(super) fn is_left(&self) -> bool {
        self.form == Form::Left
    }

    pub(super) fn tiles(&self) -> &'static Tiles {
        self.tiles
    }

    pub(super) fn width(&self) -> usize {
        self.width
    }

    /// The filters of a group.
    pub(super) fn of(&self, group: usize) -> *const f32 {
        self.memory.pointer().wrapping_add(group * panels_len(self.depth, self.filters, self.width))
    }

    /// # Panics
    /// Where they are not those of a convolution.
    pub(super) fn check(&self, sizes: &Sizes) {
        let depth = sizes.channels * places(&sizes.window);
        let own = (self.groups, self.filters, self.depth);
        assert_eq!(own, (sizes.groups, sizes.filters, depth), "filters of another convolution");
        assert!(!self.is_depthwise() || sizes.channels == 1, "filters of another convolution");
    }
}
