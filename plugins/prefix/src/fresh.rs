//! Rows that are drawn: how many, and how.

use peftc_plugin::fresh::{self, Init};
use peftc_plugin::{Error, Result, Run};

/// More are a mistake.
const MOST_ROWS: i64 = 1 << 20;

/// A fresh prefix or prompt.
pub(crate) struct Fresh {
    pub(crate) length: i64,
    init: Init,
    seed: u64,
}

impl Fresh {
    /// As the recipe wants it; `what` is a prefix or a prompt.
    pub(crate) fn of(run: &Run<'_>, what: &str) -> Result<Self> {
        let length = run.option_i64("length")?.ok_or_else(|| {
            Error::invalid(format!(
                "neither an adapter nor a length is given: `adapter` applies one, `length` makes a fresh {what}"
            ))
        })?;
        if !(1..=MOST_ROWS).contains(&length) {
            return Err(Error::invalid(format!(
                "length is {length}: 1 to {MOST_ROWS} is accepted"
            )));
        }
        let init = match run.option_str("init")? {
            Some("zero") => Init::Zero,
            _ => Init::Gaussian { deviation: 1.0 },
        };
        Ok(Self { length, init, seed: run.option_i64("seed")?.unwrap_or(0) as u64 })
    }

    /// The parameters of the task `init` for one of its tensors.
    pub(crate) fn params(&self, tensor: u64) -> Vec<u8> {
        self.init.params(self.seed, tensor)
    }
}

/// Refuses beside an adapter the options of a fresh prefix or prompt.
pub(crate) fn refuse_options(run: &Run<'_>, what: &str) -> Result<()> {
    let given = [
        ("length", run.option_i64("length")?.is_some()),
        ("init", run.option_str("init")?.is_some()),
        ("seed", run.option_i64("seed")?.is_some()),
    ];
    fresh::refuse_options(what, &given)
}
