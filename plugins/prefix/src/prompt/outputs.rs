//! Outputs with a row for each token: those of learned tokens are kept, as PEFT and AdapterHub do,
//! or cut.

use super::PLACE;
use peftc_plugin::{Attr, Error, Result, Run, Value, ValueInfo};

/// The rows of the learned tokens.
#[derive(Clone, Copy)]
pub(super) struct Rows {
    /// How many tokens are in front of them.
    pub(super) first: i64,
    /// How many they are, as a vector of one element.
    pub(super) count: Value,
}

/// Cuts the rows of learned tokens, if the recipe wants it.
pub(super) fn settle(run: &Run<'_>, rows: Rows) -> Result<()> {
    let is_cut = run.option_str("outputs")? == Some("cut");
    for (value, info) in outputs(run)? {
        let has_tokens = info.dims.is_some_and(|d| d.len() == 3);
        if !has_tokens {
            continue;
        }
        if !is_cut {
            let place = if rows.first == 0 { "in front" } else { "behind the first" };
            run.note(&format!(
                "output {} has rows of the learned tokens {place}; outputs = \"cut\" leaves them out",
                info.name
            ));
            continue;
        }
        if !run.uses(value)?.is_empty() {
            return Err(Error::unsupported(format!(
                "outputs = \"cut\": output {} is used inside the model too",
                info.name
            )));
        }
        let own = rows.cut(run, value)?;
        run.replace_uses(value, own)?;
    }
    Ok(())
}

impl Rows {
    /// What is left without them.
    fn cut(self, run: &Run<'_>, value: Value) -> Result<Value> {
        let (end, axis) = (
            PLACE.vector(run, "output.end", &[i64::MAX])?,
            PLACE.vector(run, "output.axis", &[1])?,
        );
        if self.first == 0 {
            return PLACE.node(run, "Slice", &[value, self.count, end, axis], Vec::new());
        }
        let start = PLACE.vector(run, "output.start", &[0])?;
        let first = PLACE.vector(run, "output.first", &[self.first])?;
        let before = PLACE.node(run, "Slice", &[value, start, first, axis], Vec::new())?;
        let next = PLACE.node(run, "Add", &[first, self.count], Vec::new())?;
        let behind = PLACE.node(run, "Slice", &[value, next, end, axis], Vec::new())?;
        PLACE.node(run, "Concat", &[before, behind], vec![("axis", Attr::Int(1))])
    }
}

/// The graph outputs that operators make.
fn outputs<'a>(run: &Run<'a>) -> Result<Vec<(Value, ValueInfo<'a>)>> {
    let mut found = Vec::new();
    for node in run.nodes()? {
        for slot in 0..run.node(node)?.output_count {
            let Some(value) = run.node_output(node, slot)? else { continue };
            let info = run.value(value)?;
            if info.is_output {
                found.push((value, info));
            }
        }
    }
    Ok(found)
}
