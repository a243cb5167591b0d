//! The forms in which PEFT stores changes of weights.

use crate::{Factors, Matrix, Unfit};

/// How a change follows from stored matrices.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Form {
    /// B, A: B·A.
    Product,
    /// B, A, E: B·(A∘E).
    Scaled,
    /// w1_a, w1_b, w2_a, w2_b: (w1_a·w1_b)∘(w2_a·w2_b).
    Hadamard,
    /// w1⊗w2, each given whole or as two matrices.
    Kronecker {
        /// Whether w1 is a product.
        left: bool,
        /// Whether w2 is a product.
        right: bool,
    },
}

const NAMES: [(Form, &str); 7] = [
    (Form::Product, "product"),
    (Form::Scaled, "scaled"),
    (Form::Hadamard, "hadamard"),
    (Form::Kronecker { left: false, right: false }, "kronecker"),
    (Form::Kronecker { left: false, right: true }, "kronecker-right"),
    (Form::Kronecker { left: true, right: false }, "kronecker-left"),
    (Form::Kronecker { left: true, right: true }, "kronecker-both"),
];

impl Form {
    /// Its name.
    pub fn name(self) -> &'static str {
        NAMES.iter().find(|(form, _)| *form == self).map_or("", |(_, name)| name)
    }

    /// The form of a name.
    pub fn named(name: &str) -> Option<Self> {
        NAMES.iter().find(|(_, known)| *known == name).map(|(form, _)| *form)
    }

    /// The change, from its matrices.
    ///
    /// # Errors
    /// They do not fit each other.
    pub fn factors(self, matrices: Vec<Matrix>) -> Result<Factors, Unfit> {
        let mut matrices = matrices.into_iter();
        let mut next = || matrices.next().ok_or_else(|| Unfit::new("a matrix is missing"));
        match self {
            Self::Product => product(next()?, next()?),
            Self::Scaled => {
                let (factors, e) = (product(next()?, next()?)?, next()?);
                let (e, a) = (e.into_elements(), factors.a());
                if e.len() != a.rows() {
                    let rows = a.rows();
                    return Err(Unfit::new(format!("E has {} elements, A {rows} rows", e.len())));
                }
                let a = Matrix::from_fn(a.rows(), a.columns(), |k, j| e[k] * a.row(k)[j]);
                Ok(Factors::new(factors.b().clone(), a))
            }
            Self::Hadamard => {
                let (left, right) = (product(next()?, next()?)?, product(next()?, next()?)?);
                match left.shape() == right.shape() {
                    true => Ok(left.hadamard(&right)),
                    false => Err(Unfit::new(format!(
                        "w1_a·w1_b is {:?}, w2_a·w2_b {:?}",
                        left.shape(),
                        right.shape()
                    ))),
                }
            }
            Self::Kronecker { left, right } => {
                let mut side = |is_product| match is_product {
                    true => product(next()?, next()?),
                    false => Ok(Factors::of_matrix(next()?)),
                };
                let left = side(left)?;
                Ok(left.kronecker(side(right)?))
            }
        }
    }
}

fn product(left: Matrix, right: Matrix) -> Result<Factors, Unfit> {
    let (columns, rows) = (left.columns(), right.rows());
    if columns != rows || rows == 0 {
        return Err(Unfit::new(format!(
            "matrices of {columns} columns and of {rows} rows have no product"
        )));
    }
    Ok(Factors::new(left, right))
}
