//! Attention sites.

use super::{raw_node, raw_value};
use crate::adapter::{
    AttentionSite, AttentionSites, KeyValues, Mask, MaskKind, Position, PositionKind, Relative,
    Stack, Stated, lengths_behind as behind,
};
use crate::ir::NodeId;
use crate::plugin::call::{Ended, give, host_call, invalid, not_found, slice};
use crate::plugin::run::Run;
use peftc_abi::*;

impl Run<'_> {
    fn attention_site(&self, site: PeftcAttention) -> Result<&AttentionSite, Ended> {
        (site.raw as usize)
            .checked_sub(1)
            .and_then(|i| self.attention().all().get(i))
            .ok_or_else(|| invalid(format!("{} is not an attention site", site.raw)))
    }

    /// The number of the linear site that a node is; 0 if it is none.
    fn linear_site(&self, node: Option<NodeId>) -> PeftcSite {
        let place = self.sites().all().iter().position(|s| Some(s.node) == node);
        PeftcSite { raw: place.map_or(0, |i| i as u64 + 1) }
    }

    fn lend_key_values(&mut self, of: &KeyValues) -> PeftcKeyValues {
        let stated: Vec<PeftcStated> = of.stated.iter().map(raw_stated).collect();
        PeftcKeyValues {
            value: raw_value(Some(of.tensor)),
            node: raw_node(of.node),
            slot: of.slot as u32,
            head_axis: of.head_axis as u32,
            sequence_axis: of.sequence_axis as u32,
            feature_axis: of.feature_axis as u32,
            heads: of.heads,
            features: of.features,
            stated_count: stated.len(),
            stated: self.lend(stated),
            past: raw_value(of.past),
            is_present: of.is_present.into(),
        }
    }
}

fn raw_stated(stated: &Stated) -> PeftcStated {
    PeftcStated {
        node: raw_node(stated.node),
        slot: stated.slot as u32,
        axis: stated.axis as u32,
        rank: stated.rank as u32,
    }
}

fn raw_stack(stack: Stack) -> u32 {
    match stack {
        Stack::Only => PEFTC_STACK_ONLY,
        Stack::Encoder => PEFTC_STACK_ENCODER,
        Stack::Decoder => PEFTC_STACK_DECODER,
        Stack::Cross => PEFTC_STACK_CROSS,
    }
}

fn raw_mask(mask: &Mask) -> PeftcMask {
    let kind = match mask.kind {
        MaskKind::Additive => PEFTC_MASK_ADDITIVE,
        MaskKind::Keep => PEFTC_MASK_KEEP,
        MaskKind::Drop => PEFTC_MASK_DROP,
    };
    let flags = [(mask.is_one_column, PEFTC_MASK_ONE_COLUMN), (mask.has_bias, PEFTC_MASK_BIAS)];
    PeftcMask {
        node: raw_node(mask.node),
        slot: mask.slot as u32,
        kind,
        rank: mask.rank as u32,
        dtype: mask.dtype.to_onnx(),
        flags: flags.iter().filter(|(is_so, _)| *is_so).map(|(_, flag)| flag).sum(),
    }
}

fn raw_relative(relative: &Relative) -> PeftcRelative {
    PeftcRelative {
        node: raw_node(relative.node),
        key_slot: relative.key_slot as u32,
        query_slot: relative.query_slot as u32,
        rank: relative.rank as u32,
        dtype: relative.dtype.to_onnx(),
    }
}

fn raw_position(position: &Position) -> PeftcPosition {
    PeftcPosition {
        node: raw_node(position.node),
        slot: position.slot as u32,
        kind: match position.kind {
            PositionKind::Rotary => PEFTC_POSITION_ROTARY,
            PositionKind::Learned => PEFTC_POSITION_LEARNED,
        },
        rows: position.rows.unwrap_or(0),
        dtype: position.dtype.to_onnx(),
        stack: raw_stack(position.stack),
    }
}

pub(super) unsafe extern "C" fn attention_sites(
    ctx: *mut PeftcCtx,
    out: *mut *const PeftcAttention,
    len: *mut usize,
) -> PeftcStatus {
    // SAFETY: as the ABI says of the arguments.
    unsafe {
        host_call(ctx, |run| {
            let sites: &AttentionSites = run.attention();
            let count = sites.required(run.graph).map_err(not_found)?.len() as u64;
            give(len, count as usize)?;
            give(out, run.lend((1..=count).map(|raw| PeftcAttention { raw }).collect()))
        })
    }
}

pub(super) unsafe extern "C" fn attention_info(
    ctx: *mut PeftcCtx,
    site: PeftcAttention,
    out: *mut PeftcAttentionInfo,
) -> PeftcStatus {
    // SAFETY: as the ABI says of the arguments.
    unsafe {
        host_call(ctx, |run| {
            let site = run.attention_site(site)?.clone();
            let [query, key, value] = site.projections.map(|node| run.linear_site(node));
            let masks: Vec<PeftcMask> = site.masks.iter().map(raw_mask).collect();
            let rotary: Vec<PeftcPosition> = site.rotary.iter().map(raw_position).collect();
            let relative: Vec<PeftcRelative> = site.relative.iter().map(raw_relative).collect();
            let info = PeftcAttentionInfo {
                module: run.lend_str(site.module.unwrap_or_default()),
                stack: raw_stack(site.stack),
                layer: site.layer as u32,
                scores: raw_node(site.scores),
                softmax: raw_node(site.softmax),
                context: raw_node(site.context),
                heads: site.heads,
                kv_heads: site.kv_heads,
                head_size: site.head_size,
                scale: site.scale.unwrap_or(f64::NAN),
                dtype: site.dtype.to_onnx(),
                flags: if site.is_causal { PEFTC_ATTENTION_CAUSAL } else { 0 },
                query,
                key,
                value,
                output: run.linear_site(site.output),
                keys: run.lend_key_values(&site.key),
                values: run.lend_key_values(&site.value),
                mask_count: masks.len(),
                masks: run.lend(masks),
                rotary_count: rotary.len(),
                rotary: run.lend(rotary),
                relative_count: relative.len(),
                relative: run.lend(relative),
            };
            give(out, info)
        })
    }
}

pub(super) unsafe extern "C" fn learned_positions(
    ctx: *mut PeftcCtx,
    out: *mut *const PeftcPosition,
    len: *mut usize,
) -> PeftcStatus {
    // SAFETY: as the ABI says of the arguments.
    unsafe {
        host_call(ctx, |run| {
            let found: Vec<PeftcPosition> =
                run.attention().learned_positions().iter().map(raw_position).collect();
            give(len, found.len())?;
            give(out, run.lend(found))
        })
    }
}

pub(super) unsafe extern "C" fn lengths_behind(
    ctx: *mut PeftcCtx,
    value: PeftcValue,
    axis: u32,
    apart: *const PeftcUse,
    apart_count: usize,
    out: *mut *const PeftcStated,
    len: *mut usize,
) -> PeftcStatus {
    // SAFETY: as the ABI says of the arguments.
    unsafe {
        host_call(ctx, |run| {
            let value = run.value_id(value)?;
            if run.graph.get_value(value).is_none() {
                return Err(invalid("what is behind an added value cannot be read"));
            }
            let apart = slice(apart, apart_count)?.iter();
            let apart: Vec<_> = apart
                .map(|at| Ok((run.node_id(at.node)?, at.slot as usize)))
                .collect::<Result<_, Ended>>()?;
            let found = behind(run.graph, value, axis as usize, &apart)?;
            let found: Vec<PeftcStated> = found.iter().map(raw_stated).collect();
            give(len, found.len())?;
            give(out, run.lend(found))
        })
    }
}
