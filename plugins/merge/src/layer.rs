//! Recording what is done to each module.

mod inject;
mod weights;

use crate::plan::{Plan, Term, check_finite};
use crate::settings::{Mode, Settings};
use crate::tasks::{Combined, How, Params};
use peftc_delta::{Change, Limit, METHODS, Module, Options, Weights};
use peftc_plugin::{
    DataType, Error, ParameterInfo, Record, Result, Run, Site, SiteInfo, SourceSpec, TaskSpec,
    TensorType, Value,
};

/// Records what is done to all modules.
pub(crate) fn all(run: &Run<'_>, plan: &Plan, settings: &Settings) -> Result<()> {
    if plan.has_dora() {
        check_dora(settings)?;
    }
    if let Some(module) = plan.biased() {
        let unfit = |e: peftc_delta::Unfit| Error::invalid(format!("{module}: {e}"));
        settings.options.method.check_biases().map_err(unfit)?;
    }
    let (norms, largest_rank) = sizes(run, plan, settings)?;
    let weights = settings.options.weights(&norms);
    note(run, plan, settings, &weights);
    for (at, (name, terms)) in plan.modules.iter().enumerate() {
        let module = Module {
            name,
            changes: &changes(run, plan, terms)?,
            weights: weights.of_module(at),
            options: &settings.options,
            limit: settings.limit,
            largest_rank,
        };
        let base_weight = plan.base_weight(run, name)?;
        let layer = Layer { run, module, terms, base_weight, sites: sites(run, name)? };
        layer.check_shapes()?;
        match settings.mode {
            Mode::Merge => layer.merge()?,
            Mode::Inject => layer.inject()?,
        }
        layer.add_biases()?;
    }
    Ok(())
}

/// Refuses what has to know DoRA's changes before the weights are read.
fn check_dora(settings: &Settings) -> Result<()> {
    if settings.mode == Mode::Inject {
        return Err(Error::unsupported(
            "DoRA changes the lengths of a weight's rows, which no side branch does: mode \"merge\" does",
        ));
    }
    let method = settings.options.method;
    if settings.options.takes_rows() {
        return Ok(());
    }
    let others = METHODS.iter().filter(|m| Options::new(**m).takes_rows()).map(|m| m.name);
    Err(Error::unsupported(format!(
        "{} has to know all changes first, and DoRA's are known as the weights are read: {} need not; `peftc merge \
         --base MODEL.onnx --method {} --rank R` makes a LoRA of them",
        method.name,
        others.collect::<Vec<_>>().join(", "),
        method.name
    )))
}

/// What each adapter does to a module. Of DoRA it is B·A alone.
fn changes(run: &Run<'_>, plan: &Plan, terms: &[Term]) -> Result<Vec<Option<Change>>> {
    let mut changes = vec![None; plan.adapters];
    for term in terms {
        changes[term.adapter] = Some(term.read(run)?);
    }
    Ok(changes)
}

/// ‖Δ‖_F by module and adapter, and the largest rank, where the method needs them.
fn sizes(run: &Run<'_>, plan: &Plan, settings: &Settings) -> Result<(Vec<Vec<f64>>, usize)> {
    if !settings.options.needs_sizes() {
        return Ok((vec![vec![0.0; plan.adapters]], 0));
    }
    let (mut norms, mut largest_rank) = (Vec::new(), 0);
    for terms in plan.modules.values() {
        let changes = changes(run, plan, terms)?;
        let norm =
            |c: &Option<Change>| c.as_ref().map_or(0.0, |c| c.scale.abs() * c.factors.norm());
        norms.push(changes.iter().map(norm).collect());
        let ranks = changes.iter().flatten().map(|c| c.factors.rank());
        largest_rank = ranks.fold(largest_rank, usize::max);
    }
    Ok((norms, largest_rank))
}

fn note(run: &Run<'_>, plan: &Plan, settings: &Settings, weights: &Weights) {
    let method = settings.options.method;
    let weight =
        |at| weights.of_adapter(at).map_or("of each module".to_owned(), |w| format!("{w}"));
    let weights: Vec<String> = (0..plan.adapters).map(weight).collect();
    run.note(&format!("{}: {}; λ {}", method.name, method.formula, weights.join(", ")));
}

fn sites<'a>(run: &Run<'a>, module: &str) -> Result<Vec<(Site, SiteInfo<'a>)>> {
    run.sites_of_module(module)?.into_iter().map(|site| Ok((site, run.site(site)?))).collect()
}

/// A module of the model, and what is to be done to it.
struct Layer<'r, 'a> {
    run: &'r Run<'a>,
    module: Module<'r>,
    terms: &'r [Term],
    /// The tensor that takes the place of the weight before it is changed.
    base_weight: Option<&'r str>,
    sites: Vec<(Site, SiteInfo<'a>)>,
}

impl Layer<'_, '_> {
    fn check_shapes(&self) -> Result<()> {
        for (_, info) in &self.sites {
            let wanted = (info.out_features as usize, info.in_features as usize);
            let other = self.module.changes.iter().enumerate().find_map(|(at, change)| {
                let shape = change.as_ref()?.factors.shape();
                (shape != wanted).then_some((at, shape))
            });
            if let Some((at, (rows, columns))) = other {
                return Err(Error::invalid(format!(
                    "{}: the change of adapter {at} is [{rows}, {columns}], the model's weight [{}, {}]",
                    self.module.name, wanted.0, wanted.1
                )));
            }
        }
        Ok(())
    }

    /// B and A of what the method makes of the changes.
    fn factors(
        &self,
        weight: Option<&ParameterInfo>,
        params: &Params,
        scales: &[Option<Value>],
    ) -> Result<[Value; 2]> {
        let (_, info) = self.sites.first().ok_or_else(|| Error::invalid("no layer"))?;
        let smaller = info.out_features.min(info.in_features);
        let rank = match self.module.limit {
            Some(Limit::Rank(rank)) => smaller.min(rank as i64),
            _ if self.has_dora() => smaller,
            _ => self.module.largest_result() as i64,
        };
        let name = self.module.name;
        let results = vec![
            (TensorType::new(DataType::F32, [info.out_features, rank]), format!("{name}.B")),
            (TensorType::new(DataType::F32, [rank, info.in_features]), format!("{name}.A")),
        ];
        let sources = self.with_whole(weight, scales);
        let made = self.task("factors", sources, results, params.bytes()?)?;
        made.try_into().map_err(|_| Error::invalid("the host gave other values than results"))
    }

    /// Adds λ·s·b behind the layer.
    fn add_biases(&self) -> Result<()> {
        let mut sum: Option<Vec<f64>> = None;
        for term in self.terms {
            let Some(name) = &term.bias else { continue };
            let weight = self.module.weights[term.adapter] * term.scale;
            let bias = self.run.adapter_tensor(name)?.to_f32()?;
            let sum = sum.get_or_insert_with(|| vec![0.0; bias.len()]);
            if bias.len() != sum.len() {
                return Err(Error::invalid(format!("{name} has {} elements", bias.len())));
            }
            sum.iter_mut().zip(bias).for_each(|(sum, x)| *sum += weight * f64::from(x));
        }
        let Some(sum) = sum else { return Ok(()) };
        for (site, info) in &self.sites {
            let numbers: Vec<f32> = sum.iter().map(|x| *x as f32).collect();
            let size = info.dtype.float_size().unwrap_or(4);
            let mut bytes = vec![0; size * numbers.len()];
            check_finite(&format!("{}.lora_B.bias", self.module.name), &numbers)?;
            info.dtype.encode_f32(&numbers, &mut bytes)?;
            let ty = TensorType::new(info.dtype, [numbers.len() as i64]);
            let name = format!("{}.lora_B.bias", self.module.name);
            self.run.add_delta(*site, self.run.add_tensor(&name, &ty, &bytes)?)?;
        }
        Ok(())
    }

    fn sum(&self, coefficients: &[f64]) -> How {
        How::Sum(self.terms.iter().map(|term| coefficients[term.adapter]).collect())
    }

    fn method(&self) -> How {
        let options = self.module.options;
        let (rank, energy) = match self.module.limit {
            Some(Limit::Rank(rank)) => (Some(rank), None),
            Some(Limit::Energy(share)) => (None, Some(share)),
            Some(Limit::Exact) | None => (None, None),
        };
        How::Method(Combined {
            module: self.module.name.to_owned(),
            method: options.method.name.to_owned(),
            weights: self.module.weights.to_vec(),
            density: options.density,
            gamma: options.gamma,
            epsilon: options.epsilon,
            seed: options.seed,
            rank,
            energy,
            largest_rank: self.module.largest_rank,
        })
    }

    fn has_dora(&self) -> bool {
        self.terms.iter().any(|term| term.magnitudes.is_some())
    }

    /// The matrices of the terms, DoRA's scales behind their own.
    fn matrices(&self, scales: &[Option<Value>]) -> Vec<SourceSpec<'_>> {
        let scales = scales.iter().copied().chain(std::iter::repeat(None));
        let pairs = self.terms.iter().zip(scales);
        let of_term = pairs.flat_map(|(term, scales)| {
            let own = term.tensors.iter().map(|name| SourceSpec::Adapter(name));
            own.chain(scales.map(whole))
        });
        of_term.collect()
    }

    /// The weight where a change depends on it, and the matrices.
    fn with_whole(
        &self,
        weight: Option<&ParameterInfo>,
        scales: &[Option<Value>],
    ) -> Vec<SourceSpec<'_>> {
        let weight = weight.filter(|_| self.has_dora()).map(|weight| whole(weight.value));
        weight.into_iter().chain(self.matrices(scales)).collect()
    }

    fn task(
        &self,
        kind: &str,
        sources: Vec<SourceSpec<'_>>,
        results: Vec<(TensorType, String)>,
        params: Vec<u8>,
    ) -> Result<Vec<Value>> {
        let label = self.module.name;
        self.run.add_task(TaskSpec { kind, label, sources, results, params, ..Default::default() })
    }

    fn record(&self, value: Value, flops_per_token: u64) -> Result<()> {
        let changes = || self.module.changes.iter();
        let ranks = changes().map(|c| c.as_ref().map_or(0, |c| c.factors.rank()).to_string());
        let what = format!("ranks {}", ranks.collect::<Vec<_>>().join(" + "));
        let stored = self.terms.iter().flat_map(Term::names).map(|name| {
            let dims = self.run.adapter_tensor(name)?.dims;
            Ok(dims.iter().product::<i64>() as u64)
        });
        self.run.record(&Record {
            module: self.module.name,
            value: Some(value),
            what: &what,
            parameters: stored.sum::<Result<u64>>()?,
            flops_per_token,
        })
    }

    fn within(&self, error: peftc_delta::Unfit) -> Error {
        Error::invalid(format!("{}: {error}", self.module.name))
    }
}

/// A value that a task reads whole.
fn whole(value: Value) -> SourceSpec<'static> {
    SourceSpec::Value { value, follows: Vec::new() }
}
