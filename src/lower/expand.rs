//! A model in fewer kinds of operators that computes the same.
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

/// A model with the same inputs, outputs and results, in fewer operators, in its subgraphs too:
///
/// - Calls of functions give way to what the functions are, but where a function has another version
///   of an operator than the model.
/// - Constants are initializers.
/// - Composite operators (attention and its kin, rotations, sums that are normalized, products with
///   weights of a few bits) are made of plain ones, where all that a node has is known to fit; the
///   others stay. A constant weight of a few bits becomes one of float32, which takes 8 times the
///   memory of 4 bits.
///
/// Values of the main graph keep their names, as far as they are still computed. Results are those of
/// the operators up to what rounding each step to the type of its elements changes; a float16 or
/// bfloat16 scale of scores is rounded to that type.
///
/// # Errors
/// A function calls itself; an output of the model is never there.
pub(crate) fn expand(model: &Model) -> Result<Model> {
    rewrite::rewrite(&inline::inline(model)?)
}
