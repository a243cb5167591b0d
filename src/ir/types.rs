//! Types of values: element type and symbolic shape, and ONNX's containers.

use super::DataType;
use std::fmt;

/// One dimension of a shape.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Dim {
    /// Its size, as far as it is known.
    pub size: DimSize,
    /// ONNX's dimension denotation, such as `DATA_BATCH`; empty where there is none.
    pub denotation: String,
}

/// The size of a dimension, as far as it is known.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub enum DimSize {
    /// A number.
    Known(i64),
    /// A name: equal names are equal sizes.
    Symbol(String),
    /// Nothing is known.
    #[default]
    Unknown,
}

impl Dim {
    /// A dimension of a known size.
    pub fn known(size: i64) -> Self {
        Self { size: DimSize::Known(size), denotation: String::new() }
    }

    /// The number, where it is known.
    pub fn as_known(&self) -> Option<i64> {
        match self.size {
            DimSize::Known(size) => Some(size),
            _ => None,
        }
    }

    /// The name; none for `?`, which some exporters write where they know nothing.
    pub fn name(&self) -> Option<&str> {
        match &self.size {
            DimSize::Symbol(name) if name != "?" => Some(name),
            _ => None,
        }
    }
}

impl fmt::Display for Dim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.size {
            DimSize::Known(size) => write!(f, "{size}"),
            DimSize::Symbol(name) => f.write_str(name),
            DimSize::Unknown => f.write_str("?"),
        }
    }
}

/// What kind of thing a value is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum TypeKind {
    /// A dense tensor; no shape means that even the rank is unknown, no dtype that the file does not say.
    Tensor {
        /// Element type.
        dtype: Option<DataType>,
        /// Shape.
        shape: Option<Vec<Dim>>,
    },
    /// A sparse tensor.
    SparseTensor {
        /// Element type.
        dtype: Option<DataType>,
        /// Shape.
        shape: Option<Vec<Dim>>,
    },
    /// A sequence of values of one type.
    Sequence(Option<Box<Type>>),
    /// A value or nothing.
    Optional(Option<Box<Type>>),
    /// A map.
    Map {
        /// Key type, an integer type or string.
        key: DataType,
        /// Value type.
        value: Option<Box<Type>>,
    },
    /// An opaque type of a domain.
    Opaque {
        /// Domain.
        domain: String,
        /// Name.
        name: String,
    },
    /// The file names no type.
    Unset,
}

/// The type of a value.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Type {
    /// What it is.
    pub kind: TypeKind,
    /// ONNX's type denotation, such as `TENSOR`; empty where there is none.
    pub denotation: String,
}

impl Type {
    /// A dense tensor of this element type and shape.
    pub fn tensor(dtype: DataType, shape: Vec<Dim>) -> Self {
        let kind = TypeKind::Tensor { dtype: Some(dtype), shape: Some(shape) };
        Self { kind, denotation: String::new() }
    }

    /// Forgets the sizes of a tensor, but not its rank.
    pub fn forget_sizes(&mut self) {
        if let TypeKind::Tensor { shape: Some(shape), .. } = &mut self.kind {
            shape.fill(Dim::default());
        }
    }

    /// Forgets the sizes of a tensor, but not its rank, its first size, and a last one that is a
    /// number.
    pub fn forget_inner_sizes(&mut self) {
        if let TypeKind::Tensor { shape: Some(shape), .. } = &mut self.kind {
            let end =
                shape.len() - usize::from(shape.last().is_some_and(|d| d.as_known().is_some()));
            shape.get_mut(1..end).into_iter().flatten().for_each(|dim| *dim = Dim::default());
        }
    }

    /// The element type, for tensors.
    pub fn dtype(&self) -> Option<DataType> {
        match self.kind {
            TypeKind::Tensor { dtype, .. } | TypeKind::SparseTensor { dtype, .. } => dtype,
            _ => None,
        }
    }

    /// The shape, for tensors of known rank.
    pub fn shape(&self) -> Option<&[Dim]> {
        match &self.kind {
            TypeKind::Tensor { shape, .. } | TypeKind::SparseTensor { shape, .. } => {
                shape.as_deref()
            }
            _ => None,
        }
    }
}

impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let of =
            |inner: &Option<Box<Type>>| inner.as_ref().map_or("?".to_owned(), ToString::to_string);
        match &self.kind {
            TypeKind::Tensor { dtype, shape } => tensor(f, "", dtype, shape),
            TypeKind::SparseTensor { dtype, shape } => tensor(f, "sparse ", dtype, shape),
            TypeKind::Sequence(inner) => write!(f, "sequence({})", of(inner)),
            TypeKind::Optional(inner) => write!(f, "optional({})", of(inner)),
            TypeKind::Map { key, value } => write!(f, "map({key}, {})", of(value)),
            TypeKind::Opaque { domain, name } => write!(f, "opaque({domain:?}, {name:?})"),
            TypeKind::Unset => f.write_str("?"),
        }
    }
}

fn tensor(
    f: &mut fmt::Formatter<'_>,
    prefix: &str,
    dtype: &Option<DataType>,
    shape: &Option<Vec<Dim>>,
) -> fmt::Result {
    write!(f, "{prefix}{}", dtype.map_or("?", DataType::name))?;
    let Some(shape) = shape else { return Ok(()) };
    let dims: Vec<String> = shape.iter().map(ToString::to_string).collect();
    write!(f, "[{}]", dims.join(", "))
}
