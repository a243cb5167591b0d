//! The CPU: kernels compiled by Cranelift.

mod jit;
#[cfg(test)]
mod tests;

pub use jit::{Argument, Compiled, Compiler};
