//! Task kind `sum`: W + Σ λΔ, products in float32, rounded once to the weight's type.

use super::{Given, Params, add, wrong};
use peftc_delta::product_f32;
use peftc_plugin::{Result, TaskCall, TensorView};
use std::ops::Range;

/// Rows of a product that are made at once.
const PANEL: usize = 256;

/// Sources: the weight's region; the matrices of the terms, whole.
pub(crate) fn run(call: &mut TaskCall<'_>) -> Result<()> {
    let params = Params::of(call.params)?;
    let (weight, rest) = call.sources.split_first().ok_or_else(wrong)?;
    let weight = *weight;
    let &[rows, columns] = weight.dims else { return Err(wrong()) };
    let (rows, columns) = (rows as usize, columns as usize);
    let start = call.start as usize;
    let (first_row, first_column) = if call.axis == 0 { (start, 0) } else { (0, start) };
    let given = params.given(rest)?;
    let coefficients = params.coefficients()?;
    let terms: Vec<Term<'_>> = given
        .iter()
        .zip(coefficients)
        .map(|(given, &coefficient)| Term { given, coefficient, factor: params.factor })
        .collect();
    let inner: usize = terms.iter().map(Term::rank).sum();
    let of_rows = first_row..first_row + rows;
    let of_columns = first_column..first_column + columns;
    let left = left(&terms, params.is_turned, of_rows.clone());
    let right = right(&terms, params.is_turned, of_columns.clone());
    let outputs = if params.is_turned { of_columns.clone() } else { of_rows };
    let own = params.has_dora().then(|| own(&terms, outputs));
    let mut out = std::mem::take(&mut call.results);
    let result = out.first_mut().ok_or_else(wrong)?;
    let row_bytes = weight.bytes.len() / rows.max(1);
    let mut delta = vec![0.0; PANEL.min(rows) * columns];
    for first in (0..rows).step_by(PANEL) {
        let count = PANEL.min(rows - first);
        let delta = &mut delta[..count * columns];
        match inner {
            0 => delta.fill(0.0),
            _ => {
                let left = &left[first * inner..(first + count) * inner];
                product_f32(left, &right, inner, columns, delta);
            }
        }
        let of_rows = first_row + first..first_row + first + count;
        for term in terms.iter().filter(|term| term.given.change.factors.product().is_none()) {
            term.add(params.is_turned, &of_rows, &of_columns, delta);
        }
        let bytes = first * row_bytes..(first + count) * row_bytes;
        let part = TensorView { bytes: &weight.bytes[bytes.clone()], ..weight };
        if let Some(own) = &own {
            let of_output = |at: usize| match params.is_turned {
                true => own[at % columns],
                false => own[first + at / columns],
            };
            let elements = delta.iter_mut().zip(part.to_f32()?).enumerate();
            elements.for_each(|(at, (d, w))| {
                *d = (f64::from(*d) + of_output(at) * f64::from(w)) as f32
            });
        }
        add(call, &part, delta, &mut result.bytes[bytes])?;
    }
    Ok(())
}

/// A change with its coefficient, of what is stored.
struct Term<'a> {
    given: &'a Given,
    coefficient: f64,
    factor: f64,
}

impl Term<'_> {
    /// All that an output is multiplied by.
    fn scale(&self, output: usize) -> f64 {
        let of_output = self.given.scales.as_ref().map_or(1.0, |scales| scales[output]);
        self.coefficient * self.given.change.scale / self.factor * of_output
    }

    /// An element of B, times all that the term is multiplied by.
    fn of_b(&self, output: usize, k: usize) -> f32 {
        (self.scale(output) * self.given.change.factors.b().row(output)[k]) as f32
    }

    /// The rank of what is stored as a product, else 0.
    fn rank(&self) -> usize {
        self.given.change.factors.product().map_or(0, |(_, a)| a.rows())
    }

    /// Adds what is not stored as a product, by rows of ΔW.
    fn add(&self, is_turned: bool, rows: &Range<usize>, columns: &Range<usize>, delta: &mut [f32]) {
        let (outputs, inputs) = if is_turned { (columns, rows) } else { (rows, columns) };
        let mut row = vec![0.0; inputs.len()];
        for (at, output) in outputs.clone().enumerate() {
            self.given.change.factors.part_of_row(output, inputs.start, &mut row);
            let (first, step) = if is_turned { (at, columns.len()) } else { (at * row.len(), 1) };
            let scale = self.scale(output);
            let own = delta[first..].iter_mut().step_by(step);
            own.zip(&row).for_each(|(sum, x)| *sum += (scale * x) as f32);
        }
    }

    /// A row of A.
    fn of_a(&self, k: usize) -> &[f64] {
        self.given.change.factors.a().row(k)
    }
}

/// `[rows, inner]`: rows of c·B, or of Aᵀ, of all terms side by side.
fn left(terms: &[Term<'_>], is_turned: bool, rows: Range<usize>) -> Vec<f32> {
    let mut left = Vec::new();
    for row in rows {
        for term in terms {
            match is_turned {
                false => left.extend((0..term.rank()).map(|k| term.of_b(row, k))),
                true => left.extend((0..term.rank()).map(|k| term.of_a(k)[row] as f32)),
            }
        }
    }
    left
}

/// `[inner, columns]`: columns of A, or of (c·B)ᵀ, of all terms one under another.
fn right(terms: &[Term<'_>], is_turned: bool, columns: Range<usize>) -> Vec<f32> {
    let mut right = Vec::new();
    for term in terms {
        for k in 0..term.rank() {
            match is_turned {
                false => right.extend(term.of_a(k)[columns.clone()].iter().map(|x| *x as f32)),
                true => right.extend(columns.clone().map(|j| term.of_b(j, k))),
            }
        }
    }
    right
}

/// What DoRA adds of the weight itself, of each output: Σ λ(m/‖V‖ − 1).
fn own(terms: &[Term<'_>], outputs: Range<usize>) -> Vec<f64> {
    let of_term = |term: &Term<'_>, output: usize| {
        let scales = term.given.scales.as_ref();
        scales.map_or(0.0, |scales| term.coefficient * (scales[output] - 1.0))
    };
    outputs.map(|output| terms.iter().map(|term| of_term(term, output)).sum()).collect()
}
