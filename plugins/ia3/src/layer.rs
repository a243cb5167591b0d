//! A layer and its scales.

use peftc_plugin::{
    DataType, Error, Record, Result, Run, Site, SiteInfo, SourceSpec, TaskSpec, TensorType, Value,
    one, words,
};

/// Where scales come from.
#[derive(Clone, Copy)]
pub(crate) enum Learned<'a> {
    /// A tensor of the adapter, `[out, 1]` or `[1, in]`.
    Adapter(&'a str),
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
    learned: Learned<'a>,
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
        let is_feedforward = match learned {
            Learned::Fresh { is_feedforward } => is_feedforward,
            Learned::Adapter(name) => {
                let tensor = run.adapter_tensor(name)?;
                let [outputs, inputs] = match sites.first() {
                    Some((_, info)) => [info.out_features, info.in_features],
                    None => return Err(Error::invalid(format!("{module}: has no place"))),
                };
                match *tensor.dims {
                    [size, 1] if size == outputs => false,
                    [1, size] if size == inputs => true,
                    _ => {
                        return Err(Error::invalid(format!(
                            "{module}: ia3_l is {:?}, expected [{outputs}, 1] for the outputs of the layer or \
                             [1, {inputs}] for its inputs",
                            tensor.dims
                        )));
                    }
                }
            }
        };
        Ok(Self { module, sites, is_feedforward, learned })
    }

    /// How many scales there are.
    pub(crate) fn size(&self) -> i64 {
        let size = |(_, info): &(Site, SiteInfo<'_>)| match self.is_feedforward {
            true => info.in_features,
            false => info.out_features,
        };
        self.sites.first().map_or(0, size)
    }

    /// The scales as a source of a task; none for ones.
    pub(crate) fn source(&self) -> Option<SourceSpec<'a>> {
        match self.learned {
            Learned::Adapter(name) => Some(SourceSpec::Adapter(name)),
            Learned::Fresh { .. } => None,
        }
    }

    /// The scales as a tensor of the graph.
    pub(crate) fn tensor(&self, run: &Run<'_>, dtype: DataType, dims: &[i64]) -> Result<Value> {
        let (kind, params) = match self.learned {
            Learned::Adapter(_) => ("turn", words(&[1.0, 0.0])),
            Learned::Fresh { .. } => ("ones", Vec::new()),
        };
        one(run.add_task(TaskSpec {
            kind,
            label: self.module,
            sources: self.source().into_iter().collect(),
            results: vec![(TensorType::new(dtype, dims), format!("{}.ia3_l", self.module))],
            params,
            ..Default::default()
        })?)
    }

    /// Adds the layer to the report.
    pub(crate) fn record(&self, run: &Run<'_>) -> Result<()> {
        let Some((_, info)) = self.sites.first() else { return Ok(()) };
        let fresh = if self.source().is_none() { ", fresh" } else { "" };
        let side = if self.is_feedforward { "inputs" } else { "outputs" };
        let what = format!("scales of {side}{fresh}");
        let value = Some(run.parameter_info(info.weight)?.value);
        let parameters = self.size() as u64;
        run.record(&Record { module: self.module, value, what: &what, parameters })
    }
}
