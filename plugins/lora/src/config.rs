//! What the adapter's configuration says of the arithmetic, and what of it is refused.

use peftc_plugin::{Error, Result, Run, Thirds};

/// Entries that change the arithmetic or the tensors when they are set: those of `src/delta.rs`.
const UNSUPPORTED: [(&str, &str); 11] = [
    ("use_qalora", "QA-LoRA"),
    ("use_bdlora", "BD-LoRA"),
    ("kasa_config", "KaSA"),
    ("alora_invocation_tokens", "activated LoRA"),
    ("arrow_config", "Arrow routing"),
    ("velora_config", "VeLoRA"),
    ("monteclora_config", "MonteCLoRA"),
    ("target_parameters", "LoRA on bare parameters"),
    ("trainable_token_indices", "trainable tokens"),
    ("layer_replication", "layer replication"),
    ("use_gating", "gates"),
];

/// Initializations that leave the base weights as they are.
const PLAIN_INITS: [&str; 6] = ["gaussian", "eva", "orthogonal", "mica", "true", "false"];

/// Refuses adapters that plain LoRA arithmetic gets wrong, by name.
pub(crate) fn refuse_unsupported(run: &Run<'_>) -> Result<()> {
    if run.config_json("use_dora")?.is_some_and(is_set) {
        return Err(Error::unsupported(
            "the adapter uses DoRA (use_dora), which the pass \"merge\" applies",
        ));
    }
    for (key, name) in UNSUPPORTED {
        if run.config_json(key)?.is_some_and(is_set) {
            return Err(Error::unsupported(format!(
                "the adapter uses {name} ({key}), which this version cannot apply; plain LoRA and rsLoRA can be"
            )));
        }
    }
    let init =
        run.config_json("init_lora_weights")?.unwrap_or("true").trim_matches('"').to_lowercase();
    if PLAIN_INITS.contains(&init.as_str()) {
        return Ok(());
    }
    Err(Error::unsupported(format!(
        "the adapter was initialized by {init:?}, which changes the base weights: it fits the changed base alone, not \
         the model as it was. Save it with path_initial_model_for_weight_conversion, which makes a plain LoRA of it"
    )))
}

fn is_set(json: &str) -> bool {
    !matches!(json, "false" | "null" | "{}" | "[]" | "\"\"" | "0")
}

/// Rank and scaling of each module.
pub(crate) struct Scaling {
    weight: f64,
    rslora: bool,
    rank: i64,
    alpha: f64,
    /// What AdapterHub adapts of a layer that makes queries, keys and values at once.
    pub(crate) thirds: Option<Thirds>,
}

impl Scaling {
    pub(crate) fn of(run: &Run<'_>) -> Result<Self> {
        let missing = |key: &str| Error::invalid(format!("adapter_config.json has no {key:?}"));
        let thirds = Thirds::of(run)?;
        let alpha = if thirds.is_some() { "alpha" } else { "lora_alpha" };
        Ok(Self {
            weight: run.option_f64("weight")?.unwrap_or(1.0),
            rslora: run.config_bool("use_rslora")?.unwrap_or(false),
            rank: run.config_i64("r")?.ok_or_else(|| missing("r"))?,
            alpha: run.config_f64(alpha)?.ok_or_else(|| missing(alpha))?,
            thirds,
        })
    }

    /// The rank the configuration gives a module.
    pub(crate) fn rank(&self, run: &Run<'_>, module: &str) -> Result<i64> {
        Ok(run.config_pattern("rank_pattern", module)?.map_or(self.rank, |rank| rank as i64))
    }

    /// s of a module with this rank.
    pub(crate) fn scale(&self, run: &Run<'_>, module: &str, rank: i64) -> Result<f64> {
        let alpha = run.config_pattern("alpha_pattern", module)?.unwrap_or(self.alpha);
        Ok(self.weight * scale(alpha, rank, self.rslora))
    }
}

/// α/r, or α/√r for rsLoRA.
pub(crate) fn scale(alpha: f64, rank: i64, rslora: bool) -> f64 {
    alpha / if rslora { (rank as f64).sqrt() } else { rank as f64 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn theory_rslora_scales_by_alpha_over_sqrt_r() {
        assert_eq!(scale(16.0, 4, false), 4.0);
        assert_eq!(scale(16.0, 4, true), 8.0);
    }

    #[test]
    fn what_counts_as_set() {
        for json in ["false", "{}", "[]", "null", "0", "\"\""] {
            assert!(!is_set(json), "{json}");
        }
        for json in ["true", "[1]", r#"{"a": 1}"#] {
            assert!(is_set(json), "{json}");
        }
    }
}
