//! Elementary functions as kernel operations, the same on every target.
//!
//! They are methods of [`Scalar`], of float32 or float64. Functions that models spend time in have
//! polynomials of their own for each type, without branches, so that lanes stay vectors; the rest of
//! float32 is computed in float64 and rounded once. Errors are in units in the last place (ulp) of the
//! result, over all arguments that nothing else is said of, as the tests measure them; they hold where
//! the target rounds [`Fma`](super::Operation::Fma) once. NaN stays NaN. Zeros may lose their sign.
//!
//! Polynomials are minimax (Remez's algorithm) on the reduced arguments.

mod circle;
mod error;
mod exponential;
mod logarithm;
mod whole;

use super::{Scalar, Type};

/// A constant's parts, whose first leaves room for exact products with small integers.
struct Split {
    high: f64,
    low: f64,
}

/// ln 2 in float32 and float64 (Cody and Waite, 1980).
fn ln2(ty: Type) -> Split {
    match ty {
        Type::F32 => Split { high: 0.693_359_375, low: -0.00021219444005469057 },
        _ => Split { high: 0.6931471803691238, low: 1.9082149292705877e-10 },
    }
}

impl Scalar<'_> {
    /// A function of float64, of which float32 is computed.
    fn in_f64(self, function: impl FnOnce(Self) -> Self) -> Self {
        function(self.to(Type::F64)).to(self.ty())
    }

    /// Of a value for |x|: the negative where x is.
    fn signed_as(self, x: Self) -> Self {
        x.less(0.0).select(self * -1.0, self)
    }
}
