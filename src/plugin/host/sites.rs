//! Linear sites and parameters.

use super::{raw_node, raw_value, tensor_type};
use crate::adapter::{LinearSite, Parameter};
use crate::ir::Tensor;
use crate::plugin::call::{Ended, by_ref, give, host_call, invalid, not_found, slice, text};
use crate::plugin::run::Run;
use peftc_abi::*;

impl Run<'_> {
    pub(super) fn site(&self, site: PeftcSite) -> Result<&LinearSite, Ended> {
        (site.raw as usize)
            .checked_sub(1)
            .and_then(|i| self.sites().all().get(i))
            .ok_or_else(|| invalid(format!("{} is not a linear site", site.raw)))
    }

    pub(super) fn parameter(&self, parameter: PeftcParameter) -> Result<&Parameter, Ended> {
        (parameter.raw as usize)
            .checked_sub(1)
            .and_then(|i| self.parameters.get(i))
            .ok_or_else(|| invalid(format!("{} is not a parameter", parameter.raw)))
    }

    /// Sites are numbered from 1, in the order they stand in the graph.
    fn number_sites(&self, found: &[&LinearSite]) -> Vec<PeftcSite> {
        let all = self.sites().all();
        let number =
            |site: &LinearSite| all.iter().position(|s| s.node == site.node).map_or(0, |i| i + 1);
        found.iter().map(|site| PeftcSite { raw: number(site) as u64 }).collect()
    }
}

pub(super) unsafe extern "C" fn sites_of_module(
    ctx: *mut PeftcCtx,
    module: PeftcStr,
    out: *mut *const PeftcSite,
    len: *mut usize,
) -> PeftcStatus {
    // SAFETY: as the ABI says of the arguments.
    unsafe {
        host_call(ctx, |run| {
            let name = text(module)?;
            let (module, sites) = match run.sites().of_module(name) {
                Ok(found) => {
                    (found.first().and_then(|s| s.module.clone()), run.number_sites(&found))
                }
                Err(error) => return Err(run.not_there(name, error)),
            };
            run.found(module.unwrap_or_default(), name)?;
            give(len, sites.len())?;
            give(out, run.lend(sites))
        })
    }
}

pub(super) unsafe extern "C" fn sites_of_targets(
    ctx: *mut PeftcCtx,
    patterns: *const PeftcStr,
    pattern_count: usize,
    out: *mut *const PeftcSite,
    len: *mut usize,
) -> PeftcStatus {
    // SAFETY: as the ABI says of the arguments.
    unsafe {
        host_call(ctx, |run| {
            let patterns: Vec<String> = slice(patterns, pattern_count)?
                .iter()
                .map(|&p| text(p).map(str::to_owned))
                .collect::<Result<_, _>>()?;
            let found = run.sites().of_targets(&patterns).map_err(not_found)?;
            let sites = run.number_sites(&found);
            give(len, sites.len())?;
            give(out, run.lend(sites))
        })
    }
}

impl<'a> Run<'a> {
    /// Two layers of an adapter that are one layer of the model: it is for a model of more stacks.
    fn found(&mut self, module: String, name: &str) -> Result<(), Ended> {
        let first = self.modules.entry(module).or_insert_with(|| name.to_owned());
        match first == name {
            true => Ok(()),
            false => Err(invalid(format!(
                "{first} and {name} are one layer of the model: the adapter is for a model of more stacks"
            ))),
        }
    }

    /// The given inputs of a site, which from now on count as used.
    pub(super) fn use_site_inputs(&mut self, site: PeftcSite) -> Result<&'a Tensor, Ended> {
        let inputs = self.inputs.ok_or(Ended::Absent)?;
        let module = self.site(site)?.module.as_deref().unwrap_or_default();
        let (name, tensor) = inputs.of_module(module).ok_or(Ended::Absent)?;
        self.used_inputs.insert(name.to_owned());
        Ok(tensor)
    }
}

pub(super) unsafe extern "C" fn site_inputs(
    ctx: *mut PeftcCtx,
    site: PeftcSite,
    out: *mut PeftcTensor,
) -> PeftcStatus {
    // SAFETY: as the ABI says of the arguments.
    unsafe {
        host_call(ctx, |run| {
            let tensor = run.use_site_inputs(site)?;
            let lent = run.lend_tensor(tensor)?;
            give(out, lent)
        })
    }
}

pub(super) unsafe extern "C" fn site_info(
    ctx: *mut PeftcCtx,
    site: PeftcSite,
    out: *mut PeftcSiteInfo,
) -> PeftcStatus {
    // SAFETY: as the ABI says of the arguments.
    unsafe {
        host_call(ctx, |run| {
            let site = run.site(site)?.clone();
            let mut flags = 0;
            if site.transposed_input {
                flags |= PEFTC_SITE_TRANSPOSED_INPUT;
            }
            if site.is_output_head {
                flags |= PEFTC_SITE_OUTPUT_HEAD;
            }
            if site.quantized.is_some() {
                flags |= PEFTC_SITE_QUANTIZED;
            }
            if site.has_delta {
                flags |= PEFTC_SITE_HAS_DELTA;
            }
            let bias = site.bias.map(|b| run.number_parameter(b));
            let info = PeftcSiteInfo {
                module: run.lend_str(site.module.unwrap_or_default()),
                node: raw_node(site.node),
                input: raw_value(Some(site.input)),
                output: raw_value(Some(site.output)),
                result: raw_value(Some(site.result)),
                weight: run.number_parameter(site.weight),
                bias: bias.unwrap_or_default(),
                in_features: site.in_features,
                out_features: site.out_features,
                dtype: site.dtype.to_onnx(),
                flags,
            };
            give(out, info)
        })
    }
}

pub(super) unsafe extern "C" fn parameter(
    ctx: *mut PeftcCtx,
    name: PeftcStr,
    torch: *const PeftcTensorType,
    out: *mut PeftcParameter,
) -> PeftcStatus {
    // SAFETY: as the ABI says of the arguments.
    unsafe {
        host_call(ctx, |run| {
            let (_, dims) = tensor_type(by_ref(torch)?)?;
            let conv1d = run.adapter.is_some_and(|a| a.config().fan_in_fan_out());
            let found =
                run.sites().parameter(run.graph, text(name)?, &dims, conv1d).map_err(not_found)?;
            give(out, run.number_parameter(found))
        })
    }
}

pub(super) unsafe extern "C" fn parameter_info(
    ctx: *mut PeftcCtx,
    parameter: PeftcParameter,
    out: *mut PeftcParameterInfo,
) -> PeftcStatus {
    // SAFETY: as the ABI says of the arguments.
    unsafe {
        host_call(ctx, |run| {
            let parameter = run.parameter(parameter)?;
            let (value, transposed, factor) =
                (parameter.value, parameter.transposed, parameter.factor);
            let tensor = run.graph.constant(value).ok_or_else(|| {
                let name = run.name_of(value);
                invalid(format!(
                    "weight {name:?} is quantized: nothing can be merged into it; a side branch can be added \
                     (mode = \"inject\")"
                ))
            })?;
            let (dtype, dims) = (tensor.dtype.to_onnx(), tensor.dims.clone());
            let stored = PeftcTensorType { dtype, rank: dims.len() as u32, dims: run.lend(dims) };
            let info = PeftcParameterInfo {
                value: raw_value(Some(value)),
                stored,
                transposed: u32::from(transposed),
                factor,
            };
            give(out, info)
        })
    }
}
