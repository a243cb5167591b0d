//! A prefix of one kind of attention: its tensors, and the blocks of rows they make.

use super::Config;
use super::keys::{Keys, same};
use crate::layout::Layout;
use crate::prefix::checkpoint::Task;
use crate::tasks::rows;
use peftc_plugin::{AttentionInfo, Error, Result, Run, SourceSpec};
use std::ops::Range;

pub(super) struct Group<'a> {
    /// The number of its first block.
    first: i64,
    /// Keys and values of its layers.
    count: i64,
    rows: Rows<'a>,
}

/// Where rows `[prefix_length, layers · 2 · heads · features]` come from.
enum Rows<'a> {
    /// A tensor of as many elements.
    Flat(&'a str),
    /// The tensors of an MLP, in the order of its computation.
    Mlp([&'a str; 5]),
}

impl<'a> Group<'a> {
    /// Takes a prefix out of the keys, for the sites that have rows of it.
    pub(super) fn of(
        run: &Run<'a>,
        keys: &mut Keys<'a>,
        name: &str,
        config: &Config,
        sites: &[&AttentionInfo<'_>],
        first: i64,
    ) -> Result<Self> {
        let tensors = keys.prefixes.remove(name).ok_or_else(|| {
            Error::invalid(format!(
                "the adapter has no {name}, which its configuration says {} layers of the model have",
                sites.len()
            ))
        })?;
        let size = Size::of(config.length, sites)?;
        let tensor = |leaf: &str| {
            let copies = tensors.get(leaf).ok_or_else(|| {
                Error::invalid(format!(
                    "the adapter has no {name}.{leaf} (flat: {})",
                    config.is_flat
                ))
            })?;
            same(run, copies)
        };
        let checked = |leaf: &str, expected: &[i64]| {
            let (full, tensor) = tensor(leaf)?;
            match tensor.dims == expected {
                true => Ok(full),
                false => Err(size.error(&format!("{name}.{leaf}"), tensor.dims, expected)),
            }
        };
        let rows = match config.is_flat {
            true => Rows::Flat(checked("control_trans", &[size.length * size.features()])?),
            false => {
                let &[_, hidden] = tensor("wte.weight")?.1.dims else {
                    return Err(Error::invalid(format!("{name}.wte.weight is no matrix")));
                };
                let &[inner] = tensor("control_trans.0.bias")?.1.dims else {
                    return Err(Error::invalid(format!(
                        "{name}.control_trans.0.bias is no vector"
                    )));
                };
                Rows::Mlp([
                    checked("wte.weight", &[size.length, hidden])?,
                    checked("control_trans.0.weight", &[inner, hidden])?,
                    checked("control_trans.0.bias", &[inner])?,
                    checked("control_trans.2.weight", &[size.features(), inner])?,
                    checked("control_trans.2.bias", &[size.features()])?,
                ])
            }
        };
        Ok(Self { first, count: 2 * size.layers, rows })
    }

    /// The numbers of its blocks: keys and values of a layer, by layer.
    pub(super) fn blocks(&self) -> Range<i64> {
        self.first..self.first + self.count
    }

    pub(super) fn task(&self, block: i64, layout: Layout) -> Task<'a> {
        let block = block - self.first;
        let source = |name| SourceSpec::Adapter(name);
        match self.rows {
            Rows::Flat(name) => {
                ("rows", vec![source(name)], rows::params(block, self.count, layout))
            }
            Rows::Mlp(names) => {
                ("projected", names.map(source).to_vec(), rows::params(block, self.count, layout))
            }
        }
    }
}

/// The sizes of a prefix, as far as the model says them.
struct Size {
    length: i64,
    layers: i64,
    /// Heads of the keys and values, and features of a head.
    heads: [i64; 2],
}

impl Size {
    fn of(length: i64, sites: &[&AttentionInfo<'_>]) -> Result<Self> {
        let mut all = sites.iter().flat_map(|site| {
            [&site.keys, &site.values].map(|of| (site.module, [of.heads, of.features]))
        });
        let (_, heads) = all.next().ok_or_else(|| Error::invalid("there is no layer"))?;
        if let Some((module, other)) = all.find(|(_, other)| *other != heads) {
            return Err(Error::invalid(format!(
                "{module}: keys or values have {} heads of {}, others {} of {}: AdapterHub's prefix has the same for all",
                other[0], other[1], heads[0], heads[1]
            )));
        }
        Ok(Self { length, layers: sites.len() as i64, heads })
    }

    /// Features of keys and values of all layers.
    fn features(&self) -> i64 {
        2 * self.layers * self.heads[0] * self.heads[1]
    }

    fn error(&self, name: &str, found: &[i64], expected: &[i64]) -> Error {
        let Self { length, layers, heads: [heads, features] } = self;
        Error::invalid(format!(
            "{name} is {found:?}, expected {expected:?}: prefix_length is {length}, and the model has {layers} layers for \
             it, with keys and values of {heads} heads of {features}"
        ))
    }
}
