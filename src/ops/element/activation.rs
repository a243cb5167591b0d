//! Activations.

use super::Body::{Any, One};
use super::{Element, Inputs, Lowering, input, microsoft, op};
use crate::kernel::{Scalar, Type};

pub(super) static LOWERINGS: &[Lowering] = &[
    op("Celu", Any(celu)),
    op("Clip", Any(clip)),
    op("Elu", Any(elu)),
    op("Gelu", Any(gelu)),
    op("HardSigmoid", Any(hard_sigmoid)),
    op("HardSwish", One(|x| x * x.fma(1.0 / 6.0, 0.5).at_least(0.0).at_most(1.0))),
    op("LeakyRelu", Any(leaky_relu)),
    op("Mish", One(mish)),
    op("Relu", One(|x| x.at_least(0.0))),
    op("Selu", Any(selu)),
    op("Shrink", Any(shrink)),
    op("Sigmoid", One(|x| x.sigmoid())),
    op("Softplus", One(|x| x.softplus())),
    op("Softsign", One(|x| x / (x.abs() + 1.0))),
    op("Swish", Any(swish)),
    op("ThresholdedRelu", Any(thresholded_relu)),
    microsoft("BiasGelu", Any(|_, inputs| Some(biased(inputs)?.gelu()))),
    microsoft("FastGelu", Any(|_, inputs| Some(biased(inputs)?.gelu_by_tanh()))),
    microsoft("Gelu", One(|x| x.gelu())),
    microsoft("QuickGelu", Any(swish)),
];

fn celu<'b>(element: &Element<'_>, inputs: Inputs<'_, 'b>) -> Option<Scalar<'b>> {
    let (x, alpha) = (input(inputs, 0)?, element.float("alpha")?);
    Some(x.less(0.0).select((x / alpha).exp_m1() * alpha, x))
}

fn elu<'b>(element: &Element<'_>, inputs: Inputs<'_, 'b>) -> Option<Scalar<'b>> {
    let x = input(inputs, 0)?;
    Some(x.less(0.0).select(x.exp_m1() * element.float("alpha")?, x))
}

/// The bound above wins.
fn clip<'b>(element: &Element<'_>, inputs: Inputs<'_, 'b>) -> Option<Scalar<'b>> {
    let x = input(inputs, 0)?;
    let bound = |slot, name| -> Option<Option<Scalar<'b>>> {
        match element.schema.since < 11 {
            true => Some(Some(x.constant(x.ty(), element.float(name)?))),
            false => Some(input(inputs, slot)),
        }
    };
    let is_number = |bound: Scalar<'b>| bound.number().filter(|number| !number.is_nan());
    let above = match bound(1, "min")? {
        Some(low) => is_number(low).map_or_else(|| x.max(low), |low| x.at_least(low)),
        None => x,
    };
    Some(match bound(2, "max")? {
        Some(high) => is_number(high).map_or_else(|| above.min(high), |high| above.at_most(high)),
        None => above,
    })
}

fn gelu<'b>(element: &Element<'_>, inputs: Inputs<'_, 'b>) -> Option<Scalar<'b>> {
    let x = input(inputs, 0)?;
    match element.attributes(|call| call.string("approximate"))?.as_str() {
        "none" => Some(x.gelu()),
        "tanh" => Some(x.gelu_by_tanh()),
        _ => None,
    }
}

fn biased<'b>(inputs: Inputs<'_, 'b>) -> Option<Scalar<'b>> {
    let x = input(inputs, 0)?;
    Some(input(inputs, 1).map_or(x, |bias| x + bias))
}

fn hard_sigmoid<'b>(element: &Element<'_>, inputs: Inputs<'_, 'b>) -> Option<Scalar<'b>> {
    let line = input(inputs, 0)?.fma(element.float("alpha")?, element.float("beta")?);
    Some(line.at_least(0.0).at_most(1.0))
}

fn leaky_relu<'b>(element: &Element<'_>, inputs: Inputs<'_, 'b>) -> Option<Scalar<'b>> {
    let x = input(inputs, 0)?;
    Some(x.less(0.0).select(x * element.float("alpha")?, x))
}

/// x tanh(ln(1 + eˣ)) = x n/(n + 2) with n = eˣ (eˣ + 2), which is x where eˣ is large.
fn mish(x: Scalar<'_>) -> Scalar<'_> {
    let e = x.at_most(40.0).exp();
    let n = e * (e + 2.0);
    x * (n / (n + 2.0))
}

fn selu<'b>(element: &Element<'_>, inputs: Inputs<'_, 'b>) -> Option<Scalar<'b>> {
    let (x, alpha) = (input(inputs, 0)?, element.float("alpha")?);
    Some(x.greater(0.0).select(x, x.exp_m1() * alpha) * element.float("gamma")?)
}

fn shrink<'b>(element: &Element<'_>, inputs: Inputs<'_, 'b>) -> Option<Scalar<'b>> {
    let own = input(inputs, 0)?;
    let (bias, lambd) = (element.float("bias")?, element.float("lambd")?);
    let x = if own.ty() == Type::I64 { own.to(Type::F64) } else { own };
    let above = x.greater(lambd).select(x - bias, x.constant(x.ty(), 0.0));
    Some(x.less(-lambd).select(x + bias, above).to(own.ty()))
}

fn swish<'b>(element: &Element<'_>, inputs: Inputs<'_, 'b>) -> Option<Scalar<'b>> {
    Some(input(inputs, 0)?.swish(element.float("alpha")?))
}

fn thresholded_relu<'b>(element: &Element<'_>, inputs: Inputs<'_, 'b>) -> Option<Scalar<'b>> {
    let x = input(inputs, 0)?;
    Some(x.greater(element.float("alpha")?).select(x, x.constant(x.ty(), 0.0)))
}
