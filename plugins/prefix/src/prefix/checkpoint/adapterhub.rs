//! AdapterHub's checkpoint: a prefix for each kind of attention, with rows for the layers that
//! `leave_out` does not name; gates of layers.

mod config;
mod group;
mod keys;

use super::Task;
use crate::layout::Layout;
use crate::prefix::gate::Gate;
use config::Config;
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
        config::check_hidden_size(run, sites)?;
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
