//! The kernels of `tests/kernels`.
//!
//! Lines `; run: NAME=NUMBER …` say the given integers and how many elements buffers have. Integers in
//! buffers are 0 to 4.

use super::{Case, Run, parsed};
use crate::kernel::{Amount, AxisKind, Kernel, Memory, Stmt};
use std::collections::HashMap;
use std::path::{Path, PathBuf};

/// All kernels, with their texts.
pub(crate) fn all() -> Vec<(PathBuf, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/kernels");
    let files = std::fs::read_dir(folder).expect("the folder is there");
    let mut paths: Vec<PathBuf> = files.map(|file| file.expect("a file").path()).collect();
    paths.retain(|path| path.extension().is_some_and(|e| e == "kernel"));
    paths.sort();
    let read = |path: PathBuf| {
        let text = std::fs::read_to_string(&path).expect("it can be read");
        (path, text)
    };
    paths.into_iter().map(read).collect()
}

/// Holds every run of every kernel.
pub(crate) fn hold(run: Run<'_>) {
    for (path, text) in all() {
        let runs = runs(&text);
        assert!(!runs.is_empty(), "{} has no line `; run:`", path.display());
        for case in runs {
            if let Ok([wanted, found]) = run(&case) {
                case.assert_near(&wanted, &found);
            }
        }
    }
}

/// The runs of a kernel.
pub(crate) fn runs(text: &str) -> Vec<Case> {
    let runs = text.lines().filter_map(|line| line.strip_prefix("; run: "));
    runs.map(|sizes| case(text, sizes)).collect()
}

fn case(text: &str, sizes: &str) -> Case {
    let sizes: HashMap<&str, i64> = sizes
        .split_whitespace()
        .map(|size| size.split_once('=').expect("NAME=NUMBER"))
        .map(|(name, number)| (name, number.parse().expect("a number")))
        .collect();
    let kernel = parsed(text);
    let given: Vec<i64> = kernel.given.iter().map(|name| sizes[name.as_str()]).collect();
    let element = |at: i64| (at * 2654435761 % 33 - 16) as f64 / 8.0;
    let memory = kernel.buffers.iter().map(|buffer| {
        let len = 0..sizes[buffer.name.as_str()];
        let is_float = crate::kernel::Type::of_stored(buffer.dtype).is_some_and(|t| t.is_float());
        match (is_float, buffer.is_output) {
            (true, true) => Memory::Floats(len.map(|_| f64::NAN).collect()),
            (true, false) => Memory::Floats(len.map(element).collect()),
            (false, true) => Memory::Integers(len.map(|_| 1).collect()),
            (false, false) if buffer.dtype == crate::ir::DataType::Bool => {
                Memory::Integers(len.map(|at| at / 3 % 2).collect())
            }
            (false, false) => Memory::Integers(len.map(|at| at * 7 % 5).collect()),
        }
    });
    let (memory, grid) = (memory.collect(), grid(&kernel, &given));
    Case { kernel, given, memory, grid }
}

/// The extent of the outermost grid.
fn grid(kernel: &Kernel, given: &[i64]) -> Option<i64> {
    kernel.body.iter().find_map(|stmt| match stmt {
        Stmt::For { axis, .. } if axis.kind == AxisKind::Grid => Some(match axis.extent {
            Amount::Constant(number) => number,
            Amount::Given(at) => given[at as usize],
        }),
        _ => None,
    })
}
