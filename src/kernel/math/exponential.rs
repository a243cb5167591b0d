//! Functions of exp.

use super::ln2;
use crate::kernel::{Scalar, Type};
use std::f64::consts::LOG2_E;

/// (exp(r) − 1 − r)/r² for |r| ≤ ln 2, in float32 to 2⁻²⁶ of exp(r).
const EXP_F32: &[f64] = &[
    0.500000347318,
    0.166666139907,
    0.0416612582585,
    0.00833610882354,
    0.00141046767154,
    0.000196113465609,
];

/// As [`EXP_F32`], in float64 to 2⁻⁶⁰.
const EXP_F64: &[f64] = &[
    0.5,
    0.1666666666666666,
    0.041666666666666824,
    0.008333333333336444,
    0.001388888888886238,
    0.0001984126983705288,
    2.48015873199744e-5,
    2.7557321847933887e-6,
    2.755731341142412e-7,
    2.5051284119414164e-8,
    2.087750108355958e-9,
    1.6186216877976053e-10,
    1.1468730827583718e-11,
];

/// (exp(r) − 1 − r)/r² for |r| ≤ ln 2/2, in float32 to 2⁻²⁶ of exp(r) − 1.
const EXPM1_F32: &[f64] =
    &[0.4999999813, 0.1666654268, 4.16672039e-2, 8.366646802e-3, 1.388249865e-3];

/// As [`EXPM1_F32`], in float64 to 2⁻⁶¹.
const EXPM1_F64: &[f64] = &[
    0.5,
    0.16666666666666677,
    0.041666666666666505,
    0.008333333333321513,
    0.0013888888888963493,
    0.00019841269886477676,
    2.4801587171062855e-5,
    2.755724380368531e-6,
    2.75574032769097e-7,
    2.5109195319801663e-8,
    2.0875324980786924e-9,
];

/// (ln(1 + e) − 2s)/s³ in s² with s = e/(2 + e) for 0 ≤ e ≤ 1, in float32 to 2⁻²⁷ of ln(1 + e).
const SOFTPLUS_F32: &[f64] =
    &[0.6666641302462111, 0.4002170611204557, 0.27999013741166373, 0.2802513893051286];

/// As [`SOFTPLUS_F32`], in float64 to 2⁻⁶⁴.
const SOFTPLUS_F64: &[f64] = &[
    0.6666666666666667,
    0.39999999999993974,
    0.2857142857251106,
    0.2222222212538755,
    0.18181823206735642,
    0.15384451824103884,
    0.1333680776933047,
    0.1171592819124987,
    0.10972726846246385,
    0.06993605930547037,
    0.16468739583548717,
];

impl Scalar<'_> {
    /// exp(x), to 2 ulp, float32 to 1.6; 0 or infinite where it is too small or large, and subnormal between.
    pub fn exp(self) -> Self {
        let (low, high, coefficients) = match self.ty() {
            Type::F32 => (-104.0, 89.0, EXP_F32),
            _ => (-746.0, 710.0, EXP_F64),
        };
        let x = self.at_least(low).at_most(high);
        // x = 2·h·ln 2 + r. As 2^2h may be no normal number, it is multiplied by 2^h twice.
        let h = (x * (0.5 * LOG2_E)).nearest();
        let ln2 = ln2(self.ty());
        let r = h.fma(-2.0 * ln2.low, h.fma(-2.0 * ln2.high, x));
        let p = r.polynomial(coefficients).fma(r, 1.0).fma(r, 1.0);
        p.scale2(h).scale2(h)
    }

    /// exp(x) − 1 for x ≤ 80, to 2 ulp.
    pub fn exp_m1(self) -> Self {
        let (low, coefficients) = match self.ty() {
            Type::F32 => (-20.0, EXPM1_F32),
            _ => (-40.0, EXPM1_F64),
        };
        let x = self.at_least(low);
        // x = n·ln 2 + r.
        let n = (x * LOG2_E).nearest();
        let ln2 = ln2(self.ty());
        let r = n.fma(-ln2.low, n.fma(-ln2.high, x));
        let p = (r * r).fma(r.polynomial(coefficients), r);
        let power = x.constant(x.ty(), 1.0).scale2(n);
        power.fma(p, power - 1.0)
    }

    /// 1/(1 + exp(−x)), to 3 ulp where it is a normal number; 0 where exp(−x) is infinite.
    pub fn sigmoid(self) -> Self {
        ((self * -1.0).exp() + 1.0).recip()
    }

    /// x/(1 + exp(−αx)): Swish, SiLU where α = 1 (Ramachandran et al., 2017).
    pub fn swish(self, alpha: f64) -> Self {
        self / ((self * -alpha).exp() + 1.0)
    }

    /// tanh x, to 3 ulp, float32 to 2.5.
    pub fn tanh(self) -> Self {
        let high = if self.ty() == Type::F32 { 10.0 } else { 20.0 };
        let e = (self.at_most(high) * 2.0).exp_m1();
        e / (e + 2.0)
    }

    /// ln(1 + exp(x)), to 4 ulp, float32 to 3.
    pub fn softplus(self) -> Self {
        let coefficients = if self.ty() == Type::F32 { SOFTPLUS_F32 } else { SOFTPLUS_F64 };
        let e = (self.abs() * -1.0).exp();
        let s = e / (e + 2.0);
        let z = s * s;
        (z * z.polynomial(coefficients)).fma(s, s + s) + self.at_least(0.0)
    }

    /// sinh x; float64 to 6 ulp.
    pub fn sinh(self) -> Self {
        self.in_f64(|x| {
            let a = x.abs();
            let e = a.at_most(1.0).exp_m1();
            let small = (e + e / (e + 1.0)) * 0.5;
            // exp(|x|) may be infinite where its half is not.
            let h = (a * 0.5).exp();
            let large = (h * 0.5) * h - (h * h).recip() * 0.5;
            a.less(1.0).select(small, large).signed_as(x)
        })
    }

    /// cosh x; float64 to 4 ulp.
    pub fn cosh(self) -> Self {
        self.in_f64(|x| {
            let h = (x.abs() * 0.5).exp();
            (h * 0.5) * h + (h * h).recip() * 0.5
        })
    }

    /// 1/x, rounded to nearest.
    pub fn recip(self) -> Self {
        self.constant(self.ty(), 1.0) / self
    }

    /// 1/√x, to 2 ulp.
    pub fn rsqrt(self) -> Self {
        self.sqrt().recip()
    }
}
