//! Vectors of heads.

use super::site::Site;
use crate::ir::ValueId;

/// How vectors of heads lie.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Layout {
    /// (batch, length, heads · size).
    Packed,
    /// (batch, length, heads, size).
    Beside,
    /// (batch, heads, length, size).
    ByHead,
}

/// Vectors of heads, as many and as large as these numbers say.
#[derive(Clone, Copy)]
pub(super) struct Heads {
    pub(super) value: ValueId,
    pub(super) layout: Layout,
    pub(super) heads: i64,
    pub(super) size: i64,
}

/// The most heads, and the most elements of a vector: products of both and small numbers fit i64.
const MOST: i64 = 1 << 30;

impl Heads {
    /// None where there are none, vectors are empty, or numbers are absurd.
    pub(super) fn new(value: ValueId, layout: Layout, heads: i64, size: i64) -> Option<Self> {
        let fits = |number: i64| (1..=MOST).contains(&number);
        (fits(heads) && fits(size)).then_some(Self { value, layout, heads, size })
    }

    /// Those of an input of rank 4, by head, or 3, packed, of as many heads as it is said.
    pub(super) fn input<'g>(
        site: &mut Site<'_, 'g>,
        slot: usize,
        heads: impl FnOnce(&Site<'_, 'g>) -> Option<i64>,
    ) -> Option<Self> {
        let value = site.input(slot)?;
        let (layout, heads, size) = match site.rank(slot)? {
            4 => (Layout::ByHead, site.known(slot, 1)?, site.known(slot, 3)?),
            3 => {
                let (heads, width) = (heads(site)?, site.known(slot, 2)?);
                (heads > 0 && width % heads == 0).then_some(())?;
                (Layout::Packed, heads, width / heads)
            }
            _ => return None,
        };
        Self::new(value, layout, heads, size)
    }

    /// The axis of places.
    pub(super) fn length_axis(self) -> usize {
        if self.layout == Layout::ByHead { 2 } else { 1 }
    }

    /// With an axis of heads.
    pub(super) fn unpacked(self, site: &mut Site<'_, '_>) -> Option<Self> {
        if self.layout != Layout::Packed {
            return Some(self);
        }
        let value = site.reshape(self.value, &[0, 0, self.heads, self.size])?;
        Some(Self { value, layout: Layout::Beside, ..self })
    }

    /// (batch, heads, length, size).
    pub(super) fn by_head(self, site: &mut Site<'_, '_>) -> Option<ValueId> {
        let Self { value, layout, .. } = self.unpacked(site)?;
        match layout {
            Layout::ByHead => Some(value),
            _ => site.transpose(value, &[0, 2, 1, 3]),
        }
    }

    /// (batch, groups, heads of a group, length, size).
    pub(super) fn by_group(self, site: &mut Site<'_, '_>, groups: i64) -> Option<ValueId> {
        let (heads, size) = (self.heads / groups, self.size);
        match self.layout {
            Layout::ByHead => site.reshape(self.value, &[0, groups, heads, -1, size]),
            _ => {
                let value = site.reshape(self.value, &[0, 0, groups, heads, size])?;
                site.transpose(value, &[0, 2, 3, 1, 4])
            }
        }
    }
}
