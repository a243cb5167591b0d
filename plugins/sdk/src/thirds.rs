//! Layers that make queries, keys and values at once, as GPT-2's `c_attn` does, of which an adapter of
//! AdapterHub can be for some.

use crate::error::{Error, Result};
use crate::run::Run;

/// Which of queries, keys and values an adapter is for. In a layer that makes all of them they are
/// the first, second and last third of its outputs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Thirds([bool; 3]);

impl Thirds {
    /// What the configuration names (`attn_matrices`); none where it has no such entry.
    ///
    /// # Errors
    /// It is no list of `"q"`, `"k"` and `"v"`.
    pub fn of(run: &Run<'_>) -> Result<Option<Self>> {
        run.config_json("attn_matrices")?.map(Self::parse).transpose()
    }

    fn parse(json: &str) -> Result<Self> {
        let inner = json.strip_prefix('[').and_then(|json| json.strip_suffix(']'));
        let items = inner.unwrap_or(json).split(',').map(|item| item.trim().trim_matches('"'));
        let mut thirds = [false; 3];
        for item in items.filter(|item| !item.is_empty()) {
            let at = ["q", "k", "v"].iter().position(|name| *name == item).ok_or_else(|| {
                Error::invalid(format!(
                    "adapter_config.json: \"attn_matrices\" is {json}, expected a list of \"q\", \"k\" and \"v\""
                ))
            })?;
            thirds[at] = true;
        }
        Ok(Self(thirds))
    }

    /// How many.
    pub fn count(self) -> i64 {
        self.0.iter().filter(|third| **third).count() as i64
    }

    /// As parameters of a task.
    pub fn params(self) -> [f64; 3] {
        self.0.map(|third| f64::from(u8::from(third)))
    }

    /// What [`params`](Self::params) made parameters of.
    pub fn from_params(params: [f64; 3]) -> Self {
        Self(params.map(|third| third != 0.0))
    }

    /// Their places in the layer's outputs, from 0, in order.
    pub fn places(self) -> impl Iterator<Item = usize> {
        (0..3).filter(move |&place| self.0[place])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_order_is_that_of_the_outputs() {
        let thirds = Thirds::parse(r#"["v","q"]"#).expect("thirds");
        assert_eq!((thirds.count(), thirds.places().collect::<Vec<_>>()), (2, vec![0, 2]));
        assert_eq!(Thirds::from_params(thirds.params()), thirds);
        assert_eq!(Thirds::parse("[]").expect("no thirds").count(), 0);
        assert!(Thirds::parse(r#"["o"]"#).is_err());
        assert!(Thirds::parse("7").is_err());
    }
}
