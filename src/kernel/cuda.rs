//! Kernels as CUDA C.
//!
//! [`lower`] makes of a kernel a [`Program`], which says what each thread does; [`emit`] writes it as
//! text, statement by statement; [`simulate`] runs it on small grids and finds what is wrong between
//! threads. So what is tested without a device is what is compiled for one.
//!
//! The text needs no header, and has one function `extern "C"`, named by [`symbol`]. Its parameters are
//! the pointers of all buffers, their lengths in elements, the given integers, and a pointer to the
//! fault: an `int` that is 0 before the launch and behind it 0, or 1 + the number of a buffer in which a
//! computed place was outside. The buffers of a launch do not overlap. Any number of blocks, of any
//! whole number of warps up to [`MAX_THREADS`], computes the same but for the order of sums.

mod emit;
mod form;
mod lower;
mod simt;
#[cfg(test)]
mod tests;

pub use emit::{emit, symbol};
pub use form::{Launch, Operand, Program, Register, Source, Step};
pub use lower::lower;
pub use simt::simulate;

/// Threads of a warp.
pub const WARP: u32 = 32;

/// Elements of a shared array: one for each warp of the largest block that there is.
const WARPS: u32 = 1024 / WARP;

/// The most threads of a block, with which each may have 128 registers.
pub const MAX_THREADS: u32 = 512;

/// The CUDA C of a kernel.
///
/// # Errors
/// What is wrong with the kernel: see [`check`](super::check).
pub fn text(kernel: &super::Kernel) -> Result<String, String> {
    lower(kernel).map(|program| emit(&program))
}
