//! Changes of weights as products.

use crate::Matrix;
use std::sync::OnceLock;

/// A change ΔW = B·A of a weight `[out, in]`: B `[out, r]`, A `[r, in]`, r at least its rank.
///
/// Its algebra is that of ΔW, which is never made: sums are exact by putting factors side by side. Where a
/// change is a matrix or a Kronecker product, B and A are made when they are asked for.
#[derive(Clone, Debug)]
pub struct Factors {
    stored: Stored,
    made: OnceLock<Box<(Matrix, Matrix)>>,
}

#[derive(Clone, PartialEq, Debug)]
enum Stored {
    /// B and A.
    Product(Matrix, Matrix),
    Whole(Matrix),
    /// The Kronecker product of two.
    Kronecker(Box<(Factors, Factors)>),
}

impl PartialEq for Factors {
    fn eq(&self, other: &Self) -> bool {
        self.stored == other.stored
    }
}

impl Factors {
    /// The product of B and A.
    ///
    /// # Panics
    /// B has not as many columns as A has rows.
    pub fn new(b: Matrix, a: Matrix) -> Self {
        assert_eq!(b.columns(), a.rows(), "B and A have one rank");
        Self::of(Stored::Product(b, a))
    }

    fn of(stored: Stored) -> Self {
        Self { stored, made: OnceLock::new() }
    }

    /// (w1_b·w1_a) ∘ (w2_b·w2_a), element by element: products of all pairs of columns of the left
    /// factors and of all pairs of rows of the right ones. LoHa: Hyeon-Woo et al., "FedPara", 2021.
    ///
    /// # Panics
    /// The two have not one shape.
    #[must_use]
    pub fn hadamard(&self, other: &Self) -> Self {
        assert_eq!(self.shape(), other.shape(), "both change one weight");
        let (own, its) = (self.rank(), other.rank());
        let b = Matrix::from_fn(self.shape().0, own * its, |i, k| {
            self.b().row(i)[k / its] * other.b().row(i)[k % its]
        });
        let a = Matrix::from_fn(own * its, self.shape().1, |k, j| {
            self.a().row(k / its)[j] * other.a().row(k % its)[j]
        });
        Self::new(b, a)
    }

    /// w1 ⊗ w2, of which B is B1 ⊗ B2 and A is A1 ⊗ A2. LoKr: Yeh et al., "LyCORIS", 2023.
    #[must_use]
    pub fn kronecker(self, other: Self) -> Self {
        Self::of(Stored::Kronecker(Box::new((self, other))))
    }

    /// The factors of a matrix that is given whole: itself and the identity, whichever is smaller.
    pub fn of_matrix(matrix: Matrix) -> Self {
        Self::of(Stored::Whole(matrix))
    }

    /// Σ c·ΔW over the terms, exactly: ranks add up.
    ///
    /// # Panics
    /// There are none, or they have not one shape.
    pub fn sum(terms: &[(f64, &Self)]) -> Self {
        let (rows, columns) = terms.first().expect("there is a term").1.shape();
        assert!(terms.iter().all(|(_, t)| t.shape() == (rows, columns)), "all change one weight");
        if let [(by, term)] = terms {
            return (*term).clone().scaled(*by);
        }
        let b: Vec<Matrix> = terms.iter().map(|(c, t)| t.b().clone().scaled(*c)).collect();
        let a: Vec<Matrix> = terms.iter().map(|(_, t)| t.a().clone()).collect();
        Self::new(Matrix::joined(rows, &b), Matrix::stacked(columns, &a))
    }

    /// c·ΔW.
    #[must_use]
    pub fn scaled(self, by: f64) -> Self {
        Self::of(match self.stored {
            Stored::Product(b, a) => Stored::Product(b.scaled(by), a),
            Stored::Whole(whole) => Stored::Whole(whole.scaled(by)),
            Stored::Kronecker(sides) => {
                let (left, right) = *sides;
                Stored::Kronecker(Box::new((left.scaled(by), right)))
            }
        })
    }

    /// The change of the transposed weight.
    #[must_use]
    pub fn transposed(&self) -> Self {
        Self::of(match &self.stored {
            Stored::Product(b, a) => Stored::Product(a.transposed(), b.transposed()),
            Stored::Whole(whole) => Stored::Whole(whole.transposed()),
            Stored::Kronecker(sides) => {
                Stored::Kronecker(Box::new((sides.0.transposed(), sides.1.transposed())))
            }
        })
    }

    /// B, `[out, r]`.
    pub fn b(&self) -> &Matrix {
        match &self.stored {
            Stored::Product(b, _) => b,
            _ => &self.made().0,
        }
    }

    /// A, `[r, in]`.
    pub fn a(&self) -> &Matrix {
        match &self.stored {
            Stored::Product(_, a) => a,
            _ => &self.made().1,
        }
    }

    fn made(&self) -> &(Matrix, Matrix) {
        self.made.get_or_init(|| {
            let identity = |n| Matrix::from_fn(n, n, |i, j| f64::from(u8::from(i == j)));
            Box::new(match &self.stored {
                Stored::Product(b, a) => (b.clone(), a.clone()),
                Stored::Whole(whole) if whole.rows() <= whole.columns() => {
                    (identity(whole.rows()), whole.clone())
                }
                Stored::Whole(whole) => (whole.clone(), identity(whole.columns())),
                Stored::Kronecker(sides) => {
                    let (left, right) = &**sides;
                    (kronecker(left.b(), right.b()), kronecker(left.a(), right.a()))
                }
            })
        })
    }

    /// B and A, where these are what the change is given as.
    pub fn product(&self) -> Option<(&Matrix, &Matrix)> {
        let Stored::Product(b, a) = &self.stored else { return None };
        Some((b, a))
    }

    /// The matrix, where the change is given as one.
    pub(crate) fn whole(&self) -> Option<&Matrix> {
        let Stored::Whole(whole) = &self.stored else { return None };
        Some(whole)
    }

    /// What this is the Kronecker product of, where it is given as one.
    pub(crate) fn sides(&self) -> Option<(&Self, &Self)> {
        let Stored::Kronecker(sides) = &self.stored else { return None };
        Some((&sides.0, &sides.1))
    }

    /// Rows and columns of ΔW.
    pub fn shape(&self) -> (usize, usize) {
        match &self.stored {
            Stored::Product(b, a) => (b.rows(), a.columns()),
            Stored::Whole(whole) => (whole.rows(), whole.columns()),
            Stored::Kronecker(sides) => {
                let ((rows, columns), other) = (sides.0.shape(), sides.1.shape());
                (rows * other.0, columns * other.1)
            }
        }
    }

    /// r: ΔW has no higher rank.
    pub fn rank(&self) -> usize {
        match &self.stored {
            Stored::Product(_, a) => a.rows(),
            Stored::Whole(whole) => whole.rows().min(whole.columns()),
            Stored::Kronecker(sides) => sides.0.rank() * sides.1.rank(),
        }
    }

    /// ⟨ΔW, ΔW'⟩ = Σ (BᵀB') ∘ (A·A'ᵀ), without either product; of Kronecker products the product of
    /// those of their sides; else row by row.
    pub fn inner(&self, other: &Self) -> f64 {
        if let (Some((b, a)), Some((its_b, its_a))) = (self.product(), other.product()) {
            let left = b.view().transpose() * its_b.view();
            let right = a.view() * its_a.view().transpose();
            let pairs = (0..left.nrows()).flat_map(|i| (0..left.ncols()).map(move |j| (i, j)));
            return pairs.map(|at| left[at] * right[at]).sum();
        }
        if let (Some((left, right)), Some((its_left, its_right))) = (self.sides(), other.sides())
            && left.shape() == its_left.shape()
        {
            return left.inner(its_left) * right.inner(its_right);
        }
        let (rows, columns) = self.shape();
        let (mut own, mut its) = (vec![0.0; columns], vec![0.0; columns]);
        let of_row = |row: usize| -> f64 {
            self.row(row, &mut own);
            other.row(row, &mut its);
            own.iter().zip(&its).map(|(x, y)| x * y).sum()
        };
        (0..rows).map(of_row).sum()
    }

    /// ‖ΔW‖_F.
    pub fn norm(&self) -> f64 {
        match self.inner(self) {
            energy if energy < 0.0 => 0.0,
            energy => energy.sqrt(),
        }
    }

    /// A row of ΔW. The same bits however many rows are asked for.
    pub fn row(&self, row: usize, out: &mut [f64]) {
        self.part_of_row(row, 0, out);
    }

    /// The same from a column on.
    pub fn part_of_row(&self, row: usize, first: usize, out: &mut [f64]) {
        match &self.stored {
            Stored::Product(b, a) => {
                out.fill(0.0);
                for (&b, k) in b.row(row).iter().zip(0..) {
                    out.iter_mut().zip(&a.row(k)[first..]).for_each(|(sum, a)| *sum += b * a);
                }
            }
            Stored::Whole(whole) => out.copy_from_slice(&whole.row(row)[first..][..out.len()]),
            Stored::Kronecker(sides) => {
                let (left, right) = &**sides;
                let whole = |side: &Self, row: usize| {
                    let mut out = vec![0.0; side.shape().1];
                    side.row(row, &mut out);
                    out
                };
                let rows = right.shape().0;
                let (left, right) = (whole(left, row / rows), whole(right, row % rows));
                let at = |column: usize| left[column / right.len()] * right[column % right.len()];
                out.iter_mut().zip(first..).for_each(|(out, column)| *out = at(column));
            }
        }
    }
}

fn kronecker(left: &Matrix, right: &Matrix) -> Matrix {
    let (rows, columns) = (right.rows(), right.columns());
    Matrix::from_fn(left.rows() * rows, left.columns() * columns, |i, j| {
        left.row(i / rows)[j / columns] * right.row(i % rows)[j % columns]
    })
}
