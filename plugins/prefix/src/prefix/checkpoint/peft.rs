//! PEFT's checkpoint: one tensor, of the self-attention of the decoder or of the only stack.

use super::{Task, is_target};
use crate::layout::Layout;
use crate::tasks::rows;
use peftc_plugin::{AttentionInfo, Error, Result, Run, SourceSpec, saved};

/// PEFT's tensor: `[virtual tokens, layers · 2 · heads · features]`, keys before values.
const EMBEDDINGS: &str = "prompt_embeddings";

pub(crate) struct Peft<'a> {
    pub(super) length: i64,
    /// Layers of the adapter.
    layers: i64,
    /// Parts of a layer that PEFT makes rows for: 2 for self- and cross-attention.
    submodules: i64,
    /// Tensors that replace parameters.
    pub(super) saved: Vec<(&'a str, String)>,
}

impl<'a> Peft<'a> {
    pub(super) fn of(run: &Run<'a>, sites: &[AttentionInfo<'_>]) -> Result<Self> {
        let tensor = run.adapter_tensor(EMBEDDINGS)?;
        let number = |key: &str| {
            run.config_i64(key)?
                .ok_or_else(|| Error::invalid(format!("adapter_config.json has no {key:?}")))
        };
        let (length, layers) = (number("num_virtual_tokens")?, number("num_layers")?);
        let (heads, width) = (number("num_attention_heads")?, number("token_dim")?);
        let targets = || sites.iter().filter(|site| is_target(site));
        let found = targets().count();
        if layers != found as i64 {
            return Err(Error::invalid(format!(
                "the prefix is for a model of {layers} layers (adapter_config.json: num_layers), this one has {found} \
                 layers of attention: `peftc inspect --sites` lists them"
            )));
        }
        if found == 0 {
            return Err(Error::invalid(
                "the model has cross-attention alone: there is no layer for the prefix",
            ));
        }
        let expected = layers.saturating_mul(2).saturating_mul(width);
        if tensor.dims != [length, expected] {
            return Err(Error::invalid(format!(
                "{EMBEDDINGS} is {:?}, but adapter_config.json says {length} virtual tokens, {layers} layers and token_dim \
                 {width}: expected [{length}, {expected}]",
                tensor.dims
            )));
        }
        targets().try_for_each(|site| check_heads(site, heads, width))?;
        let saved = run.adapter_tensor_names()?.into_iter().filter(|name| *name != EMBEDDINGS);
        let saved = saved.map(|name| (name, saved::parameter_name(name))).collect();
        Ok(Self { length, layers, submodules: submodules(run)?, saved })
    }

    /// The blocks of a layer's keys and values.
    ///
    /// For several submodules PEFT repeats the blocks, deals them out to layers and submodules in
    /// turn, and uses those of the first submodule alone.
    pub(super) fn blocks(&self, layer: i64) -> [i64; 2] {
        [0, 1].map(|part| (2 * self.submodules * layer + part) % (2 * self.layers))
    }

    pub(super) fn task(&self, block: i64, layout: Layout) -> Task<'_> {
        let sources = vec![SourceSpec::Adapter(EMBEDDINGS)];
        ("rows", sources, rows::params(block, 2 * self.layers, layout))
    }
}

fn submodules(run: &Run<'_>) -> Result<i64> {
    let submodules = run.config_i64("num_transformer_submodules")?.unwrap_or(1);
    if !(1..=2).contains(&submodules) {
        return Err(Error::invalid(format!(
            "adapter_config.json: num_transformer_submodules is {submodules}, expected 1 or 2"
        )));
    }
    if submodules == 2 {
        run.note("as in PEFT, the decoder's self-attention alone has the prefix, not the encoder nor the cross-attention");
    }
    Ok(submodules)
}

fn check_heads(site: &AttentionInfo<'_>, heads: i64, width: i64) -> Result<()> {
    let features = width.checked_div(heads).unwrap_or(0);
    let fits = |of: &peftc_plugin::KeyValues| (of.heads, of.features) == (heads, features);
    if fits(&site.keys) && fits(&site.values) {
        return Ok(());
    }
    Err(Error::invalid(format!(
        "{}: the prefix has {heads} heads of {features} features (adapter_config.json: num_attention_heads {heads}, \
         token_dim {width}), the model's keys have {} of {}, its values {} of {}",
        site.module, site.keys.heads, site.keys.features, site.values.heads, site.values.features
    )))
}
