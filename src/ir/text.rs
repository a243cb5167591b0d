//! The text form of a model, `.pir`: for dumps, tests and error messages.
//!
//! ```text
//! model ir=8 opset ""=17 producer "pytorch" "2.15.0"
//! graph main(%x: f32[batch, 2]) -> (%y) {
//!   const %w = f32[2, 2] {1.0, 2.0, 3.0, 4.0}
//!   %y: f32[batch, 2] = MatMul(%x, %w) name "/q_proj/MatMul"
//! }
//! ```
//!
//! Names are bare where they are plain, else quoted; `_` is an input that is left out. A
//! subgraph is an attribute whose `capture %a = 0` lines name the capture slots of its node,
//! which lists what feeds them as `captures(%a)`. A comment goes from `;` to the end of the line.
//! [`parse()`] understands all that [`print()`] writes, and gives an equal model.
#![forbid(unsafe_code)]

mod lex;
mod parse;
mod print;

pub use parse::{parse, parse_function, parse_tensors};
pub use print::{Options, print, print_function, print_with};
