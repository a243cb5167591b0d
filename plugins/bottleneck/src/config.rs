//! AdapterHub's configuration of a bottleneck adapter, and what of it is refused.

use crate::activation::Activation;
use peftc_plugin::{BlockSiteInfo, Error, Result, Run};

/// What the residual inside the adapter is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Residual {
    /// What came from the sublayer (`residual_before_ln: true`).
    Sublayer,
    /// What the adapter reads (`false`).
    AdapterInput,
    /// The sum with the residual of the model, before its norm (`"post_add"`).
    Sum,
}

/// What the up-projection is multiplied by.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) enum Scaling {
    Constant(f64),
    /// A tensor of one element, or of one for each channel.
    Tensor,
}

/// A configuration, with AdapterHub's defaults.
#[derive(Clone, Debug)]
pub(crate) struct Config {
    pub(crate) attention: bool,
    pub(crate) cross_attention: bool,
    pub(crate) feed_forward: bool,
    pub(crate) leave_out: Vec<i64>,
    pub(crate) is_parallel: bool,
    pub(crate) original_ln_before: bool,
    pub(crate) original_ln_after: bool,
    pub(crate) residual: Residual,
    pub(crate) adapter_residual_before_ln: bool,
    pub(crate) ln_before: bool,
    pub(crate) ln_after: bool,
    pub(crate) use_gating: bool,
    pub(crate) phm_layer: bool,
    pub(crate) activation: Activation,
    pub(crate) scaling: Scaling,
}

impl Config {
    pub(crate) fn of(run: &Run<'_>) -> Result<Self> {
        let flag = |key: &str, default: bool| Ok(run.config_bool(key)?.unwrap_or(default));
        if run.config_str("inv_adapter")?.is_some() {
            return Err(Error::unsupported(
                "the adapter has invertible adapters (inv_adapter) around the embeddings, which this version cannot \
                 apply; bottleneck adapters without them can be",
            ));
        }
        if run.config_bool("adapter_interface")? == Some(true) {
            return Err(Error::unsupported(
                "the adapter was made through AdapterHub's plugin interface (adapter_interface.json), whose hooks compute \
                 something else; accepted: adapters for the models that AdapterHub itself supports",
            ));
        }
        let non_linearity = run.config_str("non_linearity")?;
        let non_linearity = non_linearity
            .ok_or_else(|| Error::invalid("adapter_config.json has no \"non_linearity\""))?;
        Ok(Self {
            attention: flag("mh_adapter", false)?,
            cross_attention: flag("cross_adapter", false)?,
            feed_forward: flag("output_adapter", true)?,
            leave_out: run.config_integers("leave_out")?.unwrap_or_default(),
            is_parallel: flag("is_parallel", false)?,
            original_ln_before: flag("original_ln_before", false)?,
            original_ln_after: flag("original_ln_after", true)?,
            residual: residual(run)?,
            adapter_residual_before_ln: flag("adapter_residual_before_ln", false)?,
            ln_before: flag("ln_before", false)?,
            ln_after: flag("ln_after", false)?,
            use_gating: flag("use_gating", false)?,
            phm_layer: flag("phm_layer", false)?,
            activation: Activation::parse(non_linearity).map_err(|e| {
                Error::invalid(format!("adapter_config.json: \"non_linearity\": {e}"))
            })?,
            scaling: scaling(run)?,
        })
    }
}

fn residual(run: &Run<'_>) -> Result<Residual> {
    match run.config_json("residual_before_ln")?.unwrap_or("true") {
        "true" => Ok(Residual::Sublayer),
        "false" => Ok(Residual::AdapterInput),
        "\"post_add\"" => Ok(Residual::Sum),
        other => Err(Error::invalid(format!(
            "adapter_config.json: \"residual_before_ln\" is {other}, expected true, false or \"post_add\""
        ))),
    }
}

fn scaling(run: &Run<'_>) -> Result<Scaling> {
    let json = run.config_json("scaling")?.unwrap_or("1.0");
    match (json, json.parse::<f64>()) {
        (_, Ok(constant)) => Ok(Scaling::Constant(constant)),
        ("\"learned\"" | "\"channel\"", _) => Ok(Scaling::Tensor),
        (other, _) => Err(Error::invalid(format!(
            "adapter_config.json: \"scaling\" is {other}, expected a number, \"learned\" or \"channel\""
        ))),
    }
}

/// The model has the hidden size that the adapter was made for.
pub(crate) fn check_hidden_size(run: &Run<'_>, site: &BlockSiteInfo<'_>) -> Result<()> {
    match run.config_i64("hidden_size")? {
        Some(size) if size != site.hidden_size => Err(Error::invalid(format!(
            "the adapter is for models of hidden size {size}, this one has {}",
            site.hidden_size
        ))),
        _ => Ok(()),
    }
}
