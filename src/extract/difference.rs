//! The difference of two stored weights.

use crate::delta::numbers;
use crate::error::{Error, Result};
use crate::ir::{DataType, Tensor};
use half::{bf16, f16};
use peftc_delta::{Matrix, NotFinite, Rows};

/// Rows that are compared at once.
const ROWS: usize = 256;

/// after − before, decoded when a row is asked for.
pub(super) struct Difference<'a> {
    before: Stored<'a>,
    after: Stored<'a>,
    /// Whether the weight after lies turned against that before.
    is_turned: bool,
}

/// A matrix in a file.
#[derive(Clone, Copy)]
struct Stored<'a> {
    bytes: &'a [u8],
    dtype: DataType,
    rows: usize,
    columns: usize,
}

impl<'a> Stored<'a> {
    fn of(tensor: &'a Tensor) -> Result<Self> {
        let &[rows, columns] = tensor.dims.as_slice() else {
            return Err(Error::input(format!("a weight of shape {:?} is no matrix", tensor.dims)));
        };
        if !tensor.dtype.is_float() {
            return Err(Error::input(format!(
                "its weight is {}: f16, bf16, f32 and f64 are accepted",
                tensor.dtype
            )));
        }
        let bytes = tensor.bytes().ok_or_else(|| Error::input("its weight is not in the file"))?;
        Ok(Self { bytes, dtype: tensor.dtype, rows: rows as usize, columns: columns as usize })
    }

    fn row(&self, row: usize, out: &mut [f64]) {
        let size = self.bytes.len() / (self.rows * self.columns).max(1);
        let first = row * self.columns * size;
        numbers::decode(self.dtype, &self.bytes[first..first + self.columns * size], out);
    }

    fn mean_square_ulp(&self) -> f64 {
        let mut row = vec![0.0; self.columns];
        let squares = |at| {
            self.row(at, &mut row);
            row.iter().map(|x| ulp(self.dtype, *x).powi(2)).sum::<f64>()
        };
        (0..self.rows).map(squares).sum::<f64>() / (self.rows * self.columns).max(1) as f64
    }

    /// Some columns, as rows.
    fn columns(&self, first: usize, count: usize) -> Matrix {
        let size = self.bytes.len() / (self.rows * self.columns).max(1);
        let mut turned = Matrix::zeros(count, self.rows);
        let mut part = vec![0.0; count];
        for row in 0..self.rows {
            let at = (row * self.columns + first) * size;
            numbers::decode(self.dtype, &self.bytes[at..at + count * size], &mut part);
            part.iter().enumerate().for_each(|(column, x)| turned.row_mut(column)[row] = *x);
        }
        turned
    }
}

impl<'a> Difference<'a> {
    /// Of two weights; `is_turned` says that one is stored as the transpose of the other.
    ///
    /// # Errors
    /// They are no matrices of floats, or not of one shape.
    pub(super) fn of(before: &'a Tensor, after: &'a Tensor, is_turned: bool) -> Result<Self> {
        let difference = Self { before: Stored::of(before)?, after: Stored::of(after)?, is_turned };
        let Stored { rows, columns, .. } = difference.after;
        let shape = if is_turned { (columns, rows) } else { (rows, columns) };
        match shape == difference.shape() {
            true => Ok(difference),
            false => Err(Error::input(format!(
                "its weight is {:?} in the base, {:?} in the tuned model",
                before.dims, after.dims
            ))),
        }
    }

    /// Whether the weights are equal, up to the rounding of one of them to the other's type.
    pub(super) fn is_none(&self) -> bool {
        let Stored { bytes, dtype, .. } = self.before;
        if !self.is_turned && dtype == self.after.dtype {
            return bytes == self.after.bytes;
        }
        let coarser = coarser(dtype, self.after.dtype);
        let rows = self.before.rows;
        (0..rows).step_by(ROWS).all(|first| {
            let (before, after) = self.both(first, ROWS.min(rows - first));
            is_same(before.elements(), after.elements(), coarser)
        })
    }

    /// Some rows of both weights.
    fn both(&self, first: usize, count: usize) -> (Matrix, Matrix) {
        let rows = |stored: &Stored<'_>| {
            let mut panel = Matrix::zeros(count, stored.columns);
            (0..count).for_each(|at| stored.row(first + at, panel.row_mut(at)));
            panel
        };
        let after = match self.is_turned {
            true => self.after.columns(first, count),
            false => rows(&self.after),
        };
        (rows(&self.before), after)
    }

    /// ‖before‖_F.
    pub(super) fn norm_before(&self) -> f64 {
        let mut row = vec![0.0; self.before.columns];
        let energy = |at| {
            self.before.row(at, &mut row);
            row.iter().map(|x| x * x).sum::<f64>()
        };
        (0..self.before.rows).map(energy).sum::<f64>().sqrt()
    }

    /// The deviation of an element's rounding error where both weights were rounded to nearest to
    /// their stored types: √mean((ulp² + ulp'²)/12).
    pub(super) fn rounding_noise(&self) -> f64 {
        (self.before.mean_square_ulp() + self.after.mean_square_ulp()).sqrt() / 12f64.sqrt()
    }
}

impl Rows for Difference<'_> {
    fn shape(&self) -> (usize, usize) {
        (self.before.rows, self.before.columns)
    }

    fn row(&self, row: usize, out: &mut [f64]) {
        out.copy_from_slice(Matrix::row(&self.panel(row, 1), 0));
    }

    fn panel(&self, first: usize, count: usize) -> Matrix {
        let (before, mut panel) = self.both(first, count);
        for at in 0..count {
            let before = Matrix::row(&before, at);
            panel.row_mut(at).iter_mut().zip(before).for_each(|(after, before)| *after -= before);
        }
        panel
    }
}

/// after − before of two parameters of one shape; none where they are equal, up to the rounding of one
/// of them to the other's type, or no floats.
///
/// # Errors
/// An element is not finite.
pub(super) fn of_parameters(before: &Tensor, after: &Tensor) -> Result<Option<Vec<f64>>> {
    if !before.dtype.is_float() || !after.dtype.is_float() || is_equal(before, after) {
        return Ok(None);
    }
    let coarser = coarser(before.dtype, after.dtype);
    let (before, mut after) = (numbers::elements(before)?, numbers::elements(after)?);
    if is_same(&before, &after, coarser) {
        return Ok(None);
    }
    after.iter_mut().zip(before).for_each(|(after, before)| *after -= before);
    match after.iter().all(|x| x.is_finite()) {
        true => Ok(Some(after)),
        false => Err(Error::input(format!("its difference: {NotFinite}"))),
    }
}

/// Whether two tensors are equal byte by byte.
pub(super) fn is_equal(left: &Tensor, right: &Tensor) -> bool {
    (left.dtype, &left.dims, left.bytes()) == (right.dtype, &right.dims, right.bytes())
}

/// The type of fewer bits behind the leading one.
fn coarser(left: DataType, right: DataType) -> DataType {
    if precision(left).0 < precision(right).0 { left } else { right }
}

/// Whether numbers are equal as numbers of a type.
fn is_same(left: &[f64], right: &[f64], dtype: DataType) -> bool {
    // `half` rounds a float64 without its last 32 bits.
    let rounded = |x: f64| match dtype {
        DataType::BF16 => bf16::from_f32(x as f32).to_f64(),
        DataType::F16 => f16::from_f32(x as f32).to_f64(),
        DataType::F32 => f64::from(x as f32),
        _ => x,
    };
    left.iter().zip(right).all(|(left, right)| rounded(*left) == rounded(*right))
}

/// What is left of a matrix when a product is taken away.
pub(super) struct Residual<'a, M> {
    pub(super) of: &'a M,
    pub(super) product: &'a peftc_delta::Factors,
}

impl<M: Rows> Rows for Residual<'_, M> {
    fn shape(&self) -> (usize, usize) {
        self.of.shape()
    }

    fn row(&self, row: usize, out: &mut [f64]) {
        out.copy_from_slice(Matrix::row(&self.panel(row, 1), 0));
    }

    fn panel(&self, first: usize, count: usize) -> Matrix {
        let mut panel = self.of.panel(first, count);
        let product = self.product.panel(first, count);
        for at in 0..count {
            let product = Matrix::row(&product, at);
            panel.row_mut(at).iter_mut().zip(product).for_each(|(x, y)| *x -= y);
        }
        panel
    }
}

/// Bits behind the leading one, and the exponent of the smallest normal number.
fn precision(dtype: DataType) -> (i32, i32) {
    match dtype {
        DataType::BF16 => (7, -126),
        DataType::F16 => (10, -14),
        DataType::F32 => (23, -126),
        _ => (52, -1022),
    }
}

/// The distance of neighbours of a number in a type.
fn ulp(dtype: DataType, number: f64) -> f64 {
    let (bits, least) = precision(dtype);
    let exponent = (number.to_bits() >> 52 & 0x7ff) as i32 - 1023;
    // 2 to this power, but for what float64 itself has no normal number for.
    let power = (exponent.max(least) - bits).max(-1022);
    f64::from_bits(((power + 1023) as u64) << 52)
}
