//! Operators that make tensors of attributes, sizes or other types: constants, ranges, casts.

mod cast;
mod constant;
mod pattern;

use super::{Operator, op};

pub(super) static OPERATORS: &[Operator] = &[
    op("BitCast", cast::bit_cast),
    op("Cast", cast::cast),
    op("CastLike", cast::cast_like),
    op("Constant", constant::constant),
    op("ConstantOfShape", constant::constant_of_shape),
    op("EyeLike", pattern::eye_like),
    op("OneHot", pattern::one_hot),
    op("Range", pattern::range),
];
