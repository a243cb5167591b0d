//! Sizes as numbers, and where buffers lie in one arena.

use super::memory::ALIGNMENT;
use super::{Engine, tensor};
use crate::error::{Error, Result};
use crate::lower::{BufferId, Must, Origin, Program};
use crate::ops::size::Atom;
use std::collections::HashMap;

/// What runs whose inputs have the same sizes share.
pub(super) struct Plan {
    /// The atoms that inputs say.
    pub(super) key: Vec<Option<i64>>,
    /// Sizes as far as inputs say them.
    pub(super) sizes: Vec<Option<i64>>,
    /// Where a buffer begins in the arena.
    pub(super) offsets: Vec<Option<usize>>,
    /// How many bytes the arena has.
    pub(super) arena: usize,
}

impl Plan {
    pub(super) fn new(engine: &Engine, key: Vec<Option<i64>>) -> Result<Self> {
        let program = &engine.program;
        let sizes = evaluated(program, &key)?;
        let given_out = engine.given_out();
        let mut places = Vec::new();
        for (buffer, life) in engine.lives.iter().enumerate() {
            let is_made = matches!(program.buffers[buffer].origin, Origin::Made)
                && !given_out.contains(&buffer);
            let Some(life) = life.filter(|_| is_made) else { continue };
            if sizes[program.buffers[buffer].elements].is_some() {
                places.push((bytes(program, &sizes, buffer)?, life, buffer));
            }
        }
        let (offsets, arena) = placed(places, program.buffers.len()).ok_or_else(too_large)?;
        Ok(Self { key, sizes, offsets, arena })
    }
}

/// Sizes with these atoms known.
///
/// # Errors
/// Sizes are not equal that must be.
pub(super) fn evaluated(program: &Program, atoms: &[Option<i64>]) -> Result<Vec<Option<i64>>> {
    let known: HashMap<&Atom, i64> = program
        .bound
        .iter()
        .zip(atoms)
        .filter_map(|(bound, number)| Some((&bound.atom, (*number)?)))
        .collect();
    let atom = |atom: &Atom| known.get(atom).copied();
    let sizes: Vec<Option<i64>> = program.sizes.all.iter().map(|s| s.value(&atom)).collect();
    program.musts.iter().try_for_each(|must| held(program, &sizes, *must))?;
    Ok(sizes)
}

/// Whether sizes are what they must be, if they are known.
fn held(program: &Program, sizes: &[Option<i64>], must: Must) -> Result<()> {
    let (Must::Spread(one, other) | Must::Equal(one, other) | Must::Below(one, other)) = must;
    let (Some(x), Some(y)) = (sizes[one], sizes[other]) else { return Ok(()) };
    let is_held = match must {
        Must::Spread(..) => x == 1 || x == y,
        Must::Equal(..) => x == y,
        Must::Below(..) => (0..y).contains(&x),
    };
    if is_held {
        return Ok(());
    }
    // A number needs no name.
    let [one, other] = [(one, x), (other, y)].map(|(id, value)| match &program.sizes.all[id] {
        size if size.known().is_some() => value.to_string(),
        size => format!("{size} = {value}"),
    });
    Err(Error::input(match must {
        Must::Below(..) => format!("index {one} is outside of an axis of size {other}"),
        _ => format!("size {one} does not fit to {other}"),
    }))
}

/// How many bytes a buffer takes.
pub(super) fn bytes(program: &Program, sizes: &[Option<i64>], buffer: BufferId) -> Result<usize> {
    let about = &program.buffers[buffer];
    let elements = sizes[about.elements].and_then(|size| usize::try_from(size).ok());
    let bytes = elements.and_then(|elements| elements.checked_mul(tensor::size(about.dtype)));
    let fits = bytes.filter(|bytes| *bytes < isize::MAX as usize - ALIGNMENT);
    fits.ok_or_else(too_large)
}

fn too_large() -> Error {
    Error::input("the inputs' sizes make a value that no memory can hold")
}

/// Places buffers whose lives overlap beside each other: the largest first, each as low as it fits. None
/// where their bytes cannot be counted.
fn placed(
    mut buffers: Vec<(usize, (usize, usize), BufferId)>,
    count: usize,
) -> Option<(Vec<Option<usize>>, usize)> {
    buffers.sort_by_key(|&(bytes, life, buffer)| (std::cmp::Reverse(bytes), life, buffer));
    let mut offsets = vec![None; count];
    let mut there: Vec<(usize, usize, (usize, usize))> = Vec::new();
    let mut arena = 0;
    for (bytes, life, buffer) in buffers {
        let size = bytes.next_multiple_of(ALIGNMENT).max(ALIGNMENT);
        let mut at: usize = 0;
        for &(begin, end, (first, last)) in &there {
            let overlaps = first <= life.1 && life.0 <= last;
            if overlaps && begin < at.checked_add(size)? && at < end {
                at = end;
            }
        }
        let end = at.checked_add(size)?;
        offsets[buffer] = Some(at);
        arena = arena.max(end);
        let place = there.partition_point(|&(begin, ..)| begin < at);
        there.insert(place, (at, end, life));
    }
    Some((offsets, arena))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_lives_at_once_lies_apart(
            all in prop::collection::vec((0usize..3000, 0usize..20, 0usize..6), 0..40),
        ) {
            let buffers: Vec<_> = all
                .iter()
                .enumerate()
                .map(|(at, &(bytes, first, length))| (bytes, (first, first + length), at))
                .collect();
            let (offsets, arena) = placed(buffers.clone(), buffers.len()).expect("small");
            for (a, first, at) in &buffers {
                let start = offsets[*at].expect("placed");
                prop_assert!(start + a <= arena && start % ALIGNMENT == 0);
                for (b, second, other) in buffers.iter().filter(|(.., other)| other != at) {
                    let begin = offsets[*other].expect("placed");
                    let at_once = first.0 <= second.1 && second.0 <= first.1;
                    prop_assert!(!at_once || start + a <= begin || begin + b <= start);
                }
            }
        }
    }
}
