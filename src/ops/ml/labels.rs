//! Elements that stand for others.

use crate::error::{Error, Result};
use crate::ir::{DataType, Tensor};
use crate::ops::elements::{choose, of_strings, strings};
use crate::ops::numbers::{Numbers, numbers, of_floats, of_i64s, reals};
use crate::ops::shape::{dims, room, sizes};
use crate::ops::{Call, Value};
use bytes::Bytes;
use std::collections::HashMap;

/// An element as a key; a float as its bits, with one NaN and one zero.
#[derive(PartialEq, Eq, Hash)]
enum Key {
    Integer(i128),
    Float(u64),
    String(Bytes),
}

fn keys(tensor: &Tensor) -> Result<Vec<Key>> {
    if tensor.dtype == DataType::String {
        return Ok(strings(tensor)?.iter().cloned().map(Key::String).collect());
    }
    let bits = |x: f64| if x.is_nan() { f64::NAN.to_bits() } else { (x + 0.0).to_bits() };
    Ok(match numbers(tensor)? {
        Numbers::Floats(x) => x.into_iter().map(|x| Key::Float(bits(x))).collect(),
        Numbers::Integers(x) => x.into_iter().map(Key::Integer).collect(),
    })
}

fn listed_strings(strings: &[Bytes]) -> Tensor {
    of_strings(vec![strings.len() as i64], strings.to_vec())
}

/// Elements that are listed in an attribute, whichever of its types it has.
fn listed(call: &Call<'_>, name: &str) -> Result<Option<Tensor>> {
    let attribute = |kind: &str| format!("{name}_{kind}");
    if let Some(tensor) = call.tensor(&attribute("tensor"))? {
        return Ok(Some(tensor.clone()));
    }
    if let Some(strings) = call.strings(&attribute("strings"))? {
        return Ok(Some(listed_strings(strings)));
    }
    if let Some(integers) = call.ints(&attribute("int64s"))? {
        return Ok(Some(of_i64s(&[integers.len() as i64], &integers)));
    }
    let floats = call.floats(&attribute("floats"))?;
    floats.map(|x| of_floats(DataType::F32, &[x.len() as i64], &x)).transpose()
}

/// What stands for an element that is not listed.
fn default(call: &Call<'_>, dtype: DataType) -> Result<Tensor> {
    if call.has("default_tensor")
        && let Some(tensor) = call.tensor("default_tensor")?
    {
        return Ok(tensor.clone());
    }
    Ok(match dtype {
        DataType::String => listed_strings(&[call.string("default_string")?.into()]),
        DataType::F32 | DataType::F64 => of_floats(dtype, &[1], &[call.float("default_float")?])?,
        DataType::I64 => of_i64s(&[1], &[call.int("default_int64")?]),
        other => crate::ops::numbers::of_integers(other, &[1], &[-1])?,
    })
}

/// The values of keys; of a key that stands twice, the last.
fn mapped(x: &Tensor, from: &Tensor, to: &Tensor, default: &Tensor) -> Result<Vec<Value>> {
    if from.dtype != x.dtype || from.element_count() != to.element_count() {
        let (found, from, to) = (x.dtype, from.ty(), to.ty());
        return Err(Error::input(format!("X is of {found}, the keys {from}, the values {to}")));
    }
    if default.element_count() != Some(1) {
        return Err(Error::input(format!("the default has the shape {:?}", default.dims)));
    }
    let places: HashMap<Key, usize> =
        keys(from)?.into_iter().enumerate().map(|(at, key)| (key, at)).collect();
    let found = keys(x)?.into_iter().map(|key| places.get(&key).map_or((1, 0), |&at| (0, at)));
    Ok(vec![choose(&[to, default], &sizes(x), found)?.into()])
}

pub(super) fn encode(call: &Call<'_>) -> Result<Vec<Value>> {
    let x = call.input(0)?;
    if call.since() == 1 {
        return indexed(call, call.strings("classes_strings")?.unwrap_or_default(), None);
    }
    let needed = |name: &str| {
        listed(call, name)?.ok_or_else(|| Error::input(format!("there are no {name}_*")))
    };
    let (from, to) = (needed("keys")?, needed("values")?);
    mapped(x, &from, &to, &default(call, to.dtype)?)
}

pub(super) fn categories(call: &Call<'_>) -> Result<Vec<Value>> {
    let strings = call.strings("cats_strings")?.unwrap_or_default();
    indexed(call, strings, call.ints("cats_int64s")?)
}

/// Strings as integers, or integers as strings; the integers count from 0 where they are not given.
fn indexed(call: &Call<'_>, strings: &[Bytes], integers: Option<Vec<i64>>) -> Result<Vec<Value>> {
    let integers = integers.unwrap_or_else(|| (0..strings.len() as i64).collect());
    let integers = of_i64s(&[integers.len() as i64], &integers);
    let (x, strings) = (call.input(0)?, listed_strings(strings));
    match x.dtype {
        DataType::String => mapped(x, &strings, &integers, &default(call, DataType::I64)?),
        _ => mapped(x, &integers, &strings, &default(call, DataType::String)?),
    }
}

pub(super) fn one_hot(call: &Call<'_>) -> Result<Vec<Value>> {
    let x = call.input(0)?;
    let listed = listed(call, "cats")?.ok_or_else(|| Error::input("there are no cats_*"))?;
    let wanted = match x.dtype {
        DataType::String => keys(x)?,
        _ => reals(x)?.into_iter().map(|x| Key::Integer(x as i128)).collect(),
    };
    let own = keys(&listed)?;
    let count = own.len();
    let places: HashMap<Key, usize> =
        own.into_iter().enumerate().map(|(at, key)| (key, at)).collect();
    let mut shape = sizes(x);
    shape.push(count);
    room(&dims(&shape))?;
    let mut rows = vec![0.0; wanted.len() * count];
    let accepts_others = call.flag("zeros")?;
    for (row, key) in wanted.iter().enumerate() {
        match places.get(key) {
            Some(at) => rows[row * count + at] = 1.0,
            None if accepts_others => {}
            None => return Err(Error::input(format!("element {row} is in no category"))),
        }
    }
    Ok(vec![of_floats(DataType::F32, &dims(&shape), &rows)?.into()])
}
