//! Products of two operands as equations of labels say them.

use super::build::Len;
use super::site::Site;
use crate::ir::ValueId;

/// The labels of both operands and of the output.
struct Equation {
    operands: [Vec<char>; 2],
    output: Vec<char>,
}

/// Labels by where they stand.
struct Classes {
    /// In all terms.
    batch: Vec<char>,
    /// In the output and one operand.
    free: [Vec<char>; 2],
    /// In both operands alone.
    summed: Vec<char>,
}

/// An Einsum of two operands that is a product of matrices up to the order of axes: each label is
/// in the output or in both operands.
pub(super) fn einsum(site: &mut Site<'_, '_>) -> Option<Vec<Option<ValueId>>> {
    let ranks = [site.rank(0)?, site.rank(1)?];
    let equation = Equation::of(&site.call().string("equation").ok()?, ranks)?;
    (!site.has(2) && site.dtype(0)?.is_float()).then_some(())?;
    let classes = equation.classes()?;
    for label in classes.batch.iter().chain(&classes.summed) {
        let size = |slot: usize| site.size(slot, equation.axis(slot, *label)?);
        if size(0)? != size(1)? {
            return None;
        }
    }
    let Classes { batch, free: [left, right], summed } = &classes;
    let a = operand(site, &equation, 0, batch, [left, summed])?;
    let b = operand(site, &equation, 1, batch, [summed, right])?;
    let mut y = site.make("MatMul", &[a, b])?;
    let order = [&batch[..], left, right].concat();
    if left.len() != 1 || right.len() != 1 {
        let shape = lens(site, &equation, &order)?;
        y = site.reshape_to(y, &shape)?;
    }
    let place = |label: &char| order.iter().position(|known| known == label).map(|at| at as i64);
    let order = equation.output.iter().map(place).collect::<Option<Vec<i64>>>()?;
    Some(vec![Some(site.transpose(y, &order)?)])
}

/// An operand as (batch, rows, columns): labels of rows, or columns, become one axis.
fn operand(
    site: &mut Site<'_, '_>,
    equation: &Equation,
    slot: usize,
    batch: &[char],
    matrix: [&Vec<char>; 2],
) -> Option<ValueId> {
    let x = site.input(slot)?;
    let order = [batch, matrix[0], matrix[1]].concat();
    let axis = |label: &char| equation.axis(slot, *label).map(|axis| axis as i64);
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
fn lens(site: &mut Site<'_, '_>, equation: &Equation, labels: &[char]) -> Option<Vec<Len>> {
    let len = |label: &char| {
        let slot = usize::from(equation.axis(0, *label).is_none());
        site.len(slot, equation.axis(slot, *label)?)
    };
    labels.iter().map(len).collect()
}

impl Equation {
    /// None for other numbers of operands, where ellipses do not stand for as many axes or no output
    /// is given with them, and where a term has a label twice.
    fn of(text: &str, ranks: [usize; 2]) -> Option<Self> {
        let bare = text.replace(' ', "");
        let (left, right) = match bare.split_once("->") {
            Some((left, right)) => (left, Some(right)),
            None => (bare.as_str(), None),
        };
        let (a, b) = left.split_once(',')?;
        let dots = |term: &str, rank: usize| match term.contains("...") {
            true => rank.checked_sub(term.len() - 3).map(Some),
            false => (rank == term.len()).then_some(None),
        };
        let dots = match (dots(a, ranks[0])?, dots(b, ranks[1])?) {
            (Some(a), Some(b)) if a != b => return None,
            (a, b) => a.or(b).unwrap_or(0),
        };
        let operands = [labels(a, dots)?, labels(b, dots)?];
        let output = match right {
            Some(output) => labels(output, dots)?,
            None if dots > 0 => return None,
            None => {
                let count = |label: &char| operands.iter().filter(|o| o.contains(label)).count();
                let once = operands.iter().flatten().copied().filter(|label| count(label) == 1);
                let mut once: Vec<char> = once.collect();
                once.sort_unstable();
                once
            }
        };
        Some(Self { operands, output })
    }

    fn axis(&self, slot: usize, label: char) -> Option<usize> {
        self.operands[slot].iter().position(|&own| own == label)
    }

    fn classes(&self) -> Option<Classes> {
        let [a, b] = &self.operands;
        let (is_left, is_right) = (|l: &char| a.contains(l), |l: &char| b.contains(l));
        let of_output = |keep: &dyn Fn(&char) -> bool| -> Vec<char> {
            self.output.iter().copied().filter(|label| keep(label)).collect()
        };
        let is_known = |label: &char| is_left(label) || is_right(label);
        let stays = |label: &char| self.output.contains(label);
        let is_summed = |label: &char| is_left(label) && is_right(label) && !stays(label);
        let all = || a.iter().chain(b);
        if !self.output.iter().all(is_known) || !all().all(|l| stays(l) || is_summed(l)) {
            return None;
        }
        Some(Classes {
            batch: of_output(&|label| is_left(label) && is_right(label)),
            free: [
                of_output(&|label| is_left(label) && !is_right(label)),
                of_output(&|label| is_right(label) && !is_left(label)),
            ],
            summed: a.iter().copied().filter(is_summed).collect(),
        })
    }
}

/// The labels of a term, each once: letters, and digits for the axes of an ellipsis.
fn labels(term: &str, dots: usize) -> Option<Vec<char>> {
    let (before, after) = term.split_once("...").unwrap_or((term, ""));
    let is_letters = |text: &str| text.chars().all(|label| label.is_ascii_alphabetic());
    let digits = (0..dots as u32).map(|at| char::from_digit(at, 10)).collect::<Option<String>>()?;
    let digits = if term.contains("...") { digits } else { String::new() };
    let labels: Vec<char> = before.chars().chain(digits.chars()).chain(after.chars()).collect();
    let is_new = |at: usize| !labels[..at].contains(&labels[at]);
    let fits = is_letters(before) && is_letters(after) && (0..labels.len()).all(is_new);
    fits.then_some(labels)
}
