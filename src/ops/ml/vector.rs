//! Support vector machines.

use super::rows;
use super::scores::{Labels, Transform, greatest, matrix, pair};
use crate::error::{Error, Result};
use crate::ops::activation::sigmoid;
use crate::ops::numbers::{as_many, reals};
use crate::ops::{Call, Value};

/// Compares a row with a support vector.
struct Kernel {
    function: fn(&Kernel, &[f64], &[f64]) -> f64,
    gamma: f64,
    shift: f64,
    degree: f64,
}

fn dot(x: &[f64], y: &[f64]) -> f64 {
    x.iter().zip(y).map(|(x, y)| x * y).sum()
}

impl Kernel {
    fn of(call: &Call<'_>) -> Result<Self> {
        let function: fn(&Kernel, &[f64], &[f64]) -> f64 =
            match call.string("kernel_type")?.as_str() {
                "LINEAR" => |_, x, y| dot(x, y),
                "POLY" => |own, x, y| (own.gamma * dot(x, y) + own.shift).powf(own.degree),
                "RBF" => |own, x, y| {
                    let squares: f64 = x.iter().zip(y).map(|(x, y)| (x - y) * (x - y)).sum();
                    (-own.gamma * squares).exp()
                },
                "SIGMOID" => |own, x, y| (own.gamma * dot(x, y) + own.shift).tanh(),
                other => {
                    let error = Error::input(format!("kernel_type is {other:?}"));
                    return Err(error.help("LINEAR, POLY, RBF and SIGMOID are accepted"));
                }
            };
        let (gamma, shift, degree) = match call.floats("kernel_params")?.as_deref() {
            Some(&[gamma, shift, degree]) => (gamma, shift, degree),
            None | Some([]) => (0.0, 0.0, 0.0),
            Some(other) => {
                return Err(Error::input(format!(
                    "kernel_params has {} elements, not 3",
                    other.len()
                )));
            }
        };
        Ok(Self { function, gamma, shift, degree })
    }

    fn of_all(&self, row: &[f64], vectors: &[f64]) -> Vec<f64> {
        let vectors = vectors.chunks(row.len().max(1));
        vectors.map(|vector| (self.function)(self, row, vector)).collect()
    }
}

/// The numbers of an attribute, as many as there must be; none where that is no number.
fn list(call: &Call<'_>, name: &str, count: Option<usize>) -> Result<Vec<f64>> {
    as_many(name, call.floats(name)?.unwrap_or_default(), count.unwrap_or(usize::MAX))
}

fn sizes(call: &Call<'_>) -> Result<Vec<usize>> {
    let sizes = call.ints("vectors_per_class")?.unwrap_or_default();
    let negative = |_| Error::input(format!("vectors_per_class is {sizes:?}"));
    sizes.iter().map(|&size| usize::try_from(size).map_err(negative)).collect()
}

/// Σ coefficient·kernel(x, vector) + ρ; without support vectors coefficients·x + ρ.
pub(super) fn regress(call: &Call<'_>) -> Result<Vec<Value>> {
    let x = call.input(0)?;
    let (count, features) = rows(x)?;
    let (x, kernel) = (reals(x)?, Kernel::of(call)?);
    if Transform::of(call)? != Transform::None {
        return Err(Error::input("post_transform is not supported").help("NONE is accepted"));
    }
    let supports = usize::try_from(call.int("n_supports")?);
    let supports = supports.map_err(|_| Error::input("n_supports is negative"))?;
    let is_linear = supports == 0;
    let coefficients =
        list(call, "coefficients", Some(if is_linear { features } else { supports }))?;
    let vectors = match is_linear {
        true => Vec::new(),
        false => list(call, "support_vectors", supports.checked_mul(features))?,
    };
    let rho = list(call, "rho", Some(1))?[0];
    let is_one_class = call.flag("one_class")?;
    let score = |at: usize| {
        let row = &x[at * features..][..features];
        let score = rho
            + match is_linear {
                true => dot(row, &coefficients),
                false => dot(&kernel.of_all(row, &vectors), &coefficients),
            };
        match is_one_class {
            true => vec![if score > 0.0 { 1.0 } else { -1.0 }],
            false => vec![score],
        }
    };
    Ok(vec![matrix(&(0..count).map(score).collect::<Vec<_>>(), 1)?])
}

pub(super) fn classify(call: &Call<'_>) -> Result<Vec<Value>> {
    let x = call.input(0)?;
    let (count, features) = rows(x)?;
    let labels = Labels::of(call, "classlabels_ints")?;
    let x = reals(x)?;
    let transform = Transform::of(call)?;
    let machine = Machine::new(call, features, labels.len())?;
    let (mut chosen, mut scores) = (Vec::new(), Vec::new());
    for at in 0..count {
        let (class, mut row) = machine.row(&x[at * features..][..features]);
        // Of two classes there is one score.
        match row[..] {
            [score] => row = pair(score, false, transform),
            _ => transform.apply(&mut row),
        }
        chosen.push(class);
        scores.push(row);
    }
    labels.chosen(&chosen, &scores)
}

/// A classifier of several classes.
struct Machine {
    kernel: Kernel,
    classes: usize,
    /// How many support vectors each class has; none of a linear model.
    sizes: Vec<usize>,
    vectors: Vec<f64>,
    /// Of support vectors a row for each other class.
    coefficients: Vec<f64>,
    rho: Vec<f64>,
    /// Scale and shift of each pair's score, to a probability.
    probabilities: Option<(Vec<f64>, Vec<f64>)>,
}

impl Machine {
    fn new(call: &Call<'_>, features: usize, classes: usize) -> Result<Self> {
        let sizes = sizes(call)?;
        let count = sizes.iter().try_fold(0usize, |sum, &size| sum.checked_add(size));
        let count = count.ok_or_else(|| Error::input("vectors_per_class is too large"))?;
        let pairs = classes.checked_mul(classes.saturating_sub(1)).map(|twice| twice / 2);
        let is_linear = count == 0;
        if classes == 0 || (!is_linear && sizes.len() != classes) {
            let found = sizes.len();
            return Err(Error::input(format!("{classes} labels, {found} in vectors_per_class")));
        }
        if !is_linear && features == 0 {
            return Err(Error::input("X has no features"));
        }
        let probabilities = match call.floats("prob_a")? {
            Some(a) if !is_linear && !a.is_empty() => {
                Some((list(call, "prob_a", pairs)?, list(call, "prob_b", pairs)?))
            }
            _ => None,
        };
        let coefficients = match is_linear {
            true => classes.checked_mul(features),
            false => count.checked_mul(classes - 1),
        };
        Ok(Self {
            kernel: Kernel::of(call)?,
            classes,
            vectors: match is_linear {
                true => Vec::new(),
                false => list(call, "support_vectors", count.checked_mul(features))?,
            },
            coefficients: list(call, "coefficients", coefficients)?,
            rho: match is_linear {
                true => call.floats("rho")?.filter(|rho| !rho.is_empty()).unwrap_or(vec![0.0]),
                false => list(call, "rho", pairs)?,
            },
            sizes: if is_linear { Vec::new() } else { sizes },
            probabilities,
        })
    }

    /// The class of a row, and the scores: of each class, or of each pair of classes.
    fn row(&self, row: &[f64]) -> (usize, Vec<f64>) {
        if self.sizes.is_empty() {
            let own = self.coefficients.chunks(row.len().max(1));
            let mut scores: Vec<f64> = own.map(|own| dot(row, own) + self.rho[0]).collect();
            scores.resize(self.classes, self.rho[0]);
            return (greatest(&scores), scores);
        }
        let (scores, votes) = self.pairs(row);
        let scores = match &self.probabilities {
            None => scores,
            Some((a, b)) => {
                let pair = |(score, (a, b)): (f64, (&f64, &f64))| 1.0 - sigmoid(score * a + b);
                let pairs: Vec<f64> = scores.into_iter().zip(a.iter().zip(b)).map(pair).collect();
                coupled(&pairs, self.classes)
            }
        };
        (greatest(&votes), scores)
    }

    /// The score of each pair of classes, and how often each class wins.
    fn pairs(&self, row: &[f64]) -> (Vec<f64>, Vec<f64>) {
        let kernels = self.kernel.of_all(row, &self.vectors);
        let starts: Vec<usize> =
            (0..self.classes).map(|at| self.sizes[..at].iter().sum()).collect();
        let part = |class: usize, line: usize| {
            let (start, size) = (starts[class], self.sizes[class]);
            let own = &self.coefficients[line * kernels.len() + start..][..size];
            dot(&kernels[start..][..size], own)
        };
        let (mut scores, mut votes) = (Vec::new(), vec![0.0; self.classes]);
        for first in 0..self.classes {
            for second in first + 1..self.classes {
                let score = self.rho[scores.len()] + part(first, second - 1) + part(second, first);
                votes[if score > 0.0 { first } else { second }] += 1.0;
                scores.push(score);
            }
        }
        (scores, votes)
    }
}

/// Probabilities of classes from those of pairs: T. Wu, C. Lin, R. Weng: Probability estimates for
/// multi-class classification by pairwise coupling (2004), algorithm 2, as LIBSVM stops it.
fn coupled(pairs: &[f64], classes: usize) -> Vec<f64> {
    let mut wins = vec![vec![0.0; classes]; classes];
    let places = (0..classes).flat_map(|first| (first + 1..classes).map(move |at| (first, at)));
    for ((first, second), p) in places.zip(pairs) {
        let p = p.clamp(1e-7, 1.0 - 1e-7);
        (wins[first][second], wins[second][first]) = (p, 1.0 - p);
    }
    let q = |row: usize, column: usize| match row == column {
        true => (0..classes).map(|other| wins[other][row] * wins[other][row]).sum::<f64>(),
        false => -wins[column][row] * wins[row][column],
    };
    let mut p = vec![1.0 / classes as f64; classes];
    for _ in 0..classes.max(100) {
        let mut qp: Vec<f64> =
            (0..classes).map(|row| (0..classes).map(|at| q(row, at) * p[at]).sum()).collect();
        let mut pqp = dot(&p, &qp);
        if qp.iter().all(|x| (x - pqp).abs() < 0.005 / classes as f64) {
            break;
        }
        for row in 0..classes {
            let own = q(row, row);
            let change = (pqp - qp[row]) / own;
            p[row] += change;
            pqp = (pqp + change * (change * own + 2.0 * qp[row])) / (1.0 + change).powi(2);
            for at in 0..classes {
                qp[at] = (qp[at] + change * q(row, at)) / (1.0 + change);
                p[at] /= 1.0 + change;
            }
        }
    }
    p
}
