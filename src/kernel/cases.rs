//! Kernels that a target is held on, against the interpreter.

pub(crate) mod drawn;
pub(crate) mod files;
pub(crate) mod rows;
pub(crate) mod special;

use super::{Kernel, Memory, interpret, parse};
use crate::ir::DataType;

/// A kernel, and what it is launched with.
#[derive(Clone, Debug)]
pub(crate) struct Case {
    pub(crate) kernel: Kernel,
    pub(crate) given: Vec<i64>,
    pub(crate) memory: Vec<Memory>,
    /// The extent of the outermost grid, if there is one.
    pub(crate) grid: Option<i64>,
}

/// Runs a case: what the interpreter makes of memory, and what the target does; an error where a computed
/// place is outside, for both.
pub(crate) type Run<'a> = &'a mut dyn FnMut(&Case) -> Result<[Vec<Memory>; 2], String>;

impl Case {
    /// One without a grid.
    pub(crate) fn once(text: &str, given: &[i64], memory: &[Memory]) -> Self {
        let (given, memory) = (given.to_vec(), memory.to_vec());
        Self { kernel: parsed(text), given, memory, grid: None }
    }

    /// What the interpreter makes of memory, and what a target does. Places that are outside are of
    /// buffers called `table`.
    pub(crate) fn both(
        &self,
        target: impl FnOnce(&Kernel) -> Result<Vec<Memory>, String>,
    ) -> Result<[Vec<Memory>; 2], String> {
        let kernel = &self.kernel;
        let mut wanted = self.memory.clone();
        let is_right = interpret(kernel, &self.given, &mut wanted);
        if let Err(error) = &is_right {
            assert!(error.contains("table"), "{error}\n{kernel}");
        }
        let ran = target(kernel);
        assert_eq!(is_right.is_ok(), ran.is_ok(), "{is_right:?} but {ran:?}\n{kernel}");
        is_right.and(ran).map(|found| [wanted, found])
    }

    /// Holds memory against the interpreter's.
    pub(crate) fn assert_near(&self, wanted: &[Memory], found: &[Memory]) {
        for (buffer, (wanted, found)) in self.kernel.buffers.iter().zip(wanted.iter().zip(found)) {
            let same = match (wanted, found) {
                (Memory::Floats(wanted), Memory::Floats(found)) => {
                    wanted.iter().zip(found).all(|(w, f)| is_near(buffer.dtype, *w, *f))
                }
                (wanted, found) => wanted == found,
            };
            let (name, kernel, given) = (&buffer.name, &self.kernel, &self.given);
            assert!(same, "{kernel}{given:?} {name}: {wanted:?}\nand not {found:?}");
        }
    }
}

fn parsed(text: &str) -> Kernel {
    parse(text).unwrap_or_else(|e| panic!("{e}\n{text}"))
}

/// How far numbers may be apart, as a part of them.
fn tolerance(dtype: DataType) -> f64 {
    match dtype {
        DataType::F16 => 1e-3,
        DataType::BF16 => 8e-3,
        _ => 1e-5,
    }
}

fn is_near(dtype: DataType, wanted: f64, found: f64) -> bool {
    // What rounds to infinity, or does not.
    let is_large = dtype == DataType::F16 && wanted.abs() > 65000.0 && found.abs() > 65000.0;
    let apart = (wanted - found).abs();
    wanted == found
        || wanted.is_nan() && found.is_nan()
        || is_large
        || apart <= tolerance(dtype) * (1.0 + wanted.abs())
}
