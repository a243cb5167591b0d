//! The tensors of one adapter, as the graph reads them.

mod phm;

use crate::config::{Config, Scaling};
use crate::keys::Keys;
use peftc_plugin::{
    BlockSiteInfo, DataType, Error, Result, Run, SourceSpec, TaskSpec, TensorType, TensorView,
    Value, one, words,
};
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

/// A projection: a matrix `[in, out]` and a bias `[out]`.
pub(crate) struct Projection {
    pub(crate) matrix: Value,
    pub(crate) bias: Option<Value>,
}

/// Weight and bias of a layer norm, each `[hidden]`.
pub(crate) struct NormWeights {
    pub(crate) weight: Value,
    pub(crate) bias: Value,
}

/// The tensors of one adapter. Scaling is in the up-projection.
pub(crate) struct Weights {
    /// The size of the bottleneck.
    pub(crate) size: i64,
    pub(crate) down: Projection,
    pub(crate) up: Projection,
    /// The slope of prelu.
    pub(crate) slope: Option<Value>,
    pub(crate) norm_before: Option<NormWeights>,
    pub(crate) norm_after: Option<NormWeights>,
    /// `[hidden, 1]`
    pub(crate) gate: Option<Projection>,
    /// Elements of all tensors of the adapter here; those that layers share are not among them.
    pub(crate) parameters: u64,
}

impl Weights {
    pub(crate) fn of(
        run: &Run<'_>,
        config: &Config,
        keys: &Keys<'_>,
        module: &str,
        site: &BlockSiteInfo<'_>,
    ) -> Result<Self> {
        let tensors = &keys.places[module];
        let layer = Layer {
            run,
            module,
            keys,
            tensors,
            dtype: site.dtype,
            hidden: site.hidden_size,
            placed: RefCell::default(),
        };
        let scaling = match config.scaling {
            Scaling::Constant(constant) => Scale { constant, tensor: None },
            Scaling::Tensor => Scale { constant: 1.0, tensor: Some(layer.scaling()?) },
        };
        let first = usize::from(config.ln_before);
        let down = format!("adapter_down.{first}");
        let (size, down, up) = match config.phm_layer {
            true => layer.phm_projections(&down, &scaling)?,
            false => layer.linear_projections(&down, &scaling)?,
        };
        let norm_before = match config.ln_before {
            true => {
                layer.check_twice("adapter_norm_before", "adapter_down.0")?;
                Some(layer.norm("adapter_norm_before")?)
            }
            false => None,
        };
        Ok(Self {
            size,
            down,
            up,
            slope: layer.slope(config, first + 1)?,
            norm_before,
            norm_after: config.ln_after.then(|| layer.norm("adapter_norm_after")).transpose()?,
            gate: config.use_gating.then(|| layer.gate()).transpose()?,
            parameters: layer.parameters()?,
        })
    }
}

/// A factor of the up-projection: a constant, and a tensor of one element or one for each channel.
struct Scale<'a> {
    constant: f64,
    tensor: Option<&'a str>,
}

const UNSCALED: Scale<'static> = Scale { constant: 1.0, tensor: None };

struct Layer<'l, 'a> {
    run: &'l Run<'a>,
    module: &'l str,
    keys: &'l Keys<'l>,
    tensors: &'l BTreeMap<&'l str, &'l str>,
    dtype: DataType,
    hidden: i64,
    /// Tensors that went into the graph.
    placed: RefCell<BTreeSet<String>>,
}

impl<'l> Layer<'l, '_> {
    /// The full name of a tensor.
    fn name(&self, leaf: &str) -> Result<&'l str> {
        self.tensors.get(leaf).copied().ok_or_else(|| {
            Error::invalid(format!("{}: the adapter has no {leaf} for it", self.module))
        })
    }

    fn tensor(&self, leaf: &str) -> Result<TensorView<'_>> {
        self.run.adapter_tensor(self.name(leaf)?)
    }

    fn check(&self, leaf: &str, expected: &[i64]) -> Result<()> {
        let found = self.tensor(leaf)?.dims;
        match found == expected {
            true => Ok(()),
            false => Err(Error::invalid(format!(
                "{}: {leaf} is {found:?}, expected {expected:?}: the hidden size of the model is {}",
                self.module, self.hidden
            ))),
        }
    }

    fn task(
        &self,
        kind: &str,
        leaf: &str,
        sources: Vec<&str>,
        dims: &[i64],
        params: &[f64],
    ) -> Result<Value> {
        self.placed.borrow_mut().extend(sources.iter().map(|&name| name.to_owned()));
        one(self.run.add_task(TaskSpec {
            kind,
            label: self.module,
            sources: sources.into_iter().map(SourceSpec::Adapter).collect(),
            results: vec![(
                TensorType::new(self.dtype, dims),
                format!("{}.adapters.{leaf}", self.module),
            )],
            params: words(params),
            ..Default::default()
        })?)
    }

    fn linear_projections(
        &self,
        down: &str,
        scale: &Scale<'_>,
    ) -> Result<(i64, Projection, Projection)> {
        let leaf = format!("{down}.weight");
        let &[size, _] = self.tensor(&leaf)?.dims else {
            return Err(Error::invalid(format!("{}: {leaf} is no matrix", self.module)));
        };
        let down = self.linear(down, "adapter_down", [size, self.hidden], &UNSCALED)?;
        Ok((size, down, self.linear("adapter_up", "adapter_up", [self.hidden, size], scale)?))
    }

    /// A Linear: `[out, in]`, turned.
    fn linear(
        &self,
        prefix: &str,
        to: &str,
        [out, inputs]: [i64; 2],
        scale: &Scale<'_>,
    ) -> Result<Projection> {
        let leaf = format!("{prefix}.weight");
        self.check(&leaf, &[out, inputs])?;
        let sources = [self.name(&leaf)?].into_iter().chain(scale.tensor).collect();
        let params = [scale.constant];
        let matrix =
            self.task("linear", &format!("{to}.weight"), sources, &[inputs, out], &params)?;
        let bias = format!("{prefix}.bias");
        let bias = Some(self.vector(&bias, &format!("{to}.bias"), out, scale)?);
        Ok(Projection { matrix, bias })
    }

    fn vector(&self, leaf: &str, to: &str, size: i64, scale: &Scale<'_>) -> Result<Value> {
        self.check(leaf, &[size])?;
        let sources = [self.name(leaf)?].into_iter().chain(scale.tensor).collect();
        self.task("vector", to, sources, &[size], &[scale.constant])
    }

    fn norm(&self, prefix: &str) -> Result<NormWeights> {
        let of = |leaf: &str| {
            let leaf = format!("{prefix}.{leaf}");
            self.vector(&leaf, &leaf, self.hidden, &UNSCALED)
        };
        Ok(NormWeights { weight: of("weight")?, bias: of("bias")? })
    }

    fn gate(&self) -> Result<Projection> {
        self.linear("gate", "gate", [1, self.hidden], &UNSCALED)
    }

    fn scaling(&self) -> Result<&'l str> {
        let found = self.tensor("scaling")?.dims;
        match found == [1] || found == [self.hidden] {
            true => self.name("scaling"),
            false => Err(Error::invalid(format!(
                "{}: scaling is {found:?}, expected [1] or [{}]",
                self.module, self.hidden
            ))),
        }
    }

    /// The slope of prelu, which AdapterHub stores as the module and as the item of a Sequential.
    fn slope(&self, config: &Config, item: usize) -> Result<Option<Value>> {
        if config.activation != crate::activation::Activation::Prelu {
            return Ok(None);
        }
        let leaf = "non_linearity.f.weight";
        self.check_same(leaf, &format!("adapter_down.{item}.f.weight"))?;
        self.vector(leaf, "non_linearity.weight", 1, &UNSCALED).map(Some)
    }

    /// AdapterHub stores the norm before as a module and as the first of a Sequential.
    fn check_twice(&self, prefix: &str, again: &str) -> Result<()> {
        ["weight", "bias"].iter().try_for_each(|leaf| {
            self.check_same(&format!("{prefix}.{leaf}"), &format!("{again}.{leaf}"))
        })
    }

    fn check_same(&self, leaf: &str, again: &str) -> Result<()> {
        if !self.tensors.contains_key(again) {
            return Ok(());
        }
        let (a, b) = (self.tensor(leaf)?, self.tensor(again)?);
        match (a.dtype, a.dims, a.bytes) == (b.dtype, b.dims, b.bytes) {
            true => Ok(()),
            false => Err(Error::invalid(format!(
                "{}: {leaf} and {again} are one tensor in AdapterHub, but differ in the adapter",
                self.module
            ))),
        }
    }

    /// Elements of the tensors that went into the graph and are of this adapter alone.
    fn parameters(&self) -> Result<u64> {
        let placed = self.placed.borrow();
        let own = self.tensors.values().filter(|name| placed.contains(**name));
        own.map(|name| Ok(self.run.adapter_tensor(name)?.ty().elements())).sum()
    }
}
