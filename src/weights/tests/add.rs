//! Tasks that plugins get wrong.

use super::kinds::Function;
use super::*;
use crate::error::{ErrorKind, Result};
use crate::weights::{TaskArgs, TaskContext};

fn nothing(axes: u32) -> Arc<impl TaskKind + 'static> {
    let run = |_: &dyn TaskContext, _: &mut TaskArgs<'_>| -> Result<()> { Ok(()) };
    Arc::new(Function { axes, run })
}

/// A plan with one task, whose result 0 is f32[4, 6].
fn plan() -> Plan {
    let mut plan = Plan::default();
    let first = task("first", &nothing(3), vec![], vec![(DataType::F32, vec![4, 6])]);
    assert_eq!(plan.add(first).unwrap(), 0);
    plan
}

/// The message that refuses a task.
fn refusal(axes: u32, sources: Vec<Source>, results: &[(DataType, &[i64])]) -> String {
    let mut plan = plan();
    let results = results.iter().map(|(dtype, dims)| (*dtype, dims.to_vec())).collect();
    let error = plan.add(task("q_proj", &nothing(axes), sources, results)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Bug);
    assert_eq!(plan.tasks().len(), 1);
    error.message().to_owned()
}

const F32: DataType = DataType::F32;

#[test]
fn results_must_have_bytes_that_memory_can_address() {
    assert_eq!(refusal(0, vec![], &[]), "q_proj (function): the task has no result");
    assert_eq!(
        refusal(0, vec![], &[(F32, &[2]), (F32, &[1 << 40, 1 << 40])]),
        "q_proj (function): result 1: f32[1099511627776, 1099511627776]: a size is negative or \
         the product too large"
    );
    assert_eq!(
        refusal(0, vec![], &[(F32, &[1 << 61])]),
        "q_proj (function): result 0: f32[2305843009213693952]: a size is negative or the \
         product too large"
    );
    assert_eq!(
        refusal(0, vec![], &[(F32, &[-1])]),
        "q_proj (function): result 0: f32[-1]: a size is negative or the product too large"
    );
    assert_eq!(
        refusal(0, vec![], &[(DataType::String, &[1])]),
        "q_proj (function): result 0: string[1]: weight tasks know no strings"
    );
}

#[test]
fn results_must_agree_where_they_can_be_split() {
    let message = "q_proj (function): the kind can be split along axis 1, where its results \
                   differ: f32[4, 6], u8[4, 5]";
    assert_eq!(refusal(2, vec![], &[(F32, &[4, 6]), (DataType::U8, &[4, 5])]), message);
    let message = "q_proj (function): the kind can be split along axis 1, where its results \
                   differ: f32[4, 6], u8[4]";
    assert_eq!(refusal(3, vec![], &[(F32, &[4, 6]), (DataType::U8, &[4])]), message);
    let fine = task("t", &nothing(1), vec![], vec![(F32, vec![4, 6]), (F32, vec![4])]);
    plan().add(fine).unwrap();
}

#[test]
fn axes_that_no_result_has_are_ignored() {
    plan().add(task("t", &nothing(u32::MAX), vec![], vec![(F32, vec![])])).unwrap();
    plan().add(task("t", &nothing(u32::MAX), vec![], vec![(F32, vec![1; 40])])).unwrap();
}

#[test]
fn sources_must_be_dense_and_complete() {
    let source = |data| vec![Source { tensor: Tensor::new(F32, vec![3], data), follows: vec![] }];
    assert_eq!(
        refusal(0, source(TensorData::Bytes(vec![0; 11].into())), &[(F32, &[1])]),
        "q_proj (function): source 0: f32[3] takes 12 bytes, its data has 11"
    );
    assert_eq!(
        refusal(0, source(TensorData::Strings(vec![])), &[(F32, &[1])]),
        "q_proj (function): source 0: is sparse or of strings; weight tasks read dense tensors"
    );
}

#[test]
fn pending_sources_must_be_results_of_earlier_tasks() {
    let source = |task, result, dims: &[i64]| {
        let tensor = Tensor::new(F32, dims.to_vec(), TensorData::Pending { task, result });
        vec![Source { tensor, follows: vec![] }]
    };
    assert_eq!(
        refusal(0, source(1, 0, &[4, 6]), &[(F32, &[1])]),
        "q_proj (function): source 0: refers to result 0 of weight task 1, which is not recorded \
         before this one"
    );
    assert_eq!(
        refusal(0, source(0, 1, &[4, 6]), &[(F32, &[1])]),
        "q_proj (function): source 0: refers to result 1 of weight task 0, which is not recorded \
         before this one"
    );
    assert_eq!(
        refusal(0, source(0, 0, &[25]), &[(F32, &[1])]),
        "q_proj (function): source 0: is taken for f32[25], but result 0 of weight task 0 is \
         f32[4, 6]"
    );
    let mut reshaped = source(0, 0, &[24]);
    reshaped[0].follows = vec![Some(0)];
    assert_eq!(
        refusal(0, reshaped, &[(F32, &[24])]),
        "q_proj (function): source 0: is taken for f32[24], but result 0 of weight task 0 is \
         f32[4, 6]"
    );
}

#[test]
fn followed_axes_must_exist_and_agree() {
    let follows = |follows: &[Option<usize>]| vec![pending(&plan(), 0, 0, follows)];
    assert_eq!(
        refusal(1, follows(&[Some(1)]), &[(F32, &[4])]),
        "q_proj (function): source 0: its axis 1 cannot follow result axis 0: the source is \
         [4, 6], result 0 is [4]"
    );
    assert_eq!(
        refusal(1, follows(&[Some(2)]), &[(F32, &[4])]),
        "q_proj (function): source 0: its axis 2 cannot follow result axis 0: the source is \
         [4, 6], result 0 is [4]"
    );
    assert_eq!(
        refusal(1, follows(&[None, Some(0)]), &[(F32, &[4])]),
        "q_proj (function): source 0: its axis 0 cannot follow result axis 1: the source is \
         [4, 6], result 0 is [4]"
    );
    let fine = task("t", &nothing(1), follows(&[Some(1), None, None]), vec![(F32, vec![6])]);
    plan().add(fine).unwrap();
}

#[test]
fn placements_must_be_in_the_plan_and_in_a_file() {
    let file = tempfile::tempfile().unwrap();
    let refused = |task, result, offset| {
        let placement = Placement { task, result, file: &file, offset };
        let error =
            crate::weights::run(&plan(), &[placement], &context(1, 0), &|_| {}).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Bug);
        error.message().to_owned()
    };
    assert_eq!(refused(1, 0, 0), "result 0 of weight task 1 is not in the plan");
    assert_eq!(refused(0, 1, 0), "result 1 of weight task 0 is not in the plan");
    assert_eq!(
        refused(0, 0, i64::MAX as u64),
        "result 0 of weight task 0 is placed at 9223372036854775807, behind the end of any file"
    );
}
