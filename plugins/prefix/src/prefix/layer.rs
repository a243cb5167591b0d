//! One layer: rows in front of K and of V, and what has to know of them.

use super::checkpoint::Source;
use super::gate::Gate;
use super::{Added, causal};
use crate::graph::Place;
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
    let gate = source.gate(site);
    let factors = gate.map(|gate| gate.factors(run, site, &module, added)).transpose()?;
    let longer = [
        key.put(source, keys, factors.map(|[keys, _]| keys), added)?,
        value.put(source, values, factors.map(|[_, values]| values), added)?,
    ];
    match site.is_causal {
        true => causal::open(run, site, &module, longer, source.length(), &mut added.masks)?,
        false => site.masks.iter().try_for_each(|mask| {
            added.masks.widen(run, &module, mask, site.heads, source.length())
        })?,
    }
    record(run, source, site, &module, site.keys.value, "")
}

/// Adds the line of a layer to the report: `value` is what has the keys, `form` how.
pub(super) fn record(
    run: &Run<'_>,
    source: &Source<'_>,
    site: &AttentionInfo<'_>,
    module: &str,
    value: Value,
    form: &str,
) -> Result<()> {
    let gate = source.gate(site);
    let what = format!(
        "{} keys and values of {} heads of {}{}{form}",
        source.length(),
        site.kv_heads,
        site.head_size,
        if gate.is_some() { ", gated" } else { "" }
    );
    let parameters =
        [&site.keys, &site.values].map(|of| Layout::of(of, source.length()).elements() as u64);
    let features = site.keys.features + site.values.features;
    let record = Record {
        module,
        value: Some(value),
        what: &what,
        parameters: parameters.iter().sum::<u64>() + gate.map_or(0, Gate::parameters),
        // Each key has a score and each value a weight, for every head of Q.
        flops_per_token: (2 * source.length() * site.heads * features + gate.map_or(0, Gate::flops))
            as u64,
    };
    run.record(&record)
}

/// The module, or the node where the module is unknown.
pub(super) fn name(run: &Run<'_>, site: &AttentionInfo<'_>) -> Result<String> {
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
    /// Puts rows in front, times the factor of a gate: one Concat, and the lengths that are stated
    /// behind it. Gives the longer value; an operator that masks by itself is replaced, so it is not
    /// told here.
    fn put(
        &self,
        source: &Source<'_>,
        block: i64,
        factor: Option<Value>,
        added: &mut Added,
    ) -> Result<Value> {
        let (run, of) = (self.run, self.of);
        let place = Place { role: self.leaf, module: self.module, part: self.part };
        let layout = Layout::of(of, source.length());
        let tensor = format!("{}.{}", self.module, self.leaf);
        let rows = source.rows(run, &tensor, block, layout, self.site.dtype)?;
        let (spread, by) = match factor {
            Some(factor) => ("Mul", factor),
            None => ("Expand", added.batch_shape(run, of.value, of.heads)?),
        };
        let rows = place.node(run, spread, &[rows, by], Vec::new())?;
        let axis = Attr::Int(of.sequence_axis as i64);
        let longer = place.node(run, "Concat", &[rows, of.value], vec![("axis", axis)])?;
        if !self.is_replaced() {
            run.replace_input(of.node, of.slot, longer)?;
        }
        place.grow(run, &of.stated, source.length())?;
        Ok(longer)
    }

    /// Whether the node that reads K or V is the operator Attention that is replaced.
    fn is_replaced(&self) -> bool {
        self.site.is_causal && self.of.node == self.site.scores
    }
}
