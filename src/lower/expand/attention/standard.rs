//! ONNX's Attention.

use super::mask::{Masks, Sight};
use super::{Attend, Site, after, common_dtype, default_scale};
use crate::ir::{DataType, ValueId};
use crate::lower::expand::build::Len;
use crate::lower::expand::heads::Heads;
use crate::ops::numbers::reals;
use crate::ops::size::Size;

/// Left as it is where scores of grouped heads, or shares of queries that may see nothing, are an
/// output.
pub(in crate::lower::expand) fn attention(site: &mut Site<'_, '_>) -> Option<Vec<Option<ValueId>>> {
    (site.has(4) == site.has(5)).then_some(())?;
    let dtype = common_dtype(site, &[0, 1, 2, 4, 5])?;
    let q = Heads::input(site, 0, |site| site.int("q_num_heads"))?;
    let k = Heads::input(site, 1, |site| site.int("kv_num_heads"))?;
    let v = Heads::input(site, 2, |site| site.int("kv_num_heads"))?;
    (k.heads == v.heads && q.size == k.size).then_some(())?;
    let queries = site.len(0, q.length_axis())?;
    let new = site.len(1, k.length_axis())?;
    let past = if site.has(4) { site.len(4, 2)? } else { Len::Known(0) };
    let keys = site.sum(&past, &new)?;
    let cache = [site.input(4), site.input(5)];
    let (all_k, all_v) = (after(site, cache[0], k)?, after(site, cache[1], v)?);
    let sight = sight(site, queries, keys, &past)?;
    let masks = masks(site, dtype, [q, k], &sight)?;
    let stage = usize::try_from(site.int("qk_matmul_output_mode")?).ok()?;
    let is_simple = !Attend::is_grouped(q, k) && (stage < 3 || masks.any.is_none());
    (is_simple || !site.is_read(3)).then_some(())?;
    let attend = Attend {
        dtype,
        q,
        k: all_k,
        v: all_v,
        scale: site.float("scale").unwrap_or_else(|| default_scale(q.size)),
        softcap: site.float("softcap")?,
        masks,
    };
    let (y, scores) = attend.build(site)?;
    Some(vec![Some(y), Some(all_k.value), Some(all_v.value), Some(*scores.get(stage)?)])
}

fn sight(site: &mut Site<'_, '_>, queries: Len, keys: Len, past: &Len) -> Option<Sight> {
    let valid = match site.input(6) {
        Some(_) if site.has(4) => return None,
        Some(valid) => Some(site.reshape(valid, &[-1, 1, 1, 1])?),
        None => None,
    };
    let first = match (valid, past) {
        (Some(valid), _) => {
            let length = site.vector(&queries);
            Some(site.make("Sub", &[valid, length])?)
        }
        (None, Len::Known(0)) => None,
        (None, past) => Some(site.vector(past)),
    };
    let window = |name: &str| site.int(name).unwrap_or(-1);
    let (left, right) = (window("left_window_size"), window("right_window_size"));
    (left >= -1 && right >= -1).then_some(())?;
    let is_causal = site.int("is_causal")? != 0;
    Some(Sight { queries, keys, first, is_causal, left, right, valid })
}

/// The mask that is given and what a query sees.
fn masks(
    site: &mut Site<'_, '_>,
    dtype: DataType,
    [q, k]: [Heads; 2],
    sight: &Sight,
) -> Option<Masks> {
    let is_grouped = Attend::is_grouped(q, k);
    let mut masks = Masks::default();
    if !sight.is_full() {
        masks.seen = Some(sight.seen(site)?);
    }
    let may_see_nothing = sight.left >= 0 || sight.right >= 0 || sight.valid.is_some();
    if is_grouped {
        masks = masks.grouped(site)?;
    }
    if !site.has(3) {
        return if may_see_nothing { masks.guarded(site, dtype) } else { Some(masks) };
    }
    let mask = given(site, [q, k])?;
    match site.dtype(3)? {
        DataType::Bool => {
            masks.seen = Some(match masks.seen {
                Some(seen) => site.make("And", &[seen, mask])?,
                None => mask,
            });
        }
        own if own == dtype => masks.added = Some(mask),
        _ => return None,
    }
    let is_finite = |tensor| reals(tensor).is_ok_and(|all| all.iter().all(|x| x.is_finite()));
    let hides_nothing = masks.added.is_some() && site.constant(3).is_some_and(is_finite);
    match hides_nothing && !may_see_nothing {
        true => Some(masks),
        false => masks.guarded(site, dtype),
    }
}

/// The mask, with an axis for heads of a group where there is one. It has all keys.
fn given(site: &mut Site<'_, '_>, [q, k]: [Heads; 2]) -> Option<ValueId> {
    let past = if site.has(4) { site.size(4, 2)? } else { Size::from(0) };
    let keys = &past + &site.size(1, k.length_axis())?;
    let sizes = site.sizes(3)?;
    (sizes.len() <= 4 && *sizes.last()? == keys).then_some(())?;
    let mask = site.input(3)?;
    if q.heads == k.heads || sizes.len() < 3 {
        return Some(mask);
    }
    let head_axis = sizes.len() - 3;
    match sizes[head_axis].known()? {
        1 => site.unsqueeze(mask, &[head_axis as i64]),
        heads if heads == q.heads => {
            let mut shape =
                (0..sizes.len()).map(|axis| site.len(3, axis)).collect::<Option<Vec<_>>>()?;
            shape[head_axis] = Len::Known(k.heads);
            shape.insert(head_axis + 1, Len::Known(q.heads / k.heads));
            site.reshape_to(mask, &shape)
        }
        _ => None,
    }
}
