//! ONNX Runtime's Attention, which projects its input.

use super::mask::added;
use super::{Attend, Site, after, common_dtype, parts};
use crate::ir::{AttributeValue, ValueId};
use crate::lower::expand::heads::Heads;

/// Left as it is with rotations, or with a cache that is changed in place.
pub(in crate::lower::expand) fn attention(site: &mut Site<'_, '_>) -> Option<Vec<Option<ValueId>>> {
    if site.int_or_0("do_rotary") != 0 || site.int_or_0("past_present_share_buffer") != 0 {
        return None;
    }
    let dtype = common_dtype(site, &[0, 1, 2, 4, 5])?;
    let heads = site.int("num_heads")?;
    let [q, k, v] = projected(site, heads)?;
    (q.size == k.size).then_some(())?;
    let mut past = [None, None];
    if let Some(all) = site.input(4) {
        (site.rank(4)? == 5).then_some(())?;
        for (part, past) in (0..).zip(&mut past) {
            let part = site.int_scalar(part);
            *past = Some(site.gather(all, part)?);
        }
    }
    let (k, v) = (after(site, past[0], k)?, after(site, past[1], v)?);
    let mut present = None;
    if site.is_read(1) {
        (k.size == v.size).then_some(())?;
        let parts = [site.unsqueeze(k.value, &[0])?, site.unsqueeze(v.value, &[0])?];
        present = Some(site.concat(&parts, 0)?);
    }
    let masks = added(site, [3, 5], dtype, (4, 3), (0, 1))?;
    Some(vec![Some(Attend::microsoft(site, dtype, [q, k, v], masks)?), present])
}

/// Queries, keys and values: the input times the weights, and a bias.
fn projected(site: &mut Site<'_, '_>, heads: i64) -> Option<[Heads; 3]> {
    (heads > 0 && site.rank(0)? == 3 && site.rank(1)? == 2).then_some(())?;
    let columns = site.known(1, 1)?;
    let widths = match site.op.attribute("qkv_hidden_sizes") {
        None => [columns / 3; 3],
        Some(AttributeValue::Ints(widths)) => widths.as_slice().try_into().ok()?,
        Some(_) => return None,
    };
    let is_width = |&width: &i64| width > 0 && width % heads == 0;
    let fits = widths.iter().try_fold(0i64, |sum, &width| sum.checked_add(width)) == Some(columns);
    (fits && widths.iter().all(is_width)).then_some(())?;
    let (x, weights) = (site.input(0)?, site.input(1)?);
    let mut all = site.make("MatMul", &[x, weights])?;
    if let Some(bias) = site.input(2) {
        all = site.make("Add", &[all, bias])?;
    }
    parts(site, all, widths.map(|width| (heads, width / heads)))
}
