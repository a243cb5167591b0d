//! What operators take and make.

use crate::error::{Error, Result};
use crate::ir::{Tensor, Type, TypeKind};

/// A value at run time.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// A tensor.
    Tensor(Tensor),
    /// Values of one type.
    Sequence(Vec<Value>),
    /// A value, or nothing.
    Optional(Option<Box<Value>>),
}

impl From<Tensor> for Value {
    fn from(tensor: Tensor) -> Self {
        Self::Tensor(tensor)
    }
}

impl Value {
    /// The tensor.
    ///
    /// # Errors
    /// It is none.
    pub fn tensor(&self) -> Result<&Tensor> {
        match self {
            Self::Tensor(tensor) => Ok(tensor),
            Self::Optional(Some(value)) => value.tensor(),
            other => Err(Error::input(format!("is a {}, not a tensor", other.kind()))),
        }
    }

    /// The values of a sequence.
    ///
    /// # Errors
    /// It is none.
    pub fn sequence(&self) -> Result<&[Value]> {
        match self {
            Self::Sequence(values) => Ok(values),
            Self::Optional(Some(value)) => value.sequence(),
            other => Err(Error::input(format!("is a {}, not a sequence", other.kind()))),
        }
    }

    /// The type; elements of a sequence have that of the first, without sizes.
    pub fn ty(&self) -> Type {
        let kind = match self {
            Self::Tensor(tensor) => return tensor.ty(),
            Self::Sequence(values) => {
                let element = |value: &Value| {
                    let mut ty = value.ty();
                    if let TypeKind::Tensor { shape, .. } = &mut ty.kind {
                        *shape = None;
                    }
                    Box::new(ty)
                };
                TypeKind::Sequence(values.first().map(element))
            }
            Self::Optional(value) => TypeKind::Optional(value.as_ref().map(|v| Box::new(v.ty()))),
        };
        Type { kind, denotation: String::new() }
    }

    fn kind(&self) -> &'static str {
        match self {
            Self::Tensor(_) => "tensor",
            Self::Sequence(_) => "sequence",
            Self::Optional(Some(_)) => "value",
            Self::Optional(None) => "missing value",
        }
    }
}
