//! Where an adapter stands: between a sublayer, its residual Add and its norm.

use crate::adapter::apply;
use crate::builder::{Builder, Scalars};
use crate::config::{Config, Residual};
use crate::weights::Weights;
use peftc_plugin::{
    Attr, BlockSiteInfo, DataType, Error, Node, Norm, Result, Run, TensorType, Value,
};
use std::collections::HashMap;

/// Puts adapters into the graph, one sublayer after another.
pub(crate) struct Placer<'p, 'a> {
    run: &'p Run<'a>,
    config: &'p Config,
    opset: i64,
    scalars: Scalars,
    /// What stands for values that sublayers made.
    replaced: HashMap<Value, Value>,
}

impl<'p, 'a> Placer<'p, 'a> {
    pub(crate) fn new(run: &'p Run<'a>, config: &'p Config) -> Result<Self> {
        let opset = run.opset("")?.unwrap_or(0);
        match opset < 13 {
            true => Err(Error::unsupported(format!(
                "the adapter's operators are those of opset 13 and newer, the model imports {opset}: export it anew"
            ))),
            false => Ok(Self {
                run,
                config,
                opset,
                scalars: Scalars::default(),
                replaced: HashMap::new(),
            }),
        }
    }

    /// Puts an adapter behind, or beside, a sublayer.
    pub(crate) fn place(
        &mut self,
        module: &str,
        site: &BlockSiteInfo<'_>,
        weights: &Weights,
    ) -> Result<()> {
        self.check(module, site, weights)?;
        let place = Place {
            b: Builder {
                run: self.run,
                module,
                dtype: site.dtype,
                opset: self.opset,
                scalars: &self.scalars,
            },
            config: self.config,
            site,
            weights,
            residual: self.current(site.residual),
            beside: self.beside(site)?.map(|value| self.current(value)),
        };
        let new = match self.config.is_parallel {
            true => place.parallel()?,
            false => place.sequential()?,
        };
        self.replaced.extend(new);
        Ok(())
    }

    /// What stands for a value of the model, as the sublayers before left it.
    fn current(&self, value: Value) -> Value {
        *self.replaced.get(&value).unwrap_or(&value)
    }

    /// What the attention beside a feed-forward made: an Add joins the two before the residual Add.
    fn beside(&self, site: &BlockSiteInfo<'_>) -> Result<Option<Value>> {
        let maker =
            site.sum.map(|sum| self.run.value(sum)).transpose()?.and_then(|sum| sum.producer);
        match maker.is_some_and(|maker| maker != site.add) {
            true => self.run.node_input(site.add, 1 - site.slot),
            false => Ok(None),
        }
    }

    fn check(&self, module: &str, site: &BlockSiteInfo<'_>, weights: &Weights) -> Result<()> {
        if !matches!(site.dtype, DataType::F32 | DataType::F16 | DataType::BF16 | DataType::F64) {
            return Err(Error::unsupported(format!(
                "{module}: the model computes in {} there; f32, f16, bf16 and f64 can be adapted",
                site.dtype
            )));
        }
        self.refuse_adapted(module, site)?;
        let rank = self.run.value(site.output)?.dims.map(<[i64]>::len);
        if weights.gate.is_some() && rank.is_some_and(|rank| rank != 3) {
            return Err(Error::unsupported(format!(
                "{module}: a gate is a mean over the tokens of a sequence, but the hidden states have rank {}, not 3",
                rank.unwrap_or_default()
            )));
        }
        Ok(())
    }
}

impl Placer<'_, '_> {
    /// A sublayer that has an adapter: another one would have to know how the first was put there.
    fn refuse_adapted(&self, module: &str, site: &BlockSiteInfo<'_>) -> Result<()> {
        let maker = self.run.value(site.output)?.producer;
        let readers = self.readers(site.output)?;
        let result = site.norm_after.as_ref().map(|norm| norm.output).or(site.sum);
        let heirs = result.map(|value| self.readers(value)).transpose()?.unwrap_or_default();
        let is_ours = |node: &Node| Ok(self.run.node(*node)?.role.starts_with(ROLE));
        let ours = |nodes: &[Node]| nodes.iter().map(is_ours).collect::<Result<Vec<bool>>>();
        let is_replaced = !heirs.is_empty() && ours(&heirs)?.iter().all(|&is| is);
        let is_read = ours(&readers)?.contains(&true);
        match is_replaced || is_read || maker.as_ref().map(is_ours).transpose()? == Some(true) {
            true => Err(Error::unsupported(format!(
                "{module}: the model has a bottleneck adapter there already; one for each sublayer can be applied, a \
                 Stack or a Fuse of AdapterHub cannot"
            ))),
            false => Ok(()),
        }
    }

    fn readers(&self, value: Value) -> Result<Vec<Node>> {
        Ok(self.run.uses(value)?.into_iter().map(|at| at.node).collect())
    }
}

/// An adapter and where it stands.
struct Place<'p, 'a> {
    b: Builder<'p, 'a>,
    config: &'p Config,
    site: &'p BlockSiteInfo<'p>,
    weights: &'p Weights,
    /// The residual of the model, as the sublayers before left it.
    residual: Value,
    /// What an attention beside this feed-forward made, as its adapter left it.
    beside: Option<Value>,
}

/// What the roles of this pass's operators begin with.
const ROLE: &str = "bottleneck.";

/// A value of the model and what stands for it from now on.
type Replaced = Option<(Value, Value)>;

impl Place<'_, '_> {
    /// AdapterHub's `Adapter`: reads what the sublayer made.
    fn sequential(&self) -> Result<Replaced> {
        let config = self.config;
        let made = self.made()?;
        let x = match config.original_ln_before {
            true => self.result()?,
            false => made,
        };
        let residual = match config.residual {
            Residual::Sublayer => made,
            Residual::AdapterInput => x,
            Residual::Sum => self.sum(made)?,
        };
        let y = apply(&self.b, config, self.weights, x, Some(residual))?;
        match (config.original_ln_after, config.original_ln_before) {
            (true, false) => self.hand_to_model(y),
            (true, true) if self.left().is_none() => self.hand_to_model(y),
            (true, true) => {
                let out = self.added_and_normed(y)?;
                self.replace_result(out)
            }
            (false, _) => self.replace_result(y),
        }
    }

    /// LN(y + r), as the model does it; y + r where its norm is not behind the sublayer.
    fn added_and_normed(&self, y: Value) -> Result<Value> {
        match &self.site.norm_after {
            Some(_) if self.is_fused()? => self.fused_once_more(y),
            Some(norm) => self.copy(norm, self.added(y)?),
            None => self.added(y),
        }
    }

    /// y + r, in the order of the model.
    fn added(&self, y: Value) -> Result<Value> {
        let y = match self.beside {
            Some(beside) => self.add("beside", y, beside)?,
            None => y,
        };
        self.add("residual_add", y, self.residual)
    }

    /// AdapterHub's `ParallelAdapter`: reads what the sublayer was computed from.
    fn parallel(&self) -> Result<Replaced> {
        let r = match self.beside {
            Some(beside) => self.add("beside", beside, self.residual)?,
            None => self.residual,
        };
        let up = apply(&self.b, self.config, self.weights, r, None)?;
        let y = self.add("parallel", self.made()?, up)?;
        match self.config.original_ln_after {
            true => self.hand_to_model(y),
            false => self.replace_result(y),
        }
    }

    fn add(&self, part: &str, a: Value, b: Value) -> Result<Value> {
        self.b.node(part, "Add", &[a, b], Vec::new())
    }

    /// What the sublayer made, with the bias that a fused operator adds.
    fn made(&self) -> Result<Value> {
        match self.fused_bias()? {
            Some((_, bias)) => self.add("bias", self.site.output, bias),
            None => Ok(self.site.output),
        }
    }

    /// The slot and the bias of an operator that adds and normalizes.
    fn fused_bias(&self) -> Result<Option<(usize, Value)>> {
        let info = self.b.run.node(self.site.add)?;
        let slot = match info.op_type {
            "SkipLayerNormalization" => 4,
            "SkipSimplifiedLayerNormalization" => 3,
            _ => return Ok(None),
        };
        if slot >= info.input_count {
            return Ok(None);
        }
        Ok(self.b.run.node_input(self.site.add, slot)?.map(|bias| (slot, bias)))
    }

    /// Whether one operator adds and normalizes.
    fn is_fused(&self) -> Result<bool> {
        Ok(self.b.run.node(self.site.add)?.op_type != "Add")
    }

    /// What one operator adds and normalizes, where the norm is the next sublayer's, has no place
    /// between that an adapter could take.
    fn refuse_fused(&self) -> Result<()> {
        match self.is_fused()? && self.site.norm_after.is_none() {
            true => Err(Error::unsupported(format!(
                "{}: the model adds this sublayer and computes the norm of the next one in one operator ({}), between \
                 which this adapter stands: use the export itself, not what ONNX Runtime made of it",
                self.b.module,
                self.b.run.node(self.site.add)?.op_type
            ))),
            false => Ok(()),
        }
    }

    /// What the sublayer leaves for the next one: the sum, or its norm. An attention that the
    /// feed-forward beside it is added to first leaves none in the model.
    fn left(&self) -> Option<Value> {
        self.site.norm_after.as_ref().map(|norm| norm.output).or(self.site.sum)
    }

    /// What the sublayer leaves, made where the model does not.
    fn result(&self) -> Result<Value> {
        self.refuse_fused()?;
        match self.left() {
            Some(value) => Ok(value),
            None => self.add("sum", self.made()?, self.residual),
        }
    }

    /// The sum with the model's residual, before its norm.
    fn sum(&self, made: Value) -> Result<Value> {
        if !self.config.original_ln_before || self.site.norm_after.is_none() {
            return Err(Error::invalid(format!(
                "{}: residual_before_ln = \"post_add\" is for original_ln_before and a norm behind the sublayer; this \
                 one has {}",
                self.b.module,
                if self.config.original_ln_before {
                    "its norm before it"
                } else {
                    "no original_ln_before"
                }
            )));
        }
        match self.site.sum {
            Some(sum) => Ok(sum),
            None => self.add("sum", made, self.residual),
        }
    }

    /// The residual Add of the model, and its norm, read `y`.
    fn hand_to_model(&self, y: Value) -> Result<Replaced> {
        if let Some((slot, bias)) = self.fused_bias()? {
            let dims = self.b.run.value(bias)?.dims.unwrap_or_default().to_vec();
            let ty = TensorType::new(self.site.dtype, dims);
            let bytes = ty.elements() * self.site.dtype.bits() / 8;
            let name = format!("{}.adapters.no_bias", self.b.module);
            let zeros = self.b.run.add_tensor(&name, &ty, &vec![0; bytes as usize])?;
            self.b.run.replace_input(self.site.add, slot, zeros)?;
        }
        self.b.run.replace_input(self.site.add, self.site.slot, y)?;
        Ok(Some((self.site.output, y)))
    }

    /// `y` stands for what the sublayer leaves for the next one.
    fn replace_result(&self, y: Value) -> Result<Replaced> {
        self.refuse_fused()?;
        let result = self.left().ok_or_else(|| {
            Error::unsupported(format!(
                "{}: the model adds this attention and the feed-forward beside it before the residual, so that nothing \
                 stands for the attention and its residual, which an adapter without original_ln_after replaces",
                self.b.module
            ))
        })?;
        self.b.run.replace_uses(result, y)?;
        if !self.config.original_ln_before || self.config.is_parallel {
            let last = self.site.norm_after.as_ref().and_then(|norm| norm.nodes.last());
            self.b.run.remove_node(*last.unwrap_or(&self.site.add))?;
        }
        Ok(Some((result, y)))
    }

    /// The operator that adds and normalizes once more, without the bias of the sublayer.
    fn fused_once_more(&self, y: Value) -> Result<Value> {
        let (run, node) = (self.b.run, self.site.add);
        let info = run.node(node)?;
        let bias = self.fused_bias()?.map(|(slot, _)| slot);
        let inputs = (0..bias.unwrap_or(info.input_count))
            .map(|slot| match slot {
                slot if slot == self.site.slot => Ok(Some(y)),
                0 | 1 => Ok(Some(self.residual)),
                _ => run.node_input(node, slot),
            })
            .collect::<Result<Vec<_>>>()?;
        self.b.spec("norm", info.op_type, info.domain, inputs, self.attributes(node)?)
    }

    /// The attributes of an operator of a norm.
    fn attributes(&self, node: Node) -> Result<Vec<(&'static str, Attr<'_>)>> {
        ATTRIBUTES
            .iter()
            .filter_map(|&name| Some((name, self.b.run.attr(node, name).transpose()?)))
            .map(|(name, attr)| Ok((name, attr?)))
            .collect()
    }

    /// The model's norm of another value: its operators once more.
    fn copy(&self, norm: &Norm, x: Value) -> Result<Value> {
        let run = self.b.run;
        let mut copies = HashMap::from([(norm.input, x)]);
        let mut last = x;
        for &node in &norm.nodes {
            let info = run.node(node)?;
            let inputs = (0..info.input_count)
                .map(|slot| {
                    let input = run.node_input(node, slot)?;
                    Ok(input.map(|value| *copies.get(&value).unwrap_or(&value)))
                })
                .collect::<Result<Vec<_>>>()?;
            last =
                self.b.spec("norm", info.op_type, info.domain, inputs, self.attributes(node)?)?;
            if let Some(output) = run.node_output(node, 0)? {
                copies.insert(output, last);
            }
        }
        Ok(last)
    }
}

/// The attributes of operators that norms are made of.
const ATTRIBUTES: [&str; 7] =
    ["axis", "epsilon", "stash_type", "axes", "keepdims", "to", "noop_with_empty_axes"];
