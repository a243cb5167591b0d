//! Recurrent layers.

mod activation;
mod cell;
mod layer;
mod sizes;

use super::{Operator, infer, op};
use layer::{Kind, run};

static GRU: Kind = Kind {
    gates: 3,
    activations: &["Sigmoid", "Tanh"],
    has_cell: false,
    step: |c, x, s| c.gru(x, s),
};

static LSTM: Kind = Kind {
    gates: 4,
    activations: &["Sigmoid", "Tanh", "Tanh"],
    has_cell: true,
    step: |c, x, s| c.lstm(x, s),
};

static RNN: Kind =
    Kind { gates: 1, activations: &["Tanh"], has_cell: false, step: |c, x, s| c.rnn(x, s) };

pub(super) static OPERATORS: &[Operator] = &[
    op("GRU", |call| run(call, &GRU)).infer(infer::recurrent::layer),
    op("LSTM", |call| run(call, &LSTM)).infer(infer::recurrent::layer),
    op("RNN", |call| run(call, &RNN)).infer(infer::recurrent::layer),
];
