//! Low-rank side branches of linear layers.

use crate::error::Result;
use crate::ids::{Site, Value};
use crate::run::{Attr, NodeSpec, Run, SiteInfo, one};

/// A side branch: Aᵀ `[in, r]` and s·Bᵀ `[r, out]`.
pub struct Branch<'r> {
    /// The module.
    pub module: &'r str,
    /// Aᵀ.
    pub a: Value,
    /// s·Bᵀ.
    pub b: Value,
}

impl Branch<'_> {
    /// Adds the branch to a site: x·Aᵀ·(s·Bᵀ), and a bias behind it.
    ///
    /// # Errors
    /// The host refuses a node.
    pub fn add(
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
