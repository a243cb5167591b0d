//! AdapterHub's configuration of a prefix, and which attention of a model it is for.

use super::keys::{Keys, Side};
use super::prefix_name;
use peftc_plugin::{AttentionInfo, Error, Result, Run, Stack};

/// A configuration, with AdapterHub's defaults.
pub(super) struct Config {
    pub(super) length: i64,
    pub(super) is_flat: bool,
    encoder_prefix: bool,
    cross_prefix: bool,
    leave_out: Vec<i64>,
    pub(super) use_gating: bool,
    /// How many numbers a gate makes: one for keys and values together, or two.
    pub(super) gate_outputs: i64,
}

impl Config {
    pub(super) fn of(run: &Run<'_>) -> Result<Self> {
        let flag = |key: &str, default: bool| Ok(run.config_bool(key)?.unwrap_or(default));
        let length = run
            .config_i64("prefix_length")?
            .ok_or_else(|| Error::invalid("adapter_config.json has no \"prefix_length\""))?;
        if length < 1 {
            return Err(Error::invalid(format!(
                "adapter_config.json: \"prefix_length\" is {length}, expected 1 or more"
            )));
        }
        let is_flat = flag("flat", false)?;
        let non_linearity = run.config_str("non_linearity")?.unwrap_or("tanh");
        if !is_flat && !non_linearity.eq_ignore_ascii_case("tanh") {
            return Err(Error::unsupported(format!(
                "adapter_config.json: \"non_linearity\" is {non_linearity:?}: \"tanh\" is accepted for prefixes that \
                 are not flat"
            )));
        }
        Ok(Self {
            length,
            is_flat,
            encoder_prefix: flag("encoder_prefix", true)?,
            cross_prefix: flag("cross_prefix", true)?,
            leave_out: run.config_integers("leave_out")?.unwrap_or_default(),
            use_gating: flag("use_gating", false)?,
            gate_outputs: if flag("shared_gating", true)? { 1 } else { 2 },
        })
    }

    /// The sites that have a prefix. AdapterHub numbers the layers of a decoder behind those of the
    /// encoder.
    pub(super) fn prefixed<'s, 'r>(
        &self,
        sites: &'s [AttentionInfo<'r>],
        keys: &Keys<'_>,
        half: Option<Side>,
    ) -> Result<Vec<&'s AttentionInfo<'r>>> {
        let encoder_layers = match half {
            Some(Side::Decoder) if !self.leave_out.is_empty() => keys.encoder_layers()?,
            _ => sites.iter().filter(|site| site.stack == Stack::Encoder).count(),
        };
        let is_prefixed = |site: &&AttentionInfo<'_>| {
            let name = prefix_name(site.stack, half);
            let is_wanted = match name {
                "encoder_prefix" => self.encoder_prefix,
                "cross_prefix" => self.cross_prefix,
                _ => true,
            };
            let is_behind = matches!(site.stack, Stack::Decoder | Stack::Cross);
            let before = if is_behind { encoder_layers } else { 0 };
            is_wanted && !self.leave_out.contains(&((before + site.layer) as i64))
        };
        Ok(sites.iter().filter(is_prefixed).collect())
    }
}

/// The model has the hidden size that the adapter was made for.
pub(super) fn check_hidden_size(run: &Run<'_>, sites: &[AttentionInfo<'_>]) -> Result<()> {
    let Some(size) = run.config_i64("hidden_size")? else { return Ok(()) };
    for query in sites.iter().filter_map(|site| site.projections[0]) {
        let found = run.site(query)?.in_features;
        if found != size {
            return Err(Error::invalid(format!(
                "the adapter is for models of hidden size {size}, this one has {found}"
            )));
        }
    }
    Ok(())
}
