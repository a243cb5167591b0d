//! `Gradient` of ai.onnx.preview.training: before a model is run, each such node becomes the operators
//! that compute it, by reverse mode over the graph between `xs` and `y`. So a gradient has gradients.
//!
//! Where `y` is no scalar, the gradient is that of the sum of its elements. `xs` and `zs` are
//! independent variables, whatever makes them. Of a variable that `y` does not depend on it is 0.

mod activation;
mod elementwise;
mod movement;
mod product;
mod reduce;
mod rule;
mod tape;
#[cfg(test)]
mod tests;

use crate::error::{Error, Result};
use crate::ir::{AttributeValue, Graph, Model, NodeId, Op, ValueId};
use std::collections::HashMap;

const DOMAIN: &str = "ai.onnx.preview.training";

/// Replaces all nodes `Gradient` of a model.
///
/// # Errors
/// One names a tensor that its graph does not have, or there is an operator on the way from `xs` to `y`
/// whose derivative is not known: the first, with its node.
pub(super) fn expand(model: &mut Model) -> Result<()> {
    graph(&mut model.graph, &model.opset_imports)?;
    model.functions.iter_mut().try_for_each(|f| graph(&mut f.body, &f.opset_imports))
}

fn is_gradient(op: &Op) -> bool {
    op.domain == DOMAIN && op.op_type == "Gradient"
}

fn graph(own: &mut Graph, opsets: &[(String, i64)]) -> Result<()> {
    let ops: Vec<NodeId> = own.ops().into_iter().map(|(id, _)| id).collect();
    let mut made = HashMap::new();
    for id in ops {
        let within = |e: Error, own: &Graph| e.within(own.describe(id));
        // What only another gradient reads goes with it.
        let Some(op) = own.get_node(id).and_then(|node| node.op()) else { continue };
        if is_gradient(op) {
            replace(own, id, opsets, &mut made).map_err(|e| within(e, own))?;
        } else if op.subgraphs().next().is_some() {
            let mut subgraphs = own.op_mut(id).into_iter().flat_map(Op::subgraphs_mut);
            let done = subgraphs.try_for_each(|inner| graph(inner, opsets));
            drop(subgraphs);
            done.map_err(|e| within(e, own))?;
        }
    }
    Ok(())
}

/// The tensors of a node `Gradient`, and the inputs that stand for its variables.
struct Task {
    xs: Vec<ValueId>,
    zs: Vec<ValueId>,
    y: ValueId,
    given: Vec<ValueId>,
}

impl Task {
    fn new(own: &Graph, id: NodeId, made: &HashMap<String, ValueId>) -> Result<Self> {
        let named = |name: &[u8]| {
            let name = String::from_utf8_lossy(name);
            let value = made.get(name.as_ref()).copied().or_else(|| own.value_named(&name));
            value.ok_or_else(|| Error::input(format!("its graph has no tensor {name:?}")))
        };
        let op = own.node(id).op();
        let list = |name: &str| match op.and_then(|op| op.attribute(name)) {
            Some(AttributeValue::Strings(names)) => names.iter().map(|n| named(n)).collect(),
            Some(_) => Err(Error::input(format!("attribute {name:?} is no list of strings"))),
            None => Ok(Vec::new()),
        };
        let (xs, zs): (Vec<_>, Vec<_>) = (list("xs")?, list("zs")?);
        let y = match op.and_then(|op| op.attribute("y")) {
            Some(AttributeValue::String(name)) => named(name)?,
            _ => return Err(Error::input("attribute \"y\" is missing, or no string")),
        };
        let given: Vec<ValueId> = own.node_inputs(id).into_iter().flatten().collect();
        let outputs = own.node(id).outputs().len();
        if given.len() != xs.len() + zs.len() || outputs > xs.len() {
            let (xs, zs, given) = (xs.len(), zs.len(), given.len());
            let what = format!("there are {xs} xs, {zs} zs, {given} inputs and {outputs} outputs");
            return Err(Error::input(what).help("an input for each of them, an output for each x"));
        }
        Ok(Self { xs, zs, y, given })
    }
}

/// Replaces a node `Gradient`, and notes under which ids its outputs live on.
fn replace(
    own: &mut Graph,
    id: NodeId,
    opsets: &[(String, i64)],
    made: &mut HashMap<String, ValueId>,
) -> Result<()> {
    let task = Task::new(own, id, made)?;
    let mut tape = tape::Tape::new(own, id, opsets);
    let gradients = tape.gradients(&task)?;
    let mut outputs = Vec::new();
    for (output, gradient) in own.node(id).outputs().to_vec().into_iter().zip(gradients) {
        let Some(output) = output else { continue };
        let gradient = tape.add("Identity", Vec::new(), &[Some(gradient)]);
        tape.edits.replace_uses(output, gradient);
        outputs.push((own.value(output).name().to_owned(), gradient));
    }
    tape.edits.remove_node(id);
    let edits = tape.edits;
    let applied = own.apply(edits).map_err(|problems| Error::input(problems.join("; ")))?;
    let live = |id: ValueId| id.as_added().and_then(|at| applied.values.get(at)).copied();
    made.extend(outputs.into_iter().filter_map(|(name, id)| Some((name, live(id)?))));
    Ok(())
}
