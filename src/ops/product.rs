//! Matrix products and their relatives.

mod det;
mod einsum;
mod gemm;
mod matmul;

pub(crate) use einsum::labels_of as einsum_labels;
pub(super) use gemm::gemm;
pub(super) use matmul::{permuted, product};

use super::{Operator, infer, op};

pub(super) static OPERATORS: &[Operator] = &[
    op("Det", det::det).infer(infer::product::det),
    op("Einsum", einsum::einsum).infer(infer::product::einsum),
    op("Gemm", |c| Ok(vec![gemm(c)?.into()])).infer(infer::product::gemm),
    op("MatMul", matmul::matmul).infer(infer::product::matmul),
];

/// What is multiplied and added: floats, and integers modulo 2¹²⁸.
pub(super) trait Number: Copy {
    const ZERO: Self;
    const ONE: Self;
    fn plus(self, other: Self) -> Self;
    fn times(self, other: Self) -> Self;
}

impl Number for f64 {
    const ZERO: Self = 0.0;
    const ONE: Self = 1.0;

    fn plus(self, other: Self) -> Self {
        self + other
    }

    fn times(self, other: Self) -> Self {
        self * other
    }
}

impl Number for i128 {
    const ZERO: Self = 0;
    const ONE: Self = 1;

    fn plus(self, other: Self) -> Self {
        self.wrapping_add(other)
    }

    fn times(self, other: Self) -> Self {
        self.wrapping_mul(other)
    }
}
