//! Rows of a weight, numbered as in the whole.

use super::{Params, wrong};
use peftc_delta::Rows;
use peftc_plugin::{Result, TensorView};
use std::ops::Range;

/// Some outputs of a weight, with all inputs, times what the graph multiplies it by.
pub(crate) struct Region {
    elements: Vec<f32>,
    outputs: Range<usize>,
    /// Of the whole weight.
    shape: (usize, usize),
    is_turned: bool,
    factor: f64,
}

impl Region {
    /// All of a weight.
    pub(crate) fn whole(view: &TensorView<'_>, params: &Params) -> Result<Self> {
        let outputs = *view.dims.get(usize::from(params.is_turned)).ok_or_else(wrong)?;
        Self::of(view, params, 0, outputs as usize)
    }

    /// From the output `first` on, of `outputs`.
    pub(crate) fn of(
        view: &TensorView<'_>,
        params: &Params,
        first: usize,
        outputs: usize,
    ) -> Result<Self> {
        let &[rows, columns] = view.dims else { return Err(wrong()) };
        let (rows, columns) = (rows as usize, columns as usize);
        let (count, inputs) = if params.is_turned { (columns, rows) } else { (rows, columns) };
        Ok(Self {
            elements: view.to_f32()?,
            outputs: first..first + count,
            shape: (outputs, inputs),
            is_turned: params.is_turned,
            factor: params.factor,
        })
    }

    /// The outputs that are there.
    pub(crate) fn outputs(&self) -> Range<usize> {
        self.outputs.clone()
    }
}

impl Rows for Region {
    fn shape(&self) -> (usize, usize) {
        self.shape
    }

    fn row(&self, row: usize, out: &mut [f64]) {
        let (at, count) = (row - self.outputs.start, self.outputs.len());
        let own = match self.is_turned {
            true => self.elements[at..].iter().step_by(count),
            false => self.elements[at * out.len()..].iter().step_by(1),
        };
        out.iter_mut().zip(own).for_each(|(out, x)| *out = f64::from(*x) * self.factor);
    }
}
