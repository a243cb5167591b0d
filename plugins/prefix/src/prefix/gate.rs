//! Gates: a sequence opens the rows of a layer by the mean over its tokens of σ(x·Wᵀ + b), padding
//! included, where x is what Q is made of.

use super::Added;
use crate::graph::Place;
use peftc_plugin::{
    AttentionInfo, Attr, Error, Result, Run, SiteInfo, SourceSpec, TaskSpec, TensorType, Value,
    one, words,
};

/// The gate of a layer.
pub(crate) struct Gate<'a> {
    weight: &'a str,
    bias: &'a str,
    /// 1 for keys and values together, 2 for each its own.
    outputs: i64,
    hidden: i64,
}

impl<'a> Gate<'a> {
    /// Checks the tensors of a gate.
    pub(crate) fn new(
        run: &Run<'a>,
        site: &AttentionInfo<'_>,
        weight: &'a str,
        bias: &'a str,
        outputs: i64,
    ) -> Result<Self> {
        let hidden = query(run, site)?.in_features;
        for (name, expected) in [(weight, &[outputs, hidden][..]), (bias, &[outputs])] {
            let found = run.adapter_tensor(name)?.dims;
            if found != expected {
                return Err(Error::invalid(format!(
                    "{name} is {found:?}, expected {expected:?}: the hidden size of the model is {hidden}, and \
                     shared_gating makes the outputs 1, else they are 2"
                )));
            }
        }
        Ok(Self { weight, bias, outputs, hidden })
    }

    pub(crate) fn parameters(&self) -> u64 {
        (self.outputs * (self.hidden + 1)) as u64
    }

    /// Operations for each token.
    pub(crate) fn flops(&self) -> i64 {
        2 * self.outputs * self.hidden
    }

    /// What the rows of keys and those of values are multiplied by, each `[batch, 1, 1, 1]`.
    pub(super) fn factors(
        &self,
        run: &Run<'_>,
        site: &AttentionInfo<'_>,
        module: &str,
        added: &mut Added,
    ) -> Result<[Value; 2]> {
        let place = Place { role: "prefix.gate", module, part: "prefix/gate" };
        let tensor = |name: &str, leaf: &str, dims: &[i64], turn: f64| {
            one(run.add_task(TaskSpec {
                kind: "turn",
                label: module,
                sources: vec![SourceSpec::Adapter(name)],
                results: vec![(
                    TensorType::new(site.dtype, dims),
                    format!("{module}.prefix.gate.{leaf}"),
                )],
                params: words(&[1.0, turn]),
                ..Default::default()
            })?)
        };
        let weight = tensor(self.weight, "weight", &[self.hidden, self.outputs], 1.0)?;
        let bias = tensor(self.bias, "bias", &[self.outputs], 0.0)?;
        let node = |op_type, inputs: &[Value]| place.node(run, op_type, inputs, Vec::new());
        let product = node("MatMul", &[query(run, site)?.input, weight])?;
        let open = node("Sigmoid", &[node("Add", &[product, bias])?])?;
        // Tokens may have been merged with the batch.
        let shape =
            added.shape(run, site.keys.value, site.keys.heads, "gate", [-1, 1, self.outputs])?;
        let tokens = node("Reshape", &[open, shape])?;
        let mean = mean(run, &place, tokens)?;
        if self.outputs == 1 {
            return Ok([mean, mean]);
        }
        let part = |leaf, index| {
            let index = place.vector(run, leaf, &[index])?;
            place.node(run, "Gather", &[mean, index], vec![("axis", Attr::Int(3))])
        };
        Ok([part("key", 0)?, part("value", 1)?])
    }
}

/// The linear layer that makes Q.
fn query<'a>(run: &Run<'a>, site: &AttentionInfo<'_>) -> Result<SiteInfo<'a>> {
    let query = site.projections[0].map(|query| run.site(query)).transpose()?;
    query.filter(|query| !query.transposed_input).ok_or_else(|| {
        Error::unsupported(format!(
            "{}: the linear layer of Q was not found, whose input the gates of the prefix read",
            site.module
        ))
    })
}

/// The mean over the second axis.
fn mean(run: &Run<'_>, place: &Place<'_>, tokens: Value) -> Result<Value> {
    let keep = ("keepdims", Attr::Int(1));
    if run.opset("")?.unwrap_or(0) < 18 {
        return place.node(run, "ReduceMean", &[tokens], vec![("axes", Attr::Ints(&[1])), keep]);
    }
    let axes = place.vector(run, "axes", &[1])?;
    place.node(run, "ReduceMean", &[tokens, axes], vec![keep])
}
