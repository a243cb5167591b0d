//! Functions of the circle, all in float64.

use crate::kernel::{Scalar, Type};
use std::f64::consts::{FRAC_2_PI, FRAC_PI_2, FRAC_PI_4};

/// π/2 as a sum of three (Cody and Waite, 1980).
const HALF_PI: [f64; 3] = [FRAC_PI_2, 6.123233995736766e-17, -1.4973849048591697e-33];

/// (sin(r)/r − 1)/r² in r² for |r| ≤ π/4, to 2⁻⁵⁷.
const SIN: &[f64] = &[
    -0.16666666666666632,
    0.008333333333322316,
    -0.00019841269829725213,
    2.7557313662060926e-6,
    -2.5050753265066015e-8,
    1.5896504977315639e-10,
];

/// (cos(r) − 1 + r²/2)/r⁴ in r² for |r| ≤ π/4, to 2⁻⁶⁴.
const COS: &[f64] = &[
    0.0416666666666666,
    -0.001388888888887399,
    2.4801587289394916e-5,
    -2.755731432602669e-7,
    2.0875719558083935e-9,
    -1.1359448645484452e-11,
];

/// (arctan(t)/t − 1)/t² in t² for |t| ≤ tan(π/8), to 2⁻⁶⁴.
const ATAN: &[f64] = &[
    -0.33333333333333326,
    0.19999999999997647,
    -0.14285714285385176,
    0.11111111087999714,
    -0.09090908138059628,
    0.0769228261154099,
    -0.06666224573584117,
    0.05877000310952482,
    -0.0521826543806031,
    0.045029818985352944,
    -0.03346118600343025,
    0.01518161601337691,
];

/// 2⁴⁵: beyond it the nearest number of quarters is not known.
const LARGEST: f64 = 35184372088832.0;

const TAN_PI_8: f64 = 0.4142;

/// Sine and cosine of r for x = q·π/2 + r with |r| ≤ π/4, and q mod 4 in 0..4.
struct Turned<'b> {
    sin: Scalar<'b>,
    cos: Scalar<'b>,
    quarter: Scalar<'b>,
}

fn turned(x: Scalar<'_>) -> Turned<'_> {
    let x = x.abs().less(LARGEST).select(x, x.constant(Type::F64, f64::NAN));
    let q = (x * FRAC_2_PI).nearest();
    let r = HALF_PI.iter().fold(x, |r, part| q.fma(-part, r));
    let z = r * r;
    let sin = (z * r).fma(z.polynomial(SIN), r);
    let cos = (z * z).fma(z.polynomial(COS), z.fma(-0.5, 1.0));
    let quarter = q - (q * 0.25).floor() * 4.0;
    Turned { sin, cos, quarter }
}

impl Scalar<'_> {
    /// sin x for |x| < 2⁴⁵, to 2⁻⁵¹, and float32 to 2⁻²⁴; NaN beyond.
    pub fn sin(self) -> Self {
        self.in_f64(|x| {
            let Turned { sin, cos, quarter } = turned(x);
            let is_odd = quarter.equal(1.0) | quarter.equal(3.0);
            let y = is_odd.select(cos, sin);
            quarter.greater(1.5).select(-y, y)
        })
    }

    /// cos x, as [`sin`](Self::sin).
    pub fn cos(self) -> Self {
        self.in_f64(|x| {
            let Turned { sin, cos, quarter } = turned(x);
            let is_odd = quarter.equal(1.0) | quarter.equal(3.0);
            let y = is_odd.select(sin, cos);
            (quarter.equal(1.0) | quarter.equal(2.0)).select(-y, y)
        })
    }

    /// tan x, of a sine and a cosine as [`sin`](Self::sin) has them.
    pub fn tan(self) -> Self {
        self.in_f64(|x| {
            let Turned { sin, cos, quarter } = turned(x);
            let is_odd = quarter.equal(1.0) | quarter.equal(3.0);
            is_odd.select(-cos, sin) / is_odd.select(sin, cos)
        })
    }

    /// arcsin x, NaN where |x| > 1; float64 to 4 ulp.
    pub fn asin(self) -> Self {
        self.in_f64(|x| {
            let one = x.constant(Type::F64, 1.0);
            (x / ((one - x) * (x + 1.0)).sqrt()).atan()
        })
    }

    /// arccos x, NaN where |x| > 1; float64 to 4 ulp.
    pub fn acos(self) -> Self {
        self.in_f64(|x| {
            let one = x.constant(Type::F64, 1.0);
            ((one - x) / (x + 1.0)).sqrt().atan() * 2.0
        })
    }

    /// arctan x; float64 to 3 ulp.
    pub fn atan(self) -> Self {
        self.in_f64(|x| {
            // Of the inverse where that is smaller, and of (t − 1)/(t + 1) where that is.
            let a = x.abs();
            let is_large = a.greater(1.0);
            let t = is_large.select(a.recip(), a);
            let is_turned = t.greater(TAN_PI_8);
            let t = is_turned.select((t - 1.0) / (t + 1.0), t);
            let z = t * t;
            let y = (z * t).fma(z.polynomial(ATAN), t);
            let y = is_turned.select(y + FRAC_PI_4, y);
            is_large.select(-y + FRAC_PI_2, y).signed_as(x)
        })
    }
}
