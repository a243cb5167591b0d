//! Changes of weights as products.

use crate::Matrix;

/// A change ΔW = B·A of a weight `[out, in]`: B `[out, r]`, A `[r, in]`, r at least its rank.
///
/// Its algebra is that of ΔW, which is never made: sums are exact by putting factors side by side.
#[derive(Clone, PartialEq, Debug)]
pub struct Factors {
    b: Matrix,
    a: Matrix,
    /// What this is the Kronecker product of, where that is known.
    sides: Option<Box<(Self, Self)>>,
}

impl Factors {
    /// The product of B and A.
    ///
    /// # Panics
    /// B has not as many columns as A has rows.
    pub fn new(b: Matrix, a: Matrix) -> Self {
        assert_eq!(b.columns(), a.rows(), "B and A have one rank");
        Self { b, a, sides: None }
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
        let b = Matrix::from_fn(self.b.rows(), own * its, |i, k| {
            self.b.row(i)[k / its] * other.b.row(i)[k % its]
        });
        let a = Matrix::from_fn(own * its, self.a.columns(), |k, j| {
            self.a.row(k / its)[j] * other.a.row(k % its)[j]
        });
        Self::new(b, a)
    }

    /// w1 ⊗ w2: (B1 ⊗ B2)·(A1 ⊗ A2). LoKr: Yeh et al., "LyCORIS", 2023.
    #[must_use]
    pub fn kronecker(&self, other: &Self) -> Self {
        let product = Self::new(kronecker(&self.b, &other.b), kronecker(&self.a, &other.a));
        Self { sides: Some(Box::new((self.clone(), other.clone()))), ..product }
    }

    /// The factors of a matrix that is given whole: itself and the identity, whichever is smaller.
    pub fn of_matrix(matrix: Matrix) -> Self {
        let identity = |n| Matrix::from_fn(n, n, |i, j| f64::from(u8::from(i == j)));
        match matrix.rows() <= matrix.columns() {
            true => Self::new(identity(matrix.rows()), matrix),
            false => {
                let columns = matrix.columns();
                Self::new(matrix, identity(columns))
            }
        }
    }

    /// Σ c·ΔW over the terms, exactly: ranks add up.
    ///
    /// # Panics
    /// There are none, or they have not one shape.
    pub fn sum(terms: &[(f64, &Self)]) -> Self {
        let (rows, columns) = terms.first().expect("there is a term").1.shape();
        assert!(terms.iter().all(|(_, t)| t.shape() == (rows, columns)), "all change one weight");
        let b: Vec<Matrix> = terms.iter().map(|(c, t)| t.b.clone().scaled(*c)).collect();
        let a: Vec<Matrix> = terms.iter().map(|(_, t)| t.a.clone()).collect();
        Self::new(Matrix::joined(rows, &b), Matrix::stacked(columns, &a))
    }

    /// c·ΔW.
    #[must_use]
    pub fn scaled(self, by: f64) -> Self {
        let sides = self.sides.map(|sides| Box::new((sides.0.scaled(by), sides.1)));
        Self { b: self.b.scaled(by), a: self.a, sides }
    }

    /// The change of the transposed weight.
    #[must_use]
    pub fn transposed(&self) -> Self {
        Self::new(self.a.transposed(), self.b.transposed())
    }

    /// B, `[out, r]`.
    pub fn b(&self) -> &Matrix {
        &self.b
    }

    /// A, `[r, in]`.
    pub fn a(&self) -> &Matrix {
        &self.a
    }

    /// What this is the Kronecker product of, where that is known.
    pub(crate) fn sides(&self) -> Option<(&Self, &Self)> {
        self.sides.as_deref().map(|(left, right)| (left, right))
    }

    /// Rows and columns of ΔW.
    pub fn shape(&self) -> (usize, usize) {
        (self.b.rows(), self.a.columns())
    }

    /// r: ΔW has no higher rank.
    pub fn rank(&self) -> usize {
        self.a.rows()
    }

    /// ⟨ΔW, ΔW'⟩ = Σ (BᵀB') ∘ (A·A'ᵀ), without either product.
    pub fn inner(&self, other: &Self) -> f64 {
        let left = self.b.view().transpose() * other.b.view();
        let right = self.a.view() * other.a.view().transpose();
        let pairs = (0..left.nrows()).flat_map(|i| (0..left.ncols()).map(move |j| (i, j)));
        pairs.map(|at| left[at] * right[at]).sum()
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
        out.fill(0.0);
        for (&b, k) in self.b.row(row).iter().zip(0..) {
            out.iter_mut().zip(self.a.row(k)).for_each(|(sum, a)| *sum += b * a);
        }
    }
}

fn kronecker(left: &Matrix, right: &Matrix) -> Matrix {
    let (rows, columns) = (right.rows(), right.columns());
    Matrix::from_fn(left.rows() * rows, left.columns() * columns, |i, j| {
        left.row(i / rows)[j / columns] * right.row(i % rows)[j % columns]
    })
}
