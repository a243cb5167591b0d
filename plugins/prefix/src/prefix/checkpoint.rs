//! Where the rows of a prefix come from: PEFT's checkpoint, or a seed.

use crate::fresh::{Fresh, refuse_options};
use crate::layout::Layout;
use crate::tasks::rows;
use peftc_plugin::{
    AttentionInfo, DataType, Error, Result, Run, SourceSpec, Stack, TaskSpec, Value, one, saved,
};

/// PEFT's tensor: `[virtual tokens, layers · 2 · heads · features]`, keys before values.
const EMBEDDINGS: &str = "prompt_embeddings";

/// A prefix: its length, and where its rows are.
pub(crate) enum Source<'a> {
    /// Of PEFT.
    Peft {
        length: i64,
        /// Layers of the adapter.
        layers: i64,
        /// Parts of a layer that PEFT makes rows for: 2 for self- and cross-attention.
        submodules: i64,
        /// Tensors that replace parameters.
        saved: Vec<(&'a str, String)>,
    },
    /// Drawn.
    Fresh(Fresh),
}

impl<'a> Source<'a> {
    pub(crate) fn of(run: &Run<'a>, sites: &[AttentionInfo<'_>]) -> Result<Self> {
        match run.has_adapter() {
            true => peft(run, sites),
            false => Fresh::of(run, "prefix").map(Self::Fresh),
        }
    }

    /// How many keys and values it has.
    pub(crate) fn length(&self) -> i64 {
        match self {
            Self::Peft { length, .. } => *length,
            Self::Fresh(fresh) => fresh.length,
        }
    }

    /// Whether real tokens come behind it.
    pub(crate) fn shifts_positions(&self) -> bool {
        match self {
            Self::Peft { .. } | Self::Fresh(_) => true,
        }
    }

    /// The sites that get rows, and the blocks of the checkpoint that are their keys and values.
    pub(crate) fn layers<'s, 'r>(
        &self,
        sites: &'s [AttentionInfo<'r>],
    ) -> Vec<(&'s AttentionInfo<'r>, [i64; 2])> {
        target_sites(sites).map(|site| (site, self.blocks(site.layer as i64))).collect()
    }

    /// The blocks of a layer's keys and values.
    ///
    /// For several submodules PEFT repeats the blocks, deals them out to layers and submodules in
    /// turn, and uses those of the first submodule alone.
    fn blocks(&self, layer: i64) -> [i64; 2] {
        match *self {
            Self::Peft { layers, submodules, .. } => {
                [0, 1].map(|part| (2 * submodules * layer + part) % (2 * layers))
            }
            Self::Fresh(_) => [0, 1].map(|part| 2 * layer + part),
        }
    }

    /// The rows of one block.
    pub(crate) fn rows(
        &self,
        run: &Run<'_>,
        name: &str,
        block: i64,
        layout: Layout,
        dtype: DataType,
    ) -> Result<Value> {
        let (kind, sources, params) = match self {
            Self::Peft { layers, .. } => (
                "rows",
                vec![SourceSpec::Adapter(EMBEDDINGS)],
                rows::params(block, 2 * *layers, layout),
            ),
            Self::Fresh(fresh) => ("init", Vec::new(), fresh.params(block as u64)),
        };
        let results = vec![(layout.ty(dtype), name.to_owned())];
        one(run.add_task(TaskSpec {
            kind,
            label: name,
            sources,
            results,
            params,
            ..Default::default()
        })?)
    }

    /// Replaces the parameters that were trained beside it.
    pub(crate) fn replace_parameters(&self, run: &Run<'_>) -> Result<()> {
        match self {
            Self::Peft { saved, .. } => saved::replace_all(run, saved),
            Self::Fresh(_) => Ok(()),
        }
    }
}

/// The sites of a decoder, or of the only stack there is.
fn target_sites<'s, 'r>(
    sites: &'s [AttentionInfo<'r>],
) -> impl Iterator<Item = &'s AttentionInfo<'r>> {
    sites.iter().filter(|site| matches!(site.stack, Stack::Only | Stack::Decoder))
}

fn peft<'a>(run: &Run<'a>, sites: &[AttentionInfo<'_>]) -> Result<Source<'a>> {
    refuse_options(run, "prefix")?;
    let tensor = run.adapter_tensor(EMBEDDINGS)?;
    let number = |key: &str| {
        run.config_i64(key)?
            .ok_or_else(|| Error::invalid(format!("adapter_config.json has no {key:?}")))
    };
    let (length, layers) = (number("num_virtual_tokens")?, number("num_layers")?);
    let (heads, width) = (number("num_attention_heads")?, number("token_dim")?);
    let found = target_sites(sites).count();
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
    for site in target_sites(sites) {
        check_heads(site, heads, width)?;
    }
    let saved = run.adapter_tensor_names()?.into_iter().filter(|name| *name != EMBEDDINGS);
    let saved = saved.map(|name| (name, saved::parameter_name(name))).collect();
    Ok(Source::Peft { length, layers, submodules: submodules(run)?, saved })
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
