//! Block sites.

use super::{EMPTY, Run, filled, lent_str};
use crate::error::{Error, Result};
use crate::ids::{BlockSite, Node, Value};
use crate::tensor::{DataType, array, known};
use peftc_abi::*;

/// What a sublayer computes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Sublayer {
    /// Self-attention.
    Attention,
    /// Attention over the states of an encoder.
    CrossAttention,
    /// The feed-forward network.
    FeedForward,
}

/// What a norm computes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum NormKind {
    /// (x − mean) / deviation · weight + bias
    Layer,
    /// x / root mean square · weight
    Rms,
}

/// A norm over the last axis.
#[derive(Clone, Debug)]
pub struct Norm {
    /// What it computes.
    pub kind: NormKind,
    /// What it normalizes.
    pub input: Value,
    /// What it makes.
    pub output: Value,
    /// Its operators, each behind those it reads.
    pub nodes: Vec<Node>,
}

/// An attention or feed-forward sublayer: `sum = output + residual`, where `output` was computed from
/// `residual`.
#[derive(Clone, Debug)]
pub struct BlockSiteInfo<'a> {
    /// The module path of the output projection; empty if unknown.
    pub module: &'a str,
    /// `encoder` or `decoder`; empty if the model does not tell.
    pub stack: &'a str,
    /// The layer in its stack, from 0.
    pub layer: u64,
    /// What it computes.
    pub sublayer: Sublayer,
    /// The MatMul or Gemm of the output projection.
    pub projection: Node,
    /// What is added to the residual: the projection's output with its bias, norm and scale,
    /// `[…, hidden]`.
    pub output: Value,
    /// What it is added to: what the sublayer was computed from, `[…, hidden]`, or the sum of that
    /// and of a sublayer beside.
    pub residual: Value,
    /// The residual Add, or an operator that adds and normalizes; or the Add of attention and
    /// feed-forward beside each other, to which the residual is added then.
    pub add: Node,
    /// The input slot of `output` in it.
    pub slot: usize,
    /// The sum with the residual; none where an operator that normalizes too keeps it to itself,
    /// and for an attention that the feed-forward beside it is added to first.
    pub sum: Option<Value>,
    /// The norm between the residual and what is computed from it (pre-LN).
    pub norm_before: Option<Norm>,
    /// The norm of the sum, where there is none before (post-LN).
    pub norm_after: Option<Norm>,
    /// The size of the hidden states.
    pub hidden_size: i64,
    /// Their element type.
    pub dtype: DataType,
}

impl<'a> Run<'a> {
    /// All block sites, in the order of the graph. None at all is an error that says what was
    /// looked for.
    pub fn block_sites(&self) -> Result<Vec<BlockSite>> {
        let mut len = 0;
        // SAFETY: host and context are those of this run.
        let sites = unsafe {
            let ptr =
                filled(std::ptr::null(), |o| (self.host.block_sites)(self.ctx, o, &raw mut len))?;
            array(ptr, len)
        };
        Ok(sites.iter().map(|&site| BlockSite(site)).collect())
    }

    /// The block site that an adapter's module path names, such as
    /// `encoder.layer.0.attention.output`. No match is an error with near misses.
    pub fn block_site_of_module(&self, module: &str) -> Result<BlockSite> {
        // SAFETY: host and context are those of this run.
        filled(PeftcBlockSite::default(), |o| unsafe {
            (self.host.block_site_of_module)(self.ctx, PeftcStr::new(module), o)
        })
        .map(BlockSite)
    }

    /// What a block site is.
    pub fn block_site(&self, site: BlockSite) -> Result<BlockSiteInfo<'a>> {
        // SAFETY: host and context are those of this run, which outlives what the site has.
        unsafe {
            let info = filled(NO_BLOCK, |o| (self.host.block_site_info)(self.ctx, site.0, o))?;
            Ok(BlockSiteInfo {
                module: lent_str(info.module),
                stack: lent_str(info.stack),
                layer: info.layer,
                sublayer: sublayer(info.sublayer)?,
                projection: Node(info.projection),
                output: Value(info.output),
                residual: Value(info.residual),
                add: Node(info.add),
                slot: info.slot as usize,
                sum: (info.sum.raw != 0).then_some(Value(info.sum)),
                norm_before: norm(&info.norm_before)?,
                norm_after: norm(&info.norm_after)?,
                hidden_size: info.hidden_size,
                dtype: known(info.dtype)?,
            })
        }
    }
}

fn sublayer(number: u32) -> Result<Sublayer> {
    Ok(match number {
        PEFTC_SUBLAYER_ATTENTION => Sublayer::Attention,
        PEFTC_SUBLAYER_CROSS_ATTENTION => Sublayer::CrossAttention,
        PEFTC_SUBLAYER_FEED_FORWARD => Sublayer::FeedForward,
        other => {
            return Err(Error::unsupported(format!("sublayer {other} is unknown to this plugin")));
        }
    })
}

/// # Safety
/// `raw` is as the host gives it.
unsafe fn norm(raw: &PeftcNorm) -> Result<Option<Norm>> {
    let kind = match raw.kind {
        PEFTC_NORM_NONE => return Ok(None),
        PEFTC_NORM_LAYER => NormKind::Layer,
        PEFTC_NORM_RMS => NormKind::Rms,
        other => return Err(Error::unsupported(format!("norm {other} is unknown to this plugin"))),
    };
    // SAFETY: forwarded.
    let nodes: &[PeftcNode] = unsafe { array(raw.nodes, raw.node_count) };
    let nodes = nodes.iter().map(|&node| Node(node)).collect();
    Ok(Some(Norm { kind, input: Value(raw.input), output: Value(raw.output), nodes }))
}

const NO_NORM: PeftcNorm = PeftcNorm {
    kind: PEFTC_NORM_NONE,
    reserved: 0,
    input: PeftcValue { raw: 0 },
    output: PeftcValue { raw: 0 },
    nodes: std::ptr::null(),
    node_count: 0,
};

const NO_BLOCK: PeftcBlockSiteInfo = PeftcBlockSiteInfo {
    module: EMPTY,
    stack: EMPTY,
    layer: 0,
    sublayer: 0,
    slot: 0,
    projection: PeftcNode { raw: 0 },
    output: PeftcValue { raw: 0 },
    residual: PeftcValue { raw: 0 },
    add: PeftcNode { raw: 0 },
    sum: PeftcValue { raw: 0 },
    norm_before: NO_NORM,
    norm_after: NO_NORM,
    hidden_size: 0,
    dtype: 0,
    reserved: 0,
};
