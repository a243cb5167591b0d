//! Linear sites and parameters.

use super::graph::NO_TENSOR;
use super::{EMPTY, Run, filled, lent_str, out, raw_strs};
use crate::error::{Result, check};
use crate::ids::{Node, Parameter, Site, Value};
use crate::tensor::{DataType, TensorType, TensorView, array, known};
use peftc_abi::*;

/// A linear site: `y = x · Wᵀ (+ b)` with PyTorch's W `[out, in]`, however the graph stores it.
#[derive(Clone, Copy, Debug)]
pub struct SiteInfo<'a> {
    /// Module path; empty if unknown.
    pub module: &'a str,
    /// The MatMul or Gemm.
    pub node: Node,
    /// x.
    pub input: Value,
    /// The node's output.
    pub output: Value,
    /// What the layer gives: the output with the bias, and with what passes added to it.
    pub result: Value,
    /// W.
    pub weight: Parameter,
    /// b.
    pub bias: Option<Parameter>,
    /// Input features.
    pub in_features: i64,
    /// Output features.
    pub out_features: i64,
    /// Element type of the activations.
    pub dtype: DataType,
    /// Whether the node reads x transposed.
    pub transposed_input: bool,
    /// Whether it is the model's output head.
    pub is_output_head: bool,
    /// Whether deltas were added to its output, as by an injected LoRA.
    pub has_delta: bool,
    /// Whether the weight is quantized: there is no constant to read or to replace.
    pub is_quantized: bool,
}

/// A parameter of a module.
#[derive(Clone, Debug)]
pub struct ParameterInfo {
    /// The constant as it is stored.
    pub value: Value,
    /// Stored type and shape.
    pub stored: TensorType,
    /// Whether it is stored as the transpose of PyTorch's tensor.
    pub transposed: bool,
    /// The graph multiplies the stored tensor by this.
    pub factor: f32,
}

impl<'a> Run<'a> {
    /// The linear sites of a module that an adapter names; more than one if the model calls it
    /// more than once. No match is an error with near misses.
    pub fn sites_of_module(&self, module: &str) -> Result<Vec<Site>> {
        let mut len = 0;
        // SAFETY: host and context are those of this run.
        let sites = unsafe {
            let ptr = filled(std::ptr::null(), |o| {
                (self.host.sites_of_module)(self.ctx, PeftcStr::new(module), o, &raw mut len)
            })?;
            array(ptr, len)
        };
        Ok(sites.iter().map(|&s| Site(s)).collect())
    }

    /// The linear sites that target patterns name.
    pub fn sites_of_targets(&self, patterns: &[&str]) -> Result<Vec<Site>> {
        let patterns = raw_strs(patterns);
        let mut len = 0;
        // SAFETY: host and context are those of this run.
        let sites = unsafe {
            let ptr = filled(std::ptr::null(), |o| {
                let call = self.host.sites_of_targets;
                call(self.ctx, patterns.as_ptr(), patterns.len(), o, &raw mut len)
            })?;
            array(ptr, len)
        };
        Ok(sites.iter().map(|&s| Site(s)).collect())
    }

    /// What a linear site is.
    pub fn site(&self, site: Site) -> Result<SiteInfo<'a>> {
        let empty = PeftcSiteInfo {
            module: EMPTY,
            node: PeftcNode::default(),
            input: PeftcValue::default(),
            output: PeftcValue::default(),
            result: PeftcValue::default(),
            weight: PeftcParameter::default(),
            bias: PeftcParameter::default(),
            in_features: 0,
            out_features: 0,
            dtype: 0,
            flags: 0,
        };
        // SAFETY: host and context are those of this run, which outlives the string.
        unsafe {
            let info = filled(empty, |o| (self.host.site_info)(self.ctx, site.0, o))?;
            Ok(SiteInfo {
                module: lent_str(info.module),
                node: Node(info.node),
                input: Value(info.input),
                output: Value(info.output),
                result: Value(info.result),
                weight: Parameter(info.weight),
                bias: (info.bias.raw != 0).then_some(Parameter(info.bias)),
                in_features: info.in_features,
                out_features: info.out_features,
                dtype: known(info.dtype)?,
                transposed_input: info.flags & PEFTC_SITE_TRANSPOSED_INPUT != 0,
                is_output_head: info.flags & PEFTC_SITE_OUTPUT_HEAD != 0,
                has_delta: info.flags & PEFTC_SITE_HAS_DELTA != 0,
                is_quantized: info.flags & PEFTC_SITE_QUANTIZED != 0,
            })
        }
    }

    /// The inputs `[…, in]` that the recipe gives for a site, to measure on; none if it gives none.
    /// A task reads them as [`SourceSpec::Inputs`](crate::SourceSpec::Inputs).
    pub fn site_inputs(&self, site: Site) -> Result<Option<TensorView<'a>>> {
        // SAFETY: host and context are those of this run, which outlives the tensor.
        unsafe {
            let (status, tensor) = out(NO_TENSOR, |o| (self.host.site_inputs)(self.ctx, site.0, o));
            match status {
                PEFTC_NOT_FOUND => Ok(None),
                _ => check(status).and_then(|()| TensorView::from_raw(&tensor)).map(Some),
            }
        }
    }

    /// The parameter of a name such as `model.norm.weight`, for an adapter's tensor of type `torch`.
    pub fn parameter(&self, name: &str, torch: &TensorType) -> Result<Parameter> {
        let torch = torch.raw();
        // SAFETY: host and context are those of this run; the type outlives the call.
        filled(PeftcParameter::default(), |o| unsafe {
            (self.host.parameter)(self.ctx, PeftcStr::new(name), &raw const torch, o)
        })
        .map(Parameter)
    }

    /// What a parameter is.
    pub fn parameter_info(&self, parameter: Parameter) -> Result<ParameterInfo> {
        let empty = PeftcParameterInfo {
            value: PeftcValue::default(),
            stored: PeftcTensorType { dtype: 0, rank: 0, dims: std::ptr::null() },
            transposed: 0,
            factor: 1.0,
        };
        // SAFETY: host and context are those of this run, which outlives the sizes.
        unsafe {
            let info = filled(empty, |o| (self.host.parameter_info)(self.ctx, parameter.0, o))?;
            let dims: &[i64] = array(info.stored.dims, info.stored.rank as usize);
            Ok(ParameterInfo {
                value: Value(info.value),
                stored: TensorType::new(known(info.stored.dtype)?, dims),
                transposed: info.transposed != 0,
                factor: info.factor,
            })
        }
    }
}
