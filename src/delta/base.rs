//! The weights of the model that an adapter is for, where its change depends on them.

use super::numbers;
use crate::adapter::Sites;
use crate::error::{Error, Result};
use crate::onnx::{self, ReadModel};
use peftc_delta::Matrix;
use std::path::Path;

/// An ONNX model whose weights can be asked for.
#[derive(Debug)]
pub struct Base {
    read: ReadModel,
    sites: Sites,
}

impl Base {
    /// Opens a model. No weight is read.
    ///
    /// # Errors
    /// It is none, or a malformed one.
    pub fn open(path: &Path) -> Result<Self> {
        let read = onnx::read(path)?;
        let sites = Sites::find(&read.model.graph);
        Ok(Self { read, sites })
    }

    /// The weight of a linear layer, `[out, in]`.
    ///
    /// # Errors
    /// There is no such layer, or its weight is quantized.
    pub(super) fn weight(&self, module: &str) -> Result<Matrix> {
        let graph = &self.read.model.graph;
        let site = self.sites.of_module(module)?.into_iter().next();
        let site = site.ok_or_else(|| Error::bug(format!("no layer is {module}")))?;
        let tensor = graph
            .constant(site.weight.value)
            .ok_or_else(|| Error::input(format!("the base's weight of {module} is quantized")))?;
        let &[rows, columns] = tensor.dims.as_slice() else {
            return Err(Error::input(format!("the base's weight of {module} is no matrix")));
        };
        let elements = numbers::elements(tensor)?;
        let stored = Matrix::new(rows as usize, columns as usize, elements);
        let stored = stored.scaled(f64::from(site.weight.factor));
        Ok(if site.weight.transposed { stored.transposed() } else { stored })
    }
}
