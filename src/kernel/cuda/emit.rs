//! The text.

mod step;

use super::form::Program;
use super::{MAX_THREADS, WARPS};
use crate::ir::DataType;
use crate::kernel::ir::{Buffer, Kernel};
use std::fmt::Write as _;

/// What all texts begin with: types, and the operations by their names.
const PRELUDE: &str = include_str!("emit/prelude.cu");

/// The name of a kernel's function.
pub fn symbol(kernel: &Kernel) -> String {
    named("k", &kernel.name)
}

/// A program as CUDA C, for any device of compute capability 8.0 or higher. It computes as IEEE 754 says
/// whatever the compiler may do to expressions, but for its option to flush subnormal numbers.
pub fn emit(program: &Program) -> String {
    let buffer = |(at, buffer): (usize, &Buffer)| {
        let is_const = if buffer.is_output { "" } else { "const " };
        format!("{is_const}{} *__restrict__ {}", stored(buffer.dtype), pointer(at, buffer))
    };
    let length = |(at, buffer): (usize, &Buffer)| format!("i64 {}", length(at, buffer));
    let buffers = || program.buffers.iter().enumerate();
    let given = (0..program.given.len()).map(|at| format!("i64 {}", given(program, at)));
    let parameters: Vec<String> = buffers()
        .map(buffer)
        .chain(buffers().map(length))
        .chain(given)
        .chain(["int *__restrict__ fault".to_owned()])
        .collect();
    let mut text = format!(
        "{PRELUDE}\nextern \"C\" __global__ void __launch_bounds__({MAX_THREADS}, 1)\n{}(\n    {}) {{\n",
        named("k", &program.name),
        parameters.join(",\n    ")
    );
    for (at, ty) in program.shared.iter().enumerate() {
        let _ = writeln!(text, "  __shared__ {} s{at}[{WARPS}];", ty.name());
    }
    step::Writer { program, text: &mut text }.block(&program.body, 1);
    text.push_str("}\n");
    text
}

/// A name that C takes.
fn named(prefix: &str, name: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() { c } else { '_' };
    format!("{prefix}_{}", name.chars().map(plain).collect::<String>())
}

fn pointer(at: usize, buffer: &Buffer) -> String {
    named(&format!("b{at}"), &buffer.name)
}

fn length(at: usize, buffer: &Buffer) -> String {
    named(&format!("n{at}"), &buffer.name)
}

fn given(program: &Program, at: usize) -> String {
    named(&format!("g{at}"), &program.given[at])
}

fn stored(dtype: DataType) -> &'static str {
    match dtype {
        // What is computed has this name.
        DataType::Bool => "b8",
        other => other.name(),
    }
}
