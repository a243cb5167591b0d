//! Sizes of recurrent layers, and where things stand.

use crate::error::{Error, Result};
use crate::ops::Call;
use crate::ops::shape::{sizes, strides};

pub(super) struct Sizes {
    pub(super) length: usize,
    pub(super) batch: usize,
    /// Elements of an input.
    pub(super) input: usize,
    pub(super) directions: usize,
    /// Elements of the hidden state.
    pub(super) hidden: usize,
    batch_first: bool,
}

impl Sizes {
    /// Those of a layer: inputs X and R, attributes `direction`, `hidden_size` and `layout`.
    pub(super) fn of(call: &Call<'_>) -> Result<Self> {
        let batch_first = call.schema.attribute("layout").is_some() && call.flag("layout")?;
        let directions = match call.string("direction")?.as_str() {
            "forward" | "reverse" => 1,
            "bidirectional" => 2,
            other => return Err(Error::input(format!("there is no direction {other:?}"))),
        };
        let (x, r) = (sizes(call.input(0)?), sizes(call.input(2)?));
        let ([first, second, input], [_, _, hidden]) = (&x[..], &r[..]) else {
            return Err(Error::input(format!("X {x:?} and R {r:?} have not rank 3")));
        };
        if *input == 0 || *hidden == 0 {
            return Err(Error::input(format!("X {x:?} and R {r:?} have vectors of no elements")));
        }
        if call.has("hidden_size") && call.int("hidden_size")? != *hidden as i64 {
            let said = call.int("hidden_size")?;
            return Err(Error::input(format!("hidden_size is {said}, that of R {hidden}")));
        }
        let (&length, &batch) = if batch_first { (second, first) } else { (first, second) };
        Ok(Self { length, batch, input: *input, directions, hidden: *hidden, batch_first })
    }

    /// The shape of the states.
    pub(super) fn states(&self) -> Vec<usize> {
        match self.batch_first {
            true => vec![self.batch, self.directions, self.hidden],
            false => vec![self.directions, self.batch, self.hidden],
        }
    }

    /// The shape of Y.
    pub(super) fn y(&self) -> Vec<usize> {
        match self.batch_first {
            true => vec![self.batch, self.length, self.directions, self.hidden],
            false => vec![self.length, self.directions, self.batch, self.hidden],
        }
    }

    /// Where an input starts.
    pub(super) fn x_at(&self, place: usize, batch: usize) -> usize {
        let at = match self.batch_first {
            true => batch * self.length + place,
            false => place * self.batch + batch,
        };
        at * self.input
    }

    /// Where a state starts.
    pub(super) fn state_at(&self, direction: usize, batch: usize) -> usize {
        let at = match self.batch_first {
            true => batch * self.directions + direction,
            false => direction * self.batch + batch,
        };
        at * self.hidden
    }

    /// Where an output starts.
    pub(super) fn y_at(&self, place: usize, direction: usize, batch: usize) -> usize {
        let at = match self.batch_first {
            true => [batch, place, direction],
            false => [place, direction, batch],
        };
        at.iter().zip(strides(&self.y())).map(|(at, stride)| at * stride).sum()
    }
}
