//! What recurrent layers have in common: directions, lengths of sequences, layouts.

use super::activation::Activation;
use super::cell::{Cell, State};
use super::sizes::Sizes;
use crate::error::{Error, Result};
use crate::ops::numbers::{floats, i64s, of_floats};
use crate::ops::shape::{dims, filled, sizes};
use crate::ops::{Call, Value};

/// A kind of layer.
pub(super) struct Kind {
    pub(super) gates: usize,
    /// The defaults of a direction.
    pub(super) activations: &'static [&'static str],
    pub(super) has_cell: bool,
    pub(super) step: fn(&Cell<'_>, &[f64], &mut State),
}

/// Runs a layer: Y, Y_h and, where it has a cell, Y_c.
pub(super) fn run(call: &Call<'_>, kind: &Kind) -> Result<Vec<Value>> {
    let own = Sizes::of(call)?;
    let weights = Weights::of(call, kind, &own)?;
    let x = floats(call.input(0)?)?;
    let lengths = lengths(call, &own)?;
    let mut y = filled(&own.y(), 0.0)?;
    let mut y_h = input_or_zeros(call, 5, &own.states())?;
    let mut y_c = if kind.has_cell { input_or_zeros(call, 6, &own.states())? } else { Vec::new() };
    for direction in 0..own.directions {
        let cell = weights.cell(direction, own.hidden);
        let is_reverse = direction == 1 || call.string("direction")? == "reverse";
        for (batch, &length) in lengths.iter().enumerate() {
            let at = own.state_at(direction, batch);
            let at = at..at + own.hidden;
            let mut state = State {
                hidden: y_h[at.clone()].to_vec(),
                cell: y_c.get(at.clone()).unwrap_or_default().to_vec(),
            };
            for step in 0..length {
                let place = if is_reverse { length - 1 - step } else { step };
                (kind.step)(&cell, &x[own.x_at(place, batch)..][..own.input], &mut state);
                y[own.y_at(place, direction, batch)..][..own.hidden].copy_from_slice(&state.hidden);
            }
            y_h[at.clone()].copy_from_slice(&state.hidden);
            if kind.has_cell {
                y_c[at].copy_from_slice(&state.cell);
            }
        }
    }
    let dtype = call.input(0)?.dtype;
    let output = |sizes: &[usize], data: &[f64]| of_floats(dtype, &dims(sizes), data);
    let mut outputs = vec![output(&own.y(), &y)?.into(), output(&own.states(), &y_h)?.into()];
    if kind.has_cell {
        outputs.push(output(&own.states(), &y_c)?.into());
    }
    Ok(outputs)
}

/// The weights of all directions.
struct Weights {
    w: Vec<f64>,
    r: Vec<f64>,
    b: Vec<f64>,
    peepholes: Vec<f64>,
    activations: Vec<Activation>,
    clip: f64,
    linear_before_reset: bool,
    input_forget: bool,
    directions: usize,
}

impl Weights {
    fn of(call: &Call<'_>, kind: &Kind, own: &Sizes) -> Result<Self> {
        let (directions, hidden, rows) = (own.directions, own.hidden, kind.gates * own.hidden);
        let is_set = |name: &str| Ok(call.schema.attribute(name).is_some() && call.flag(name)?);
        let clip = if call.has("clip") { call.float("clip")? } else { f64::INFINITY };
        if clip.is_nan() || clip < 0.0 {
            return Err(Error::input(format!("clip is {clip}")));
        }
        Ok(Self {
            w: checked(call, 1, &[directions, rows, own.input])?,
            r: checked(call, 2, &[directions, rows, hidden])?,
            b: input_or_zeros(call, 3, &[directions, 2 * rows])?,
            peepholes: match kind.has_cell {
                true => input_or_zeros(call, 7, &[directions, 3 * hidden])?,
                false => Vec::new(),
            },
            activations: Activation::all(call, directions, kind.activations)?,
            clip,
            linear_before_reset: is_set("linear_before_reset")?,
            input_forget: is_set("input_forget")?,
            directions,
        })
    }

    fn cell(&self, direction: usize, hidden: usize) -> Cell<'_> {
        Cell {
            hidden,
            w: self.part(&self.w, direction),
            r: self.part(&self.r, direction),
            b: self.part(&self.b, direction),
            peepholes: self.part(&self.peepholes, direction),
            activations: self.part(&self.activations, direction),
            clip: self.clip,
            linear_before_reset: self.linear_before_reset,
            input_forget: self.input_forget,
        }
    }

    fn part<'a, T>(&self, all: &'a [T], direction: usize) -> &'a [T] {
        let size = all.len() / self.directions;
        &all[direction * size..][..size]
    }
}

/// The numbers of an input of this shape.
fn checked(call: &Call<'_>, slot: usize, shape: &[usize]) -> Result<Vec<f64>> {
    let tensor = call.input(slot)?;
    let found = sizes(tensor);
    if found != shape {
        let name = call.schema.input(slot).map_or("?", |input| input.name);
        return Err(Error::input(format!("{name} is {found:?}, not {shape:?}")));
    }
    floats(tensor)
}

fn input_or_zeros(call: &Call<'_>, slot: usize, shape: &[usize]) -> Result<Vec<f64>> {
    if call.optional(slot)?.is_some() { checked(call, slot, shape) } else { filled(shape, 0.0) }
}

/// The length of each sequence.
fn lengths(call: &Call<'_>, own: &Sizes) -> Result<Vec<usize>> {
    let Some(tensor) = call.optional(4)? else { return Ok(vec![own.length; own.batch]) };
    let given = i64s(tensor)?;
    let valid = |&length: &i64| usize::try_from(length).ok().filter(|&l| l <= own.length);
    match given.iter().map(valid).collect::<Option<Vec<usize>>>() {
        Some(lengths) if lengths.len() == own.batch => Ok(lengths),
        _ => {
            let (batch, length) = (own.batch, own.length);
            let lengths = format!("sequence_lens are {given:?}");
            Err(Error::input(format!("{lengths}: {batch} sequences have at most {length} places")))
        }
    }
}
