//! The side of a weight task that computes.

use crate::error::{Error, Result};
use crate::tensor::{DataType, TensorView, array, known};
use peftc_abi::*;

/// One call of a task kind: a region of the results to fill.
pub struct TaskCall<'a> {
    host: &'a PeftcTaskHost,
    ctx: *mut PeftcCtx,
    /// The task's parameters.
    pub params: &'a [u8],
    /// The axis along which the results are the range `start..end`.
    pub axis: usize,
    /// First index of the range.
    pub start: u64,
    /// Index behind it.
    pub end: u64,
    /// Sources: whole, or the range where they follow the axis.
    pub sources: Vec<TensorView<'a>>,
    /// Results to fill.
    pub results: Vec<TensorMut<'a>>,
}

/// A tensor to fill.
pub struct TensorMut<'a> {
    /// Element type.
    pub dtype: DataType,
    /// Sizes of this region.
    pub dims: &'a [i64],
    /// Packed elements, little-endian, without alignment.
    pub bytes: &'a mut [u8],
}

impl<'a> TaskCall<'a> {
    /// # Safety
    /// All arguments are as the host gives them to a task, valid for `'a`.
    pub(crate) unsafe fn from_raw(
        host: &'a PeftcTaskHost,
        ctx: *mut PeftcCtx,
        args: &'a PeftcTaskArgs,
    ) -> Result<Self> {
        // SAFETY: forwarded.
        let (params, sources, results) = unsafe {
            (
                array(args.params, args.params_len),
                array(args.sources, args.source_count),
                array(args.results, args.result_count),
            )
        };
        // SAFETY: forwarded.
        let sources =
            sources.iter().map(|s| unsafe { TensorView::from_raw(s) }).collect::<Result<_>>()?;
        // SAFETY: forwarded; result views do not overlap.
        let results =
            results.iter().map(|r| unsafe { TensorMut::from_raw(r) }).collect::<Result<_>>()?;
        let PeftcTaskArgs { axis, start, end, .. } = *args;
        Ok(Self { host, ctx, params, axis: axis as usize, start, end, sources, results })
    }

    /// Adds a measure of this region to those of the others; [`measure`](crate::measure) has the
    /// names that the host reports.
    pub fn add(&self, name: &str, value: f64) {
        // SAFETY: host and context are those of this call.
        unsafe { (self.host.measure)(self.ctx, PeftcStr::new(name), PEFTC_SUM, value) }
    }

    /// A measure of this region; of all regions the largest counts.
    pub fn max(&self, name: &str, value: f64) {
        // SAFETY: host and context are those of this call.
        unsafe { (self.host.measure)(self.ctx, PeftcStr::new(name), PEFTC_MAX, value) }
    }

    /// An error once the task should stop.
    pub fn check_cancelled(&self) -> Result<()> {
        // SAFETY: host and context are those of this call.
        match unsafe { (self.host.cancelled)(self.ctx) } {
            0 => Ok(()),
            _ => Err(Error { code: PEFTC_CANCELLED, message: None }),
        }
    }

    /// Parameters that are numbers, as [`words`] makes them.
    ///
    /// # Errors
    /// There are not `N` of them.
    pub fn numbers<const N: usize>(&self) -> Result<[f64; N]> {
        Ok(self.words::<N>()?.map(f64::from_le_bytes))
    }

    /// Parameters that are little-endian words of eight bytes.
    ///
    /// # Errors
    /// There are not `N` of them.
    pub fn words<const N: usize>(&self) -> Result<[[u8; 8]; N]> {
        let (words, rest) = self.params.as_chunks::<8>();
        match <[[u8; 8]; N]>::try_from(words) {
            Ok(words) if rest.is_empty() => Ok(words),
            _ => Err(Error::invalid(format!(
                "{} parameter bytes, expected {}",
                self.params.len(),
                8 * N
            ))),
        }
    }
}

/// Task parameters that are numbers.
pub fn words(numbers: &[f64]) -> Vec<u8> {
    numbers.iter().flat_map(|n| n.to_le_bytes()).collect()
}

impl TensorMut<'_> {
    /// # Safety
    /// `raw` is as the host gives it, valid and not aliased for the lifetime of the result.
    unsafe fn from_raw(raw: &PeftcTensorMut) -> Result<Self> {
        let dtype = known(raw.dtype)?;
        // SAFETY: forwarded.
        let dims = unsafe { array(raw.dims, raw.rank as usize) };
        let bytes = match raw.byte_len {
            0 => &mut [][..],
            // SAFETY: forwarded.
            len => unsafe { std::slice::from_raw_parts_mut(raw.data, len) },
        };
        Ok(Self { dtype, dims, bytes })
    }
}
