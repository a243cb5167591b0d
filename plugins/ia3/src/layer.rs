//! A layer and its scales.

use crate::Mode;
use peftc_plugin::{
    DataType, Error, Record, Result, Run, Site, SiteInfo, SourceSpec, TaskSpec, TensorType, Thirds,
    Value, one, words,
};

/// What an adapter's configuration says of its scales.
#[derive(Clone, Copy)]
pub(crate) struct Form {
    /// What all of them are multiplied by.
    alpha: f64,
    /// What AdapterHub adapts of a layer that makes queries, keys and values at once.
    thirds: Option<Thirds>,
}

impl Form {
    /// # Errors
    /// The adapter has gates.
    pub(crate) fn of(run: &Run<'_>) -> Result<Self> {
        match run.config_bool("use_gating")? {
            Some(true) => Err(Error::unsupported(
                "the adapter has gates (use_gating), which this version cannot apply; IA3 without them can be",
            )),
            _ => Ok(Self {
                alpha: run.config_f64("alpha")?.unwrap_or(1.0),
                thirds: Thirds::of(run)?,
            }),
        }
    }
}

/// Where scales come from.
#[derive(Clone, Copy)]
pub(crate) enum Learned<'a> {
    /// A tensor of the adapter, `[out, 1]` or `[1, in]`.
    Adapter { name: &'a str, form: Form },
    /// Ones.
    Fresh {
        /// Whether they scale the input.
        is_feedforward: bool,
    },
}

/// A module whose scales fit.
pub(crate) struct Layer<'a> {
    pub(crate) module: &'a str,
    /// Where it stands in the graph; more than once if it is called more than once.
    pub(crate) sites: Vec<(Site, SiteInfo<'a>)>,
    /// Whether the input is scaled, not the output.
    pub(crate) is_feedforward: bool,
    /// How many inputs or outputs are scaled.
    pub(crate) size: i64,
    scales: Scales<'a>,
}

/// The scales of a layer.
#[derive(Clone, Copy)]
enum Scales<'a> {
    Ones,
    /// α times a tensor of the adapter.
    All(&'a str, f64),
    /// α times a tensor for some thirds of the outputs, and α for the others.
    Of(Thirds, &'a str, f64),
}

impl<'a> Layer<'a> {
    /// # Errors
    /// The scales are neither as many as outputs nor as inputs.
    pub(crate) fn check(
        run: &Run<'a>,
        module: &'a str,
        sites: Vec<Site>,
        learned: Learned<'a>,
    ) -> Result<Self> {
        let sites: Vec<_> =
            sites.into_iter().map(|site| Ok((site, run.site(site)?))).collect::<Result<_>>()?;
        let [outputs, inputs] = match sites.first() {
            Some((_, info)) => [info.out_features, info.in_features],
            None => return Err(Error::invalid(format!("{module}: has no place"))),
        };
        let (is_feedforward, scales) = match learned {
            Learned::Fresh { is_feedforward } => (is_feedforward, Scales::Ones),
            Learned::Adapter { name, form: Form { alpha, thirds } } => {
                let packed = thirds.filter(|_| outputs == 3 * inputs);
                match (run.adapter_tensor(name)?.dims, packed) {
                    (&[size, 1], _) if size == outputs => (false, Scales::All(name, alpha)),
                    (&[1, size], _) if size == inputs => (true, Scales::All(name, alpha)),
                    (&[size, 1], Some(thirds)) if size == thirds.count() * inputs => {
                        (false, Scales::Of(thirds, name, alpha))
                    }
                    (dims, _) => {
                        let leaf = name.rsplit('.').next().unwrap_or(name);
                        let part = packed.map(|thirds| {
                            format!(", [{}, 1] for those of attn_matrices", thirds.count() * inputs)
                        });
                        return Err(Error::invalid(format!(
                            "{module}: {leaf} is {dims:?}, expected [{outputs}, 1] for the outputs of the layer{} or \
                             [1, {inputs}] for its inputs",
                            part.unwrap_or_default()
                        )));
                    }
                }
            }
        };
        let size = if is_feedforward { inputs } else { outputs };
        Ok(Self { module, sites, is_feedforward, size, scales })
    }

    /// The scales, whole, as a source of a task; none for ones.
    pub(crate) fn source(&self, run: &Run<'_>) -> Result<Option<SourceSpec<'a>>> {
        Ok(match self.scales {
            Scales::Ones => None,
            Scales::All(name, 1.0) => Some(SourceSpec::Adapter(name)),
            _ => {
                let value = self.tensor(run, DataType::F32, &[self.size])?;
                Some(SourceSpec::Value { value, follows: Vec::new() })
            }
        })
    }

    /// The scales as a tensor of the graph.
    pub(crate) fn tensor(&self, run: &Run<'_>, dtype: DataType, dims: &[i64]) -> Result<Value> {
        let (kind, source, params) = match self.scales {
            Scales::Ones => ("ones", None, Vec::new()),
            Scales::All(name, alpha) => ("turn", Some(name), words(&[alpha, 0.0])),
            Scales::Of(thirds, name, alpha) => {
                let [q, k, v] = thirds.params();
                ("spread", Some(name), words(&[alpha, q, k, v]))
            }
        };
        one(run.add_task(TaskSpec {
            kind,
            label: self.module,
            sources: source.map(SourceSpec::Adapter).into_iter().collect(),
            results: vec![(TensorType::new(dtype, dims), format!("{}.ia3_l", self.module))],
            params,
            ..Default::default()
        })?)
    }

    /// Adds the layer to the report.
    pub(crate) fn record(&self, run: &Run<'_>, mode: Mode) -> Result<()> {
        let Some((_, info)) = self.sites.first() else { return Ok(()) };
        let side = if self.is_feedforward { "inputs" } else { "outputs" };
        let (fresh, parameters) = match self.scales {
            Scales::Ones => (", fresh", self.size),
            Scales::All(..) => ("", self.size),
            Scales::Of(thirds, ..) => ("", self.size / 3 * thirds.count()),
        };
        let what = format!("scales of {side}{fresh}");
        let value = Some(run.parameter_info(info.weight)?.value);
        let flops_per_token = match mode {
            Mode::Merge => 0,
            Mode::Inject => self.size as u64 * self.sites.len() as u64,
        };
        let parameters = parameters as u64;
        run.record(&Record { module: self.module, value, what: &what, parameters, flops_per_token })
    }
}
