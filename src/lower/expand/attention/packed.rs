//! ONNX Runtime's Attention, which projects its input.

use super::mask::{Sight, added};
use super::multi_head::scale;
use super::{Attend, Site, common_dtype};
use crate::ir::{AttributeValue, ValueId};
use crate::lower::expand::build::Len;
use crate::lower::expand::heads::{Heads, Layout};
use crate::ops::size::Size;

/// Left as it is with rotations, or with a cache that is changed in place.
pub(in crate::lower::expand) fn attention(site: &mut Site<'_, '_>) -> Option<Vec<Option<ValueId>>> {
    if site.int_or_0("do_rotary") != 0 || site.int_or_0("past_present_share_buffer") != 0 {
        return None;
    }
    let dtype = common_dtype(site, &[0, 1, 2, 4, 5])?;
    let heads = site.int("num_heads")?;
    let [q, k, v] = projected(site, heads)?;
    (q.size == k.size).then_some(())?;
    let length = site.len(0, 1)?;
    let (mut all_k, mut all_v) = (k.by_head(site)?, v.by_head(site)?);
    let (mut past_length, mut past_size) = (Len::Known(0), Size::from(0));
    if let Some(past) = site.input(4) {
        (site.rank(4)? == 5).then_some(())?;
        (past_length, past_size) = (site.len(4, 3)?, site.size(4, 3)?);
        let mut of = |part: i64, new: ValueId| {
            let part = site.int_scalar(part);
            let past = site.gather(past, part)?;
            site.concat(&[past, new], 2)
        };
        (all_k, all_v) = (of(0, all_k)?, of(1, all_v)?);
    }
    let mut present = None;
    if site.is_read(1) {
        (k.size == v.size).then_some(())?;
        let parts = [site.unsqueeze(all_k, &[0])?, site.unsqueeze(all_v, &[0])?];
        present = Some(site.concat(&parts, 0)?);
    }
    let keys = site.sum(&past_length, &length)?;
    let keys_size = &past_size + &site.size(0, 1)?;
    let is_causal = site.int("unidirectional")? != 0;
    let sight = Sight::causal(site, is_causal, [length, keys], &past_length);
    let masks = added(site, [3, 5], dtype, &sight, [site.size(0, 0)?, keys_size])?;
    let attend = Attend {
        dtype,
        q,
        k: all_k,
        v: all_v,
        shared: heads,
        v_size: v.size,
        scale: scale(site, q.size),
        softcap: 0.0,
        masks,
    };
    Some(vec![Some(attend.build(site)?), present])
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
    let mut first = 0;
    let mut part = |width: i64| {
        let value = site.slice(all, 2, [first, first + width])?;
        first += width;
        Heads::new(value, Layout::Packed, heads, width / heads)
    };
    Some([part(widths[0])?, part(widths[1])?, part(widths[2])?])
}
