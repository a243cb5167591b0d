//! Mode `inject`: the scales stay, as a Mul.

use crate::layer::Layer;
use peftc_plugin::{NodeSpec, Result, Run, Value, one};

/// Injects one layer.
pub(crate) fn layer(run: &Run<'_>, layer: &Layer<'_>) -> Result<()> {
    let Some((_, first)) = layer.sites.first() else { return Ok(()) };
    // x may be read as [in, …].
    let dims = match layer.is_feedforward && first.transposed_input {
        true => vec![layer.size, 1],
        false => vec![layer.size],
    };
    let scales = layer.tensor(run, first.dtype, &dims)?;
    for (_, info) in &layer.sites {
        match layer.is_feedforward {
            true => {
                let scaled = mul(run, layer, info.input, scales)?;
                run.replace_input(info.node, 0, scaled)?;
            }
            false => {
                let scaled = mul(run, layer, info.result, scales)?;
                run.replace_uses(info.result, scaled)?;
            }
        }
    }
    Ok(())
}

fn mul(run: &Run<'_>, layer: &Layer<'_>, value: Value, scales: Value) -> Result<Value> {
    let name = format!("/{}/ia3/Mul", layer.module.replace('.', "/"));
    one(run.add_node(NodeSpec {
        op_type: "Mul",
        domain: "",
        name: &name,
        role: "ia3.mul",
        module: layer.module,
        inputs: vec![Some(value), Some(scales)],
        outputs: vec![format!("{name}_output_0")],
        attrs: Vec::new(),
    })?)
}
