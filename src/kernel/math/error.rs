//! The error function and what is made of it.

use crate::kernel::{Scalar, Type};
use std::f64::consts::FRAC_1_SQRT_2;

/// erf(x)/x − 1 in x² for |x| ≤ 1, in float32 to 2⁻²⁹.
const SMALL_F32: &[f64] = &[
    0.1283791657,
    -0.3761262582,
    0.1128358515,
    -2.685381194e-2,
    5.188327702e-3,
    -8.010193756e-4,
    7.853861758e-5,
];

/// As [`SMALL_F32`], in float64 to 2⁻⁶².
const SMALL_F64: &[f64] = &[
    0.1283791670955126,
    -0.3761263890318375,
    0.11283791670954857,
    -0.026866170645072893,
    0.005223977624780859,
    -0.0008548326978741747,
    0.0001205533103688194,
    -1.4925593506447309e-5,
    1.6460972809714562e-6,
    -1.6350025143820306e-7,
    1.4657879307997393e-8,
    -1.1365663897389072e-9,
    5.94525827902973e-11,
];

/// ln(1 − erf x) for 1 ≤ x ≤ 4, in float32 so that erf(x) is to 2⁻²⁹.
const LARGE_F32: &[f64] = &[
    -3.537193208e-4,
    -1.127040037,
    -0.6382256767,
    -0.1030373689,
    2.180531822e-2,
    -2.939607227e-3,
    1.85573996e-4,
];

/// As [`LARGE_F32`] for 1 ≤ x ≤ 6, in float64 to 2⁻⁶².
const LARGE_F64: &[f64] = &[
    -2.939982971269444e-8,
    -1.1283788993604416,
    -0.6366208125185259,
    -0.10277058266621725,
    0.019127561794975975,
    0.0002030451871144042,
    -0.001675836061369745,
    0.0005531641915437818,
    2.141795164449646e-5,
    -0.00011043547579024848,
    6.459530963030767e-5,
    -2.4216521134473753e-5,
    6.764453569322684e-6,
    -1.4648567879730962e-6,
    2.472018471564764e-7,
    -3.205574902425814e-8,
    3.0929384293078878e-9,
    -2.0936262809716279e-10,
    8.873654428502147e-12,
    -1.7716627344695677e-13,
];

/// (Φ(x) − ½)/x in x² as a quotient for |x| ≤ 5.4, to 2⁻²⁶.
const NUMERATOR: &[f64] =
    &[0.3989422754, 3.302943529e-2, 4.628968695e-3, 1.606957895e-4, 6.323737843e-6, 2.359105471e-8];
const DENOMINATOR: &[f64] =
    &[1.0, 0.2494589796, 2.818013595e-2, 1.838659112e-3, 7.117322417e-5, 1.21982685e-6];

impl Scalar<'_> {
    /// erf x, to 2 ulp.
    pub fn erf(self) -> Self {
        let (high, small, large) = match self.ty() {
            Type::F32 => (4.0, SMALL_F32, LARGE_F32),
            _ => (6.0, SMALL_F64, LARGE_F64),
        };
        let a = self.abs().at_most(high);
        let beyond = (a.polynomial(large).exp_m1() * -1.0).signed_as(self);
        let within = (self * self).polynomial(small).fma(self, self);
        a.less(1.0).select(within, beyond)
    }

    /// x Φ(x), to 2⁻²²·|x|: Hendrycks and Gimpel, 2016.
    pub fn gelu(self) -> Self {
        let half = match self.ty() {
            Type::F32 => {
                let z = (self * self).at_most(5.4 * 5.4);
                let half = self * z.polynomial(NUMERATOR) / z.polynomial(DENOMINATOR);
                half.at_least(-0.5).at_most(0.5)
            }
            _ => (self * FRAC_1_SQRT_2).erf() * 0.5,
        };
        self * (half + 0.5)
    }

    /// x (1 + tanh(√(2/π) (x + 0.044715 x³)))/2, which is near [`gelu`](Self::gelu), as x times a sigmoid.
    pub fn gelu_by_tanh(self) -> Self {
        let twice = 2.0 * std::f64::consts::FRAC_2_PI.sqrt();
        let u = (self * self).fma(-0.044715 * twice, -twice) * self;
        self / (u.exp() + 1.0)
    }
}
