//! What the recipe asks for.

use peftc_delta::{Limit, Method, Options};
use peftc_plugin::{Error, Result, Run};

/// Where the result goes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Mode {
    Merge,
    Inject,
}

/// The recipe's options.
pub(crate) struct Settings {
    pub(crate) mode: Mode,
    pub(crate) options: Options,
    pub(crate) limit: Option<Limit>,
}

impl Settings {
    pub(crate) fn of(run: &Run<'_>, adapters: usize) -> Result<Self> {
        let unfit = |e: peftc_delta::Unfit| Error::invalid(e.to_string());
        let method = Method::named(run.option_str("method")?.unwrap_or("linear")).map_err(unfit)?;
        let mode = run.option_str("mode")?.unwrap_or("merge");
        let given = run.option_list("weights")?.map(|list| numbers(&list)).transpose()?;
        if mode == "compose" && given.is_some() {
            return Err(Error::invalid(
                "compose has a weight of 1 each: mode \"merge\" takes weights",
            ));
        }
        let ones = (mode == "compose").then(|| vec![1.0; adapters]);
        let options = Options {
            weights: given.or(ones),
            normalize: run.option_bool("normalize")?.unwrap_or(false),
            per_module: run.option_bool("per_module")?.unwrap_or(false),
            density: run.option_f64("density")?,
            gamma: run.option_f64("gamma")?,
            epsilon: run.option_f64("epsilon")?,
            seed: run.option_i64("seed")?.map(|seed| seed as u64),
            ..Options::new(method)
        };
        let rank = |rank: i64| {
            usize::try_from(rank)
                .map_err(|_| Error::invalid(format!("rank is {rank}: at least 1 is accepted")))
        };
        let rank = run.option_i64("rank")?.map(rank).transpose()?;
        let limit = match (rank, run.option_f64("energy")?) {
            (Some(_), Some(_)) => return Err(Error::invalid("rank and energy are both given")),
            (rank, energy) => rank.map(Limit::Rank).or(energy.map(Limit::Energy)),
        };
        options.check(adapters, limit).map_err(unfit)?;
        if mode == "inject" && matches!(limit, Some(Limit::Energy(_))) {
            return Err(Error::unsupported(
                "the rank of a side branch is part of the graph, that of a share of the energy is known later: give rank",
            ));
        }
        let mode = if mode == "inject" { Mode::Inject } else { Mode::Merge };
        Ok(Self { mode, options, limit })
    }
}

fn numbers(list: &[&str]) -> Result<Vec<f64>> {
    let number = |text: &&str| {
        text.parse()
            .map_err(|_| Error::invalid(format!("weights has {text:?}, which is no number")))
    };
    list.iter().map(number).collect()
}
