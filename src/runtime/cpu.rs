//! The CPU: kernels compiled by Cranelift, and those that are written by hand.

mod attention;
pub mod ceiling;
mod conv;
mod engine;
mod gemm;
mod jit;
mod pool;
#[cfg(test)]
mod tests;

pub(crate) use engine::Engine;
pub use jit::{Argument, Compiled, Compiler};
