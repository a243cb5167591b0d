//! Every operator with inputs and attributes that are drawn, most of them wrong: whatever comes in is
//! computed, or an error of the input.

use super::numbers::{joined, tensor};
use super::schema::{AttributeSchema, Schema};
use super::{Call, FAMILIES, Operator, Value, schema};
use crate::error::{Error, ErrorKind};
use crate::ir::tensor::Sparse;
use crate::ir::{AttributeKind, AttributeValue, DataType, Graph, Op, Tensor, TensorData, Type};
use bytes::Bytes;
use proptest::prelude::*;
use proptest::test_runner::{RngAlgorithm, TestRng, TestRunner};
use std::cell::Cell;

/// Sizes, axes, places and counts.
const INTEGERS: &[i64] = &[
    0,
    1,
    2,
    3,
    4,
    0,
    1,
    2,
    3,
    1,
    2,
    -1,
    -2,
    -3,
    5,
    8,
    40,
    -40,
    1 << 31,
    -1 << 31,
    1 << 40,
    -1 << 40,
    1 << 62,
    -1 << 62,
    i64::MAX,
    i64::MIN,
];
const SIZES: &[usize] = &[1, 2, 3, 2, 1, 2, 4, 0, 5];
const FLOATS: &[f32] =
    &[0.0, 1.0, -1.0, 0.5, 2.0, 1e30, f32::INFINITY, f32::NEG_INFINITY, f32::NAN];
const STRINGS: &[&str] = &[
    "",
    "a",
    "none",
    "NONE",
    "add",
    "mul",
    "max",
    "SUM",
    "AVERAGE",
    "constant",
    "reflect",
    "edge",
    "wrap",
    "nearest",
    "linear",
    "cubic",
    "bilinear",
    "half_pixel",
    "align_corners",
    "tf_crop_and_resize",
    "SAME_UPPER",
    "SAME_LOWER",
    "VALID",
    "ij,jk->ik",
    "...i->...",
    "ii",
    "i->ij",
    ",->",
    "forward",
    "bidirectional",
    "reverse",
    "Tanh",
    "Sigmoid",
    "LOGISTIC",
    "SOFTMAX",
    "PROBIT",
    "RBF",
    "POLY",
    "LEAF",
    "BRANCH_LEQ",
    "TF",
    "TFIDF",
    "DCR",
    "CRD",
    "linear_attention",
    "delta",
    "gated_delta",
    "left",
    "avg",
    "[0-9]+",
    "(",
    "UPPER",
    "en_US",
    "stretch",
    "keep_aspect_ratio_policy",
    "tanh",
    "standard",
    "HALF",
];

/// What is drawn, one after the other; 0 behind the end.
struct Draws {
    left: std::vec::IntoIter<u32>,
    /// Sizes and type of the last tensor: many operators want tensors that are alike.
    last: (Vec<usize>, DataType),
}

impl Draws {
    fn below(&mut self, end: usize) -> usize {
        self.left.next().unwrap_or(0) as usize % end
    }

    fn of<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.below(all.len())]
    }

    fn list<T>(&mut self, end: usize, mut one: impl FnMut(&mut Self) -> T) -> Vec<T> {
        (0..self.below(end)).map(|_| one(self)).collect()
    }

    fn bytes(&mut self) -> Bytes {
        Bytes::from_static(self.of(STRINGS).as_bytes())
    }

    fn tensor(&mut self, dtype: DataType) -> Tensor {
        let rank = self.of(&[1, 2, 3, 0, 4, 2, 1, 5]);
        let mut sizes: Vec<usize> = match self.below(3) {
            0 => self.last.0.clone(),
            _ => (0..rank).map(|_| self.of(SIZES)).collect(),
        };
        if sizes.contains(&0) && self.below(3) == 0 {
            sizes.iter_mut().find(|size| **size > 1).into_iter().for_each(|s| *s = HUGE as usize);
        }
        self.last = (sizes.clone(), dtype);
        let dims: Vec<i64> = sizes.iter().map(|&size| size as i64).collect();
        let count: usize = sizes.iter().product();
        match dtype.bits() {
            None => {
                let strings = (0..count).map(|_| self.bytes()).collect();
                Tensor::new(dtype, dims, TensorData::Strings(strings))
            }
            Some(bits) if bits < 8 => {
                let parts: Vec<u8> = (0..count).map(|_| self.below(256) as u8).collect();
                tensor(dtype, &dims, joined(parts.into_iter(), bits as usize))
            }
            Some(bits) => {
                let width = bits as usize / 8;
                let bytes = (0..count).flat_map(|_| self.element(dtype, width)).collect();
                tensor(dtype, &dims, bytes)
            }
        }
    }

    fn element(&mut self, dtype: DataType, width: usize) -> Vec<u8> {
        let float = self.of(FLOATS);
        match dtype {
            DataType::F32 | DataType::C64 => float.to_le_bytes().repeat(width / 4),
            DataType::F64 | DataType::C128 => f64::from(float).to_le_bytes().repeat(width / 8),
            DataType::F16 => half::f16::from_f32(float).to_le_bytes().to_vec(),
            _ => self.of(INTEGERS).to_le_bytes()[..width].to_vec(),
        }
    }

    /// One of the types that are accepted, often the last, or sometimes any.
    fn dtype(&mut self, types: &[&str]) -> DataType {
        let any = self.of(DataType::ALL);
        let known = self.below(types.len().max(1));
        let known = types.get(known).and_then(|name| name.parse().ok());
        match self.below(12) {
            0 => any,
            1..7 if types.contains(&self.last.1.name()) => self.last.1,
            _ => known.unwrap_or(DataType::F32),
        }
    }

    fn value(&mut self, schema: &Schema, slot: usize) -> Value {
        let types = schema.input(slot).map_or(&[][..], |input| schema.types(input));
        let dtype = self.dtype(types);
        let is_sequence = types.iter().any(|name| name.starts_with("seq"));
        match self.below(40) {
            0 => Value::Optional(None),
            1 => Value::Optional(Some(Box::new(self.tensor(dtype).into()))),
            2 => {
                let (dims, values) = (vec![2, 3], self.tensor(dtype));
                let indices = self.tensor(DataType::I64);
                let sparse = Box::new(Sparse { values, indices });
                Tensor::new(dtype, dims, TensorData::Sparse(sparse)).into()
            }
            3 => Value::Sequence(Vec::new()),
            4.. if is_sequence => Value::Sequence(self.list(4, |d| d.tensor(dtype).into())),
            _ => self.tensor(dtype).into(),
        }
    }

    fn attribute(&mut self, schema: &AttributeSchema) -> Option<AttributeValue> {
        if !schema.is_required && self.below(2) == 0 {
            return None;
        }
        Some(match schema.kind {
            AttributeKind::Int => AttributeValue::Int(self.of(INTEGERS)),
            AttributeKind::Float => AttributeValue::Float(self.of(FLOATS)),
            AttributeKind::String => AttributeValue::String(self.bytes()),
            AttributeKind::Ints => AttributeValue::Ints(self.list(6, |d| d.of(INTEGERS))),
            AttributeKind::Floats => AttributeValue::Floats(self.list(6, |d| d.of(FLOATS))),
            AttributeKind::Strings => AttributeValue::Strings(self.list(6, Self::bytes)),
            AttributeKind::Tensor => {
                let dtype = self.dtype(&["f32", "i64", "string", "f64", "u8"]);
                AttributeValue::Tensor(self.tensor(dtype))
            }
            AttributeKind::SparseTensor => {
                let (values, indices) = (self.tensor(DataType::F32), self.tensor(DataType::I64));
                let sparse = TensorData::Sparse(Box::new(Sparse { values, indices }));
                let dims = self.list(4, |d| d.of(INTEGERS));
                AttributeValue::SparseTensor(Tensor::new(DataType::F32, dims, sparse))
            }
            AttributeKind::Graph => AttributeValue::Graph(Box::default()),
            AttributeKind::Type => AttributeValue::Type(Type::tensor(DataType::F32, Vec::new())),
            _ => return None,
        })
    }
}

/// Draws a call, computes it, and says whether what it returns is right: values, or an error of the input.
fn outcome(operator: &Operator, draws: Vec<u32>) -> Result<(), String> {
    let mut draws = Draws { left: draws.into_iter(), last: (vec![2, 3], DataType::F32) };
    let opset = draws.of(&[i64::MAX, 25, 22, 19, 17, 13, 11, 10, 9, 7, 1]);
    let Some(schema) = schema(operator.domain, operator.name, opset) else { return Ok(()) };
    let most = schema.inputs.len() + 2;
    let fewest = schema.inputs.iter().filter(|i| i.arity == super::schema::Arity::One).count();
    let count =
        if draws.below(6) == 0 { draws.below(most) } else { fewest + draws.below(most - fewest) };
    let values: Vec<Option<Value>> =
        (0..count).map(|slot| (draws.below(12) != 0).then(|| draws.value(schema, slot))).collect();
    let attribute = |a: &AttributeSchema| Some((a.name.to_owned(), draws.attribute(a)?.into()));
    let attributes = schema.attributes.iter().filter_map(attribute).collect();
    let op = Op { op_type: operator.name.to_owned(), attributes, ..Op::default() };
    let left = Cell::new(8);
    let run_graph = |_: &Graph, inputs: Vec<Value>| {
        left.set(left.get() - 1);
        if left.get() == 0 { Err(Error::input("enough")) } else { Ok(inputs) }
    };
    let inputs = values.iter().map(Option::as_ref).collect();
    let call =
        Call { op: &op, schema, inputs, outputs: schema.outputs.len(), run_graph: &run_graph };
    match (operator.compute)(&call) {
        Err(error) if error.kind() != ErrorKind::Input => Err(format!("{error:?}")),
        Err(_) => Ok(()),
        Ok(made) => match made.iter().find(|value| !is_whole(value)) {
            Some(_) => Err("made a tensor whose bytes are not those of its sizes".to_owned()),
            None => Ok(()),
        },
    }
}

/// Whether tensors have as many elements as they say.
fn is_whole(value: &Value) -> bool {
    match value {
        Value::Sequence(values) => values.iter().all(is_whole),
        Value::Optional(value) => value.as_deref().is_none_or(is_whole),
        Value::Tensor(tensor) => match &tensor.data {
            TensorData::Sparse(_) => true,
            TensorData::Strings(all) => tensor.element_count() == Some(all.len() as u64),
            _ => tensor.byte_len() == tensor.bytes().map(|bytes| bytes.len() as u64),
        },
    }
}

#[test]
fn no_operator_fails_on_any_input() {
    let only = std::env::var("PEFTC_OPERATOR").ok();
    let mut wrong = Vec::new();
    for operator in FAMILIES.iter().flat_map(|family| family.iter()) {
        if only.as_ref().is_some_and(|only| only != operator.name) {
            continue;
        }
        // PROPTEST_CASES draws more.
        let cases = std::env::var("PROPTEST_CASES").map_or(100, |n| n.parse().expect("a number"));
        let config =
            ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(cases) };
        let rng = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
        let draws = prop::collection::vec(any::<u32>(), 0..400);
        let mut runner = TestRunner::new_with_rng(config, rng);
        let done =
            runner.run(&draws, |draws| outcome(operator, draws).map_err(TestCaseError::fail));
        if let Err(error) = done {
            wrong.push(format!(
                "{}: {}",
                operator.name,
                error.to_string().lines().next().unwrap_or_default()
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// What the newest version of an operator makes of inputs and attributes.
fn made(name: &str, inputs: Vec<Tensor>, attributes: Vec<(&str, AttributeValue)>) -> Outputs {
    let (domain, name) = name.rsplit_once("::").unwrap_or(("", name));
    let schema = schema(domain, name, i64::MAX).expect("is known");
    let attributes = attributes.into_iter().map(|(name, value)| (name.to_owned(), value.into()));
    let op = Op { op_type: name.to_owned(), attributes: attributes.collect(), ..Op::default() };
    let values: Vec<Value> = inputs.into_iter().map(Value::from).collect();
    let call = Call {
        op: &op,
        schema,
        inputs: values.iter().map(Some).collect(),
        outputs: 1,
        run_graph: &|_, _| Err(Error::bug("there is no graph")),
    };
    (super::find(domain, name).expect("is known").compute)(&call)
}

type Outputs = crate::error::Result<Vec<Value>>;

fn zeros(dtype: DataType, dims: &[i64]) -> Tensor {
    let bits = dtype.bits().expect("is of numbers") as i64 * dims.iter().product::<i64>();
    tensor(dtype, dims, vec![0; bits as usize / 8])
}

fn floats(dims: &[i64]) -> Tensor {
    zeros(DataType::F32, dims)
}

fn ints(list: &[i64]) -> AttributeValue {
    AttributeValue::Ints(list.to_vec())
}

fn int(int: i64) -> AttributeValue {
    AttributeValue::Int(int)
}

fn string(text: &'static str) -> AttributeValue {
    AttributeValue::String(Bytes::from_static(text.as_bytes()))
}

fn assert_refused(made: Outputs) {
    assert_eq!(made.expect_err("is refused").kind(), ErrorKind::Input);
}

const MANY: i64 = 1 << 20;
const HUGE: i64 = 1 << 40;

#[test]
fn results_that_memory_cannot_hold_are_refused_where_inputs_are_broadcast() {
    assert_refused(made("Add", vec![floats(&[MANY, 1]), floats(&[MANY])], vec![]));
}

#[test]
fn results_that_memory_cannot_hold_are_refused_of_attention() {
    let (row, column) = (floats(&[1, 1, MANY]), floats(&[1, MANY, 1]));
    let heads = || vec![("q_num_heads", int(1)), ("kv_num_heads", int(1))];
    let linear = [heads(), vec![("update_rule", string("linear"))]].concat();
    assert_refused(made("LinearAttention", vec![row.clone(), row.clone(), row.clone()], linear));
    let inputs = vec![column.clone(), floats(&[1, 1, 1]), row];
    assert_refused(made("Attention", inputs, heads()));
    let inputs = vec![column, floats(&[1, 3 * MANY])];
    assert_refused(made("com.microsoft::Attention", inputs, vec![("num_heads", int(1))]));
}

#[test]
fn results_that_memory_cannot_hold_are_refused_of_embeddings() {
    let vectors = || floats(&[MANY]);
    let ids = zeros(DataType::I32, &[1, MANY]);
    let inputs = vec![ids.clone(), ids, floats(&[1, MANY]), floats(&[MANY, 1])];
    let inputs = [inputs, vec![floats(&[1, MANY]), vectors(), vectors()]].concat();
    assert_refused(made("com.microsoft::EmbedLayerNormalization", inputs, vec![]));
}

#[test]
fn windows_that_memory_cannot_hold_are_refused() {
    let pool = |name, n, kernel, pads: [i64; 2]| {
        let attributes = vec![("kernel_shape", ints(&[kernel])), ("pads", ints(&pads))];
        made(name, vec![floats(&[n, 1, 5])], attributes)
    };
    assert_refused(pool("AveragePool", 0, 1, [HUGE, 0]));
    assert_refused(pool("MaxPool", 1, HUGE, [HUGE, 0]));
    let sizes = |size| tensor(DataType::I64, &[1], i64::to_le_bytes(size).to_vec());
    assert_refused(made("Col2Im", vec![floats(&[1, 0, 1]), sizes(HUGE), sizes(HUGE)], vec![]));
}

#[test]
fn grids_of_many_axes_are_refused() {
    let ones = [1; 30];
    let (x, grid) = ([&[1, 1], &ones[..]].concat(), [&[1], &ones[..], &[30]].concat());
    let border = vec![("padding_mode", string("border"))];
    assert_refused(made("GridSample", vec![floats(&x), floats(&grid)], border));
}

#[test]
fn regions_of_too_many_samples_are_refused() {
    let inputs = vec![floats(&[1, 1, 4, 4]), floats(&[1, 4]), zeros(DataType::I64, &[1])];
    assert_refused(made("RoiAlign", inputs, vec![("sampling_ratio", int(MANY))]));
}

#[test]
fn inputs_without_elements_have_no_huge_sizes_beside() {
    assert_refused(made("Unique", vec![floats(&[HUGE, 0])], vec![("axis", int(0))]));
    assert_refused(made("GlobalAveragePool", vec![floats(&[HUGE, 1, 0])], vec![]));
    let both = vec![floats(&[HUGE, 0]), floats(&[HUGE, 0])];
    assert_refused(made("Concat", both, vec![("axis", int(1))]));
    let size = [0, 1, HUGE, HUGE].iter().flat_map(|size: &i64| size.to_le_bytes()).collect();
    let size = tensor(DataType::I64, &[4], size);
    assert_refused(made("AffineGrid", vec![floats(&[0, 2, 3]), size], vec![]));
    let shape = vec![("pooled_shape", ints(&[HUGE, 1]))];
    assert_refused(made("MaxRoiPool", vec![floats(&[1, 0, 1, 1]), floats(&[1, 5])], shape));
}

#[test]
fn rows_without_features_are_refused_by_support_vectors() {
    let list = |list: &[f32]| AttributeValue::Floats(list.to_vec());
    let attributes = vec![
        ("vectors_per_class", ints(&[1, 1])),
        ("coefficients", list(&[1.0, 1.0])),
        ("rho", list(&[0.0])),
        ("classlabels_ints", ints(&[0, 1])),
    ];
    assert_refused(made("ai.onnx.ml::SVMClassifier", vec![floats(&[1, 0])], attributes));
}

#[test]
fn rows_without_elements_have_no_statistics() {
    let inputs = vec![floats(&[2, 0]), floats(&[2, 0]), floats(&[0])];
    assert_refused(made("com.microsoft::SkipSimplifiedLayerNormalization", inputs, vec![]));
}

#[test]
fn complex_numbers_are_no_type_to_cast_to() {
    let to = zeros(DataType::C128, &[1]);
    assert_refused(made("CastLike", vec![floats(&[1]), to], vec![]));
}

#[test]
fn packed_weights_are_bytes() {
    let packed = zeros(DataType::U4, &[1, 1, 16]);
    let size = |name, size| (name, int(size));
    let attributes = vec![size("N", 1), size("K", 32), size("block_size", 32)];
    let inputs = vec![floats(&[1, 32]), packed, floats(&[1])];
    assert_refused(made("com.microsoft::MatMulNBits", inputs, attributes));
}

#[test]
fn many_features_side_by_side_are_not_many_elements() {
    let inputs = vec![floats(&[1, 4]); 32];
    let made =
        made("ai.onnx.ml::FeatureVectorizer", inputs, vec![("inputdimensions", ints(&[4; 32]))]);
    assert_eq!(made.expect("is made")[0].tensor().expect("is a tensor").dims, [1, 128]);
}

#[test]
fn powers_of_integers_are_right_modulo_the_type() {
    let i64s = |list: &[i64]| super::numbers::of_i64s(&[list.len() as i64], list);
    let (x, y) = (i64s(&[1, -1, 3, 3, 2]), i64s(&[HUGE, HUGE + 1, 1 << 33, HUGE + 1, HUGE]));
    let made = made("Pow", vec![x, y], vec![]).expect("is made");
    let power = |exponent: i64| (0..exponent).fold(3i64, |x, _| x.wrapping_mul(x));
    let expected = [1, -1, power(33), power(40).wrapping_mul(3), 0];
    assert_eq!(made, [i64s(&expected).into()]);
}
