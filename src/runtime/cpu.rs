//! The CPU: kernels compiled by Cranelift.

pub mod ceiling;
mod jit;
#[cfg(test)]
mod tests;

pub use jit::{Argument, Compiled, Compiler};
