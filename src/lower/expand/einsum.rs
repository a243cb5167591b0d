//! Products of two operands as equations of labels say them.

use super::build::Len;
use super::site::Site;
use crate::ir::ValueId;
use crate::ops::einsum_labels;

/// A letter, or an axis that an ellipsis stands for.
type Label = usize;

/// The labels of both operands and of the output.
struct Equation {
    operands: [Vec<Label>; 2],
    output: Vec<Label>,
}

/// An Einsum of two operands that is a product of matrices up to the order of axes: each label is
/// in the output or in both operands.
pub(super) fn einsum(site: &mut Site<'_, '_>) -> Option<Vec<Option<ValueId>>> {
    let ranks = [site.rank(0)?, site.rank(1)?];
    let equation = Equation::of(&site.call().string("equation").ok()?, ranks)?;
    (!site.has(2) && site.dtype(0)?.is_float()).then_some(())?;
    let [batch, left, right] =
        [[true, true], [true, false], [false, true]].map(|of| equation.output_of(of));
    let summed = equation.summed()?;
    for label in batch.iter().chain(&summed) {
        let size = |slot: usize| site.size(slot, equation.axis(slot, *label)?);
        if size(0)? != size(1)? {
            return None;
        }
    }
    let a = operand(site, &equation, 0, &batch, [&left, &summed])?;
    let b = operand(site, &equation, 1, &batch, [&summed, &right])?;
    let mut y = site.make("MatMul", &[a, b])?;
    let order = [&batch[..], &left, &right].concat();
    if left.len() != 1 || right.len() != 1 {
        let shape = lens(site, &equation, &order)?;
        y = site.reshape_to(y, &shape)?;
    }
    let place = |label: &Label| order.iter().position(|known| known == label).map(|at| at as i64);
    let order = equation.output.iter().map(place).collect::<Option<Vec<i64>>>()?;
    Some(vec![Some(site.transpose(y, &order)?)])
}

/// An operand as (batch, rows, columns): labels of rows, or columns, become one axis.
fn operand(
    site: &mut Site<'_, '_>,
    equation: &Equation,
    slot: usize,
    batch: &[Label],
    matrix: [&Vec<Label>; 2],
) -> Option<ValueId> {
    let x = site.input(slot)?;
    let order = [batch, matrix[0], matrix[1]].concat();
    let axis = |label: &Label| equation.axis(slot, *label).map(|axis| axis as i64);
    let order = order.iter().map(axis).collect::<Option<Vec<i64>>>()?;
    let x = site.transpose(x, &order)?;
    if matrix.iter().all(|labels| labels.len() == 1) {
        return Some(x);
    }
    let mut shape = lens(site, equation, batch)?;
    for labels in matrix {
        let all = lens(site, equation, labels)?;
        shape.push(site.product(&all)?);
    }
    site.reshape_to(x, &shape)
}

/// The sizes of labels.
fn lens(site: &mut Site<'_, '_>, equation: &Equation, labels: &[Label]) -> Option<Vec<Len>> {
    let len = |label: &Label| {
        let slot = usize::from(equation.axis(0, *label).is_none());
        site.len(slot, equation.axis(slot, *label)?)
    };
    labels.iter().map(len).collect()
}

impl Equation {
    /// None for other numbers of operands, and where one has a label twice.
    fn of(text: &str, ranks: [usize; 2]) -> Option<Self> {
        let (operands, output) = einsum_labels(text, &ranks).ok()?;
        let operands: [Vec<Label>; 2] = operands.try_into().ok()?;
        let is_once = |all: &Vec<Label>| (1..all.len()).all(|at| !all[..at].contains(&all[at]));
        operands.iter().all(is_once).then_some(Self { operands, output })
    }

    fn axis(&self, slot: usize, label: Label) -> Option<usize> {
        self.operands[slot].iter().position(|&own| own == label)
    }

    /// The labels of the output that are in these operands alone.
    fn output_of(&self, operands: [bool; 2]) -> Vec<Label> {
        let of = |label: &Label| [0, 1].map(|slot| self.axis(slot, *label).is_some());
        self.output.iter().copied().filter(|label| of(label) == operands).collect()
    }

    /// The labels that are summed over; none where one is in one operand alone.
    fn summed(&self) -> Option<Vec<Label>> {
        let [a, b] = self.operands.each_ref().map(|all| -> Vec<Label> {
            all.iter().copied().filter(|label| !self.output.contains(label)).collect()
        });
        (a.len() == b.len() && a.iter().all(|label| b.contains(label))).then_some(a)
    }
}
