//! The CPU: kernels compiled by Cranelift.

mod jit;

pub use jit::{Argument, Compiled, Compiler};
