//! Operators that follow elements: those with which exporters compute shapes.

use super::elementwise::{OfElements, elementwise};
use super::{Made, Site};
use crate::ir::DataType;
use crate::ops::size::Size;

macro_rules! rules {
    ($($(#[$doc:meta])* $name:ident => $of:expr;)*) => {$(
        $(#[$doc])*
        pub(in crate::ops) fn $name(site: &Site<'_>) -> Option<Vec<Made>> {
            const OF: OfElements = $of;
            elementwise(site, OF)
        }
    )*};
}

rules! {
    abs => |x| if x[0].least() >= Some(0) { Some(x[0].clone()) } else { x[0].known()?.checked_abs().map(Size::from) };
    add => |x| Size::sum(x.iter().copied());
    and => |x| both(is(x[0], 1), is(x[1], 1), |x, y| x && y, false);
    div => |x| divided(x[0], x[1]);
    equal => |x| truth(equals(x[0], x[1])?);
    greater => |x| truth(is_above(x[0], x[1])?);
    greater_or_equal => |x| truth(!is_above(x[1], x[0])?);
    less => |x| truth(is_above(x[1], x[0])?);
    less_or_equal => |x| truth(!is_above(x[0], x[1])?);
    max => |x| Size::largest(x.iter().copied());
    min => |x| Size::smallest(x.iter().copied());
    modulo => |x| rest(x[0], x[1]);
    mul => |x| Size::product(x.iter().copied());
    neg => |x| Size::product([x[0], &Size::from(-1)]);
    not => |x| truth(is(x[0], 0)?);
    or => |x| both(is(x[0], 1), is(x[1], 1), |x, y| x || y, true);
    pow => |x| x[0].known()?.checked_pow(x[1].known()?.try_into().ok()?).map(Size::from);
    relu => |x| Some(x[0].larger(&Size::from(0)));
    sub => |x| subtracted(x[0], x[1]);
    sum => |x| Size::sum(x.iter().copied());
    xor => |x| truth(is(x[0], 1)? != is(x[1], 1)?);
    /// Of a condition and two elements.
    choose => |x| match is(x[0], 1) {
        Some(true) => Some(x[1].clone()),
        Some(false) => Some(x[2].clone()),
        None => (x[1] == x[2]).then(|| x[1].clone()),
    };
}

fn truth(is_true: bool) -> Option<Size> {
    Some(i64::from(is_true).into())
}

/// Whether it is a number; none where it is not known.
fn is(x: &Size, number: i64) -> Option<bool> {
    equals(x, &number.into())
}

fn equals(x: &Size, y: &Size) -> Option<bool> {
    if x == y { Some(true) } else { x.differs(y).then_some(false) }
}

fn is_above(x: &Size, y: &Size) -> Option<bool> {
    if y.is_at_least(x) {
        return Some(false);
    }
    x.is_at_least(&Size::sum([y, &1.into()])?).then_some(true)
}

/// One that is `enough` decides alone.
fn both(x: Option<bool>, y: Option<bool>, f: fn(bool, bool) -> bool, enough: bool) -> Option<Size> {
    if x == Some(enough) || y == Some(enough) {
        return truth(enough);
    }
    truth(f(x?, y?))
}

fn subtracted(x: &Size, y: &Size) -> Option<Size> {
    match (x.known(), y.known()) {
        (Some(x), Some(y)) => x.checked_sub(y).map(Size::from),
        _ => Some(x - y),
    }
}

/// Integers are divided towards 0.
fn divided(x: &Size, y: &Size) -> Option<Size> {
    match (x.known(), y.known()) {
        (Some(x), Some(y)) => x.checked_div(y).map(Size::from),
        _ => x.divided(y).or_else(|| (x.least()? >= 0 && y.least()? >= 0).then(|| x.quotient(y))),
    }
}

/// Signs agree: those of numbers that are not known are positive.
fn rest(x: &Size, y: &Size) -> Option<Size> {
    if x.divided(y).is_some() {
        return Some(0.into());
    }
    if !(x.least()? >= 0 && y.least()? >= 0) || y.known() == Some(0) {
        return None;
    }
    subtracted(x, &Size::product([&x.quotient(y), y])?)
}

/// An element of another type: integers keep their number, where the type has it.
pub(in crate::ops) fn cast(site: &Site<'_>) -> Option<Vec<Made>> {
    let dtype = match site.call.op.is("CastLike") {
        true => site.dtype(1),
        false => site.named("to"),
    };
    let bool_of = |x: &Size| is(x, 0).and_then(|is_0| truth(!is_0));
    let element =
        |x: &Size| if dtype == Some(DataType::Bool) { bool_of(x) } else { Some(x.clone()) };
    let elements = site.elements(0).filter(|_| dtype.is_some());
    let elements = elements.map(|all| all.iter().map(element).collect());
    Some(vec![Made::of(site.shape(0)?).typed(dtype).with(elements)])
}

/// No element is below the one, nor above the other.
pub(in crate::ops) fn clip(site: &Site<'_>) -> Option<Vec<Made>> {
    let bound = |slot: usize| match site.has_input(slot) {
        true => site.element(slot).map(Some),
        false => Some(None),
    };
    let clipped = |x: &Size| {
        let low = bound(1)?.map_or(x.clone(), |low| x.larger(low));
        Some(bound(2)?.map_or(low.clone(), |high| low.smaller(high)))
    };
    let elements = site.elements(0).map(|all| all.iter().map(clipped).collect());
    Some(vec![Made::of(site.shape(0)?).with(elements)])
}
