//! A prefix that is drawn.

use super::Task;
use peftc_plugin::fresh::{self, Init};
use peftc_plugin::{Error, Result, Run};

/// A longer one is a mistake.
const MOST_ROWS: i64 = 1 << 20;

pub(crate) struct Fresh {
    pub(super) length: i64,
    init: Init,
    seed: u64,
}

impl Fresh {
    pub(super) fn of(run: &Run<'_>) -> Result<Self> {
        let length = run.option_i64("length")?.ok_or_else(|| {
            Error::invalid("neither an adapter nor a length is given: `adapter` applies one, `length` makes a fresh prefix")
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

    pub(super) fn task(&self, block: i64) -> Task<'_> {
        ("init", Vec::new(), self.init.params(self.seed, block as u64))
    }
}

/// Refuses the options of a fresh prefix beside an adapter.
pub(super) fn refuse_options(run: &Run<'_>) -> Result<()> {
    let given = [
        ("length", run.option_i64("length")?.is_some()),
        ("init", run.option_str("init")?.is_some()),
        ("seed", run.option_i64("seed")?.is_some()),
    ];
    fresh::refuse_options("prefix", &given)
}
