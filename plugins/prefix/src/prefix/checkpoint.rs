//! Where the rows of a prefix come from: a checkpoint of PEFT or of AdapterHub, or a seed.

mod adapterhub;
mod peft;

use super::gate::Gate;
use crate::fresh::{Fresh, refuse_options};
use crate::layout::Layout;
use adapterhub::AdapterHub;
use peft::Peft;
use peftc_plugin::{
    AttentionInfo, DataType, Result, Run, SourceSpec, Stack, TaskSpec, Value, one, saved,
};

/// A prefix: its length, and where its rows are.
pub(crate) enum Source<'a> {
    Peft(Peft<'a>),
    AdapterHub(AdapterHub<'a>),
    Fresh(Fresh),
}

/// The task that makes the rows of a block: its kind, sources and parameters.
type Task<'a> = (&'static str, Vec<SourceSpec<'a>>, Vec<u8>);

impl<'a> Source<'a> {
    pub(crate) fn of(run: &Run<'a>, sites: &[AttentionInfo<'_>]) -> Result<Self> {
        if !run.has_adapter() {
            return Fresh::of(run, "prefix").map(Self::Fresh);
        }
        refuse_options(run, "prefix")?;
        match run.config_str("peft_type")? {
            Some(_) => Peft::of(run, sites).map(Self::Peft),
            None => AdapterHub::of(run, sites).map(Self::AdapterHub),
        }
    }

    /// How many keys and values it has.
    pub(crate) fn length(&self) -> i64 {
        match self {
            Self::Peft(peft) => peft.length,
            Self::AdapterHub(hub) => hub.length,
            Self::Fresh(fresh) => fresh.length,
        }
    }

    /// Whether real tokens come behind it.
    pub(crate) fn shifts_positions(&self) -> bool {
        match self {
            Self::Peft(_) | Self::Fresh(_) => true,
            Self::AdapterHub(_) => false,
        }
    }

    /// The sites that get rows, and the blocks of the checkpoint that are their keys and values.
    pub(crate) fn layers<'s, 'r>(
        &self,
        sites: &'s [AttentionInfo<'r>],
    ) -> Vec<(&'s AttentionInfo<'r>, [i64; 2])> {
        sites.iter().filter_map(|site| Some((site, self.blocks(site)?))).collect()
    }

    /// The blocks of a site's keys and values; none where it gets no rows.
    pub(crate) fn blocks(&self, site: &AttentionInfo<'_>) -> Option<[i64; 2]> {
        match self {
            Self::Peft(peft) => is_target(site).then(|| peft.blocks(site.layer as i64)),
            Self::AdapterHub(hub) => hub.blocks(site),
            Self::Fresh(_) => {
                is_target(site).then(|| [0, 1].map(|part| 2 * site.layer as i64 + part))
            }
        }
    }

    /// What opens and shuts the rows of a site.
    pub(crate) fn gate(&self, site: &AttentionInfo<'_>) -> Option<&Gate<'a>> {
        match self {
            Self::AdapterHub(hub) => hub.gate(site),
            Self::Peft(_) | Self::Fresh(_) => None,
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
            Self::Peft(peft) => peft.task(block, layout),
            Self::AdapterHub(hub) => hub.task(block, layout)?,
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
            Self::Peft(peft) => saved::replace_all(run, &peft.saved),
            Self::AdapterHub(_) | Self::Fresh(_) => Ok(()),
        }
    }
}

/// Whether a site is of a decoder's self-attention, or of the only stack there is.
pub(crate) fn is_target(site: &AttentionInfo<'_>) -> bool {
    matches!(site.stack, Stack::Only | Stack::Decoder)
}
