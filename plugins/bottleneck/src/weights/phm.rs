//! Compacter's phm layers: which tensors a layer is made of, its own or those that all share.

use super::{Layer, Projection, Scale, UNSCALED};
use peftc_plugin::{Error, Result};

impl<'l> Layer<'l, '_> {
    pub(super) fn phm_projections(
        &self,
        down: &str,
        scale: &Scale<'_>,
    ) -> Result<(i64, Projection, Projection)> {
        let down = self.phm(down, "down", &UNSCALED)?;
        let up = self.phm("adapter_up", "up", scale)?;
        let sizes = (down.1, up.1);
        match sizes {
            ([inputs, size], [inner, out])
                if size == inner && inputs == self.hidden && out == self.hidden =>
            {
                Ok((size, down.0, up.0))
            }
            _ => Err(Error::invalid(format!(
                "{}: its phm layers are {:?} and {:?}, expected [{hidden}, b] and [b, {hidden}]: the hidden size of the \
                 model is {hidden}",
                self.module,
                sizes.0,
                sizes.1,
                hidden = self.hidden
            ))),
        }
    }

    /// A phm layer, folded into a matrix `[in, out]`; with its sizes.
    fn phm(
        &self,
        prefix: &str,
        position: &str,
        scale: &Scale<'_>,
    ) -> Result<(Projection, [i64; 2])> {
        let own = |leaf: &str| self.tensors.get(format!("{prefix}.{leaf}").as_str()).copied();
        let shared = |leaf: &str| self.keys.shared.get(leaf).copied();
        let pair = |left: Option<&'l str>, right: Option<&'l str>| Some(vec![left?, right?]);
        let rule = own("phm_rule")
            .or_else(|| shared("phm_rule"))
            .map(|whole| vec![whole])
            .or_else(|| pair(own("phm_rule_left"), own("phm_rule_right")))
            .or_else(|| pair(shared("phm_rule_left"), shared("phm_rule_right")));
        let rule = rule.ok_or_else(|| {
            Error::invalid(format!(
                "{}: the adapter has no phm_rule, neither of its own nor shared: adapters saved from a bare base model \
                 lack it; save it from a model with a head",
                self.module
            ))
        })?;
        let of_all = |leaf: &str| shared(&format!("W_{position}{leaf}"));
        let weight = own("W")
            .or_else(|| of_all(""))
            .map(|whole| vec![whole])
            .or_else(|| pair(own("W_left"), own("W_right")))
            .or_else(|| pair(of_all("_left"), of_all("_right")));
        let weight = weight.ok_or_else(|| {
            Error::invalid(format!("{}: the adapter has no W for {prefix}", self.module))
        })?;
        let [inputs, out] = self.phm_sizes(&rule, &weight)?;
        let parts = [rule.len() as f64, weight.len() as f64];
        let sources = rule.into_iter().chain(weight).chain(scale.tensor).collect();
        let to = format!("adapter_{position}");
        let params = [scale.constant, parts[0], parts[1]];
        let matrix = self.task("phm", &format!("{to}.weight"), sources, &[inputs, out], &params)?;
        let bias = match own("b") {
            Some(_) => {
                Some(self.vector(&format!("{prefix}.b"), &format!("{to}.bias"), out, scale)?)
            }
            None => None,
        };
        Ok((Projection { matrix, bias }, [inputs, out]))
    }

    /// The sizes of the matrix that rule `[n, n, n]` and weight `[n, in/n, out/n]`, each whole or as
    /// two factors, make.
    fn phm_sizes(&self, rule: &[&str], weight: &[&str]) -> Result<[i64; 2]> {
        let rule = self.product_dims(rule)?;
        let [n, rows, columns] = self.product_dims(weight)?;
        match rule == [n, n, n] {
            true => Ok([n.saturating_mul(rows), n.saturating_mul(columns)]),
            false => Err(Error::invalid(format!(
                "{}: its phm_rule is {rule:?}, expected [{n}, {n}, {n}] as W has {n} parts",
                self.module
            ))),
        }
    }

    fn product_dims(&self, names: &[&str]) -> Result<[i64; 3]> {
        let dims: Vec<&[i64]> = names
            .iter()
            .map(|name| Ok(self.run.adapter_tensor(name)?.dims))
            .collect::<Result<_>>()?;
        match dims[..] {
            [&[n, rows, columns]] => Ok([n, rows, columns]),
            [&[n, rows, r], &[m, s, columns]] if n == m && r == s => Ok([n, rows, columns]),
            _ => Err(Error::invalid(format!(
                "{}: {} do not fit together: {dims:?}",
                self.module,
                names.join(" and ")
            ))),
        }
    }
}
