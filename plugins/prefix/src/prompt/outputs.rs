//! Outputs with a row for each token: those of learned tokens are kept, as PEFT does, or cut.

use super::PLACE;
use peftc_plugin::{Error, Result, Run, Value, ValueInfo};

/// Cuts the rows of learned tokens, if the recipe wants it.
pub(super) fn settle(run: &Run<'_>, count: Value) -> Result<()> {
    let is_cut = run.option_str("outputs")? == Some("cut");
    for (value, info) in outputs(run)? {
        let has_tokens = info.dims.is_some_and(|d| d.len() == 3);
        if !has_tokens {
            continue;
        }
        if !is_cut {
            run.note(&format!("output {} has rows of the learned tokens in front; outputs = \"cut\" leaves them out", info.name));
            continue;
        }
        if !run.uses(value)?.is_empty() {
            return Err(Error::unsupported(format!(
                "outputs = \"cut\": output {} is used inside the model too",
                info.name
            )));
        }
        let (end, axis) = (
            PLACE.vector(run, "output.end", &[i64::MAX])?,
            PLACE.vector(run, "output.axis", &[1])?,
        );
        let own = PLACE.node(run, "Slice", &[value, count, end, axis], Vec::new())?;
        run.replace_uses(value, own)?;
    }
    Ok(())
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
