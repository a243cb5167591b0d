//! Kernels as text.
//!
//! ```text
//! kernel softmax(rows, columns) x: f32, out y: f32 {
//!   for grid #0 < rows {
//!     fold lane #1 < columns {
//!       %0: f32 = load x[#0*columns + #1]
//!     } max %0 -> %1: f32
//!     …
//!       store y[#0*columns + #2] %7
//! ```

mod parse;
mod print;

pub use parse::parse;
