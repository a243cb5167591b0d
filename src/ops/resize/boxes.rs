//! Boxes that do not overlap much.

use crate::error::{Error, Result};
use crate::ops::numbers::{i64s, of_i64s, reals};
use crate::ops::{Call, Value};

/// A box: the least and the greatest x and y.
#[derive(Clone, Copy)]
struct Span {
    x: (f64, f64),
    y: (f64, f64),
}

impl Span {
    fn new(numbers: &[f64; 4], is_center: bool) -> Self {
        let [a, b, c, d] = *numbers;
        match is_center {
            true => Self { x: (a - c / 2.0, a + c / 2.0), y: (b - d / 2.0, b + d / 2.0) },
            false => Self { x: (b.min(d), b.max(d)), y: (a.min(c), a.max(c)) },
        }
    }

    fn area(self) -> f64 {
        (self.x.1 - self.x.0) * (self.y.1 - self.y.0)
    }

    /// What two have in common, relative to what they cover together.
    fn overlap(self, other: Self) -> f64 {
        let shared = |a: (f64, f64), b: (f64, f64)| (a.1.min(b.1) - a.0.max(b.0)).max(0.0);
        let common = shared(self.x, other.x) * shared(self.y, other.y);
        if common > 0.0 { common / (self.area() + other.area() - common) } else { 0.0 }
    }
}

/// A scalar input, if it is there.
fn scalar(call: &Call<'_>, slot: usize) -> Result<Option<f64>> {
    match call.optional(slot)?.map(reals).transpose()?.as_deref() {
        None | Some([]) => Ok(None),
        Some([number]) => Ok(Some(*number)),
        Some(_) => Err(Error::input(format!("input {slot} is no scalar"))),
    }
}

pub(super) fn select(call: &Call<'_>) -> Result<Vec<Value>> {
    let (boxes, scores) = (call.input(0)?, call.input(1)?);
    let ([batches, count, 4], [other, classes, own]) = (&boxes.dims[..], &scores.dims[..]) else {
        let (boxes, scores) = (&boxes.dims, &scores.dims);
        let error = Error::input(format!("boxes have the shape {boxes:?}, scores {scores:?}"));
        return Err(error.help("[batches, boxes, 4] and [batches, classes, boxes] are accepted"));
    };
    if (batches, count) != (other, own) {
        let (boxes, scores) = (&boxes.dims, &scores.dims);
        return Err(Error::input(format!("boxes {boxes:?} do not fit scores {scores:?}")));
    }
    let most = match call.optional(2)?.map(i64s).transpose()?.as_deref() {
        Some([most]) => usize::try_from(*most).unwrap_or(0),
        _ => 0,
    };
    let (limit, least) = (scalar(call, 3)?.unwrap_or(0.0), scalar(call, 4)?);
    let is_center = call.flag("center_point_box")?;
    let numbers = reals(boxes)?;
    let spans: Vec<Span> =
        numbers.as_chunks().0.iter().map(|numbers| Span::new(numbers, is_center)).collect();
    let scores = reals(scores)?;
    let (count, classes) = (*count as usize, *classes as usize);
    let mut selected = Vec::new();
    for (row, scores) in scores.chunks(count.max(1)).enumerate() {
        let (batch, class) = (row / classes, row % classes);
        let spans = &spans[batch * count..][..count];
        for at in best(spans, scores, most, limit, least) {
            selected.extend([batch as i64, class as i64, at as i64]);
        }
    }
    Ok(vec![of_i64s(&[selected.len() as i64 / 3, 3], &selected).into()])
}

/// The boxes by their scores, without those that overlap a better one; of equal scores the first.
fn best(spans: &[Span], scores: &[f64], most: usize, limit: f64, least: Option<f64>) -> Vec<usize> {
    let is_good = |&at: &usize| least.is_none_or(|least| scores[at] > least);
    let mut order: Vec<usize> = (0..spans.len()).filter(is_good).collect();
    order.sort_by(|&a, &b| scores[b].total_cmp(&scores[a]));
    let mut selected: Vec<usize> = Vec::new();
    for at in order {
        if selected.len() >= most {
            break;
        }
        if selected.iter().all(|&other| spans[at].overlap(spans[other]) <= limit) {
            selected.push(at);
        }
    }
    selected
}
