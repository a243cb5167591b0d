//! AdapterHub's configuration of a prompt.

use crate::prompt::checkpoint::Prompt;
use crate::tasks::prompt;
use peftc_plugin::{Error, Result, Run};

/// What the queries of as many tokens as were learned, counted from the first, see.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Queries {
    /// All, padding too.
    SeeAll,
    /// What the others see.
    SeeAsOthers,
}

/// The models whose layers get the learned tokens as they are, and what AdapterHub makes of their masks.
const MODELS: [(&str, Queries); 6] = [
    ("bert", Queries::SeeAll),
    ("roberta", Queries::SeeAll),
    ("xlm-roberta", Queries::SeeAll),
    ("vit", Queries::SeeAll),
    ("bert-generation", Queries::SeeAsOthers),
    ("electra", Queries::SeeAsOthers),
];

pub(super) struct Config {
    rows: i64,
    /// How many tokens come before the learned ones.
    pub(super) first: i64,
    pub(super) queries: Queries,
}

impl Config {
    pub(super) fn of(run: &Run<'_>) -> Result<Self> {
        if run.config_bool("adapter_interface")? == Some(true) {
            return Err(Error::unsupported(
                "the prompt was made through AdapterHub's plugin interface (adapter_interface.json), whose hooks compute \
                 something else; accepted: prompts for the models that AdapterHub itself supports",
            ));
        }
        let rows = run
            .config_i64("prompt_length")?
            .ok_or_else(|| Error::invalid("adapter_config.json has no \"prompt_length\""))?;
        let combine = run.config_str("combine")?.unwrap_or("prefix");
        let first = match combine {
            "prefix" => 0,
            "prefix_after_bos" => 1,
            other => {
                return Err(Error::invalid(format!(
                    "adapter_config.json: \"combine\" is {other:?}, expected \"prefix\" or \"prefix_after_bos\""
                )));
            }
        };
        Ok(Self { rows, first, queries: queries(run)? })
    }

    /// The learned tokens, for hidden states of this size.
    pub(super) fn prompt<'a>(&self, run: &Run<'a>, hidden: i64) -> Result<Prompt<'a>> {
        let names = run.adapter_tensor_names()?;
        let name =
            names.into_iter().find(|name| name.ends_with("prompt_tunings.prompt_embedding.weight"));
        let name = name.ok_or_else(|| {
            Error::invalid("the adapter has no tensor prompt_tunings.NAME.prompt_embedding.weight")
        })?;
        let tensor = run.adapter_tensor(name)?;
        let &[rows, features] = tensor.dims else {
            return Err(Error::invalid(format!("{name} is {:?}, expected two axes", tensor.dims)));
        };
        if rows != self.rows {
            return Err(Error::invalid(format!(
                "{name} is {:?}, but adapter_config.json says a prompt_length of {}",
                tensor.dims, self.rows
            )));
        }
        if features != hidden {
            return Err(Error::invalid(format!(
                "the learned tokens have {features} features, the model's hidden size is {hidden}"
            )));
        }
        Ok(Prompt {
            rows,
            features,
            kind: "prompt",
            params: prompt::params(rows, features, 0, 0),
            tensors: vec![name],
            parameters: tensor.ty().elements(),
            saved: Vec::new(),
        })
    }
}

fn queries(run: &Run<'_>) -> Result<Queries> {
    let model = run.config_str("model_type")?;
    let model = model.ok_or_else(|| Error::invalid("adapter_config.json has no \"model_type\""))?;
    let found = MODELS.iter().find(|(name, _)| *name == model).map(|(_, queries)| *queries);
    found.ok_or_else(|| {
        Error::unsupported(format!(
            "adapter_config.json: \"model_type\" is {model:?}, whose prompts this version cannot apply; accepted: {}",
            MODELS.map(|(name, _)| name).join(", ")
        ))
    })
}
