//! One layer: rows in front of K and of V, and what has to know of them.

use super::checkpoint::Source;
use super::{Added, causal};
use crate::graph::{Place, input};
use crate::layout::Layout;
use peftc_plugin::{AttentionInfo, Attr, KeyValues, Record, Result, Run, Value};

/// Adds the rows of a layer: the blocks of the source that are its keys and its values.
pub(super) fn add(
    run: &Run<'_>,
    source: &Source<'_>,
    site: &AttentionInfo<'_>,
    [keys, values]: [i64; 2],
    added: &mut Added,
) -> Result<()> {
    let module = name(run, site)?;
    let key =
        Part { run, site, module: &module, of: &site.keys, part: "prefix/key", leaf: "prefix.key" };
    let value = Part { of: &site.values, part: "prefix/value", leaf: "prefix.value", ..key };
    let longer = [key.put(source, keys, added)?, value.put(source, values, added)?];
    match site.is_causal {
        true => causal::open(run, site, &module, longer, source.length(), &mut added.masks)?,
        false => site.masks.iter().try_for_each(|mask| {
            added.masks.widen(run, &module, mask, site.heads, source.length())
        })?,
    }
    let what = format!(
        "{} keys and values of {} heads of {}",
        source.length(),
        site.kv_heads,
        site.head_size
    );
    let parameters =
        [&site.keys, &site.values].map(|of| Layout::of(of, source.length()).elements() as u64);
    let record = Record {
        module: &module,
        value: Some(site.keys.value),
        what: &what,
        parameters: parameters.iter().sum(),
    };
    run.record(&record)
}

/// The module, or the node where the module is unknown.
fn name(run: &Run<'_>, site: &AttentionInfo<'_>) -> Result<String> {
    Ok(match site.module {
        "" => run.node(site.softmax)?.name.trim_start_matches('/').to_owned(),
        module => module.to_owned(),
    })
}

/// K or V of a site.
#[derive(Clone, Copy)]
struct Part<'p, 'a> {
    run: &'p Run<'a>,
    site: &'p AttentionInfo<'a>,
    module: &'p str,
    of: &'p KeyValues,
    part: &'p str,
    leaf: &'p str,
}

impl Part<'_, '_> {
    /// Puts rows in front: one Concat, and the lengths that are stated behind it. Gives the longer
    /// value; an operator that masks by itself is replaced, so it is not told here.
    fn put(&self, source: &Source<'_>, block: i64, added: &mut Added) -> Result<Value> {
        let (run, of) = (self.run, self.of);
        let place = Place { role: self.leaf, module: self.module, part: self.part };
        let layout = Layout::of(of, source.length());
        let tensor = format!("{}.{}", self.module, self.leaf);
        let rows = source.rows(run, &tensor, block, layout, self.site.dtype)?;
        let shape = added.batch_shape(run, of.value, of.heads)?;
        let rows = place.node(run, "Expand", &[rows, shape], Vec::new())?;
        let axis = Attr::Int(of.sequence_axis as i64);
        let longer = place.node(run, "Concat", &[rows, of.value], vec![("axis", axis)])?;
        if !self.is_replaced() {
            run.replace_input(of.node, of.slot, longer)?;
        }
        of.stated.iter().try_for_each(|stated| {
            let shape = input(run, stated.node, stated.slot)?;
            let grown = self.grown(&place, shape, stated.axis, stated.rank, source.length())?;
            run.replace_input(stated.node, stated.slot, grown)
        })?;
        Ok(longer)
    }

    /// Whether the node that reads K or V is the operator Attention that is replaced.
    fn is_replaced(&self) -> bool {
        self.site.is_causal && self.of.node == self.site.scores
    }

    /// A shape with a larger element.
    fn grown(
        &self,
        place: &Place<'_>,
        shape: Value,
        axis: usize,
        rank: usize,
        by: i64,
    ) -> Result<Value> {
        let mut more = vec![0; rank];
        more[axis] = by;
        let more = place.vector(self.run, "more", &more)?;
        place.node(self.run, "Add", &[shape, more], Vec::new())
    }
}
