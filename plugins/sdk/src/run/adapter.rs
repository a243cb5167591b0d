//! The adapter's tensors and configuration.

use super::graph::NO_TENSOR;
use super::{EMPTY, Run, filled, lent_str, out};
use crate::error::{Error, Result, optional};
use crate::tensor::TensorView;
use peftc_abi::PeftcStr;

impl<'a> Run<'a> {
    /// Whether the recipe names an adapter.
    pub fn has_adapter(&self) -> bool {
        // SAFETY: host and context are those of this run.
        unsafe { (self.host.has_adapter)(self.ctx) != 0 }
    }

    /// The names of the adapter's tensors, without the prefix of PEFT's wrapper, sorted. Where the model
    /// is one half of an encoder–decoder, the host leaves those for the other half out, with a note.
    pub fn adapter_tensor_names(&self) -> Result<Vec<&'a str>> {
        // SAFETY: host and context are those of this run, which outlives the names.
        unsafe {
            let count = (self.host.adapter_tensor_count)(self.ctx);
            (0..count)
                .map(|i| {
                    filled(EMPTY, |o| (self.host.adapter_tensor_name)(self.ctx, i, o))
                        .map(|s| lent_str(s))
                })
                .collect()
        }
    }

    /// A tensor of the adapter, which then counts as used: the host refuses an adapter with
    /// tensors that no pass used.
    pub fn adapter_tensor(&self, name: &str) -> Result<TensorView<'a>> {
        // SAFETY: host and context are those of this run, which outlives the tensor.
        unsafe {
            let tensor = filled(NO_TENSOR, |o| {
                (self.host.adapter_tensor)(self.ctx, PeftcStr::new(name), o)
            })?;
            TensorView::from_raw(&tensor)
        }
    }

    /// An entry of the configuration; none if it is absent or null, an error if it is no boolean.
    pub fn config_bool(&self, key: &str) -> Result<Option<bool>> {
        // SAFETY: host and context are those of this run.
        let (status, value) =
            out(0, |o| unsafe { (self.host.config_bool)(self.ctx, PeftcStr::new(key), o) });
        optional(status, value != 0)
    }

    /// As [`config_bool`](Self::config_bool), for integers.
    pub fn config_i64(&self, key: &str) -> Result<Option<i64>> {
        // SAFETY: host and context are those of this run.
        let (status, value) =
            out(0, |o| unsafe { (self.host.config_i64)(self.ctx, PeftcStr::new(key), o) });
        optional(status, value)
    }

    /// As [`config_bool`](Self::config_bool), for numbers.
    pub fn config_f64(&self, key: &str) -> Result<Option<f64>> {
        // SAFETY: host and context are those of this run.
        let (status, value) =
            out(0.0, |o| unsafe { (self.host.config_f64)(self.ctx, PeftcStr::new(key), o) });
        optional(status, value)
    }

    /// As [`config_bool`](Self::config_bool), for strings.
    pub fn config_str(&self, key: &str) -> Result<Option<&'a str>> {
        // SAFETY: host and context are those of this run, which outlives the string.
        unsafe {
            let (status, value) =
                out(EMPTY, |o| (self.host.config_str)(self.ctx, PeftcStr::new(key), o));
            optional(status, lent_str(value))
        }
    }

    /// An entry of the configuration as JSON; none if it is absent or null.
    pub fn config_json(&self, key: &str) -> Result<Option<&'a str>> {
        // SAFETY: host and context are those of this run, which outlives the string.
        unsafe {
            let (status, value) =
                out(EMPTY, |o| (self.host.config_json)(self.ctx, PeftcStr::new(key), o));
            optional(status, lent_str(value))
        }
    }

    /// An entry of the configuration that is a list of integers; none if it is absent or null.
    pub fn config_integers(&self, key: &str) -> Result<Option<Vec<i64>>> {
        let Some(json) = self.config_json(key)? else { return Ok(None) };
        let inner = json.trim().strip_prefix('[').and_then(|text| text.strip_suffix(']'));
        let numbers = inner.and_then(|inner| {
            let items = inner.split(',').map(str::trim).filter(|item| !item.is_empty());
            items.map(|item| item.parse().ok()).collect()
        });
        numbers.map(Some).ok_or_else(|| {
            Error::invalid(format!(
                "adapter_config.json: {key:?} is {json}, expected a list of integers"
            ))
        })
    }

    /// The number that a map of patterns (`rank_pattern`, `alpha_pattern`) has for a module,
    /// matched as PEFT does; none if no pattern matches.
    pub fn config_pattern(&self, key: &str, module: &str) -> Result<Option<f64>> {
        // SAFETY: host and context are those of this run.
        let (status, value) = out(0.0, |o| unsafe {
            (self.host.config_pattern)(self.ctx, PeftcStr::new(key), PeftcStr::new(module), o)
        });
        optional(status, value)
    }
}
