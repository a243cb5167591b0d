//! Rotary embeddings (<https://arxiv.org/abs/2104.09864>).

use super::heads::{Heads, Layout};
use super::site::Site;
use crate::ir::ValueId;

/// Angles of the positions of a sequence.
pub(super) struct Rotation {
    /// Cosines and sines, (batch or 1, length, angles).
    pub(super) cos: ValueId,
    pub(super) sin: ValueId,
    pub(super) angles: i64,
    /// Whether pairs are neighbours, rather than of the two halves.
    pub(super) is_interleaved: bool,
}

impl Rotation {
    /// Rotates the first elements of vectors that are not packed.
    pub(super) fn rotate(&self, site: &mut Site<'_, '_>, heads: Heads) -> Option<Heads> {
        (1..=heads.size / 2).contains(&self.angles).then_some(())?;
        let (half, rotated) = (self.angles, 2 * self.angles);
        let x = heads.value;
        let head_axis = if heads.layout == Layout::ByHead { 1 } else { 2 };
        let cos = site.unsqueeze(self.cos, &[head_axis])?;
        let sin = site.unsqueeze(self.sin, &[head_axis])?;
        let (first, second) = match self.is_interleaved {
            true => (site.every_second(x, 0, rotated)?, site.every_second(x, 1, rotated)?),
            false => (site.slice(x, 3, [0, half])?, site.slice(x, 3, [half, rotated])?),
        };
        let mut product = |x, y| site.make("Mul", &[x, y]);
        let (a, b) = (product(cos, first)?, product(sin, second)?);
        let (c, d) = (product(sin, first)?, product(cos, second)?);
        let pair = [site.make("Sub", &[a, b])?, site.make("Add", &[c, d])?];
        let mut parts = match self.is_interleaved {
            true => {
                let pair = [site.unsqueeze(pair[0], &[4])?, site.unsqueeze(pair[1], &[4])?];
                let pairs = site.concat(&pair, 4)?;
                vec![site.reshape(pairs, &[0, 0, 0, rotated])?]
            }
            false => pair.to_vec(),
        };
        if rotated < heads.size {
            parts.push(site.slice(x, 3, [rotated, heads.size])?);
        }
        let value = if let [only] = parts[..] { only } else { site.concat(&parts, 3)? };
        Some(Heads { value, ..heads })
    }
}

/// ONNX's: cosines and sines are of each place, or of positions that are given.
pub(super) fn standard(site: &mut Site<'_, '_>) -> Option<Vec<Option<ValueId>>> {
    let heads = Heads::input(site, 0, |site| site.int("num_heads"))?;
    let angles = angles(site, 1, heads.size)?;
    let (mut cos, mut sin) = (site.input(1)?, site.input(2)?);
    if let Some(ids) = site.input(3) {
        (cos, sin) = (site.gather(cos, ids)?, site.gather(sin, ids)?);
    }
    let is_interleaved = site.int_or_0("interleaved") != 0;
    rotated(site, heads, &Rotation { cos, sin, angles, is_interleaved })
}

/// ONNX Runtime's: positions are of each place, or of the first one.
pub(super) fn microsoft(site: &mut Site<'_, '_>) -> Option<Vec<Option<ValueId>>> {
    let heads = Heads::input(site, 0, |site| match site.int_or_0("rotary_embedding_dim") {
        0 => site.known(0, 2)?.checked_div(site.known(2, 1)?.checked_mul(2)?),
        _ => site.int("num_heads"),
    })?;
    let angles = angles(site, 2, heads.size)?;
    let length = site.len(0, if heads.layout == Layout::ByHead { 2 } else { 1 })?;
    let mut ids = site.input(1)?;
    let sizes = site.sizes(1)?;
    if sizes.len() != 2 {
        if !sizes.iter().all(|size| *size == 1.into()) {
            return None;
        }
        let places = site.range(&length)?;
        let places = site.unsqueeze(places, &[0])?;
        ids = site.make("Add", &[places, ids])?;
    }
    let (cos, sin) = (site.input(2)?, site.input(3)?);
    let (cos, sin) = (site.gather(cos, ids)?, site.gather(sin, ids)?);
    let is_interleaved = site.int_or_0("interleaved") != 0;
    rotated(site, heads, &Rotation { cos, sin, angles, is_interleaved })
}

/// How many angles there are, if they rotate as many elements as the attribute says; 0 stands for
/// all.
fn angles(site: &Site<'_, '_>, slot: usize, size: i64) -> Option<i64> {
    let angles = site.sizes(slot)?.last()?.known()?;
    let dim = site.int_or_0("rotary_embedding_dim");
    let rotated = if dim == 0 { size } else { dim };
    (angles.checked_mul(2)? == rotated).then_some(angles)
}

fn rotated(
    site: &mut Site<'_, '_>,
    heads: Heads,
    rotation: &Rotation,
) -> Option<Vec<Option<ValueId>>> {
    let is_packed = heads.layout == Layout::Packed;
    let mut y = heads.unpacked(site)?;
    y = rotation.rotate(site, y)?;
    let width = heads.heads * heads.size;
    let y = if is_packed { site.reshape(y.value, &[0, 0, width])? } else { y.value };
    Some(vec![Some(y)])
}
