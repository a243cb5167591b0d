//! Linear attention: a state of each head of keys and values instead of a cache.

use super::heads::Heads;
use super::scaled::Attend;
use crate::error::{Error, Result};
use crate::ir::{DataType, Tensor};
use crate::ops::numbers::{floats, of_floats};
use crate::ops::shape::{dims, filled, sizes};
use crate::ops::{Call, Value};

/// Per place t of a head, with the state S of keys by values, the decay g and the rate β:
/// S ← exp(g) S; v ← β (v − Sᵀ k) if the rule is a delta rule; S ← S + k vᵀ; o = scale Sᵀ q.
pub(super) fn linear_attention(call: &Call<'_>) -> Result<Vec<Value>> {
    for slot in 0..3 {
        if call.input(slot)?.dims.len() != 3 {
            return Err(Error::input(format!("input {slot} has not rank 3")));
        }
    }
    let q = Heads::input(call, 0, "q_num_heads")?;
    let k = Heads::input(call, 1, "kv_num_heads")?;
    let v = Heads::input(call, 2, "kv_num_heads")?;
    let scale = match call.float("scale")? {
        0.0 => Attend::default_scale(q.size),
        scale => scale,
    };
    Attend { q: &q, k: &k, v: &v, scale, softcap: 0.0, sinks: None, keep: None }.check()?;
    if q.length != k.length {
        return Err(Error::input(format!("queries {q} and keys {k}")));
    }
    let gates = Gates::of(call, &k)?;
    let (mut state, state_dtype) = first_state(call, &k, &v)?;
    let group = q.heads / k.heads;
    let mut output = filled(&[q.batch, q.heads, q.length, v.size], 0.0)?;
    for (at, state) in state.chunks_exact_mut(k.size * v.size).enumerate() {
        let (b, head) = (at / k.heads, at % k.heads);
        for t in 0..k.length {
            let key = k.vector(b, head, t);
            gates.decay(state, v.size, [b, t, head]);
            let mut value = v.vector(b, head, t).to_vec();
            if let Some(beta) = gates.beta([b, t, head]) {
                let known = read(state, key, v.size);
                value.iter_mut().zip(known).for_each(|(v, known)| *v = beta * (*v - known));
            }
            for (row, key) in state.chunks_exact_mut(v.size).zip(key) {
                row.iter_mut().zip(&value).for_each(|(s, v)| *s += key * v);
            }
            for h in head * group..(head + 1) * group {
                let seen = read(state, q.vector(b, h, t), v.size);
                let place = (b * q.heads + h) * q.length + t;
                let own = output[place * v.size..].iter_mut();
                own.zip(seen).for_each(|(o, seen)| *o = scale * seen);
            }
        }
    }
    let output = Heads { size: v.size, data: output, ..q };
    let shape = dims(&[k.batch, k.heads, k.size, v.size]);
    let present = of_floats(state_dtype, &shape, &state)?;
    Ok(vec![output.packed_tensor(call.input(0)?.dtype)?.into(), present.into()])
}

/// Sᵀ x.
fn read(state: &[f64], x: &[f64], size: usize) -> Vec<f64> {
    let mut sum = vec![0.0; size];
    for (row, x) in state.chunks_exact(size).zip(x) {
        sum.iter_mut().zip(row).for_each(|(sum, s)| *sum += x * s);
    }
    sum
}

fn first_state(call: &Call<'_>, k: &Heads, v: &Heads) -> Result<(Vec<f64>, DataType)> {
    let shape = [k.batch, k.heads, k.size, v.size];
    match call.optional(3)? {
        Some(past) if sizes(past) == shape => Ok((floats(past)?, past.dtype)),
        Some(past) => Err(Error::input(format!("past_state is {:?}, not {shape:?}", sizes(past)))),
        None => Ok((filled(&shape, 0.0)?, call.input(0)?.dtype)),
    }
}

/// Decays and rates, as the rule has them.
struct Gates {
    decay: Option<Gate>,
    beta: Option<Gate>,
}

impl Gates {
    fn of(call: &Call<'_>, k: &Heads) -> Result<Self> {
        let rule = call.string("update_rule")?;
        let (decays, is_delta) = match rule.as_str() {
            "linear" => (false, false),
            "gated" => (true, false),
            "delta" => (false, true),
            "gated_delta" => (true, true),
            other => return Err(Error::input(format!("there is no update_rule {other:?}"))),
        };
        let gate = |slot: usize, is_needed: bool, widths: [usize; 2]| {
            let name = call.schema.input(slot).map_or("?", |input| input.name);
            match (call.optional(slot)?, is_needed) {
                (Some(gate), true) => {
                    Gate::of(gate, k, widths).map_err(|e| e.within(name)).map(Some)
                }
                (None, false) => Ok(None),
                (None, true) => Err(Error::input(format!("rule {rule:?} takes {name}"))),
                (Some(_), false) => Err(Error::input(format!("rule {rule:?} takes no {name}"))),
            }
        };
        Ok(Self {
            decay: gate(4, decays, [k.heads, k.heads * k.size])?,
            beta: gate(5, is_delta, [k.heads, 1])?,
        })
    }

    /// Fades a state: each row by its own decay, or all by that of the head.
    fn decay(&self, state: &mut [f64], row_size: usize, place: [usize; 3]) {
        let Some(gate) = &self.decay else { return };
        let own = gate.of_head(place);
        for (at, row) in state.chunks_exact_mut(row_size).enumerate() {
            let factor = own[at % own.len()].exp();
            row.iter_mut().for_each(|s| *s *= factor);
        }
    }

    fn beta(&self, place: [usize; 3]) -> Option<f64> {
        self.beta.as_ref().map(|gate| gate.of_head(place)[0])
    }
}

/// Numbers (batch, length, size), each head's beside each other, or one for all.
struct Gate {
    data: Vec<f64>,
    size: usize,
    length: usize,
    heads: usize,
}

impl Gate {
    fn of(tensor: &Tensor, k: &Heads, widths: [usize; 2]) -> Result<Self> {
        match sizes(tensor)[..] {
            [b, t, size] if (b, t) == (k.batch, k.length) && widths.contains(&size) => {
                Ok(Self { data: floats(tensor)?, size, length: k.length, heads: k.heads })
            }
            ref shape => Err(Error::input(format!("is {shape:?} for keys {k}"))),
        }
    }

    fn of_head(&self, [batch, place, head]: [usize; 3]) -> &[f64] {
        let own = &self.data[(batch * self.length + place) * self.size..][..self.size];
        if self.size == 1 {
            return own;
        }
        let each = self.size / self.heads;
        &own[head * each..][..each]
    }
}
