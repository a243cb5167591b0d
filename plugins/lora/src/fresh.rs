//! A fresh adapter: A drawn at random, B = 0, so that nothing changes until it is trained.

use crate::Mode;
use crate::config::scale;
use crate::keys::describe;
use peftc_plugin::branch::Branch;
use peftc_plugin::fresh::{Init, stream};
use peftc_plugin::{Error, Record, Result, Run, Site, SiteInfo, TaskSpec, TensorType, Value, one};

pub(crate) fn run(run: &Run<'_>, mode: Mode) -> Result<()> {
    let rank = run.option_i64("rank")?.ok_or_else(|| {
        Error::invalid("neither an adapter nor a rank is given: `adapter` applies one, `rank` makes a fresh one")
    })?;
    if rank < 1 {
        return Err(Error::invalid(format!("rank is {rank}, it must be at least 1")));
    }
    let weight = run.option_f64("weight")?.unwrap_or(1.0);
    let fresh = Fresh {
        rank,
        scale: weight * scale(run.option_f64("alpha")?.unwrap_or(rank as f64), rank, false),
        gaussian: run.option_str("init")? == Some("gaussian"),
        seed: run.option_i64("seed")?.unwrap_or(0) as u64,
    };
    let targets = run.option_list("targets")?.unwrap_or_else(|| vec!["all-linear"]);
    let sites = run.sites_of_targets(&targets)?;
    if mode == Mode::Merge {
        run.warn("a fresh adapter has B = 0: merging it leaves every weight as it is; mode = \"inject\" adds it as a branch");
        return Ok(());
    }
    let mut branches: Vec<(String, Branch<'_>)> = Vec::new();
    let infos: Vec<(Site, SiteInfo<'_>)> =
        sites.into_iter().map(|site| Ok((site, run.site(site)?))).collect::<Result<_>>()?;
    let names: Vec<String> =
        infos.iter().map(|(_, info)| name(run, info)).collect::<Result<_>>()?;
    for ((site, info), module) in infos.iter().zip(&names) {
        if !branches.iter().any(|(name, _)| name == module) {
            let places = names.iter().filter(|name| *name == module).count();
            branches.push((module.clone(), fresh.branch(run, module, info, places)?));
        }
        if let Some((_, branch)) = branches.iter().find(|(name, _)| name == module) {
            branch.add(run, *site, info, None)?;
        }
    }
    Ok(())
}

/// The module, or the node where the module is unknown.
fn name(run: &Run<'_>, info: &SiteInfo<'_>) -> Result<String> {
    Ok(match info.module {
        "" => run.node(info.node)?.name.trim_start_matches('/').to_owned(),
        module => module.to_owned(),
    })
}

struct Fresh {
    rank: i64,
    scale: f64,
    gaussian: bool,
    seed: u64,
}

impl Fresh {
    fn branch<'m>(
        &self,
        run: &Run<'_>,
        module: &'m str,
        info: &SiteInfo<'_>,
        places: usize,
    ) -> Result<Branch<'m>> {
        let (inputs, outputs) = (info.in_features, info.out_features);
        if self.rank > inputs.min(outputs) {
            run.warn(&format!(
                "{module}: rank {} is more than the layer's {}",
                self.rank,
                inputs.min(outputs)
            ));
        }
        let a = match self.gaussian {
            true => Init::Gaussian { deviation: 1.0 / self.rank as f64 },
            false => Init::Uniform { bound: 1.0 / (inputs as f64).sqrt() },
        };
        let branch = Branch {
            module,
            a: self.drawn(
                run,
                module,
                "lora_A",
                TensorType::new(info.dtype, [inputs, self.rank]),
                a,
            )?,
            b: self.drawn(
                run,
                module,
                "lora_B",
                TensorType::new(info.dtype, [self.rank, outputs]),
                Init::Zero,
            )?,
        };
        let parameters = (self.rank * (inputs + outputs)) as u64;
        run.record(&Record {
            module,
            value: Some(info.output),
            what: &format!("{} fresh", describe(self.rank, self.scale)),
            parameters,
            flops_per_token: 2 * parameters * places as u64,
        })?;
        Ok(branch)
    }

    fn drawn(
        &self,
        run: &Run<'_>,
        module: &str,
        leaf: &str,
        ty: TensorType,
        init: Init,
    ) -> Result<Value> {
        one(run.add_task(TaskSpec {
            kind: "init",
            label: module,
            sources: Vec::new(),
            results: vec![(ty, format!("{module}.{leaf}.weight"))],
            params: init.params(self.seed, stream(module)),
            ..Default::default()
        })?)
    }
}
