//! The adapter's tensors by what they are for.

use crate::config::Scaling;
use peftc_plugin::{
    DataType, Error, Result, Run, Site, SiteInfo, SourceSpec, TaskSpec, TensorType, TensorView,
    Thirds, one, saved, words,
};
use std::collections::BTreeMap;

/// The tensors of an adapter, grouped.
#[derive(Debug, Default)]
pub(crate) struct Keys<'a> {
    /// A and B by module.
    pub(crate) layers: BTreeMap<&'a str, Layer<'a>>,
    /// Tensors that replace a parameter of the model: (the tensor, the parameter's name).
    pub(crate) parameters: Vec<(&'a str, String)>,
}

/// The tensors of one module.
#[derive(Debug, Default)]
pub(crate) struct Layer<'a> {
    a: Option<&'a str>,
    b: Option<&'a str>,
    b_bias: Option<&'a str>,
    base_weight: Option<&'a str>,
}

impl<'a> Keys<'a> {
    /// Groups tensors by their names. Those that are of no known form are left to the host,
    /// which refuses an adapter with tensors nobody used.
    pub(crate) fn of(names: &[&'a str]) -> Result<Self> {
        let mut keys = Self::default();
        for &name in names {
            if let Some((module, what)) = refused(name) {
                return Err(Error::unsupported(format!(
                    "the adapter has {what} at {module} ({name}), which this version cannot apply"
                )));
            }
            let module_of = |ends: [&str; 2]| ends.iter().find_map(|end| name.strip_suffix(end));
            if let Some(module) = module_of([".lora_A.weight", ".loras.lora_A"]) {
                keys.layers.entry(module).or_default().a = Some(name);
            } else if let Some(module) = module_of([".lora_B.weight", ".loras.lora_B"]) {
                keys.layers.entry(module).or_default().b = Some(name);
            } else if let Some(module) = name.strip_suffix(".lora_B.bias") {
                keys.layers.entry(module).or_default().b_bias = Some(name);
            } else if name.ends_with(".weight") || name.ends_with(".bias") {
                keys.parameters.push((name, saved::parameter_name(name)));
            }
        }
        for &name in names {
            let module = name.strip_suffix(".base_layer.weight");
            if let Some(layer) = module.and_then(|module| keys.layers.get_mut(module)) {
                layer.base_weight = Some(name);
                keys.parameters.retain(|(tensor, _)| *tensor != name);
            }
        }
        keys.refuse_two_biases()?;
        Ok(keys)
    }

    /// Looks for every module before anything is done, so that the host can list all that are not there.
    pub(crate) fn check_modules(&self, run: &Run<'_>) -> Result<()> {
        let looked: Vec<Result<_>> =
            self.layers.keys().map(|module| run.sites_of_module(module)).collect();
        looked.into_iter().find(Result::is_err).map_or(Ok(()), |missing| missing.map(|_| ()))
    }

    fn refuse_two_biases(&self) -> Result<()> {
        for (_, parameter) in &self.parameters {
            let module = parameter.strip_suffix(".bias").unwrap_or_default();
            if self.layers.get(module).is_some_and(|layer| layer.b_bias.is_some()) {
                return Err(Error::unsupported(format!(
                    "the adapter both replaces the bias of {module} and adds lora_B.bias to it"
                )));
            }
        }
        Ok(())
    }
}

/// Tensors of arithmetic that is refused: the module and what it is.
fn refused(name: &str) -> Option<(&str, &'static str)> {
    let forms = [
        (".lora_magnitude_vector", "a DoRA magnitude"),
        (".lora_embedding_A", "a LoRA on an embedding"),
        (".lora_embedding_B", "a LoRA on an embedding"),
        (".trainable_tokens_delta", "trainable tokens"),
    ];
    forms.iter().find_map(|&(form, what)| Some((&name[..name.find(form)?], what)))
}

/// A layer whose tensors fit the model.
pub(crate) struct CheckedLayer<'r> {
    pub(crate) module: &'r str,
    /// The tensor A, `[r, in]`.
    pub(crate) a: &'r str,
    /// The tensor B, `[out, r]`.
    b: &'r str,
    /// The thirds of the outputs that are adapted, each with an A and a B of its own; none for a
    /// layer that is adapted as a whole.
    thirds: Option<Thirds>,
    /// The bias of B, `[out]`.
    pub(crate) b_bias: Option<&'r str>,
    /// The tensor that is the layer's weight before it is changed, where the adapter has it.
    pub(crate) base_weight: Option<&'r str>,
    pub(crate) rank: i64,
    pub(crate) scale: f64,
    /// Where the module stands in the graph; more than once if it is called more than once.
    pub(crate) sites: Vec<(Site, SiteInfo<'r>)>,
    /// Elements of all its tensors.
    pub(crate) parameters: u64,
}

impl<'r> CheckedLayer<'r> {
    pub(crate) fn check(
        run: &Run<'r>,
        module: &'r str,
        layer: &Layer<'r>,
        scaling: &Scaling,
    ) -> Result<Self> {
        let missing =
            |what: &str| Error::invalid(format!("{module}: the adapter has no {what} for it"));
        let a_name = layer.a.ok_or_else(|| missing("lora_A.weight"))?;
        let b_name = layer.b.ok_or_else(|| missing("lora_B.weight"))?;
        let sites = run.sites_of_module(module)?;
        let sites: Vec<_> =
            sites.into_iter().map(|site| Ok((site, run.site(site)?))).collect::<Result<_>>()?;
        let (a, b) = (run.adapter_tensor(a_name)?, run.adapter_tensor(b_name)?);
        let bias = layer.b_bias.map(|name| run.adapter_tensor(name)).transpose()?;
        let rank = scaling.rank(run, module)?;
        if rank < 1 {
            return Err(Error::invalid(format!(
                "{module}: adapter_config.json gives it rank {rank}"
            )));
        }
        let is_packed = |site: &SiteInfo<'_>| {
            let is_whole =
                a.dims.first() == Some(&rank) && b.dims.first() == Some(&site.out_features);
            site.out_features == 3 * site.in_features && !is_whole
        };
        let thirds = scaling.thirds.filter(|_| sites.iter().all(|(_, site)| is_packed(site)));
        for (_, site) in &sites {
            check_shapes(module, [a, b], bias, rank, thirds, site)?;
        }
        Ok(Self {
            module,
            a: a_name,
            b: b_name,
            thirds,
            b_bias: layer.b_bias,
            base_weight: layer.base_weight,
            rank,
            scale: scaling.scale(run, module, rank)?,
            sites,
            parameters: [Some(a), Some(b), bias]
                .into_iter()
                .flatten()
                .map(|t| t.ty().elements())
                .sum(),
        })
    }

    /// The rank of all thirds together.
    pub(crate) fn inner(&self) -> i64 {
        self.rank * self.thirds.map_or(1, Thirds::count)
    }

    /// B for all outputs, `[out, inner]`, whole, as a source of a task.
    pub(crate) fn b(&self, run: &Run<'_>) -> Result<SourceSpec<'r>> {
        let Some(thirds) = self.thirds else { return Ok(SourceSpec::Adapter(self.b)) };
        let outputs = self.sites.first().map_or(0, |(_, site)| site.out_features);
        let ty = TensorType::new(DataType::F32, [outputs, self.inner()]);
        let value = one(run.add_task(TaskSpec {
            kind: "spread",
            label: self.module,
            sources: vec![SourceSpec::Adapter(self.b)],
            results: vec![(ty, format!("{}.lora_B.spread", self.module))],
            params: words(&thirds.params()),
            ..Default::default()
        })?)?;
        Ok(SourceSpec::Value { value, follows: Vec::new() })
    }

    /// What the report says of it.
    pub(crate) fn what(&self) -> String {
        describe(self.rank, self.scale)
    }
}

pub(crate) fn describe(rank: i64, scale: f64) -> String {
    format!("r={rank} scale={}", scale as f32)
}

fn check_shapes(
    module: &str,
    [a, b]: [TensorView<'_>; 2],
    bias: Option<TensorView<'_>>,
    rank: i64,
    thirds: Option<Thirds>,
    site: &SiteInfo<'_>,
) -> Result<()> {
    if a.dims.len() > 2 {
        return Err(Error::unsupported(format!(
            "{module}: lora_A is {}, of a convolution; this version applies LoRA to linear layers",
            a.ty()
        )));
    }
    let (inputs, outputs) = (site.in_features, site.out_features);
    let (inner, adapted, of_thirds) = match thirds {
        None => (rank, outputs, String::new()),
        Some(thirds) => {
            let n = thirds.count();
            let of_thirds = format!(" for each of {n} in attn_matrices");
            (rank.saturating_mul(n), n * inputs, of_thirds)
        }
    };
    let expected =
        [(a.dims, vec![inner, inputs], "lora_A"), (b.dims, vec![adapted, rank], "lora_B")];
    for (found, wanted, name) in expected {
        if found != wanted {
            return Err(Error::invalid(format!(
                "{module}: {name} is {found:?}, expected {wanted:?}: the layer has {inputs} inputs and {outputs} \
                 outputs, and adapter_config.json gives it rank {rank}{of_thirds}"
            )));
        }
    }
    match bias {
        Some(bias) if bias.dims != [outputs] => Err(Error::invalid(format!(
            "{module}: lora_B.bias is {:?}, expected [{outputs}]",
            bias.dims
        ))),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_grouped() {
        let names = [
            "lm_head.weight",
            "m.q.lora_A.weight",
            "m.q.lora_B.bias",
            "m.q.lora_B.weight",
            "m.v.base_layer.bias",
            "m.odd",
            "m.k.loras.lora_A",
            "m.k.base_layer.weight",
        ];
        let keys = Keys::of(&names).expect("plain LoRA");
        assert_eq!(keys.layers.keys().collect::<Vec<_>>(), [&"m.k", &"m.q"]);
        let expected = [
            ("lm_head.weight", "lm_head.weight".to_owned()),
            ("m.v.base_layer.bias", "m.v.bias".to_owned()),
        ];
        assert_eq!(keys.parameters, expected);
        assert_eq!(keys.layers["m.k"].base_weight, Some("m.k.base_layer.weight"));
    }

    #[test]
    fn other_arithmetic_is_refused_by_name() {
        let error = Keys::of(&["m.q.lora_magnitude_vector.weight"]).expect_err("DoRA");
        assert!(error.to_string().contains("DoRA magnitude at m.q"), "{error}");
    }

    #[test]
    fn two_changes_of_one_bias_are_refused() {
        let error = Keys::of(&["m.q.base_layer.bias", "m.q.lora_B.bias"]).expect_err("two biases");
        assert!(error.to_string().contains("m.q"), "{error}");
    }

    #[test]
    fn theory_size_is_r_times_d_plus_k() {
        let (r, d, k) = (16u64, 4096u64, 4096u64);
        let share = 100.0 * (r * (d + k)) as f64 / (d * k) as f64;
        assert!((share - 0.78).abs() < 0.005, "{share}");
    }
}
