//! `adapter_config.json`, or what stands for it.

use crate::error::{Error, Result};
use regex::Regex;
use serde_json::{Map, Value};

/// The configuration of an adapter. Keys that this version does not know are kept.
#[derive(Clone, Debug)]
pub struct Config {
    entries: Map<String, Value>,
    peft_type: String,
}

/// The keys of a LoRA configuration as PEFT 0.21 saves it, and those of every configuration.
const KNOWN_KEYS: &[&str] = &[
    "alora_invocation_tokens",
    "alpha_pattern",
    "arrow_config",
    "auto_mapping",
    "base_model_name_or_path",
    "bias",
    "corda_config",
    "ensure_weight_tying",
    "eva_config",
    "exclude_modules",
    "fan_in_fan_out",
    "inference_mode",
    "init_lora_weights",
    "kasa_config",
    "layer_replication",
    "layers_pattern",
    "layers_to_transform",
    "loftq_config",
    "lora_alpha",
    "lora_bias",
    "lora_dropout",
    "lora_ga_config",
    "megatron_config",
    "megatron_core",
    "modules_to_save",
    "monteclora_config",
    "peft_type",
    "peft_version",
    "qalora_group_size",
    "r",
    "rank_pattern",
    "revision",
    "target_modules",
    "target_parameters",
    "task_type",
    "trainable_token_indices",
    "use_bdlora",
    "use_dora",
    "use_qalora",
    "use_rslora",
    "velora_config",
];

impl Config {
    pub(super) fn parse(json: &[u8]) -> Result<Self> {
        let value: Value =
            serde_json::from_slice(json).map_err(|e| Error::input(format!("is not JSON: {e}")))?;
        let Value::Object(entries) = value else {
            return Err(Error::input("is not a JSON object"));
        };
        if let Some(peft_type) = entries.get("peft_type").and_then(Value::as_str) {
            let peft_type = peft_type.to_owned();
            return Ok(Self { entries, peft_type });
        }
        Err(Error::input("has no \"peft_type\": it is not of Hugging Face PEFT"))
    }

    /// The configuration of an adapter that is not of PEFT.
    pub(super) fn of_kind(kind: &str, entries: Map<String, Value>) -> Self {
        Self { entries, peft_type: kind.to_owned() }
    }

    pub(super) fn peft_type(&self) -> &str {
        &self.peft_type
    }

    /// The entry of this key.
    pub fn get(&self, key: &str) -> Option<&Value> {
        self.entries.get(key)
    }

    /// All entries.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.entries.iter().map(|(k, v)| (k.as_str(), v))
    }

    /// Whether modules store their weights as `[in, out]`, as GPT-2's Conv1D does.
    pub fn fan_in_fan_out(&self) -> bool {
        self.get("fan_in_fan_out").and_then(Value::as_bool).unwrap_or(false)
    }

    /// Whether a LoRA has magnitudes besides: Liu et al., "DoRA", 2024.
    pub fn uses_dora(&self) -> bool {
        self.get("use_dora").and_then(Value::as_bool).unwrap_or(false)
    }

    /// Keys that this version does not know, for adapters whose keys it does.
    pub fn unknown_keys(&self) -> Vec<&str> {
        if self.peft_type != "LORA" {
            return Vec::new();
        }
        self.iter().map(|(k, _)| k).filter(|k| !KNOWN_KEYS.contains(k)).collect()
    }

    /// The number that a map of patterns (`rank_pattern`, `alpha_pattern`) has for a module:
    /// the first key `k` for which `(.*\.)?(k)$` matches from the start of the module's name,
    /// as PEFT's `get_pattern_key` has it.
    pub fn pattern(&self, key: &str, module: &str) -> Result<Option<f64>> {
        let Some(patterns) = self.get(key).filter(|v| !v.is_null()) else { return Ok(None) };
        let wrong = |what: String| Error::input(format!("adapter_config.json: {key:?}: {what}"));
        let Value::Object(patterns) = patterns else {
            return Err(wrong(format!("is {patterns}, expected an object")));
        };
        for (pattern, number) in patterns {
            let regex = Regex::new(&format!(r"^(?:(.*\.)?({pattern})$)")).map_err(|e| {
                wrong(format!("{pattern:?} is no pattern this version can match: {e}"))
            })?;
            if regex.is_match(module) {
                let number = number.as_f64();
                return number.map(Some).ok_or_else(|| wrong(format!("{pattern:?} has no number")));
            }
        }
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(rank_pattern: &str) -> Config {
        let json = format!(r#"{{"peft_type": "LORA", "rank_pattern": {rank_pattern}}}"#);
        Config::parse(json.as_bytes()).expect("it is a configuration")
    }

    #[test]
    fn patterns_match_as_peft_does() {
        let module = "model.layers.1.self_attn.q_proj";
        let cases = [
            (r#"{"q_proj": 4}"#, Some(4.0)),
            (r#"{"self_attn.q_proj": 4}"#, Some(4.0)),
            (r#"{"_proj": 4}"#, None),
            (r#"{"q_pro": 4}"#, None),
            (r#"{"layers\\.1\\..*q_proj": 4}"#, Some(4.0)),
            (r#"{".*\\.0\\..*": 4, "q_proj": 8}"#, Some(8.0)),
            (r#"{"q_proj": 4, "self_attn.q_proj": 8}"#, Some(4.0)),
            ("{}", None),
            ("null", None),
        ];
        for (patterns, expected) in cases {
            assert_eq!(
                config(patterns).pattern("rank_pattern", module).ok(),
                Some(expected),
                "{patterns}"
            );
        }
    }

    #[test]
    fn a_pattern_that_cannot_be_matched_is_named() {
        let error = config(r#"{"(?=q)q_proj": 4}"#)
            .pattern("rank_pattern", "q_proj")
            .expect_err("look-ahead");
        assert!(error.message().contains("(?=q)q_proj"), "{error}");
    }
}
