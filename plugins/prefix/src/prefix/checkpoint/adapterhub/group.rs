//! A prefix of one kind of attention: its tensors, and the blocks of rows they make.

use super::config::Config;
use super::keys::{Copies, Keys, same};
use crate::layout::Layout;
use crate::prefix::checkpoint::Task;
use crate::tasks::rows;
use peftc_plugin::{AttentionInfo, Error, Result, Run, SourceSpec, TensorView};
use std::collections::BTreeMap;
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
        let count = 2 * size.layers;
        let tensors = Tensors { run, name, tensors, size };
        let rows = if config.is_flat { tensors.flat() } else { tensors.mlp() }?;
        Ok(Self { first, count, rows })
    }

    /// The numbers of its blocks: keys and values of a layer, by layer.
    pub(super) fn blocks(&self) -> Range<i64> {
        self.first..self.first + self.count
    }

    pub(super) fn task(&self, block: i64, layout: Layout) -> Task<'a> {
        let params = rows::params(block - self.first, self.count, layout);
        match self.rows {
            Rows::Flat(name) => ("rows", vec![SourceSpec::Adapter(name)], params),
            Rows::Mlp(names) => {
                ("projected", names.into_iter().map(SourceSpec::Adapter).collect(), params)
            }
        }
    }
}

/// The tensors of a prefix by the names below it.
struct Tensors<'t, 'a> {
    run: &'t Run<'a>,
    name: &'t str,
    tensors: BTreeMap<&'a str, Copies<'a>>,
    size: Size,
}

impl<'a> Tensors<'_, 'a> {
    fn flat(&self) -> Result<Rows<'a>> {
        let elements = self.size.length.saturating_mul(self.size.features());
        Ok(Rows::Flat(self.checked("control_trans", &[elements])?))
    }

    fn mlp(&self) -> Result<Rows<'a>> {
        let (embeddings, weight, bias) =
            ("wte.weight", "control_trans.0.weight", "control_trans.0.bias");
        let (second, second_bias) = ("control_trans.2.weight", "control_trans.2.bias");
        let &[inner @ 1..=i64::MAX, hidden @ 1..=i64::MAX] = self.get(weight)?.1.dims else {
            return Err(Error::invalid(format!("{}.{weight} is no matrix", self.name)));
        };
        let Size { length, .. } = self.size;
        let features = self.size.features();
        Ok(Rows::Mlp([
            self.checked(embeddings, &[length, hidden])?,
            self.checked(weight, &[inner, hidden])?,
            self.checked(bias, &[inner])?,
            self.checked(second, &[features, inner])?,
            self.checked(second_bias, &[features])?,
        ]))
    }

    /// The full name of a tensor of these sizes.
    fn checked(&self, leaf: &str, expected: &[i64]) -> Result<&'a str> {
        let (full, tensor) = self.get(leaf)?;
        if tensor.dims != expected {
            let Size { length, layers, heads: [heads, features] } = self.size;
            return Err(Error::invalid(format!(
                "{}.{leaf} is {:?}, expected {expected:?}: prefix_length is {length}, and the model has {layers} layers for \
                 it, with keys and values of {heads} heads of {features}",
                self.name, tensor.dims
            )));
        }
        match tensor.dtype.float_size() {
            Some(_) => Ok(full),
            None => Err(Error::unsupported(format!(
                "{}.{leaf} is of {}: f16, bf16, f32 and f64 are accepted",
                self.name, tensor.dtype
            ))),
        }
    }

    fn get(&self, leaf: &str) -> Result<(&'a str, TensorView<'a>)> {
        match self.tensors.get(leaf) {
            Some(copies) => same(self.run, copies),
            None => Err(Error::invalid(format!(
                "the adapter has no {}.{leaf}, which its configuration (\"flat\") says it has",
                self.name
            ))),
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
}
