//! Compiled kernels hold to the interpreter.

mod conversions;
mod elements;
mod math;

use super::{Argument, Compiler};
use crate::ir::DataType;
use crate::kernel::cases::{Case, drawn, files, rows, special};
use crate::kernel::{Buffer, Kernel, Memory, parse};
use half::{bf16, f16};
use proptest::prelude::*;
use std::ops::Range;

/// All of a kernel that has no grid.
const ONCE: &[Range<i64>] = &[Range { start: 0, end: 1 }];

/// Elements as a buffer stores them.
fn bytes(dtype: DataType, memory: &Memory) -> Vec<u8> {
    match memory {
        Memory::Floats(elements) => elements.iter().flat_map(|x| float(dtype, *x)).collect(),
        Memory::Integers(elements) => {
            let size = dtype.bits().expect("a size") as usize / 8;
            elements.iter().flat_map(|x| x.to_le_bytes()[..size].to_vec()).collect()
        }
    }
}

fn float(dtype: DataType, x: f64) -> Vec<u8> {
    match dtype {
        DataType::F16 => f16::from_f32(x as f32).to_le_bytes().to_vec(),
        DataType::BF16 => bf16::from_f32(x as f32).to_le_bytes().to_vec(),
        DataType::F32 => (x as f32).to_le_bytes().to_vec(),
        _ => x.to_le_bytes().to_vec(),
    }
}

/// Elements that a buffer stores so.
fn elements(dtype: DataType, bytes: &[u8]) -> Memory {
    let chunks = bytes.chunks_exact(dtype.bits().expect("a size") as usize / 8);
    let floats = |of: fn(&[u8]) -> f64| Memory::Floats(chunks.clone().map(of).collect());
    match dtype {
        DataType::F16 => floats(|b| f16::from_le_bytes([b[0], b[1]]).to_f64()),
        DataType::BF16 => floats(|b| bf16::from_le_bytes([b[0], b[1]]).to_f64()),
        DataType::F32 => floats(|b| f32::from_le_bytes(b.try_into().expect("4 bytes")).into()),
        DataType::F64 => floats(|b| f64::from_le_bytes(b.try_into().expect("8 bytes"))),
        _ => {
            let is_signed =
                matches!(dtype, DataType::I8 | DataType::I16 | DataType::I32 | DataType::I64);
            let integer = |b: &[u8]| {
                let is_negative = is_signed && b[b.len() - 1] >= 0x80;
                let mut wide = [if is_negative { 0xff } else { 0 }; 8];
                wide[..b.len()].copy_from_slice(b);
                i64::from_le_bytes(wide)
            };
            Memory::Integers(chunks.map(integer).collect())
        }
    }
}

/// Compiles a kernel and runs it on bytes, in parts.
fn launch(
    kernel: &Kernel,
    given: &[i64],
    bytes: &mut [Vec<u8>],
    parts: &[Range<i64>],
) -> Result<(), String> {
    let mut compiler = Compiler::new().expect("this machine is known");
    compiler.add(kernel.clone()).unwrap_or_else(|e| panic!("{e:?}\n{kernel}"));
    let compiled = &compiler.finish().expect("there is memory")[0];
    for part in parts {
        let argument = |(bytes, buffer): (_, &Buffer)| match buffer.is_output {
            true => Argument::Output(bytes),
            false => Argument::Input(bytes),
        };
        let mut arguments: Vec<Argument<'_>> =
            bytes.iter_mut().map(Vec::as_mut_slice).zip(&kernel.buffers).map(argument).collect();
        // SAFETY: the interpreter has found places that are not computed to be inside.
        let result = unsafe { compiled.launch(&mut arguments, given, part.clone()) };
        result.map_err(|e| e.to_string())?;
    }
    Ok(())
}

/// What the interpreter and the compiled kernel make of memory.
fn both(case: &Case, parts: &[Range<i64>]) -> Result<[Vec<Memory>; 2], String> {
    case.both(|kernel| {
        let dtypes: Vec<DataType> = kernel.buffers.iter().map(|buffer| buffer.dtype).collect();
        let stored = dtypes.iter().zip(&case.memory).map(|(d, m)| bytes(*d, m));
        let mut stored: Vec<Vec<u8>> = stored.collect();
        launch(kernel, &case.given, &mut stored, parts)?;
        Ok(dtypes.iter().zip(&stored).map(|(d, b)| elements(*d, b)).collect())
    })
}

/// The same of a kernel that was made.
fn both_of(
    kernel: &Kernel,
    given: &[i64],
    memory: &[Memory],
    parts: &[Range<i64>],
) -> Result<[Vec<Memory>; 2], String> {
    let (kernel, given, memory) = (kernel.clone(), given.to_vec(), memory.to_vec());
    both(&Case { kernel, given, memory, grid: None }, parts)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(1000) })]

    #[test]
    fn drawn_kernels_hold(draws in prop::collection::vec(any::<u32>(), 0..160), middle in 0..6i64) {
        drawn::hold(draws, &mut |case| match case.grid {
            Some(end) => both(case, &[middle.min(end)..end, 0..middle.min(end)]),
            None => both(case, ONCE),
        });
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(200) })]

    #[test]
    fn drawn_rows_hold(draws in prop::collection::vec(any::<u32>(), 0..40)) {
        rows::hold(draws, &mut |case| {
            let middle = case.grid.unwrap_or(1) / 2;
            both(case, &[middle..case.grid.unwrap_or(1), 0..middle])
        });
    }
}

/// Bytes of this process that are code and in no file.
#[cfg(target_os = "linux")]
fn code() -> usize {
    let maps = std::fs::read_to_string("/proc/self/maps").expect("Linux says it");
    let code = maps.lines().filter(|line| line.contains(" r-xp 00000000 00:00 0"));
    let ends = code.filter_map(|line| line.split_once(' ')?.0.split_once('-'));
    let at = |place| usize::from_str_radix(place, 16).expect("a place");
    ends.map(|(start, end)| at(end) - at(start)).sum()
}

#[cfg(target_os = "linux")]
#[test]
fn code_goes_with_its_kernels() {
    let kernel = parse("kernel none(n) out y: f32 { }").expect("a kernel");
    let before = code();
    for _ in 0..500 {
        launch(&kernel, &[1], &mut [Vec::new()], ONCE).expect("runs");
    }
    // Other tests have kernels, too.
    assert!(code() < before + (1 << 20), "{} bytes more", code() - before);
}

#[test]
fn kernels_of_files_hold() {
    files::hold(&mut |case| match case.grid {
        Some(end) => both(case, &[end / 2..end, 0..end / 2]),
        None => both(case, ONCE),
    });
}

#[test]
fn every_operation_holds_on_special_numbers() {
    special::operations(&mut |case| both(case, ONCE));
}

#[test]
fn lanes_hold_with_masks() {
    special::masks(&mut |case| both(case, ONCE));
}

#[test]
fn computed_places_outside_are_found_in_every_lane() {
    special::places_outside(&mut |case| both(case, ONCE));
}
