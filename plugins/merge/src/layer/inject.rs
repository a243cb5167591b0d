//! As one side branch.

use super::{Layer, whole};
use crate::plan::Term;
use crate::tasks::{How, Params};
use peftc_plugin::branch::Branch;
use peftc_plugin::{Result, SourceSpec, TensorType, one, saved};

impl Layer<'_, '_> {
    pub(super) fn inject(&self) -> Result<()> {
        let Some((_, first)) = self.sites.first() else { return Ok(()) };
        let coefficients = self.module.coefficients().map_err(|e| self.within(e))?;
        let (terms, how, sources, rank): (Vec<Term>, How, [Vec<SourceSpec<'_>>; 2], usize) =
            match coefficients {
                Some(coefficients) => {
                    let ranks =
                        self.module.changes.iter().flatten().map(|c| c.factors.rank()).sum();
                    (
                        self.terms.to_vec(),
                        self.sum(&coefficients),
                        [self.matrices(&[]), self.matrices(&[])],
                        ranks,
                    )
                }
                None => {
                    let params = Params {
                        terms: self.terms.to_vec(),
                        is_turned: false,
                        factor: 1.0,
                        how: self.method(),
                    };
                    let factors = self.factors(None, &params, &[])?;
                    let both = || factors.into_iter().map(whole).collect();
                    (
                        vec![Term::of_factors()],
                        How::Sum(vec![1.0]),
                        [both(), both()],
                        self.module.largest_result(),
                    )
                }
            };
        let side = |sources: Vec<SourceSpec<'_>>, dims: [i64; 2], leaf: &str, is_turned: bool| {
            let (terms, how) = (terms.clone(), how.clone());
            let params = Params { terms, is_turned, factor: 1.0, how };
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
        if let Some(tensor) = self.base_weight {
            let (weight, by) = saved::base_weight(self.run, tensor, self.module.name)?;
            self.run.replace_parameter(weight, by)?;
        }
        for (site, info) in &self.sites {
            branch.add(self.run, *site, info, None)?;
        }
        let rows = (first.in_features + first.out_features) as u64;
        self.record(first.output, 2 * rank as u64 * rows * self.sites.len() as u64)
    }
}
