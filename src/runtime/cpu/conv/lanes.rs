//! The outputs of a panel, side by side.

use super::super::gemm::Set;
use super::Window;
use super::split::{Sight, Split};
use std::ops::Range;

/// The most outputs of a panel.
pub(super) const LANES: usize = 32;

/// The outputs of a panel.
pub(super) struct Lanes {
    count: usize,
    /// By axis; [`super::is_countable`].
    at: [[i32; LANES]; 3],
    /// Where their counterparts stand in a part of a plane, in elements.
    offset: [i64; LANES],
    /// Whether the offsets grow by 1.
    is_line: bool,
}

/// A place of the window, in some channels.
pub(super) struct Tap {
    /// What is seen, by axis.
    pub(super) sight: [Sight; 3],
    /// What output 0 sees of the first channel.
    pub(super) from: *const f32,
    /// From channel to channel.
    pub(super) from_step: usize,
    /// How many channels.
    pub(super) count: usize,
    /// The row of the first channel.
    pub(super) to: *mut f32,
    /// From row to row.
    pub(super) to_step: usize,
}

impl Lanes {
    /// Outputs, counted through all images.
    pub(super) fn new(
        window: &Window,
        split: &Split<'_>,
        image_step: usize,
        of: Range<usize>,
    ) -> Self {
        let [depth, height, width] = window;
        let count = of.len();
        let (mut at, mut offset) = ([[0; LANES]; 3], [0; LANES]);
        let (mut row, mut x) = (of.start / width.output, of.start % width.output);
        let mut lane = 0;
        while lane < count {
            let (y, z) = (row % height.output, row / height.output);
            let (image, z) = (z / depth.output, z % depth.output);
            let start = image * image_step + (z * split.sizes[1] + y) * split.sizes[2];
            for index in lane..count.min(lane + width.output - x) {
                let x = x + index - lane;
                offset[index] = (start + x) as i64;
                [at[0][index], at[1][index], at[2][index]] = [z as i32, y as i32, x as i32];
            }
            (lane, row, x) = (lane + width.output - x, row + 1, 0);
        }
        let is_line = (1..count).all(|lane| offset[lane] == offset[0] + lane as i64);
        Self { count, at, offset, is_line }
    }

    /// Copies what the outputs see at a place of the window, a row for each channel; padding is 0.
    ///
    /// # Safety
    /// The channels can be read, and rows of as many floats as there are outputs be written. This
    /// processor has the set.
    pub(super) unsafe fn copy(&self, tap: &Tap, set: Set) {
        // SAFETY: as the caller says.
        unsafe {
            match set {
                #[cfg(target_arch = "x86_64")]
                Set::Avx512 if self.count > LANES / 2 => self.copy_avx512::<2>(tap),
                #[cfg(target_arch = "x86_64")]
                Set::Avx512 => self.copy_avx512::<1>(tap),
                _ => self.copy_all(tap),
            }
        }
    }

    /// [`Lanes::copy`] of any set.
    ///
    /// # Safety
    /// That of [`Lanes::copy`].
    unsafe fn copy_all(&self, tap: &Tap) {
        let is_inside: [bool; LANES] = std::array::from_fn(|lane| {
            lane < self.count
                && tap.sight.iter().zip(&self.at).all(|(sight, at)| {
                    (0..sight.size as isize).contains(&(at[lane] as isize + sight.shift))
                })
        });
        let is_whole = self.is_line && is_inside[..self.count].iter().all(|inside| *inside);
        for channel in 0..tap.count {
            let from = tap.from.wrapping_add(channel * tap.from_step);
            let to = tap.to.wrapping_add(channel * tap.to_step);
            // SAFETY: the lanes that are inside can be read, and the row has room for all.
            unsafe {
                if is_whole {
                    let from = from.wrapping_offset(self.offset[0] as isize);
                    std::ptr::copy_nonoverlapping(from, to, self.count);
                    continue;
                }
                let lanes = self.offset.iter().zip(is_inside).enumerate();
                for (lane, (offset, is_inside)) in lanes.take(self.count) {
                    let place = from.wrapping_offset(*offset as isize);
                    *to.add(lane) = if is_inside { *place } else { 0.0 };
                }
            }
        }
    }

    /// [`Lanes::copy`] with AVX-512, of up to `N` · 16 outputs.
    ///
    /// # Safety
    /// That of [`Lanes::copy`].
    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx512f")]
    unsafe fn copy_avx512<const N: usize>(&self, tap: &Tap) {
        use std::arch::x86_64::*;
        // SAFETY: lanes that are not inside are not read, those that are no output not written.
        unsafe {
            let all = if self.count == LANES { u32::MAX } else { (1 << self.count) - 1 };
            let mut written = [all as u16; N];
            if N > 1 {
                written[N - 1] = (all >> 16) as u16;
            }
            let mut inside = written;
            for (n, inside) in inside.iter_mut().enumerate() {
                for (sight, at) in tap.sight.iter().zip(&self.at) {
                    let at = _mm512_loadu_si512(at.as_ptr().add(16 * n).cast());
                    let at = _mm512_add_epi32(at, _mm512_set1_epi32(sight.shift as i32));
                    *inside &= _mm512_cmplt_epu32_mask(at, _mm512_set1_epi32(sight.size as i32));
                }
            }
            let (mut from, mut to) = (tap.from, tap.to);
            if self.is_line {
                from = from.wrapping_offset(self.offset[0] as isize);
                for _ in 0..tap.count {
                    for n in 0..N {
                        let place = from.wrapping_add(16 * n);
                        // What the next panel sees.
                        _mm_prefetch::<_MM_HINT_T0>(place.wrapping_add(16 * N).cast());
                        let values = _mm512_maskz_loadu_ps(inside[n], place);
                        _mm512_mask_storeu_ps(to.wrapping_add(16 * n), written[n], values);
                    }
                    (from, to) = (from.wrapping_add(tap.from_step), to.wrapping_add(tap.to_step));
                }
                return;
            }
            let mut offsets = [[_mm512_setzero_si512(); 2]; N];
            for (n, halves) in offsets.iter_mut().enumerate() {
                for (half, offsets) in halves.iter_mut().enumerate() {
                    *offsets =
                        _mm512_loadu_si512(self.offset.as_ptr().add(16 * n + 8 * half).cast());
                }
            }
            for _ in 0..tap.count {
                for n in 0..N {
                    let halves = [inside[n] as u8, (inside[n] >> 8) as u8];
                    for (half, (inside, written)) in halves
                        .into_iter()
                        .zip([written[n] as u8, (written[n] >> 8) as u8])
                        .enumerate()
                    {
                        let zero = _mm256_setzero_ps();
                        let offsets = offsets[n][half];
                        let low = _mm512_mask_i64gather_ps::<4>(zero, inside, offsets, from.cast());
                        let values = _mm512_castps256_ps512(low);
                        let to = to.wrapping_add(16 * n + 8 * half);
                        _mm512_mask_storeu_ps(to, u16::from(written), values);
                    }
                }
                (from, to) = (from.wrapping_add(tap.from_step), to.wrapping_add(tap.to_step));
            }
        }
    }
}
