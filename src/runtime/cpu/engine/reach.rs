//! Kernels with the memory that they reach: all of it is checked here.

use super::launch::{Batched, Ready};
use super::step::Run;
use super::tensor::{self, Spot, not_negative};
use crate::error::{Error, Result};
use crate::ir::DataType;
use crate::lower::{Launch, Operand};

/// An operand of a kernel.
struct Reach {
    /// Its first element.
    pointer: *mut u8,
    /// How many elements are behind it.
    length: i64,
    /// How many bytes an element takes.
    size: usize,
    spot: Spot,
}

impl<'r> Run<'r> {
    /// A kernel with its memory; all places of its loops have been checked.
    pub(super) fn ready(&mut self, launch: &Launch) -> Result<Ready<'r>> {
        let loops = not_negative(self.numbers(&launch.loops)?)?;
        let mut ready = Ready {
            kernel: &self.engine.kernels[launch.kernel],
            pointers: Vec::with_capacity(launch.operands.len()),
            lengths: Vec::with_capacity(launch.operands.len()),
            steps: Vec::with_capacity(launch.operands.len()),
            given: self.numbers(&launch.given)?,
            loops,
            split: launch.split,
        };
        for (number, operand) in launch.operands.iter().enumerate() {
            let Reach { pointer, length, size, spot } = self.reach(operand, &ready.loops)?;
            let step = spot.strides.last().copied().unwrap_or(0);
            ready.pointers.push(pointer);
            ready.lengths.push(length);
            ready.steps.push(step as isize * size as isize);
            for &(_, axis) in launch.indices.iter().filter(|(index, _)| *index == number) {
                let dtype = self.engine.program.buffers[operand.buffer].dtype;
                // SAFETY: `reach` has checked that all of the spot's elements are inside.
                unsafe { indices(pointer, dtype, &spot, self.number(axis)?)? };
            }
        }
        Ok(ready)
    }

    /// A kernel that is run on tiles, with its memory; in attention the tile is its first operand.
    pub(super) fn batched(
        &mut self,
        launch: &Launch,
        batch: &[i64],
        is_score: bool,
    ) -> Result<Batched<'r>> {
        let loops = not_negative(self.numbers(&launch.loops)?)?;
        let mut batched = Batched {
            kernel: &self.engine.kernels[launch.kernel],
            batch: batch.to_vec(),
            given: self.numbers(&launch.given)?,
            pointers: Vec::new(),
            lengths: Vec::new(),
            strides: Vec::new(),
        };
        let dims = [batch, &loops].concat();
        for (number, operand) in launch.operands.iter().enumerate() {
            if is_score && number == 0 {
                batched.pointers.push(std::ptr::null_mut());
                batched.lengths.push(i64::MAX);
                batched.strides.push(None);
                continue;
            }
            let Reach { pointer, length, size, spot } = self.reach(operand, &dims)?;
            batched.pointers.push(pointer);
            batched.lengths.push(length);
            batched.strides.push(Some(spot.strides.iter().map(|s| s * size as i64).collect()));
        }
        Ok(batched)
    }

    /// An operand, all of whose places in loops of these sizes are inside of its memory.
    fn reach(&mut self, operand: &Operand, loops: &[i64]) -> Result<Reach> {
        let area = self.area(operand.buffer)?;
        let program = &self.engine.program;
        let offset = self.number(operand.offset)?;
        let strides = self.numbers(&operand.strides)?;
        let mut dims = loops.to_vec();
        if let (Some(0), Some(&stride)) = (dims.last(), operand.strides.last())
            && program.sizes.all[stride].known() == Some(0)
        {
            // What does not move along the last loop is reached even where that has no pass.
            dims.pop();
            dims.push(1);
        }
        let mut spot = Spot { offset, dims, strides };
        if spot.strides.len() != loops.len() || !spot.is_inside(area.elements) {
            return Err(Error::bug(format!(
                "a kernel's loops {loops:?} lead outside of {} elements",
                area.elements
            )));
        }
        spot.dims = loops.to_vec();
        let size = tensor::size(program.buffers[operand.buffer].dtype);
        Ok(Reach {
            pointer: area.pointer.wrapping_offset((offset as isize).wrapping_mul(size as isize)),
            length: (area.elements as i64).saturating_sub(offset),
            size,
            spot,
        })
    }
}

/// Whether elements are places along an axis of a size; those below 0 count from its end.
///
/// # Safety
/// The spot's elements, of this type, can be read; `pointer` is the first.
unsafe fn indices(pointer: *const u8, dtype: DataType, spot: &Spot, size: i64) -> Result<()> {
    for place in (Spot { offset: 0, ..spot.once() }).places() {
        let at = place as isize;
        // SAFETY: as the caller says.
        let index = unsafe {
            match dtype {
                DataType::I64 => pointer.cast::<i64>().offset(at).read(),
                DataType::I32 => pointer.cast::<i32>().offset(at).read().into(),
                other => return Err(Error::bug(format!("an index of type {other}"))),
            }
        };
        if !(-size..size).contains(&index) {
            return Err(Error::input(format!(
                "index {index} is outside of an axis of size {size}"
            )));
        }
    }
    Ok(())
}
