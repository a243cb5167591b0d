//! The same numbers in another type.

use super::Body::Any;
use super::{Element, Inputs, Lowering, input, op};
use crate::ir::DataType;
use crate::kernel::{Scalar, Type};

pub(super) static LOWERINGS: &[Lowering] = &[op("Cast", Any(cast)), op("CastLike", Any(cast))];

/// Floats that the type does not hold become, as in the reference, the nearest integer of 32 or 64 bits,
/// of which smaller types have the lowest bits.
fn cast<'b>(element: &Element<'_>, inputs: Inputs<'_, 'b>) -> Option<Scalar<'b>> {
    let (x, to) = (input(inputs, 0)?, Type::of_stored(element.to)?);
    if !x.ty().is_float() || to != Type::I64 || element.to == DataType::I64 {
        return Some(x.to(to));
    }
    let most = if element.to == DataType::U32 { u32::MAX.into() } else { f64::from(i32::MAX) };
    Some(x.to(Type::I64).max(f64::from(i32::MIN)).min(most))
}
