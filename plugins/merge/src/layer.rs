//! Recording what is done to each module.

use crate::plan::{Plan, Term};
use crate::settings::{Mode, Settings};
use crate::tasks::{Combined, Params};
use peftc_delta::{Change, Module, Weights};
use peftc_plugin::branch::Branch;
use peftc_plugin::{
    DataType, Error, ParameterInfo, Record, Result, Run, Site, SiteInfo, SourceSpec, TaskSpec,
    TensorType, Value, one,
};
use std::collections::HashMap;

/// Records what is done to all modules.
pub(crate) fn all(run: &Run<'_>, plan: &Plan, settings: &Settings) -> Result<()> {
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
        let layer = Layer { run, module, terms, sites: sites(run, name)? };
        layer.check_shapes()?;
        match settings.mode {
            Mode::Merge => layer.merge()?,
            Mode::Inject => layer.inject()?,
        }
        layer.add_biases()?;
    }
    Ok(())
}

/// What each adapter does to a module.
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

    /// Into the weights.
    fn merge(&self) -> Result<()> {
        let mut merged: HashMap<Value, Value> = HashMap::new();
        for (index, (_, info)) in self.sites.iter().enumerate() {
            let weight = self.run.parameter_info(info.weight)?;
            let by = match merged.get(&weight.value) {
                Some(&by) => by,
                None => self.merged_weight(&weight)?,
            };
            merged.insert(weight.value, by);
            self.run.replace_parameter(info.weight, by)?;
            if index == 0 {
                self.record(weight.value, 0)?;
            }
        }
        Ok(())
    }

    fn merged_weight(&self, weight: &ParameterInfo) -> Result<Value> {
        let unfit = |e: peftc_delta::Unfit| self.within(e);
        if let Some(coefficients) = self.module.coefficients().map_err(unfit)? {
            let terms = self.scaled(&coefficients, f64::from(weight.factor));
            let params = Params { terms, is_turned: weight.transposed, combined: None };
            let follows = vec![Some(0), Some(1)];
            let first = SourceSpec::Value { value: weight.value, follows };
            return self.weight_task("sum", weight, vec![first], &params);
        }
        if self.module.elementwise().map_err(unfit)?.is_some() {
            let params = self.combined(weight);
            let bounds = self.bounds(&params)?;
            let (kind, follows) = match weight.transposed {
                true => ("elementwise-turned", vec![None, Some(1)]),
                false => ("elementwise", vec![Some(0)]),
            };
            let own = SourceSpec::Value { value: weight.value, follows };
            let kept = SourceSpec::Value { value: bounds, follows: Vec::new() };
            return self.weight_task(kind, weight, vec![own, kept], &params);
        }
        let [b, a] = self.factors()?;
        let term = Term::of_factors(1.0 / f64::from(weight.factor));
        let params = Params { terms: vec![term], is_turned: weight.transposed, combined: None };
        let follows = vec![Some(0), Some(1)];
        let sources = vec![
            SourceSpec::Value { value: weight.value, follows },
            SourceSpec::Value { value: b, follows: Vec::new() },
            SourceSpec::Value { value: a, follows: Vec::new() },
        ];
        self.task("sum", sources, vec![self.merged_type(weight)], params.bytes()?).and_then(one)
    }

    fn merged_type(&self, weight: &ParameterInfo) -> (TensorType, String) {
        (weight.stored.clone(), format!("{}.weight.merged", self.module.name))
    }

    /// A task for a weight: its first sources, then the matrices of all terms.
    fn weight_task(
        &self,
        kind: &str,
        weight: &ParameterInfo,
        first: Vec<SourceSpec<'_>>,
        params: &Params,
    ) -> Result<Value> {
        let sources = first.into_iter().chain(self.matrices()).collect();
        self.task(kind, sources, vec![self.merged_type(weight)], params.bytes()?).and_then(one)
    }

    fn bounds(&self, params: &Params) -> Result<Value> {
        let ty = TensorType::new(DataType::F64, [self.terms.len() as i64, 2]);
        let result = (ty, format!("{}.bounds", self.module.name));
        self.task("bounds", self.matrices().collect(), vec![result], params.bytes()?).and_then(one)
    }

    /// B and A of what the method makes of the changes.
    fn factors(&self) -> Result<[Value; 2]> {
        let rank = self.module.largest_result().ok_or_else(|| {
            Error::unsupported(
                "a share of the energy is for `peftc merge`, which writes an adapter",
            )
        })?;
        let (_, info) = self.sites.first().ok_or_else(|| Error::invalid("no layer"))?;
        let name = self.module.name;
        let results = vec![
            (TensorType::new(DataType::F32, [info.out_features, rank as i64]), format!("{name}.B")),
            (TensorType::new(DataType::F32, [rank as i64, info.in_features]), format!("{name}.A")),
        ];
        let params =
            Params { terms: self.terms.to_vec(), is_turned: false, combined: Some(self.how(1.0)) };
        let made = self.task("factors", self.matrices().collect(), results, params.bytes()?)?;
        made.try_into().map_err(|_| Error::invalid("the host gave other values than results"))
    }

    /// As one side branch.
    fn inject(&self) -> Result<()> {
        let Some((_, first)) = self.sites.first() else { return Ok(()) };
        let coefficients = self.module.coefficients().map_err(|e| self.within(e))?;
        let (terms, sources, rank): (Vec<Term>, [Vec<SourceSpec<'_>>; 2], usize) =
            match coefficients {
                Some(coefficients) => {
                    let ranks =
                        self.module.changes.iter().flatten().map(|c| c.factors.rank()).sum();
                    let sources = [self.matrices().collect(), self.matrices().collect()];
                    (self.scaled(&coefficients, 1.0), sources, ranks)
                }
                None => {
                    let factors = self.factors()?;
                    let both = || {
                        let whole = |value| SourceSpec::Value { value, follows: Vec::new() };
                        factors.into_iter().map(whole).collect()
                    };
                    let rank = self.module.largest_result().unwrap_or(0);
                    (vec![Term::of_factors(1.0)], [both(), both()], rank)
                }
            };
        let side = |sources: Vec<SourceSpec<'_>>, dims: [i64; 2], leaf: &str, is_turned: bool| {
            let params = Params { terms: terms.clone(), is_turned, combined: None };
            let name = format!("{}.{leaf}.weight", self.module.name);
            let results = vec![(TensorType::new(first.dtype, dims), name)];
            self.task("branch", sources, results, params.bytes()?).and_then(one)
        };
        let [of_a, of_b] = sources;
        let branch = Branch {
            module: self.module.name,
            a: side(of_a, [first.in_features, rank as i64], "lora_A", false)?,
            b: side(of_b, [rank as i64, first.out_features], "lora_B", true)?,
        };
        for (site, info) in &self.sites {
            branch.add(self.run, *site, info, None)?;
        }
        let rows = (first.in_features + first.out_features) as u64;
        self.record(first.output, 2 * rank as u64 * rows * self.sites.len() as u64)
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
            info.dtype.encode_f32(&numbers, &mut bytes)?;
            let ty = TensorType::new(info.dtype, [numbers.len() as i64]);
            let name = format!("{}.lora_B.bias", self.module.name);
            self.run.add_delta(*site, self.run.add_tensor(&name, &ty, &bytes)?)?;
        }
        Ok(())
    }

    /// The terms with c·s, divided by what the graph multiplies the weight by.
    fn scaled(&self, coefficients: &[f64], factor: f64) -> Vec<Term> {
        let scaled = |term: &Term| Term {
            scale: coefficients[term.adapter] * term.scale / factor,
            ..term.clone()
        };
        self.terms.iter().map(scaled).collect()
    }

    fn combined(&self, weight: &ParameterInfo) -> Params {
        Params {
            terms: self.terms.to_vec(),
            is_turned: weight.transposed,
            combined: Some(self.how(f64::from(weight.factor))),
        }
    }

    fn how(&self, factor: f64) -> Combined {
        let options = self.module.options;
        Combined {
            module: self.module.name.to_owned(),
            method: options.method.name.to_owned(),
            weights: self.module.weights.to_vec(),
            density: options.density,
            gamma: options.gamma,
            epsilon: options.epsilon,
            seed: options.seed,
            rank: self.module.limit.and_then(|limit| match limit {
                peftc_delta::Limit::Rank(rank) => Some(rank),
                _ => None,
            }),
            largest_rank: self.module.largest_rank,
            factor,
        }
    }

    fn matrices(&self) -> impl Iterator<Item = SourceSpec<'_>> {
        self.terms.iter().flat_map(|term| &term.tensors).map(|name| SourceSpec::Adapter(name))
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
        let of =
            |c: &Change| (c.factors.b().elements().len() + c.factors.a().elements().len()) as u64;
        self.run.record(&Record {
            module: self.module.name,
            value: Some(value),
            what: &what,
            parameters: changes().flatten().map(of).sum(),
            flops_per_token,
        })
    }

    fn within(&self, error: peftc_delta::Unfit) -> Error {
        Error::invalid(format!("{}: {error}", self.module.name))
    }
}
