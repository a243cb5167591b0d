//! Into the weights.

use super::{Layer, whole};
use crate::plan::Term;
use crate::tasks::{How, Params};
use peftc_plugin::{
    DataType, Error, ParameterInfo, Result, SourceSpec, TensorType, Value, one, saved,
};
use std::collections::HashMap;

impl Layer<'_, '_> {
    pub(super) fn merge(&self) -> Result<()> {
        let mut merged: HashMap<Value, Value> = HashMap::new();
        for (index, (_, info)) in self.sites.iter().enumerate() {
            let weight = self.run.parameter_info(info.weight)?;
            let constant = weight.value;
            let by = match merged.get(&constant) {
                Some(&by) => by,
                None => self.merged_weight(&self.before(weight)?)?,
            };
            merged.insert(constant, by);
            self.run.replace_parameter(info.weight, by)?;
            if index == 0 {
                self.record(constant, 0)?;
            }
        }
        Ok(())
    }

    /// The weight before it is changed.
    fn before(&self, weight: ParameterInfo) -> Result<ParameterInfo> {
        let Some(tensor) = self.base_weight else { return Ok(weight) };
        let (_, value) = saved::base_weight(self.run, tensor, self.module.name)?;
        Ok(ParameterInfo { value, ..weight })
    }

    fn merged_weight(&self, weight: &ParameterInfo) -> Result<Value> {
        let unfit = |e: peftc_delta::Unfit| self.within(e);
        let scales = self.scales(weight)?;
        if let Some(coefficients) = self.module.coefficients().map_err(unfit)? {
            let params = self.params(weight, self.sum(&coefficients));
            let first = vec![region(weight)];
            return self.weight_task("sum", weight, first, self.matrices(&scales), &params);
        }
        let params = self.params(weight, self.method());
        if self.module.elementwise().map_err(unfit)?.is_some() {
            let bounds = self.bounds(weight, &params, &scales)?;
            let (kind, follows) = match weight.transposed {
                true => ("elementwise-turned", vec![None, Some(1)]),
                false => ("elementwise", vec![Some(0)]),
            };
            let own = SourceSpec::Value { value: weight.value, follows };
            let first = vec![own, whole(bounds)];
            return self.weight_task(kind, weight, first, self.matrices(&scales), &params);
        }
        let [b, a] = self.factors(Some(weight), &params, &scales)?;
        let params = Params { terms: vec![Term::of_factors()], how: How::Sum(vec![1.0]), ..params };
        self.weight_task("sum", weight, vec![region(weight)], vec![whole(b), whole(a)], &params)
    }

    /// A task for a weight, with its first sources and those that follow.
    fn weight_task(
        &self,
        kind: &str,
        weight: &ParameterInfo,
        first: Vec<SourceSpec<'_>>,
        matrices: Vec<SourceSpec<'_>>,
        params: &Params,
    ) -> Result<Value> {
        let sources = first.into_iter().chain(matrices).collect();
        let result = (weight.stored.clone(), format!("{}.weight.merged", self.module.name));
        self.task(kind, sources, vec![result], params.bytes()?).and_then(one)
    }

    /// DoRA's factors of the outputs of a weight, by term.
    fn scales(&self, weight: &ParameterInfo) -> Result<Vec<Option<Value>>> {
        let of_term = |term: &Term| {
            let Some(magnitudes) = &term.magnitudes else { return Ok(None) };
            let outputs = self.sites.first().map_or(0, |(_, info)| info.out_features);
            let found = self.run.adapter_tensor(magnitudes)?.dims.iter().product::<i64>();
            if found != outputs {
                return Err(Error::invalid(format!(
                    "{magnitudes} has {found} elements, the model's weight {outputs} outputs"
                )));
            }
            let follows = vec![Some(u32::from(weight.transposed))];
            let own = SourceSpec::Value { value: weight.value, follows };
            let matrices = term.tensors.iter().map(|name| SourceSpec::Adapter(name));
            let sources =
                [own].into_iter().chain(matrices).chain([SourceSpec::Adapter(magnitudes)]);
            let params =
                Params { terms: vec![term.clone()], ..self.params(weight, How::Sum(Vec::new())) };
            let ty = TensorType::new(DataType::F64, [outputs]);
            let result = (ty, format!("{}.scales", self.module.name));
            self.task("scales", sources.collect(), vec![result], params.bytes()?)
                .and_then(one)
                .map(Some)
        };
        self.terms.iter().map(of_term).collect()
    }

    fn bounds(
        &self,
        weight: &ParameterInfo,
        params: &Params,
        scales: &[Option<Value>],
    ) -> Result<Value> {
        let ty = TensorType::new(DataType::F64, [self.terms.len() as i64, 2]);
        let result = (ty, format!("{}.bounds", self.module.name));
        let sources = self.with_whole(Some(weight), scales);
        self.task("bounds", sources, vec![result], params.bytes()?).and_then(one)
    }

    fn params(&self, weight: &ParameterInfo, how: How) -> Params {
        Params {
            terms: self.terms.to_vec(),
            is_turned: weight.transposed,
            factor: f64::from(weight.factor),
            how,
        }
    }
}

/// The part of a weight that is written.
fn region(weight: &ParameterInfo) -> SourceSpec<'static> {
    SourceSpec::Value { value: weight.value, follows: vec![Some(0), Some(1)] }
}
