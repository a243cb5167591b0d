//! The buffers.

use super::races::{Race, Who};
use crate::kernel::cuda::form::Program;
use crate::kernel::interpret::{Memory, Number, stored, wrapped};
use crate::kernel::ir::{BufferId, Type};

/// The buffers of a launch.
pub(super) struct Global<'a> {
    program: &'a Program,
    memory: &'a mut [Memory],
    addresses: &'a [u64],
    races: Vec<Vec<Race>>,
    /// The buffer in which a computed place was outside.
    pub(super) fault: Option<BufferId>,
}

/// An element: the place of the first of those that are accessed at once, which of them, and how many.
type Element = (i64, usize, usize);

impl<'a> Global<'a> {
    pub(super) fn new(
        program: &'a Program,
        memory: &'a mut [Memory],
        addresses: &'a [u64],
    ) -> Self {
        let races = memory.iter().map(|memory| vec![Race::default(); memory.len()]).collect();
        Self { program, memory, addresses, races, fault: None }
    }

    /// Whether an element's address is a multiple of so many bytes.
    pub(super) fn is_aligned(&self, buffer: BufferId, place: i64, multiple: u64) -> bool {
        let at = buffer.0 as usize;
        let size = self.program.buffers[at].bytes();
        let address = self.addresses[at].wrapping_add((place as u64).wrapping_mul(size));
        address.is_multiple_of(multiple)
    }

    pub(super) fn load(
        &mut self,
        buffer: BufferId,
        element: Element,
        is_checked: bool,
        who: Who,
    ) -> Result<Number, String> {
        let (at, dtype) = (buffer.0 as usize, self.program.buffers[buffer.0 as usize].dtype);
        let Some(place) = self.place(buffer, element, is_checked)? else {
            return Ok(match Type::of_stored(dtype).is_some_and(Type::is_float) {
                true => Number::Float(0.0),
                false => Number::Integer(0),
            });
        };
        self.races[at][place].read(who).map_err(|e| self.says(buffer, place, &e))?;
        Ok(match &self.memory[at] {
            Memory::Floats(elements) => Number::Float(elements[place]),
            Memory::Integers(elements) => Number::Integer(elements[place]),
        })
    }

    pub(super) fn store(
        &mut self,
        buffer: BufferId,
        element: Element,
        is_checked: bool,
        who: Who,
        value: Number,
    ) -> Result<(), String> {
        let (at, dtype) = (buffer.0 as usize, self.program.buffers[buffer.0 as usize].dtype);
        let Some(place) = self.place(buffer, element, is_checked)? else { return Ok(()) };
        self.races[at][place].write(who).map_err(|e| self.says(buffer, place, &e))?;
        match (&mut self.memory[at], value) {
            (Memory::Floats(elements), Number::Float(x)) => elements[place] = stored(dtype, x),
            (Memory::Integers(elements), Number::Integer(x)) => elements[place] = wrapped(dtype, x),
            (Memory::Integers(elements), Number::Bool(x)) => elements[place] = i64::from(x),
            (_, value) => return Err(format!("{value:?} is no element of {dtype}")),
        }
        Ok(())
    }

    /// Where an element is; none, and a fault, where that may be outside and is.
    fn place(
        &mut self,
        buffer: BufferId,
        (first, lane, count): Element,
        is_checked: bool,
    ) -> Result<Option<usize>, String> {
        let at = buffer.0 as usize;
        let len = self.memory[at].len();
        let is_inside = first >= 0 && first <= len as i64 - count as i64;
        if is_inside {
            let size = self.program.buffers[at].bytes() * count as u64;
            return match count == 1 || self.is_aligned(buffer, first, size) {
                true => Ok(Some(first as usize + lane)),
                false => Err(self.says(buffer, first as usize, "is not aligned")),
            };
        }
        if !is_checked {
            let name = &self.program.buffers[at].name;
            return Err(format!("{name}[{first}] is outside of its {len} elements"));
        }
        self.fault = self.fault.max(Some(buffer));
        Ok(None)
    }

    fn says(&self, buffer: BufferId, place: usize, what: &str) -> String {
        format!("{}[{place}] {what}", self.program.buffers[buffer.0 as usize].name)
    }
}
