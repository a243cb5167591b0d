//! Task kind `phm`: a parameterized hypercomplex layer as a matrix.
//!
//! H = Σₖ Aₖ ⊗ Wₖ, A `[n, n, n]`, W `[n, in/n, out/n]`; each is given whole or as two factors. Zhang et
//! al., "Beyond Fully-Connected Layers with Quaternions", 2021.

use super::{factors, fill, wrong};
use peftc_plugin::{Result, TaskCall, TensorView};

/// Sources: the rule A, the weight W, each of one or two parts, and maybe the scaling. Parameters: a
/// constant factor; how many parts A and W have.
pub(crate) fn run(call: &mut TaskCall<'_>) -> Result<()> {
    let [constant, rule_parts, weight_parts] = call.numbers()?;
    let (rule_parts, weight_parts) = (rule_parts as usize, weight_parts as usize);
    let part = |from: usize, count: usize| call.sources.get(from..from + count).ok_or_else(wrong);
    let rule = Matrices::of(part(0, rule_parts)?)?;
    let weight = Matrices::of(part(rule_parts, weight_parts)?)?;
    let scaling = call.sources.get(rule_parts + weight_parts);
    let columns = rule.columns * weight.columns;
    let factors = factors(constant, scaling, columns)?;
    let mut values = kronecker_sum(&rule, &weight);
    for row in values.chunks_exact_mut(columns.max(1)) {
        row.iter_mut().zip(&factors).for_each(|(value, factor)| *value *= factor);
    }
    let values: Vec<f32> = values.into_iter().map(|v| v as f32).collect();
    fill(call, &values)
}

/// `count` matrices.
struct Matrices {
    count: usize,
    rows: usize,
    columns: usize,
    values: Vec<f64>,
}

impl Matrices {
    fn of(parts: &[TensorView<'_>]) -> Result<Self> {
        match parts {
            [whole] => Self::read(whole),
            [left, right] => Self::read(left)?.times(&Self::read(right)?),
            _ => Err(wrong()),
        }
    }

    fn read(tensor: &TensorView<'_>) -> Result<Self> {
        let &[count, rows, columns] = tensor.dims else { return Err(wrong()) };
        let values = tensor.to_f32()?.into_iter().map(f64::from).collect();
        Ok(Self { count: count as usize, rows: rows as usize, columns: columns as usize, values })
    }

    fn at(&self, matrix: usize, row: usize, column: usize) -> f64 {
        self.values[(matrix * self.rows + row) * self.columns + column]
    }

    fn times(&self, other: &Self) -> Result<Self> {
        if (self.count, self.columns) != (other.count, other.rows) {
            return Err(wrong());
        }
        let (count, rows, columns) = (self.count, self.rows, other.columns);
        let mut values = Vec::with_capacity(count * rows * columns);
        for matrix in 0..count {
            for row in 0..rows {
                for column in 0..columns {
                    let term = |k| self.at(matrix, row, k) * other.at(matrix, k, column);
                    values.push((0..self.columns).map(term).sum());
                }
            }
        }
        Ok(Self { count, rows, columns, values })
    }
}

/// Σₖ Aₖ ⊗ Wₖ
fn kronecker_sum(rule: &Matrices, weight: &Matrices) -> Vec<f64> {
    let (rows, columns) = (rule.rows * weight.rows, rule.columns * weight.columns);
    let mut values = Vec::with_capacity(rows * columns);
    for row in 0..rows {
        for column in 0..columns {
            let (i, p) = (row / weight.rows, row % weight.rows);
            let (j, q) = (column / weight.columns, column % weight.columns);
            let term = |k| rule.at(k, i, j) * weight.at(k, p, q);
            values.push((0..rule.count.min(weight.count)).map(term).sum());
        }
    }
    values
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sum_of_kronecker_products() {
        let rule = Matrices { count: 2, rows: 1, columns: 2, values: vec![1.0, 2.0, 10.0, 0.0] };
        let weight = Matrices { count: 2, rows: 2, columns: 1, values: vec![3.0, 4.0, 5.0, 6.0] };
        assert_eq!(kronecker_sum(&rule, &weight), [53.0, 6.0, 64.0, 8.0]);
    }
}
