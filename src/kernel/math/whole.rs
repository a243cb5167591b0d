//! Signs, remainders and what is no number.

use crate::kernel::{Scalar, Type};

/// What leaves no remainder of float32 above its divisor: each takes 50 bits of a quotient below 2²⁷⁷.
const STEPS: usize = 6;

impl Scalar<'_> {
    /// −1, 0 or 1; of NaN NaN.
    pub fn sign(self) -> Self {
        let negative = self.less(0.0).select(-1.0, self);
        self.greater(0.0).select(1.0, negative)
    }

    /// Whether it is NaN.
    pub fn is_nan(self) -> Self {
        !self.equal(self)
    }

    /// Whether it is ∞ or −∞.
    pub fn is_infinite(self) -> Self {
        self.abs().equal(f64::INFINITY)
    }

    /// Without its fraction.
    pub fn trunc(self) -> Self {
        self.abs().floor().signed_as(self)
    }

    /// The remainder of x/y with the sign of x, exact where |x/y| < 2²⁷⁷; x of y = ±∞, NaN of y = 0.
    pub fn fmod(self, y: Self) -> Self {
        let ty = self.ty();
        let (x, y) = (self.to(Type::F64).abs(), y.to(Type::F64).abs());
        // A quotient may be rounded up: then the rest is negative, and its quotient as well.
        let step = |r: Self| (r / y).trunc().fma(-y, r);
        let r = (0..STEPS).fold(x, |r, _| step(r));
        let r = r.less(0.0).select(r + y, r);
        let is_whole = y.is_infinite() & x.less(f64::INFINITY);
        is_whole.select(x, r).to(ty).signed_as(self)
    }

    /// The remainder of x/y with the sign of y, of floats as [`fmod`](Self::fmod) or of integers.
    pub fn modulo(self, y: Self) -> Self {
        let r = if self.ty().is_float() { self.fmod(y) } else { self % y };
        let is_other = !r.less(0.0).equal(y.less(0.0)) & !r.equal(0.0);
        is_other.select(r + y, r)
    }

    /// An integer as one of so many bits, at most 64: modulo their number.
    pub fn wrapped(self, bits: u32, is_signed: bool) -> Self {
        if bits >= 64 {
            return self;
        }
        let size = 2.0_f64.powi(bits as i32);
        let least = if is_signed { -size / 2.0 } else { 0.0 };
        (self - least).modulo(self.constant(Type::I64, size)) + least
    }
}
