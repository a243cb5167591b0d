//! Right factors of products that are constant, packed once for all sessions that have them.

use super::tensor::{self, Spot};
use crate::error::{Error, Result};
use crate::ir::{DataType, Tensor};
use crate::lower::{Place, Program};
use crate::ops::numbers;
use crate::runtime::cpu::gemm::{Matrix, Packed, Tiles};
use crate::runtime::cpu::pool::Pool;
use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Mutex, PoisonError, Weak};

/// A packed factor.
pub(super) struct Weight {
    packed: Packed,
    /// What it was packed of: while it is there no other tensor has its place in memory.
    _of: Tensor,
}

impl std::ops::Deref for Weight {
    type Target = Packed;

    fn deref(&self) -> &Packed {
        &self.packed
    }
}

/// A matrix in the memory of a tensor.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct Part {
    start: usize,
    dtype: DataType,
    offset: i64,
    dims: [i64; 2],
    strides: [i64; 2],
}

/// The factors that sessions have.
static ALL: LazyLock<Mutex<HashMap<Part, Weak<Weight>>>> = LazyLock::new(Mutex::default);

/// A place of a constant, packed; the pages of a file that it was read from are given back.
pub(super) fn packed(
    of: &Tensor,
    program: &Program,
    place: &Place,
    tiles: &'static Tiles,
    pool: &Pool,
) -> Result<Arc<Weight>> {
    let number = |id: usize| {
        let known = program.sizes.all[id].known();
        known.ok_or_else(|| Error::bug("the sizes of a constant are not known"))
    };
    let bytes = numbers::bytes(of)?;
    let part = Part {
        start: bytes.as_ptr() as usize,
        dtype: of.dtype,
        offset: number(place.offset)?,
        dims: [number(place.dims[0])?, number(place.dims[1])?],
        strides: [number(place.strides[0])?, number(place.strides[1])?],
    };
    let all = || ALL.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(weight) = all().get(&part).and_then(Weak::upgrade) {
        return Ok(weight);
    }
    let weight = Arc::new(Weight { packed: pack(bytes, &part, tiles, pool)?, _of: of.clone() });
    crate::ir::unload(bytes);
    let mut all = all();
    all.retain(|_, weight| weight.strong_count() > 0);
    all.insert(part, Arc::downgrade(&weight));
    Ok(weight)
}

fn pack(bytes: &[u8], part: &Part, tiles: &'static Tiles, pool: &Pool) -> Result<Packed> {
    let Part { offset, dims: [rows, columns], strides: [down, across], .. } = *part;
    let spot = Spot { offset, dims: part.dims.to_vec(), strides: part.strides.to_vec() };
    if !spot.is_inside(bytes.len() / tensor::size(part.dtype)) {
        return Err(Error::bug("a factor is outside of its constant"));
    }
    macro_rules! packed {
        ($element:ty) => {{
            let matrix = Matrix {
                pointer: bytes.as_ptr().cast::<$element>().wrapping_add(offset as usize),
                rows: rows as usize,
                columns: columns as usize,
                row_stride: down as isize,
                column_stride: across as isize,
            };
            // SAFETY: the matrix is inside of the constant's bytes, as has been checked.
            Ok(unsafe { Packed::new(tiles, matrix, pool) })
        }};
    }
    match part.dtype {
        DataType::F32 => packed!(f32),
        DataType::F16 => packed!(half::f16),
        DataType::BF16 => packed!(half::bf16),
        other => Err(Error::bug(format!("a product of {other}"))),
    }
}

#[cfg(test)]
mod tests {
    use crate::ir::text;
    use crate::lower::lower;
    use crate::runtime::cpu::Engine;
    use std::sync::Arc;

    #[test]
    fn sessions_of_one_model_share_weights() {
        let model = text::parse(
            "model ir=8 opset \"\"=17\ngraph g(%x: f32[n, 2]) -> (%y) {\n\
             const %w = f32[2, 2] {1, 2, 3, 4}\n%y = MatMul(%x, %w)\n}",
        );
        let model = Arc::new(model.unwrap_or_else(|error| panic!("{error:?}")));
        let engine = || {
            let program = lower(&model).expect("it is lowered");
            Engine::new(model.clone(), program, 1).expect("it is compiled")
        };
        let (one, other) = (engine(), engine());
        let weights: Vec<_> = one.packed.values().zip(other.packed.values()).collect();
        assert_eq!(weights.len(), 1);
        assert!(weights.iter().all(|(one, other)| Arc::ptr_eq(one, other)));
    }
}
