//! Random plans, computed by the engine and by calling every kind once for whole tensors.

use super::kinds::{Mix, hash_bytes};
use super::*;
use crate::ir::element_count;
use crate::weights::{Fold, TaskArgs, TaskContext, View, ViewMut};
use proptest::prelude::*;
use std::collections::BTreeSet;
use std::sync::LazyLock;
use std::sync::Mutex;

static CONTEXTS: LazyLock<Vec<Context>> = LazyLock::new(|| {
    [(1, u64::MAX), (1, 0), (2, 40), (3, 1), (8, 300), (8, u64::MAX)]
        .map(|(threads, memory)| context(threads, memory))
        .into()
});

const TYPES: [DataType; 5] =
    [DataType::U8, DataType::F32, DataType::U4, DataType::I2, DataType::BF16];

/// Choices made by proptest, which shrinks towards zeros.
struct Choices(Vec<u8>, usize);

impl Choices {
    fn below(&mut self, n: usize) -> usize {
        let choice = self.0.get(self.1).copied().unwrap_or(0);
        self.1 += 1;
        usize::from(choice) % n.max(1)
    }
}

fn random_plan(choices: &mut Choices) -> Plan {
    let mut plan = Plan::default();
    for number in 0..1 + choices.below(6) {
        let rank = choices.below(4);
        let dims: Vec<i64> = (0..rank).map(|_| random_size(choices)).collect();
        let axes = choices.below(1 << rank) as u32;
        let mut results = vec![(TYPES[choices.below(5)], dims.clone())];
        if choices.below(3) == 0 {
            let mut other = dims.clone();
            for (axis, size) in other.iter_mut().enumerate() {
                if axes >> axis & 1 == 0 {
                    *size = random_size(choices);
                }
            }
            results.push((TYPES[choices.below(5)], other));
        }
        let mut sources = Vec::new();
        let mut params = Vec::new();
        for _ in 0..choices.below(3) {
            let mut source = random_source(&plan, choices, &dims);
            let sizes = source.tensor.dims.clone();
            for (axis, size) in dims.iter().enumerate() {
                let same: Vec<usize> = (0..sizes.len()).filter(|&a| sizes[a] == *size).collect();
                let follows = (!same.is_empty() && choices.below(4) > 0)
                    .then(|| same[choices.below(same.len())])
                    .filter(|a| !source.follows.contains(&Some(*a)))
                    .filter(|_| results.iter().all(|(_, d)| d[axis] == *size));
                source.follows.push(follows);
                params.push(follows.map_or(255, |a| a as u8));
            }
            sources.push(source);
        }
        let kind = Arc::new(Mix { axes, calls: Mutex::default() });
        let task = Task {
            params: params.into(),
            ..task(&format!("task {number}"), &kind, sources, results)
        };
        plan.add(task).unwrap();
    }
    plan
}

/// Small, and seldom 0.
fn random_size(choices: &mut Choices) -> i64 {
    [1, 2, 3, 4, 5, 7, 8, 16, 0][choices.below(9)]
}

fn random_source(plan: &Plan, choices: &mut Choices, dims: &[i64]) -> Source {
    let tasks = plan.tasks().len();
    if tasks > 0 && choices.below(4) > 0 {
        let number = choices.below(tasks);
        let result = choices.below(plan.tasks()[number].results.len());
        return pending(plan, number as u32, result as u32, &[]);
    }
    let mut sizes = dims.to_vec();
    sizes.rotate_left(choices.below(dims.len()));
    sizes.truncate(3);
    let dtype = TYPES[choices.below(5)];
    let bytes = dtype.byte_len(element_count(&sizes).unwrap()).unwrap();
    data(dtype, &sizes, hash_bytes(bytes as usize, tasks as u64), &[])
}

/// Every result of every task, each computed whole.
fn naive(plan: &Plan) -> Vec<Vec<Vec<u8>>> {
    let mut all: Vec<Vec<Vec<u8>>> = Vec::new();
    for task in plan.tasks() {
        let views: Vec<View<'_>> = task
            .sources
            .iter()
            .map(|source| View {
                dtype: source.tensor.dtype,
                dims: source.tensor.dims.clone(),
                data: match &source.tensor.data {
                    TensorData::Pending { task, result } => &all[*task as usize][*result as usize],
                    _ => source.tensor.bytes().unwrap(),
                },
            })
            .collect();
        let mut bytes: Vec<Vec<u8>> = task
            .results
            .iter()
            .map(|(dtype, dims)| {
                vec![0; dtype.byte_len(element_count(dims).unwrap()).unwrap() as usize]
            })
            .collect();
        let mut results: Vec<ViewMut<'_>> = task
            .results
            .iter()
            .zip(&mut bytes)
            .map(|((dtype, dims), data)| ViewMut { dtype: *dtype, dims: dims.clone(), data })
            .collect();
        let end = task.results[0].1.first().map_or(1, |&d| d as u64);
        let (params, sources) = (&task.params[..], &views[..]);
        let mut args = TaskArgs { params, axis: 0, start: 0, end, sources, results: &mut results };
        task.kind.run(&Alone, &mut args).unwrap();
        drop(views);
        all.push(bytes);
    }
    all
}

struct Alone;

impl TaskContext for Alone {
    fn is_cancelled(&self) -> bool {
        false
    }

    fn measure(&self, _: &str, _: Fold, _: f64) {}
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, ..ProptestConfig::default() })]

    #[test]
    fn the_engine_computes_what_whole_tasks_compute(
        choices in prop::collection::vec(any::<u8>(), 0..200),
        region in prop::sample::select(vec![1u64, 2, 3, 5, 8, 16, 64, 1 << 20]),
    ) {
        let mut choices = Choices(choices, 0);
        let plan = random_plan(&mut choices);
        let mut placed = Vec::new();
        for _ in 0..1 + choices.below(3) {
            let task = plan.tasks().len() - 1 - choices.below(plan.tasks().len());
            placed.push((task as u32, choices.below(plan.tasks()[task].results.len()) as u32));
        }
        let expected = naive(&plan);
        let mut file = Vec::new();
        for &(task, result) in &placed {
            file.extend([0xAA; 3]);
            file.extend(&expected[task as usize][result as usize]);
        }
        let mut first = None;
        for context in &*CONTEXTS {
            let (found, written, measures) = run_into_file(&plan, &placed, context, region).unwrap();
            prop_assert_eq!(&found, &file);
            prop_assert_eq!(written, file.len() as u64 - 3 * placed.len() as u64);
            for (label, measured) in measures.iter() {
                let number: usize = label.trim_start_matches("task ").parse().unwrap();
                let elements = element_count(&plan.tasks()[number].results[0].1).unwrap();
                prop_assert_eq!(measured["elements"], elements as f64);
            }
            let counted: BTreeSet<String> = measures.iter().map(|(l, _)| l.to_owned()).collect();
            for &(task, _) in &placed {
                let is_empty = expected[task as usize].iter().all(Vec::is_empty);
                prop_assert_eq!(counted.contains(&format!("task {task}")), !is_empty);
            }
            prop_assert_eq!(first.get_or_insert(measures.clone()), &measures);
        }
    }
}
