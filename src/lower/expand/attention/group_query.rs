//! ONNX Runtime's GroupQueryAttention.

mod cache;

use super::mask::{Masks, Sight};
use super::{Attend, Site, common_dtype, parts};
use crate::ir::ValueId;
use crate::lower::expand::heads::Heads;
use crate::lower::expand::norm::layer;
use crate::lower::expand::rotary::Rotation;
use cache::Step;

/// Left as it is with a quantized or sliding cache, lengths of queries, sinks, a bias, or where
/// scores are an output.
pub(in crate::lower::expand) fn attention(site: &mut Site<'_, '_>) -> Option<Vec<Option<ValueId>>> {
    let is_plain = |name: &str| site.call().string(name).is_ok_and(|kind| kind == "NONE");
    let fits = is_plain("k_quant_type")
        && is_plain("v_quant_type")
        && site.int_or_0("sliding_window_cache") == 0
        && site.int("smooth_softmax")? != 1
        && ![10, 11, 12, 13, 16].iter().any(|&slot| site.has(slot))
        && site.has(3) == site.has(4)
        && !site.is_read(3);
    fits.then_some(())?;
    let dtype = common_dtype(site, &[0, 1, 2, 3, 4, 7, 8, 14, 15])?;
    let [mut q, mut k, v] = inputs(site)?;
    let step = Step::of(site, k.heads)?;
    q = normalized(site, q, 14, "q_norm_epsilon")?;
    k = normalized(site, k, 15, "k_norm_epsilon")?;
    if site.int_or_0("do_rotary") != 0 {
        let rotation = rotation(site, &step)?;
        (q, k) = (q.unpacked(site)?, k.unpacked(site)?);
        (q, k) = (rotation.rotate(site, q)?, rotation.rotate(site, k)?);
    }
    let (k, v) = (step.present(site, 3, k)?, step.present(site, 4, v)?);
    let mut masks = masks(site, &step)?.guarded(site, dtype)?;
    if Attend::is_grouped(q, k) {
        masks = masks.grouped(site)?;
    }
    let y = Attend::microsoft(site, dtype, [q, k, v], masks)?;
    Some(vec![Some(y), Some(k.value), Some(v.value)])
}

/// Given one by one, or all in the first input.
fn inputs(site: &mut Site<'_, '_>) -> Option<[Heads; 3]> {
    let (heads, shared) = (site.int("num_heads")?, site.int("kv_num_heads")?);
    (heads > 0 && shared > 0 && site.rank(0)? == 3).then_some(())?;
    if site.has(1) {
        (site.rank(1)? == 3 && site.rank(2)? == 3).then_some(())?;
        return Some([
            Heads::input(site, 0, |_| Some(heads))?,
            Heads::input(site, 1, |_| Some(shared))?,
            Heads::input(site, 2, |_| Some(shared))?,
        ]);
    }
    let (all, width) = (site.input(0)?, site.known(0, 2)?);
    let size = width.checked_div(heads.checked_add(shared.checked_mul(2)?)?)?;
    (!site.has(2) && size > 0 && width == size * (heads + 2 * shared)).then_some(())?;
    parts(site, all, [(heads, size), (shared, size), (shared, size)])
}

/// Normalizes vectors by their root mean square, where there are weights.
fn normalized(site: &mut Site<'_, '_>, x: Heads, slot: usize, epsilon: &str) -> Option<Heads> {
    let Some(gamma) = site.input(slot) else { return Some(x) };
    let epsilon = site.float(epsilon).or_else(|| site.float("qk_norm_epsilon"))?;
    let x = x.unpacked(site)?;
    let inputs = [Some(x.value), Some(gamma), None];
    let value = layer(site, "SimplifiedLayerNormalization", inputs, epsilon, false)?[0];
    Some(Heads { value, ..x })
}

/// The angles of new places. Of a prompt ONNX Runtime reads the first position alone, and padding
/// has the first angles.
fn rotation(site: &mut Site<'_, '_>, step: &Step) -> Option<Rotation> {
    let places = site.range(&step.queries)?;
    let places = site.unsqueeze(places, &[0])?;
    let ids = match site.input(9) {
        Some(given) => {
            (site.rank(9)? == 2).then_some(())?;
            let first = site.slice(given, 0, [0, 1])?;
            let first = site.slice(first, 1, [0, 1])?;
            let of_prompt = site.make("Add", &[first, places])?;
            site.make("Where", &[step.is_prompt, of_prompt, given])?
        }
        None => {
            let past = site.unsqueeze(step.past, &[1])?;
            let totals = site.unsqueeze(step.totals, &[1])?;
            let ids = site.make("Add", &[past, places])?;
            let is_there = site.make("Less", &[ids, totals])?;
            let zero = site.int_scalar(0);
            site.make("Where", &[is_there, ids, zero])?
        }
    };
    let angles = site.known(7, 1)?;
    let (cos, sin) = (site.input(7)?, site.input(8)?);
    let (cos, sin) = (site.gather(cos, ids)?, site.gather(sin, ids)?);
    let is_interleaved = site.int_or_0("rotary_interleaved") != 0;
    Some(Rotation { cos, sin, angles, is_interleaved })
}

fn masks(site: &mut Site<'_, '_>, step: &Step) -> Option<Masks> {
    let is_causal = site.int("causal")? != 0;
    let window = site.int("local_window_size")?;
    (window != 0 && (window < 0 || is_causal)).then_some(())?;
    let mut by_score = |lengths| site.unsqueeze(lengths, &[1, 2, 3]);
    let (past, totals) = (by_score(step.past)?, by_score(step.totals)?);
    let sight = Sight {
        queries: step.queries.clone(),
        keys: step.room.clone(),
        first: Some(past),
        is_causal,
        left: if window > 0 { window - 1 } else { -1 },
        right: -1,
        valid: Some(totals),
    };
    Some(Masks { seen: Some(sight.seen(site)?), ..Masks::default() })
}
