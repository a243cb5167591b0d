//! What of the two models was not compared with anything.

use super::difference::{is_equal, of_parameters};
use super::layers::Layers;
use super::tuned::Tuned;
use crate::adapter::Sites;
use crate::error::Result;
use crate::ir::{Graph, Tensor};

/// Tensors of floats that differ, or that the other model has not, each with the reason.
///
/// # Errors
/// An element is not finite.
pub(super) fn find(
    graph: &Graph,
    sites: &Sites,
    tuned: &Tuned,
    layers: &Layers<'_>,
) -> Result<Vec<String>> {
    let (of_base, of_tuned) = (graph.initializers(), tuned.tensors());
    let modules = tuned.modules();
    let mut found = Vec::new();
    let is_left = |tensor: &Tensor| tensor.dtype.is_float() && tensor.element_count() > Some(1);
    for after in of_tuned.iter().filter(|t| is_left(t.tensor) && !layers.tuned.contains(t.name)) {
        let of_module = modules.get(after.name).map(|module| format!(" of {module}"));
        let name = format!("{}{}", after.name, of_module.unwrap_or_default());
        match graph.value_named(after.name).and_then(|value| graph.constant(value)) {
            Some(before) if before.dims != after.tensor.dims => {
                found.push(sizes(&name, before, after.tensor));
            }
            Some(before) => {
                let difference = of_parameters(before, after.tensor);
                let difference = difference.map_err(|e| e.within(&name))?;
                found.extend(
                    difference.map(|_| format!("{name}: differs, of no module that is known")),
                );
            }
            // Exporters number what has no name.
            None if of_base.iter().any(|(_, before)| is_equal(before, after.tensor)) => {}
            None => found.push(format!("{name}: the base has no parameter of this name")),
        }
    }
    for site in sites.all().iter().filter(|site| site.module.is_none()) {
        let name = graph.value(site.weight.value).name();
        let is_there = |before| of_tuned.iter().any(|after| is_equal(before, after.tensor));
        let is_named = of_tuned.iter().any(|after| after.name == name);
        if !is_named && !graph.constant(site.weight.value).is_some_and(is_there) {
            found.push(format!("{name}: of a linear layer without a module name, not compared"));
        }
    }
    Ok(found)
}

/// That a parameter has other sizes.
pub(super) fn sizes(name: &str, before: &Tensor, after: &Tensor) -> String {
    format!("{name}: {:?} in the base, {:?} in the tuned model", before.dims, after.dims)
}
