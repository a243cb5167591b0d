//! A fresh adapter: all scales are 1, so that nothing changes until it is trained.

use crate::layer::{Layer, Learned};
use crate::{Mode, apply};
use peftc_plugin::{Error, Result, Run, Site};
use std::collections::BTreeMap;

pub(crate) fn run(run: &Run<'_>, mode: Mode) -> Result<()> {
    let (targets, feedforward) = (run.option_list("targets")?, run.option_list("feedforward")?);
    if targets.is_none() && feedforward.is_none() {
        return Err(Error::invalid(
            "neither an adapter nor layers are given: `adapter` applies one, `targets` and `feedforward` make a fresh one",
        ));
    }
    for (patterns, is_feedforward) in [(targets, false), (feedforward, true)] {
        let Some(patterns) = patterns else { continue };
        let mut modules: BTreeMap<&str, Vec<Site>> = BTreeMap::new();
        for site in run.sites_of_targets(&patterns)? {
            match run.site(site)?.module {
                "" => {
                    return Err(Error::invalid(format!(
                        "the node {:?} is of no known module: a fresh adapter could not name its scales",
                        run.node(run.site(site)?.node)?.name
                    )));
                }
                module => modules.entry(module).or_default().push(site),
            }
        }
        for (module, sites) in modules {
            apply(
                run,
                &Layer::check(run, module, sites, Learned::Fresh { is_feedforward })?,
                mode,
            )?;
        }
    }
    Ok(())
}
