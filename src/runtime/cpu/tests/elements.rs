//! Elements as kernel operations, interpreted and compiled, against the reference.

mod samples;

use super::{Memory, ONCE, both_of};
use crate::ir::{Attribute, AttributeValue, DataType, Op};
use crate::kernel::{Amount, AxisKind, Builder, Index, Kernel, Term, Type};
use crate::ops::numbers::{Numbers, numbers, of_numbers};
use crate::ops::schema::{Arity, Schema};
use crate::ops::{Call, Element, Lowering, Value, element, find, lowerings, schema};
use samples::{at, filtered, memory, rows, sets};

const STORED: &[DataType] = &[
    DataType::F32,
    DataType::F64,
    DataType::F16,
    DataType::BF16,
    DataType::Bool,
    DataType::I8,
    DataType::I16,
    DataType::I32,
    DataType::I64,
    DataType::U8,
    DataType::U16,
    DataType::U32,
];

/// Of these the error is a part of |x|: what is added to 1 before it is multiplied by x.
const NEAR_X: &[&str] =
    &["BiasGelu", "FastGelu", "Gelu", "HardSwish", "Mish", "QuickGelu", "Swish"];

/// Of these it is absolute.
const NEAR_ONE: &[&str] = &["Cos", "HardSigmoid", "Sin"];

/// Whether the reference has a result that a kernel is to have as well.
fn is_said(name: &str, row: &[f64], is_float: bool) -> bool {
    match name {
        "Div" | "Mod" if !is_float => row[1] != 0.0,
        // Kernels know the quarters of a turn up to 2⁴⁵, and tangents near poles are as their argument is.
        "Cos" | "Sin" => row[0].is_nan() || row[0].abs() <= 1e13,
        "Tan" => row[0].is_nan() || row[0].abs() <= 1.5,
        // Infinity times 0, where float64 does not overflow.
        name if NEAR_X.contains(&name) => row.iter().sum::<f64>() != f64::NEG_INFINITY,
        // The quotient takes more steps.
        "Mod" => !(row[0].abs() > 1e18 && row[1].abs() < 1e-20),
        // Integers are computed in float64.
        "Shrink" if !is_float => row[0].abs() < 1e15,
        _ => true,
    }
}

/// A node, as a kernel over all elements; none where it is not lowered.
fn kernel(lowering: &Lowering, element: &Element<'_>) -> Option<Kernel> {
    let mut b = Builder::new(lowering.name);
    let n = b.given("n");
    let names: Vec<String> = (0..element.from.len()).map(|at| format!("x{at}")).collect();
    let buffers: Vec<_> = element
        .from
        .iter()
        .zip(&names)
        .map(|(dtype, name)| dtype.map(|dtype| b.buffer(name, dtype, false)))
        .collect();
    let y = b.buffer("y", element.to, true);
    let axis = b.open(AxisKind::Lane, n);
    let at = Index { terms: vec![(Term::Axis(axis), Amount::Constant(1))], base: None };
    let inputs: Vec<_> = buffers.iter().map(|x| x.map(|x| b.load(x, at.clone()))).collect();
    let result = lowering.lower(&mut b, element, &inputs)?;
    b.store(y, at, result);
    b.close();
    Some(b.finish().unwrap_or_else(|e| panic!("{e}")))
}

fn reference(element: &Element<'_>, columns: &[Numbers]) -> Numbers {
    let mut columns = columns.iter();
    let mut values: Vec<Option<Value>> = Vec::new();
    for (slot, dtype) in element.from.iter().enumerate() {
        values.push(dtype.map(|dtype| {
            let column = columns.next().expect("a column for each input");
            let is_bound = slot > 0 && element.op.op_type == "Clip";
            let most = if is_bound { 1 } else { usize::MAX };
            let column = rows(column, 0..memory(column).len().min(most));
            let len = memory(&column).len() as i64;
            of_numbers(dtype, &[len], &column).expect("numbers").into()
        }));
    }
    let call = Call {
        op: element.op,
        schema: element.schema,
        inputs: values.iter().map(Option::as_ref).collect(),
        outputs: 1,
        run_graph: &|_, _| unreachable!("no graph"),
    };
    let operator = find(&element.op.domain, &element.op.op_type).expect("an operator");
    let made =
        (operator.compute)(&call).unwrap_or_else(|e| panic!("{}: {e:?}", element.op.op_type));
    numbers(made[0].tensor().expect("a tensor")).expect("numbers")
}

/// The distance between stored numbers at this one.
fn unit(dtype: DataType, x: f64) -> f64 {
    let (digits, least) = match dtype {
        DataType::F16 => (10, -24),
        DataType::BF16 => (7, -133),
        DataType::F32 => (23, -149),
        _ => (52, -1074),
    };
    let exponent = x.abs().max(f64::MIN_POSITIVE).log2().floor() as i32;
    f64::from((exponent - digits).max(least)).exp2()
}

/// How far a result may be from the reference.
fn bound(name: &str, dtype: DataType, row: &[f64], wanted: f64) -> f64 {
    let computed = match dtype {
        DataType::F64 if name == "Pow" => 2.0_f64.powi(-42),
        DataType::F64 => 2.0_f64.powi(-51),
        _ => 2.0_f64.powi(-22),
    };
    let scale = match name {
        _ if NEAR_X.contains(&name) => row.iter().fold(0.0, |sum: f64, x| sum + x.abs()),
        _ if NEAR_ONE.contains(&name) => 1.0 + row[0].abs().min(1.0),
        // Sums and remainders of large numbers are as exact as these.
        "Sum" | "Mean" => row.iter().fold(0.0, |sum: f64, x| sum.max(x.abs())),
        "Mod" => row[1].abs(),
        "Tan" => 100.0,
        // Subnormal numbers become 0.
        "Sigmoid" => 1.5 * wanted.abs() + f64::from(f32::MIN_POSITIVE) / computed,
        _ => 1.5 * wanted.abs(),
    };
    let stored = if matches!(dtype, DataType::F16 | DataType::BF16) { 1.0 } else { 2.0 };
    let scaled = if scale.is_finite() { computed * scale } else { 0.0 };
    scaled + stored * unit(dtype, wanted)
}

/// Whether it is lowered; what differs is added to `wrong`.
fn hold(lowering: &Lowering, element: &Element<'_>, wrong: &mut Vec<String>) -> bool {
    let Some(kernel) = kernel(lowering, element) else { return false };
    let name = lowering.name;
    let dtypes: Vec<DataType> = element.from.iter().copied().flatten().collect();
    let is_float = Type::of_stored(dtypes[0]).is_some_and(Type::is_float);
    for columns in sets(name, &dtypes) {
        let columns = filtered(columns, |row| is_said(name, row, is_float));
        wrong.extend(differing(element, &kernel, &dtypes, columns));
    }
    true
}

/// The first difference to the reference, if there is one.
fn differing(
    element: &Element<'_>,
    kernel: &Kernel,
    dtypes: &[DataType],
    columns: Vec<Numbers>,
) -> Option<String> {
    let name = element.op.op_type.as_str();
    let wanted = reference(element, &columns);
    let mut all: Vec<Memory> = columns.iter().map(memory).collect();
    let n = all[0].len();
    all.push(match wanted {
        Numbers::Floats(_) => Memory::Floats(vec![f64::NAN; n]),
        Numbers::Integers(_) => Memory::Integers(vec![1; n]),
    });
    let end = match element.to {
        DataType::F16 => 65536.0,
        DataType::F64 => f64::MAX,
        _ => 2.0_f64.powi(128),
    };
    for found in both_of(kernel, &[n as i64], &all, ONCE).expect("runs") {
        for row in 0..n {
            let own: Vec<f64> = columns.iter().map(|column| at(column, row)).collect();
            let is_right = match (&wanted, &found[columns.len()]) {
                (Numbers::Floats(wanted), Memory::Floats(found)) => {
                    let (wanted, found) = (wanted[row], found[row]);
                    let apart = (wanted.clamp(-end, end) - found.clamp(-end, end)).abs();
                    wanted == found
                        || wanted.is_nan() && found.is_nan()
                        || apart <= bound(name, element.to, &own, wanted)
                }
                (Numbers::Integers(wanted), Memory::Integers(found)) => {
                    wanted[row] as i64 == found[row]
                }
                _ => false,
            };
            let found = match &found[columns.len()] {
                Memory::Floats(found) => found[row],
                Memory::Integers(found) => found[row] as f64,
            };
            if !is_right {
                let (to, attributes) = (element.to, &element.op.attributes);
                let wanted = at(&wanted, row);
                return Some(format!(
                    "{name} of {dtypes:?} as {to}, {attributes:?}: {found:e} and not {wanted:e} of {own:?}"
                ));
            }
        }
    }
    None
}

/// Attributes that say more than their defaults do.
fn attributes(name: &str) -> Vec<Vec<(&'static str, AttributeValue)>> {
    let float = |name, x| (name, AttributeValue::Float(x));
    let text = |name, x: &'static str| (name, AttributeValue::String(x.into()));
    let mut all = vec![vec![]];
    match name {
        "IsInf" => all.push(vec![("detect_negative", AttributeValue::Int(0))]),
        "Mod" => all.push(vec![("fmod", AttributeValue::Int(1))]),
        "Gelu" => all.push(vec![text("approximate", "tanh")]),
        "Shrink" => all.push(vec![float("bias", 1.5), float("lambd", 2.0)]),
        "Elu" | "Celu" | "LeakyRelu" | "Selu" | "Swish" | "ThresholdedRelu" => {
            all.push(vec![float("alpha", 0.3)]);
        }
        "Clip" => all.push(vec![float("min", -2.5), float("max", 3.25)]),
        _ => {}
    }
    all
}

fn op(lowering: &Lowering, attributes: &[(&'static str, AttributeValue)]) -> Op {
    let attributes = attributes
        .iter()
        .map(|(name, value)| ((*name).to_owned(), Attribute::from(value.clone())))
        .collect();
    Op {
        domain: lowering.domain.to_owned(),
        op_type: lowering.name.to_owned(),
        attributes,
        ..Op::default()
    }
}

/// The types of inputs where the first that has a choice has this one: all, or only those that must be
/// there.
fn inputs(schema: &Schema, dtype: DataType, has_all: bool) -> Option<Vec<Option<DataType>>> {
    let slots = match schema.inputs.last()?.arity {
        Arity::Any => 3,
        _ => schema.inputs.len(),
    };
    let own = |slot| -> Option<Option<DataType>> {
        let parameter = schema.input(slot)?;
        if parameter.arity == Arity::Optional && !has_all {
            return Some(None);
        }
        let found = [dtype, DataType::Bool].into_iter().find(|d| schema.accepts(parameter, *d));
        found.map(Some)
    };
    (0..slots).map(own).collect()
}

#[test]
fn elements_are_as_in_the_reference() {
    let (mut lowered, mut wrong) = (0, Vec::new());
    for lowering in lowerings().filter(|l| !l.name.starts_with("Cast")) {
        let found = element(lowering.domain, lowering.name).expect("it is found");
        assert!(std::ptr::eq(found, lowering), "{} stands twice", lowering.name);
        for opset in [6, i64::MAX] {
            let Some(schema) = schema(lowering.domain, lowering.name, opset) else { continue };
            if schema.since < 7 && lowering.name != "Clip" && opset == 6 {
                continue;
            }
            for attributes in attributes(lowering.name) {
                let is_known = |name: &str| schema.attribute(name).is_some();
                if !attributes.iter().all(|(name, _)| is_known(name)) {
                    continue;
                }
                let op = op(lowering, &attributes);
                let mut types = 0;
                for (dtype, has_all) in STORED.iter().flat_map(|d| [(*d, true), (*d, false)]) {
                    let Some(from) = inputs(schema, dtype, has_all) else { continue };
                    let Some(to) = schema.output_dtype(0, &from) else { continue };
                    if !has_all && from.iter().all(Option::is_some) {
                        continue;
                    }
                    let element = Element { op: &op, schema, from: &from, to };
                    let is_lowered = hold(lowering, &element, &mut wrong);
                    let is_float = Type::of_stored(dtype).is_some_and(Type::is_float);
                    assert!(
                        is_lowered || lowering.name == "Pow" && !is_float,
                        "{} of {dtype} is not lowered",
                        lowering.name
                    );
                    types += usize::from(is_lowered);
                }
                assert!(types > 0, "{} has no types", lowering.name);
                lowered += 1;
            }
        }
    }
    assert!(lowered > 60, "{lowered}");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn casts_are_as_in_the_reference() {
    let mut wrong = Vec::new();
    for lowering in lowerings().filter(|l| l.name.starts_with("Cast")) {
        let schema = schema(lowering.domain, lowering.name, i64::MAX).expect("a schema");
        for from in STORED {
            for to in STORED {
                let onnx = i64::from(to.to_onnx());
                let attributes = [("to", AttributeValue::Int(onnx))];
                let (attributes, from) = match lowering.name {
                    "Cast" => (&attributes[..], vec![Some(*from)]),
                    _ => (&[][..], vec![Some(*from), Some(*to)]),
                };
                let op = op(lowering, attributes);
                let element = Element { op: &op, schema, from: &from, to: *to };
                assert!(hold(lowering, &element, &mut wrong), "{from:?} to {to}");
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn integers_have_constant_powers() {
    let lowering = element("", "Pow").expect("it is lowered");
    let schema = schema("", "Pow", i64::MAX).expect("a schema");
    let (op, dtype) = (op(lowering, &[]), DataType::I32);
    let from = [Some(dtype), Some(DataType::I64)];
    let x: Vec<i64> = vec![0, 1, -1, 2, -3, 7, 1000, 46341, i32::MAX.into(), i32::MIN.into()];
    for exponent in 0..=9 {
        let mut b = Builder::new("power");
        let n = b.given("n");
        let (input, output) = (b.buffer("x", dtype, false), b.buffer("y", dtype, true));
        let axis = b.open(AxisKind::Lane, n);
        let at = Index { terms: vec![(Term::Axis(axis), Amount::Constant(1))], base: None };
        let inputs = [b.load(input, at.clone()), b.constant(Type::I64, f64::from(exponent))];
        let element = Element { op: &op, schema, from: &from, to: dtype };
        let result = lowering.lower(&mut b, &element, &inputs.map(Some)).expect("it is lowered");
        b.store(output, at, result);
        b.close();
        let kernel = b.finish().expect("a kernel");
        let memory = [Memory::Integers(x.clone()), Memory::Integers(vec![0; x.len()])];
        let wanted = x.iter().map(|x| i64::from((*x as i32).wrapping_pow(exponent))).collect();
        for found in both_of(&kernel, &[x.len() as i64], &memory, ONCE).expect("runs") {
            assert_eq!(found[1], Memory::Integers(Vec::clone(&wanted)), "to {exponent}");
        }
    }
}
