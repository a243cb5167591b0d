//! Numbers as strings, and back.

use crate::error::{Error, Result};
use crate::ir::{DataType, Tensor};
use crate::ops::elements::{of_strings, strings};
use crate::ops::numbers::{Numbers, is_float, numbers};
use bytes::Bytes;

/// The fewest digits that tell a number from its neighbours; never with an exponent.
pub(super) fn printed(tensor: &Tensor) -> Result<Tensor> {
    let texts: Vec<String> = match numbers(tensor)? {
        Numbers::Integers(x) => x.iter().map(i128::to_string).collect(),
        Numbers::Floats(x) if tensor.dtype == DataType::F64 => x.iter().map(float).collect(),
        Numbers::Floats(x) => x.iter().map(|x| float(&(*x as f32))).collect(),
    };
    Ok(of_strings(tensor.dims.clone(), texts.into_iter().map(Bytes::from).collect()))
}

/// Not a number and infinity as `Cast` reads them.
fn float<T: std::fmt::Display>(x: &T) -> String {
    match x.to_string().as_str() {
        "inf" => "INF".to_owned(),
        "-inf" => "-INF".to_owned(),
        finite => finite.to_owned(),
    }
}

/// The numbers that strings say, of the class that the type has.
pub(super) fn parsed(tensor: &Tensor, dtype: DataType) -> Result<Numbers> {
    let texts = strings(tensor)?.iter().map(|text| std::str::from_utf8(text).unwrap_or("?").trim());
    let wrong = |text: &str| Error::input(format!("{text:?} is no number"));
    Ok(if is_float(dtype) {
        let each = |text: &str| match dtype {
            DataType::F32 => text.parse().map(|x: f32| f64::from(x)),
            _ => text.parse(),
        };
        let floats = texts.map(|text| each(text).map_err(|_| wrong(text)));
        Numbers::Floats(floats.collect::<Result<_>>()?)
    } else {
        let each = |text: &str| match text.parse::<i128>() {
            Ok(integer) => Ok(integer),
            Err(_) => text.parse().map(|x: f64| x as i128),
        };
        let integers = texts.map(|text| each(text).map_err(|_| wrong(text)));
        Numbers::Integers(integers.collect::<Result<_>>()?)
    })
}
