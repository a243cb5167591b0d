//! Attention and feed-forward sublayers.

use crate::adapter::{BlockSite, BlockSites, Norm, NormKind, Sites};
use crate::ir::Graph;
use serde::Serialize;

/// A sublayer of a transformer.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Block {
    /// `attention`, `cross-attention` or `feed-forward`.
    pub sublayer: &'static str,
    /// `encoder` or `decoder`; none if the model does not tell.
    pub stack: Option<String>,
    /// The layer in its stack, from 0.
    pub layer: u64,
    /// Module path of the output projection; none if unknown.
    pub module: Option<String>,
    /// The value that is added to the residual.
    pub output: String,
    /// The residual.
    pub residual: String,
    /// Their sum; none if an operator that normalizes too keeps it to itself.
    pub sum: Option<String>,
    /// `before`, `after` or none.
    pub norm: Option<&'static str>,
    /// `layer` or `rms`.
    pub norm_kind: Option<&'static str>,
    /// The size of the hidden states.
    pub hidden_size: i64,
    /// Their element type.
    pub dtype: &'static str,
}

/// The sublayers of a graph, in its order.
pub(super) fn blocks(graph: &Graph) -> Vec<Block> {
    let sites = BlockSites::find(graph, &Sites::find(graph));
    let name = |value| graph.value(value).name().to_owned();
    let block = |site: &BlockSite| {
        let norm = site.norm_before.as_ref().map(|norm| ("before", norm));
        let norm = norm.or_else(|| site.norm_after.as_ref().map(|norm| ("after", norm)));
        Block {
            sublayer: site.sublayer.name(),
            stack: site.stack.clone(),
            layer: site.layer,
            module: site.module.clone(),
            output: name(site.output),
            residual: name(site.residual),
            sum: site.sum.map(name),
            norm: norm.map(|(place, _)| place),
            norm_kind: norm.map(|(_, norm)| kind(norm)),
            hidden_size: site.hidden_size,
            dtype: site.dtype.name(),
        }
    };
    sites.all().iter().map(block).collect()
}

fn kind(norm: &Norm) -> &'static str {
    match norm.kind {
        NormKind::Layer => "layer",
        NormKind::Rms => "rms",
    }
}
