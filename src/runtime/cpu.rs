//! The CPU: kernels compiled by Cranelift, and those that are written by hand.

#[allow(dead_code, reason = "the executor uses it")]
mod attention;
#[allow(dead_code, unused_imports, reason = "the executor uses it")]
mod conv;
#[allow(dead_code, unused_imports, reason = "the executor uses it")]
mod gemm;
mod jit;
#[allow(dead_code, reason = "the executor uses it")]
mod pool;
#[cfg(test)]
mod tests;

pub use jit::{Argument, Compiled, Compiler};
