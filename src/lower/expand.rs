//! A model in fewer operators that computes the same.
#![forbid(unsafe_code)]

mod attention;
mod bits;
mod build;
mod copy;
mod einsum;
mod embed;
mod gelu;
mod heads;
mod inline;
mod matmul;
mod norm;
mod rewrite;
mod rotary;
mod site;

use crate::error::Result;
use crate::ir::Model;

/// A model with the same inputs, outputs and results, in which calls of functions stand no more
/// and constants are initializers.
///
/// A call stays where the function has another version of an operator than the model. Values of
/// the main graph keep their names.
///
/// # Errors
/// A function calls itself; an output of the model is never there.
pub(crate) fn expand(model: &Model) -> Result<Model> {
    rewrite::rewrite(&inline::inline(model)?)
}
