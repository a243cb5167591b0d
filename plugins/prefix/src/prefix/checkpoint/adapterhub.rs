//! AdapterHub's checkpoint: a prefix for each kind of attention, with rows for the layers that
//! `leave_out` does not name; gates of layers.

mod group;
mod keys;

use super::Task;
use crate::layout::Layout;
use crate::prefix::gate::Gate;
use group::Group;
use keys::{Keys, Side};
use peftc_plugin::{AttentionInfo, Error, Node, Result, Run, Stack};
use std::collections::HashMap;

pub(crate) struct AdapterHub<'a> {
    pub(super) length: i64,
    groups: Vec<Group<'a>>,
    /// The blocks of a site's keys and values, by its Softmax.
    blocks: HashMap<Node, [i64; 2]>,
    gates: HashMap<Node, Gate<'a>>,
}

impl<'a> AdapterHub<'a> {
    pub(super) fn of(run: &Run<'a>, sites: &[AttentionInfo<'_>]) -> Result<Self> {
        let mut keys = Keys::of(&run.adapter_tensor_names()?);
        let half = keys.half(sites);
        if let Some(half) = half {
            keys.leave_other_half(run, half)?;
        }
        check_hidden_size(run, sites)?;
        keys.check_layers(sites, half)?;
        let config = Config::of(run)?;
        let prefixed = config.prefixed(sites, &keys, half)?;
        let mut hub = Self {
            length: config.length,
            groups: Vec::new(),
            blocks: HashMap::new(),
            gates: HashMap::new(),
        };
        for stack in [Stack::Only, Stack::Encoder, Stack::Decoder, Stack::Cross] {
            let own: Vec<_> = prefixed.iter().copied().filter(|s| s.stack == stack).collect();
            hub.add_group(run, &mut keys, &config, prefix_name(stack, half), &own)?;
        }
        if let Some(name) = keys.prefixes.keys().next() {
            return Err(Error::invalid(format!(
                "the adapter has a {name}, but the model has no attention that its configuration wants it for"
            )));
        }
        if half.is_none() && hub.groups.is_empty() {
            return Err(Error::invalid("the adapter has a prefix for no layer"));
        }
        if config.use_gating {
            for site in prefixed {
                let [weight, bias] = keys.gate(site, half)?;
                let gate = Gate::new(run, site, weight, bias, config.gate_outputs)?;
                hub.gates.insert(site.softmax, gate);
            }
        }
        Ok(hub)
    }

    pub(super) fn blocks(&self, site: &AttentionInfo<'_>) -> Option<[i64; 2]> {
        self.blocks.get(&site.softmax).copied()
    }

    pub(super) fn gate(&self, site: &AttentionInfo<'_>) -> Option<&Gate<'a>> {
        self.gates.get(&site.softmax)
    }

    pub(super) fn task(&self, block: i64, layout: Layout) -> Result<Task<'_>> {
        let group = self.groups.iter().find(|group| group.blocks().contains(&block));
        let group = group.ok_or_else(|| Error::invalid("the prefix has no such block"))?;
        Ok(group.task(block, layout))
    }

    /// Takes a prefix out of the keys, for the sites of a stack; its blocks are numbered behind those
    /// of the others.
    fn add_group(
        &mut self,
        run: &Run<'a>,
        keys: &mut Keys<'a>,
        config: &Config,
        name: &'static str,
        sites: &[&AttentionInfo<'_>],
    ) -> Result<()> {
        if sites.is_empty() {
            return Ok(());
        }
        let first = self.groups.last().map_or(0, |group| group.blocks().end);
        let group = Group::of(run, keys, name, config, sites, first)?;
        for (site, keys) in sites.iter().zip(group.blocks().step_by(2)) {
            self.blocks.insert(site.softmax, [keys, keys + 1]);
        }
        self.groups.push(group);
        Ok(())
    }
}

/// The name of the prefix of a stack.
fn prefix_name(stack: Stack, half: Option<Side>) -> &'static str {
    match stack {
        Stack::Encoder => "encoder_prefix",
        Stack::Only if half == Some(Side::Encoder) => "encoder_prefix",
        Stack::Only | Stack::Decoder => "self_prefix",
        Stack::Cross => "cross_prefix",
    }
}

/// AdapterHub's configuration of a prefix.
struct Config {
    length: i64,
    is_flat: bool,
    encoder_prefix: bool,
    cross_prefix: bool,
    leave_out: Vec<i64>,
    use_gating: bool,
    /// How many numbers a gate makes: one for keys and values together, or two.
    gate_outputs: i64,
}

impl Config {
    fn of(run: &Run<'_>) -> Result<Self> {
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
    fn prefixed<'s, 'r>(
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
fn check_hidden_size(run: &Run<'_>, sites: &[AttentionInfo<'_>]) -> Result<()> {
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
