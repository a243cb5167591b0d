//! Mode `inject`: x·Aᵀ·(s·Bᵀ) beside the frozen weight.

use crate::keys::CheckedLayer;
use crate::merge::scaled_bias;
use peftc_plugin::{
    Attr, NodeSpec, Record, Result, Run, Site, SiteInfo, SourceSpec, TaskSpec, TensorType, Value,
    one, words,
};

/// Injects one layer.
pub(crate) fn layer(run: &Run<'_>, layer: &CheckedLayer<'_>) -> Result<()> {
    let Some(&(_, first)) = layer.sites.first() else { return Ok(()) };
    let dtype = first.dtype;
    let a_type = TensorType::new(dtype, [first.in_features, layer.inner()]);
    let b_type = TensorType::new(dtype, [layer.inner(), first.out_features]);
    let branch = Branch {
        module: layer.module,
        a: turned(run, layer, ("lora_A", SourceSpec::Adapter(layer.a)), a_type, 1.0)?,
        b: turned(run, layer, ("lora_B", layer.b(run)?), b_type, layer.scale)?,
    };
    let bias = match layer.b_bias {
        Some(name) => {
            let ty = TensorType::new(dtype, [first.out_features]);
            Some(scaled_bias(run, layer, name, ty)?)
        }
        None => None,
    };
    for &(site, info) in &layer.sites {
        branch.add(run, site, &info, bias)?;
    }
    let rows = first.in_features + first.out_features;
    run.record(&Record {
        module: layer.module,
        value: Some(first.output),
        what: &layer.what(),
        parameters: layer.parameters,
        flops_per_token: (2 * layer.inner() * rows) as u64 * layer.sites.len() as u64,
    })
}

/// A tensor of the adapter, transposed, scaled and cast.
fn turned(
    run: &Run<'_>,
    layer: &CheckedLayer<'_>,
    (leaf, source): (&str, SourceSpec<'_>),
    ty: TensorType,
    scale: f64,
) -> Result<Value> {
    one(run.add_task(TaskSpec {
        kind: "turn",
        label: layer.module,
        sources: vec![source],
        results: vec![(ty, format!("{}.{leaf}.weight", layer.module))],
        params: words(&[scale, 1.0]),
        ..Default::default()
    })?)
}

/// A side branch: Aᵀ `[in, r]` and s·Bᵀ `[r, out]`.
pub(crate) struct Branch<'r> {
    pub(crate) module: &'r str,
    pub(crate) a: Value,
    pub(crate) b: Value,
}

impl Branch<'_> {
    /// Adds the branch to a site.
    pub(crate) fn add(
        &self,
        run: &Run<'_>,
        site: Site,
        info: &SiteInfo<'_>,
        bias: Option<Value>,
    ) -> Result<()> {
        let x = match info.transposed_input {
            true => self.node(run, "lora_A/Transpose", "lora.transpose", &[info.input])?,
            false => info.input,
        };
        let low = self.node(run, "lora_A/MatMul", "lora.A", &[x, self.a])?;
        let mut delta = self.node(run, "lora_B/MatMul", "lora.B", &[low, self.b])?;
        if let Some(bias) = bias {
            delta = self.node(run, "lora_B/Add", "lora.bias", &[delta, bias])?;
        }
        run.add_delta(site, delta)
    }

    /// Adds a node whose operator is the last part of its place.
    fn node(&self, run: &Run<'_>, place: &str, role: &str, inputs: &[Value]) -> Result<Value> {
        let op_type = place.rsplit('/').next().unwrap_or(place);
        let name = format!("/{}/{place}", self.module.replace('.', "/"));
        let attrs = match op_type {
            "Transpose" => vec![("perm", Attr::Ints(&[1, 0]))],
            _ => Vec::new(),
        };
        one(run.add_node(NodeSpec {
            op_type,
            domain: "",
            name: &name,
            role,
            module: self.module,
            inputs: inputs.iter().map(|&v| Some(v)).collect(),
            outputs: vec![format!("{name}_output_0")],
            attrs,
        })?)
    }
}
