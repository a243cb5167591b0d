//! The inner kernel of matrix products: one tile of the result, kept in registers while the depth is
//! walked. There is one set for each kind of processor; [`Tiles::native`] chooses once.

mod body;
mod portable;
#[cfg(target_arch = "x86_64")]
mod x86;

pub(crate) use body::Vector;

use std::sync::LazyLock;

/// The kernels of a kind of processor, for tiles of up to `mr` × `nr` elements.
pub(crate) struct Tiles {
    /// The most rows of a tile.
    pub(crate) mr: usize,
    /// The most columns of a tile.
    pub(crate) nr: usize,
    /// For a left matrix whose columns are contiguous, and for one whose rows are; by rows − 1.
    kernels: [&'static [Kernel]; 2],
    /// What it is made of.
    pub(crate) set: Set,
    is_here: fn() -> bool,
}

/// The instructions of kernels.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Set {
    /// AVX-512F.
    Avx512,
    /// AVX2 and FMA.
    Avx2,
    /// Those that the compiler chooses.
    Portable,
}

/// What is done with vectors, whatever the processor's are.
pub(crate) trait Loop {
    /// What it gives.
    type Output;

    /// Does it with vectors of `L` floats; inlined into functions that enable their instructions.
    ///
    /// # Safety
    /// That of what is done, and this processor has the instructions.
    unsafe fn run<V: Vector, const L: usize>(self) -> Self::Output;
}

impl Set {
    /// Does something with vectors as wide as these instructions have them.
    ///
    /// # Safety
    /// That of what is done, and this processor has the set.
    pub(crate) unsafe fn run<W: Loop>(self, work: W) -> W::Output {
        // SAFETY: as the caller says.
        unsafe {
            match self {
                #[cfg(target_arch = "x86_64")]
                Self::Avx512 => x86::run_avx512(work),
                #[cfg(target_arch = "x86_64")]
                Self::Avx2 => x86::run_avx2(work),
                _ => work.run::<[f32; 4], 4>(),
            }
        }
    }
}

/// The steps of the depth that a kernel takes in one pass.
pub(crate) const STEPS: usize = 4;
/// The floats of a cache line.
pub(crate) const LINE: usize = 16;

type Kernel = unsafe fn(&Tile);

/// A product of a tile: `c[i][j] (+)= Σ_k a[i][k] · b[k][j]` for `i < rows`, `j < columns`, `k < depth`.
#[derive(Clone, Copy)]
pub(crate) struct Tile {
    /// `1..=mr`.
    pub(crate) rows: usize,
    /// `1..=nr`. No element of `b` or `c` beyond them is read or written.
    pub(crate) columns: usize,
    /// How many products are summed; where it is 0 the sum is.
    pub(crate) depth: usize,
    /// `a[i][k]` stands at `a + i·a_row + k·a_depth`. One of the strides is 1 (or `rows` is).
    pub(crate) a: *const f32,
    /// From row to row of `a`, in elements.
    pub(crate) a_row: isize,
    /// From element to element of a row of `a`.
    pub(crate) a_depth: isize,
    /// `b[k][j]` stands at `b + k·b_depth + j`.
    pub(crate) b: *const f32,
    /// From row to row of `b`.
    pub(crate) b_depth: isize,
    /// `c[i][j]` stands at `c + i·c_row + j`.
    pub(crate) c: *mut f32,
    /// From row to row of `c`.
    pub(crate) c_row: isize,
    /// Whether the sum is added to what is in `c`.
    pub(crate) adds: bool,
    /// What is added to each row besides: a number for each, or null.
    pub(crate) bias: *const f32,
    /// Where memory is fetched ahead into the cache, for whoever comes next: any address.
    pub(crate) ahead: *const f32,
    /// How many cache lines are fetched in [`STEPS`] steps of the depth.
    pub(crate) lines_ahead: usize,
}

impl Tiles {
    /// The fastest set that this processor has.
    pub(crate) fn native() -> &'static Self {
        static NATIVE: LazyLock<&'static Tiles> =
            LazyLock::new(|| Tiles::all().next().unwrap_or(&portable::TILES));
        &NATIVE
    }

    /// The sets that this processor has, the fastest first.
    pub(crate) fn all() -> impl Iterator<Item = &'static Self> {
        #[cfg(target_arch = "x86_64")]
        let sets = [&x86::AVX512, &x86::AVX2, &portable::TILES];
        #[cfg(not(target_arch = "x86_64"))]
        let sets = [&portable::TILES];
        sets.into_iter().filter(|tiles| (tiles.is_here)())
    }

    /// The rows of a tile of so many in all, so that tiles are about as high.
    pub(crate) fn height(&self, rows: usize) -> usize {
        rows.div_ceil(rows.div_ceil(self.mr).max(1)).max(1)
    }

    /// Computes a tile.
    ///
    /// # Safety
    /// `tile` is as its fields say: the elements of `a` and `b` can be read, those of `c` can be written
    /// (and read, where `adds` is set) and nothing else uses them meanwhile. This processor has this set.
    pub(crate) unsafe fn run(&self, tile: &Tile) {
        debug_assert!(tile.rows <= self.mr && (1..=self.nr).contains(&tile.columns));
        let is_by_rows = tile.a_depth == 1;
        debug_assert!(is_by_rows || tile.a_row == 1 || tile.rows == 1);
        // SAFETY: as the caller says.
        unsafe { self.kernels[usize::from(is_by_rows)][tile.rows - 1](tile) }
    }
}
