//! One step of a sequence.

use super::activation::Activation;
use std::ops::Range;

/// What a sequence carries from one place to the next.
pub(super) struct State {
    pub(super) hidden: Vec<f64>,
    /// Of an LSTM.
    pub(super) cell: Vec<f64>,
}

/// The weights of a direction, those of each gate beside each other, and how they are used.
pub(super) struct Cell<'a> {
    /// Elements of the hidden state.
    pub(super) hidden: usize,
    /// Of inputs.
    pub(super) w: &'a [f64],
    /// Of the hidden state.
    pub(super) r: &'a [f64],
    /// What is added to both: (2 · gates · hidden).
    pub(super) b: &'a [f64],
    /// Of the state of an LSTM at its input, output and forget gates.
    pub(super) peepholes: &'a [f64],
    pub(super) activations: &'a [Activation],
    pub(super) clip: f64,
    /// Whether a GRU resets the hidden state after its product with weights.
    pub(super) linear_before_reset: bool,
    /// Whether an LSTM forgets as much as it takes in.
    pub(super) input_forget: bool,
}

impl Cell<'_> {
    /// H ← f(X Wᵀ + H Rᵀ + Wb + Rb).
    pub(super) fn rnn(&self, x: &[f64], state: &mut State) {
        let gates = self.gates(x, &state.hidden);
        state.hidden = gates.into_iter().map(|gate| self.activate(0, gate)).collect();
    }

    /// Gates z, r and h (<https://arxiv.org/abs/1406.1078>).
    pub(super) fn gru(&self, x: &[f64], state: &mut State) {
        let n = self.hidden;
        let of_x = self.of_input(x);
        let of_h = self.of_hidden(0..2, &state.hidden);
        let gate = |at: usize| self.activate(0, of_x[at] + of_h[at]);
        let (z, r): (Vec<f64>, Vec<f64>) =
            ((0..n).map(gate).collect(), (n..2 * n).map(gate).collect());
        let times = |x: &[f64], y: &[f64]| x.iter().zip(y).map(|(x, y)| x * y).collect::<Vec<_>>();
        let reset = match self.linear_before_reset {
            true => times(&r, &self.of_hidden(2..3, &state.hidden)),
            false => self.of_hidden(2..3, &times(&r, &state.hidden)),
        };
        for (at, hidden) in state.hidden.iter_mut().enumerate() {
            let h = self.activate(1, of_x[2 * n + at] + reset[at]);
            *hidden = (1.0 - z[at]) * h + z[at] * *hidden;
        }
    }

    /// Clipped are the inputs of gates, as in ONNX Runtime, not the state. Gates i, o, f and c
    /// (<https://doi.org/10.1162/neco.1997.9.8.1735>).
    pub(super) fn lstm(&self, x: &[f64], state: &mut State) {
        let n = self.hidden;
        let gates = self.gates(x, &state.hidden);
        for at in 0..n {
            let old = state.cell[at];
            let peep = |gate: usize, cell: f64| {
                gates[gate * n + at] + self.peepholes[gate * n + at] * cell
            };
            let i = self.activate(0, peep(0, old));
            let f = if self.input_forget { 1.0 - i } else { self.activate(0, peep(2, old)) };
            let cell = f * old + i * self.activate(1, gates[3 * n + at]);
            let o = self.activate(0, peep(1, cell));
            state.cell[at] = cell;
            state.hidden[at] = o * self.activations[2].of(cell);
        }
    }

    /// X Wᵀ + H Rᵀ + Wb + Rb of all gates.
    fn gates(&self, x: &[f64], h: &[f64]) -> Vec<f64> {
        let of_x = self.of_input(x);
        let of_h = self.of_hidden(0..of_x.len() / self.hidden, h);
        of_x.into_iter().zip(of_h).map(|(x, h)| x + h).collect()
    }

    /// X Wᵀ + Wb of all gates.
    fn of_input(&self, x: &[f64]) -> Vec<f64> {
        affine(self.w, x, &self.b[..self.b.len() / 2])
    }

    /// H Rᵀ + Rb of some gates.
    fn of_hidden(&self, gates: Range<usize>, h: &[f64]) -> Vec<f64> {
        let rows = gates.start * self.hidden..gates.end * self.hidden;
        let r = &self.r[rows.start * self.hidden..rows.end * self.hidden];
        affine(r, h, &self.b[self.b.len() / 2..][rows])
    }

    /// An activation of a number that is clipped.
    fn activate(&self, which: usize, x: f64) -> f64 {
        self.activations[which].of(x.clamp(-self.clip, self.clip))
    }
}

fn affine(rows: &[f64], x: &[f64], bias: &[f64]) -> Vec<f64> {
    let row =
        |(row, bias): (&[f64], &f64)| row.iter().zip(x).map(|(w, x)| w * x).sum::<f64>() + bias;
    rows.chunks_exact(x.len()).zip(bias).map(row).collect()
}
