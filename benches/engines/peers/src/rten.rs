//! rten, with packed weights.

use crate::{Elements, Input, Result};
use rten::{Model, ModelOptions, NodeId, RunOptions, ThreadPool, Value};
use rten_tensor::prelude::*;
use rten_tensor::{Tensor, TensorView};
use std::path::Path;
use std::sync::Arc;

pub(crate) struct Rten {
    model: Model,
    inputs: Vec<(NodeId, Value)>,
    options: RunOptions,
}

impl Rten {
    pub(crate) fn new(path: &Path, inputs: &[Input], threads: usize) -> Result<Self> {
        let mut options = ModelOptions::with_all_ops();
        let model = options.prepack_weights(true).load_file(path)?;
        let value = |input: &Input| -> Result<(NodeId, Value)> {
            let shape = input.shape.as_slice();
            let value: Value = match input.elements() {
                Elements::Floats(floats) => Tensor::from_data(shape, floats).into(),
                // It holds 64-bit integers in 32 bits.
                Elements::Integers(integers) => {
                    let narrow: Vec<i32> = integers.into_iter().map(i32::try_from).collect::<std::result::Result<_, _>>()?;
                    Tensor::from_data(shape, narrow).into()
                }
            };
            Ok((model.node_id(&input.name)?, value))
        };
        let inputs = inputs.iter().map(value).collect::<Result<_>>()?;
        let pool = Arc::new(ThreadPool::with_num_threads(threads));
        Ok(Self { model, inputs, options: RunOptions::default().with_thread_pool(Some(pool)) })
    }

    fn values(&self) -> Result<Vec<Value>> {
        let inputs = self.inputs.iter().map(|(id, value)| (*id, value.into())).collect();
        Ok(self.model.run(inputs, self.model.output_ids(), Some(self.options.clone()))?)
    }
}

impl crate::Session for Rten {
    fn run(&mut self) -> Result<()> {
        self.values().map(drop)
    }

    fn outputs(&mut self) -> Result<Vec<Vec<f32>>> {
        let floats = |value: &Value| -> Result<Vec<f32>> {
            let view: TensorView<f32> = value.try_into()?;
            Ok(view.to_vec())
        };
        self.values()?.iter().map(floats).collect()
    }
}
