//! The adapter's tensors by what they are for.

use crate::config::Config;
use peftc_plugin::{BlockSite, Error, Result, Run, Sublayer};
use std::collections::{BTreeMap, BTreeSet};

/// What stands between the path of a sublayer and the name of a tensor.
const CONTAINER: &str = ".adapters.";
const SHARED: &str = "shared_parameters.";

/// The tensors of an adapter, grouped.
#[derive(Debug, Default)]
pub(crate) struct Keys<'a> {
    /// Full names by name below the adapter (`adapter_down.0.weight`), by path of the sublayer.
    pub(crate) places: BTreeMap<&'a str, BTreeMap<&'a str, &'a str>>,
    /// Full names of tensors that all phm layers share.
    pub(crate) shared: BTreeMap<&'a str, &'a str>,
}

impl<'a> Keys<'a> {
    /// Groups tensors by their names. Those that are of no known form are left to the host,
    /// which refuses an adapter with tensors nobody used.
    pub(crate) fn of(names: &[&'a str]) -> Result<Self> {
        let mut keys = Self::default();
        for &name in names {
            if name.contains("invertible_adapters.") {
                return Err(Error::unsupported(format!(
                    "the adapter has invertible adapters around the embeddings ({name}), which this version cannot apply"
                )));
            }
            if let Some((place, leaf)) = name.split_once(CONTAINER) {
                keys.places.entry(place).or_default().insert(leaf, name);
            } else if let Some(at) = name.find(SHARED) {
                keys.shared.insert(&name[at + SHARED.len()..], name);
            }
        }
        match keys.places.is_empty() {
            true => Err(Error::invalid("the adapter has no bottleneck adapters among its tensors")),
            false => Ok(keys),
        }
    }

    /// The sublayers that the paths name, in the order of the graph: those before are seen as the
    /// adapters there change them. Looks for all, so that the host can list those that are not there.
    pub(crate) fn sites(&self, run: &Run<'_>) -> Result<Vec<(&'a str, BlockSite)>> {
        let looked: Vec<Result<_>> = self
            .places
            .keys()
            .map(|&place| Ok((place, run.block_site_of_module(place)?)))
            .collect();
        let mut sites = looked.into_iter().collect::<Result<Vec<_>>>()?;
        sites.sort_by_key(|&(_, site)| site);
        match sites.windows(2).find(|pair| pair[0].1 == pair[1].1) {
            Some(pair) => Err(Error::invalid(format!(
                "the adapter has tensors for {} and {}, which are one sublayer of the model: it is for a model of more stacks",
                pair[0].0, pair[1].0
            ))),
            None => Ok(sites),
        }
    }
}

/// Every sublayer that the configuration wants adapted has tensors.
pub(crate) fn check_complete(
    run: &Run<'_>,
    config: &Config,
    sites: &[(&str, BlockSite)],
) -> Result<()> {
    let have: BTreeSet<BlockSite> = sites.iter().map(|(_, site)| *site).collect();
    let all = run.block_sites()?;
    let infos: Vec<_> = all.iter().map(|&site| run.block_site(site)).collect::<Result<_>>()?;
    let is_encoder = |stack: &str| stack == "encoder";
    let is_half = infos.iter().all(|info| info.stack == "decoder");
    if is_half && !config.leave_out.is_empty() {
        // How many layers the encoder has is not known here.
        return Ok(());
    }
    let has_decoder = infos.iter().any(|info| info.stack == "decoder");
    let encoder = infos.iter().filter(|info| is_encoder(info.stack) && has_decoder);
    let encoder_layers = encoder.map(|info| info.layer as i64 + 1).max().unwrap_or(0);
    for (site, info) in all.iter().zip(&infos) {
        let wanted = match info.sublayer {
            Sublayer::Attention => config.attention,
            Sublayer::CrossAttention => config.cross_attention,
            Sublayer::FeedForward => config.feed_forward,
        };
        // AdapterHub numbers the layers of a decoder behind those of the encoder.
        let before = if is_encoder(info.stack) { 0 } else { encoder_layers };
        let is_left_out = config.leave_out.contains(&(before + info.layer as i64));
        if wanted && !is_left_out && !have.contains(site) {
            let stack = if info.stack.is_empty() { "" } else { " of the " };
            return Err(Error::invalid(format!(
                "the adapter has no tensors for the {} of layer {}{stack}{}, which its leave_out does not name: it is \
                 for a model of other layers",
                crate::sublayer_name(info.sublayer),
                info.layer,
                info.stack
            )));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tensors_are_grouped_by_sublayer() {
        let names = [
            "bert.encoder.layer.0.output.adapters.adapter_down.0.weight",
            "bert.encoder.layer.0.output.adapters.scaling",
            "bert.shared_parameters.phm_rule",
        ];
        let keys = Keys::of(&names).expect("a bottleneck adapter");
        assert_eq!(keys.places["bert.encoder.layer.0.output"]["scaling"], names[1]);
        assert_eq!(keys.shared["phm_rule"], names[2]);
    }

    #[test]
    fn invertible_adapters_are_refused() {
        let error = Keys::of(&["bert.invertible_adapters.F.0.weight"]).expect_err("invertible");
        assert!(error.to_string().contains("invertible"), "{error}");
    }
}
