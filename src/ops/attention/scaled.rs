//! Scaled dot-product attention (<https://arxiv.org/abs/1706.03762>), with fewer heads of keys and
//! values than of queries (<https://arxiv.org/abs/2305.13245>).

use super::bias::Place;
use super::heads::Heads;
use crate::error::{Error, Result};
use crate::ops::shape::{dims, indices, room};

/// One attention.
pub(crate) struct Attend<'a> {
    pub(crate) q: &'a Heads,
    pub(crate) k: &'a Heads,
    pub(crate) v: &'a Heads,
    pub(crate) scale: f64,
    /// Scores are between −softcap and softcap; 0 for no bounds.
    pub(crate) softcap: f64,
    /// A score of each head that takes part in the sum of the softmax, and attends nothing.
    pub(crate) sinks: Option<&'a [f64]>,
    /// Which scores are returned.
    pub(crate) keep: Option<Stage>,
}

/// How far scores are computed.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stage {
    /// Products of queries and keys.
    Raw,
    /// Within the softcap.
    Capped,
    /// With what is added.
    Biased,
    /// After the softmax.
    Probabilities,
}

impl Attend<'_> {
    /// The default of the scale: the size of vectors to the power −1/2.
    pub(crate) fn default_scale(size: usize) -> f64 {
        (size as f64).sqrt().recip()
    }

    /// The place of scores.
    pub(crate) fn scores(&self) -> Place {
        [self.q.batch, self.q.heads, self.q.length, self.k.length]
    }

    /// The output, and the scores that are kept. `bias` is added to the score of a place; where it
    /// is −∞ the key does not take part, and where no key does the output is 0.
    ///
    /// # Errors
    /// As of [`Attend::check`].
    pub(crate) fn run(&self, bias: impl Fn(Place) -> f64) -> Result<(Heads, Vec<f64>)> {
        self.check()?;
        let [batch, heads, queries, _] = self.scores();
        let (mut output, mut kept) = (Vec::new(), Vec::new());
        for at in indices(&[batch, heads, queries]) {
            let [b, h, i] = [at[0], at[1], at[2]];
            let mut keep = |stage: Stage, row: &[f64]| {
                if self.keep == Some(stage) {
                    kept.extend_from_slice(row);
                }
            };
            let mut row = self.raw([b, h, i]);
            keep(Stage::Raw, &row);
            if self.softcap > 0.0 {
                row.iter_mut().for_each(|x| *x = self.softcap * (*x / self.softcap).tanh());
            }
            keep(Stage::Capped, &row);
            for (j, score) in row.iter_mut().enumerate() {
                let bias = bias([b, h, i, j]);
                *score = if bias == f64::NEG_INFINITY { bias } else { *score + bias };
            }
            keep(Stage::Biased, &row);
            softmax(&mut row, self.sinks.map(|sinks| sinks[h]));
            keep(Stage::Probabilities, &row);
            output.extend(self.weighted([b, h], &row));
        }
        let output = Heads { batch, heads, length: queries, size: self.v.size, data: output };
        Ok((output, kept))
    }

    /// The scores of a query: its batch entry, head and place.
    pub(crate) fn raw(&self, [batch, head, query]: [usize; 3]) -> Vec<f64> {
        let q = self.q.vector(batch, head, query);
        let key = |j| self.k.vector(batch, self.shared(head), j);
        (0..self.k.length).map(|j| self.scale * dot(q, key(j))).collect()
    }

    /// The sum of the values that a head sees by their weights; what has none does not take part.
    pub(crate) fn weighted(&self, [batch, head]: [usize; 2], weights: &[f64]) -> Vec<f64> {
        let mut sum = vec![0.0; self.v.size];
        for (j, &weight) in weights.iter().enumerate().filter(|&(_, &weight)| weight != 0.0) {
            let value = self.v.vector(batch, self.shared(head), j);
            sum.iter_mut().zip(value).for_each(|(sum, x)| *sum += weight * x);
        }
        sum
    }

    /// The head of keys and values of a head of queries.
    fn shared(&self, head: usize) -> usize {
        head / (self.q.heads / self.k.heads)
    }

    /// # Errors
    /// Shapes do not fit, or memory cannot hold the output.
    pub(crate) fn check(&self) -> Result<()> {
        let (q, k, v) = (self.q, self.k, self.v);
        let fits = q.batch == k.batch
            && (k.batch, k.heads, k.length) == (v.batch, v.heads, v.length)
            && q.size == k.size
            && k.heads > 0
            && q.heads % k.heads == 0
            && self.sinks.is_none_or(|sinks| sinks.len() == q.heads);
        match fits {
            true => room(&dims(&[q.batch, q.heads, q.length, v.size])).map(|_| ()),
            false => Err(Error::input(format!("queries {q}, keys {k}, values {v} do not fit"))),
        }
    }
}

fn dot(x: &[f64], y: &[f64]) -> f64 {
    x.iter().zip(y).map(|(x, y)| x * y).sum()
}

/// Scores to shares of 1; 0 where all are −∞. A sink is one more score.
pub(crate) fn softmax(row: &mut [f64], sink: Option<f64>) {
    let max = row.iter().copied().chain(sink).fold(f64::NEG_INFINITY, f64::max);
    if max == f64::NEG_INFINITY && !row.iter().any(|x| x.is_nan()) {
        return row.fill(0.0);
    }
    row.iter_mut().for_each(|x| *x = (*x - max).exp());
    let sum = row.iter().sum::<f64>() + sink.map_or(0.0, |sink| (sink - max).exp());
    row.iter_mut().for_each(|x| *x /= sum);
}
