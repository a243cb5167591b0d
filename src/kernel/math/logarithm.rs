//! Functions of ln.

use super::ln2;
use crate::kernel::{Scalar, Type};
use std::f64::consts::{LN_2, SQRT_2};

/// (ln((1 + s)/(1 − s)) − 2s)/s³ in s² for |s| ≤ (√2 − 1)/(√2 + 1), in float32 to 2⁻³⁷.
const LN_F32: &[f64] =
    &[0.6666666564129308, 0.4000033621931855, 0.2853723831967685, 0.23583568960035983];

/// As [`LN_F32`], in float64 to 2⁻⁶⁶.
const LN_F64: &[f64] = &[
    0.6666666666666666,
    0.40000000000006286,
    0.2857142856907298,
    0.22222222648748527,
    0.18181775508656367,
    0.15387097646067122,
    0.1324996211658478,
    0.1325275414281959,
];

impl Scalar<'_> {
    /// ln x, to 2 ulp; −∞ of 0, NaN below. As in FreeBSD's `e_log.c`.
    pub fn ln(self) -> Self {
        let (least, coefficients) = match self.ty() {
            Type::F32 => (f64::from(f32::MIN_POSITIVE), LN_F32),
            _ => (f64::MIN_POSITIVE, LN_F64),
        };
        // x = (1 + r)·2^n with √½ < 1 + r ≤ √2. Numbers that are 0 or 1 are fewer instructions than selects.
        let is_subnormal = self.less(least).to(self.ty());
        let x = self * is_subnormal.fma(2.0_f64.powi(54), 1.0);
        let m = x.mantissa();
        let is_high = m.greater(SQRT_2).to(self.ty());
        let n = is_subnormal.fma(-54.0, x.exponent()) + is_high;
        let r = (m * is_high).fma(-0.5, m) - 1.0;
        let s = r / (r + 2.0);
        let z = s * s;
        let half = r * r * 0.5;
        let tail = s * z.polynomial(coefficients).fma(z, half);
        let ln2 = ln2(self.ty());
        let y = n.fma(ln2.high, r - (half - n.fma(ln2.low, tail)));
        let is_plain = self.greater(0.0) & self.less(f64::INFINITY);
        let special = self.less(0.0).select(f64::NAN, self);
        is_plain.select(y, self.equal(0.0).select(f64::NEG_INFINITY, special))
    }

    /// ln(1 + x) for x ≥ 0, to 3 ulp.
    pub fn ln_1p(self) -> Self {
        let u = self + 1.0;
        // What 1 + x has lost: d ln(u) = du/u.
        let lost = (self - (u - 1.0)) / u;
        self.less(f64::INFINITY).select(u.ln() + lost, self)
    }

    /// arsinh x; float64 to 4 ulp.
    pub fn asinh(self) -> Self {
        self.in_f64(|x| {
            let a = x.abs();
            let z = a * a;
            let small = (a + z / ((z + 1.0).sqrt() + 1.0)).ln_1p();
            a.less(1e9).select(small, a.ln() + LN_2).signed_as(x)
        })
    }

    /// arcosh x, NaN below 1; float64 to 4 ulp.
    pub fn acosh(self) -> Self {
        self.in_f64(|x| {
            let t = x - 1.0;
            let small = (t + (t * (t + 2.0)).sqrt()).ln_1p();
            let y = x.less(1e9).select(small, x.ln() + LN_2);
            x.less(1.0).select(f64::NAN, y)
        })
    }

    /// artanh x, infinite at ±1 and NaN beyond; float64 to 4 ulp.
    pub fn atanh(self) -> Self {
        self.in_f64(|x| {
            let a = x.abs();
            let y = ((a * 2.0) / (a.constant(Type::F64, 1.0) - a)).ln_1p() * 0.5;
            a.greater(1.0).select(f64::NAN, y).signed_as(x)
        })
    }

    /// x^y of floats as in C: NaN below 0 but for integers y; x^0 and 1^y are 1 even of NaN. Float32 to
    /// 1 ulp, float64 to 2⁻⁵¹·(1 + |y ln x|) of it; where y is a constant and |y| ≤ 4 whole, to 3 ulp.
    pub fn pow(self, y: Self) -> Self {
        if let Some(whole) = y.number().filter(|y| y.fract() == 0.0 && y.abs() <= 4.0) {
            let base = if whole < 0.0 { self.recip() } else { self };
            return base.power(whole.abs() as u32);
        }
        if y.number() == Some(0.5) {
            return self.equal(f64::NEG_INFINITY).select(f64::INFINITY, self.sqrt());
        }
        let ty = self.ty();
        let (x, y) = (self.to(Type::F64), y.to(Type::F64));
        let a = x.abs();
        let power = a.equal(1.0).select(1.0, (a.ln() * y).exp());
        let is_integer = y.floor().equal(y);
        let half = y * 0.5;
        let is_odd = is_integer & !half.floor().equal(half);
        let is_negative = x.less(0.0) | (x.equal(0.0) & x.recip().less(0.0));
        let signed = (is_negative & is_odd).select(-power, power);
        let is_none = x.less(0.0) & x.greater(f64::NEG_INFINITY) & !is_integer;
        let z = is_none.select(f64::NAN, signed);
        let z = (x.is_nan() | y.is_nan()).select(f64::NAN, z);
        (y.equal(0.0) | x.equal(1.0)).select(1.0, z).to(ty)
    }

    /// x^n by products; integers wrap.
    pub fn power(self, n: u32) -> Self {
        match (n / 2, n % 2) {
            (0, 0) => self.constant(self.ty(), 1.0),
            (0, _) => self,
            (half, 0) => (self * self).power(half),
            (half, _) => (self * self).power(half) * self,
        }
    }
}
