//! What files say of values.

use super::{ELEMENTS, Fact, Made, count};
use crate::ir::{Dim, Graph, Tensor, TensorData, ValueId};
use crate::ops::numbers::{integers, is_integer};
use crate::ops::size::Size;

/// The declared type of a value. In a subgraph, names of sizes may mean something else each time.
pub(super) fn declared(graph: &Graph, value: ValueId, has_names: bool) -> Made {
    let ty = graph.get_value(value).and_then(|value| value.info.as_ref()?.ty.as_ref());
    let Some(ty) = ty else { return Made::default() };
    let size = |dim: &Dim| match dim.as_known() {
        // Some exporters write an unknown size as −1.
        Some(number) => (number >= 0).then(|| Size::from(number)),
        None => dim.name().filter(|_| has_names).map(Size::named),
    };
    let shape = ty.shape().map(|shape| shape.iter().map(size).collect());
    Made { dtype: ty.dtype(), shape, ..Made::default() }
}

/// A tensor that is known.
pub(super) fn of_tensor(tensor: &Tensor) -> Fact {
    let shape: Vec<Size> = tensor.dims.iter().map(|&size| size.into()).collect();
    let elements = known_elements(tensor, &shape);
    Fact { dtype: Some(tensor.dtype), shape: Some(shape), elements }
}

fn known_elements(tensor: &Tensor, shape: &[Size]) -> Option<Vec<Size>> {
    let is_followed = count(shape)? <= ELEMENTS
        && is_integer(tensor.dtype)
        && matches!(tensor.data, TensorData::Bytes(_) | TensorData::File(_));
    let numbers = is_followed.then(|| integers(tensor).ok()).flatten()?;
    let number = |number: i128| i64::try_from(number).ok().map(Size::from);
    numbers.into_iter().map(number).collect()
}
