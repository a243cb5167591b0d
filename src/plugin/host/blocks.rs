//! Block sites.

use super::{raw_node, raw_value};
use crate::adapter::{BlockSite, Norm, NormKind, Sublayer};
use crate::plugin::call::{Ended, give, host_call, invalid, not_found, text};
use crate::plugin::run::Run;
use peftc_abi::*;

impl Run<'_> {
    fn block_site(&self, site: PeftcBlockSite) -> Result<&BlockSite, Ended> {
        (site.raw as usize)
            .checked_sub(1)
            .and_then(|i| self.blocks().all().get(i))
            .ok_or_else(|| invalid(format!("{} is not a block site", site.raw)))
    }

    fn lend_norm(&mut self, norm: Option<Norm>) -> PeftcNorm {
        let kind = match norm.as_ref().map(|n| n.kind) {
            None => PEFTC_NORM_NONE,
            Some(NormKind::Layer) => PEFTC_NORM_LAYER,
            Some(NormKind::Rms) => PEFTC_NORM_RMS,
        };
        let nodes: Vec<_> =
            norm.iter().flat_map(|n| &n.nodes).map(|&node| raw_node(node)).collect();
        PeftcNorm {
            kind,
            reserved: 0,
            input: raw_value(norm.as_ref().map(|n| n.input)),
            output: raw_value(norm.as_ref().map(|n| n.output)),
            node_count: nodes.len(),
            nodes: self.lend(nodes),
        }
    }
}

fn number(index: usize) -> PeftcBlockSite {
    PeftcBlockSite { raw: index as u64 + 1 }
}

pub(super) unsafe extern "C" fn block_sites(
    ctx: *mut PeftcCtx,
    out: *mut *const PeftcBlockSite,
    len: *mut usize,
) -> PeftcStatus {
    // SAFETY: as the ABI says of the arguments.
    unsafe {
        host_call(ctx, |run| {
            let count = run.blocks().all().len();
            if count == 0 {
                return Err(not_found(run.blocks().none_found()));
            }
            give(len, count)?;
            give(out, run.lend((0..count).map(number).collect()))
        })
    }
}

pub(super) unsafe extern "C" fn block_site_of_module(
    ctx: *mut PeftcCtx,
    module: PeftcStr,
    out: *mut PeftcBlockSite,
) -> PeftcStatus {
    // SAFETY: as the ABI says of the arguments.
    unsafe {
        host_call(ctx, |run| {
            let name = text(module)?;
            match run.blocks().of_module(name).map(|(index, _)| number(index)) {
                Ok(site) => give(out, site),
                Err(error) => Err(run.not_there(name, error)),
            }
        })
    }
}

pub(super) unsafe extern "C" fn block_site_info(
    ctx: *mut PeftcCtx,
    site: PeftcBlockSite,
    out: *mut PeftcBlockSiteInfo,
) -> PeftcStatus {
    // SAFETY: as the ABI says of the arguments.
    unsafe {
        host_call(ctx, |run| {
            let site = run.block_site(site)?.clone();
            let info = PeftcBlockSiteInfo {
                module: run.lend_str(site.module.unwrap_or_default()),
                stack: run.lend_str(site.stack.unwrap_or_default()),
                layer: site.layer,
                sublayer: match site.sublayer {
                    Sublayer::Attention => PEFTC_SUBLAYER_ATTENTION,
                    Sublayer::CrossAttention => PEFTC_SUBLAYER_CROSS_ATTENTION,
                    Sublayer::FeedForward => PEFTC_SUBLAYER_FEED_FORWARD,
                },
                slot: site.slot as u32,
                projection: raw_node(site.projection),
                output: raw_value(Some(site.output)),
                residual: raw_value(Some(site.residual)),
                add: raw_node(site.add),
                sum: raw_value(site.sum),
                norm_before: run.lend_norm(site.norm_before),
                norm_after: run.lend_norm(site.norm_after),
                hidden_size: site.hidden_size,
                dtype: site.dtype.to_onnx(),
                reserved: 0,
            };
            give(out, info)
        })
    }
}
