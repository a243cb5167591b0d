//! tract, with the shapes of the inputs known when the model is loaded.

use crate::{Elements, Input, Result};
use std::path::Path;
use std::sync::Arc;
use tract_linalg::multithread::{Executor, set_default_executor};
use tract_onnx::prelude::*;

pub(crate) struct Tract {
    plan: Arc<TypedRunnableModel>,
    inputs: TVec<TValue>,
}

impl Tract {
    pub(crate) fn new(path: &Path, inputs: &[Input], threads: usize) -> Result<Self> {
        if threads > 1 {
            set_default_executor(Executor::multithread(threads));
        }
        // Symbols of declared shapes are not always those of the graph.
        let mut model = tract_onnx::onnx().with_ignore_value_info(true).with_ignore_output_shapes(true).model_for_path(path)?;
        let mut values = tvec![];
        for outlet in model.input_outlets()?.to_vec() {
            let name = &model.node(outlet.node).name;
            let input = inputs.iter().find(|input| &input.name == name).ok_or(format!("no input {name}"))?;
            let value = match input.elements() {
                Elements::Floats(floats) => Tensor::from_shape(&input.shape, &floats)?,
                Elements::Integers(integers) => Tensor::from_shape(&input.shape, &integers)?,
            };
            let at = values.len();
            model.set_input_fact(at, InferenceFact::dt_shape(value.datum_type(), &input.shape))?;
            values.push(value.into_tvalue());
        }
        Ok(Self { plan: model.into_optimized()?.into_runnable()?, inputs: values })
    }
}

impl crate::Session for Tract {
    fn run(&mut self) -> Result<()> {
        Ok(self.plan.run(self.inputs.clone()).map(drop)?)
    }

    fn outputs(&mut self) -> Result<Vec<Vec<f32>>> {
        let outputs = self.plan.run(self.inputs.clone())?;
        outputs.iter().map(|o| Ok(o.to_plain_array_view::<f32>()?.iter().copied().collect())).collect()
    }
}
