//! Operators that make tensors of attributes, sizes or other types: constants, ranges, casts.

mod cast;
mod constant;
mod pattern;

use super::{Operator, infer, op};

pub(super) static OPERATORS: &[Operator] = &[
    op("BitCast", cast::bit_cast).infer(infer::reshape::bit_cast),
    op("Cast", cast::cast).infer(infer::elements::cast),
    op("CastLike", cast::cast_like).infer(infer::elements::cast),
    op("Constant", constant::constant).infer(infer::create::constant),
    op("ConstantOfShape", constant::constant_of_shape).infer(infer::create::constant_of_shape),
    op("EyeLike", pattern::eye_like).infer(infer::create::typed_like),
    op("OneHot", pattern::one_hot).infer(infer::create::one_hot),
    op("Range", pattern::range).infer(infer::create::range),
];
