//! How much arithmetic products are.

use crate::ir::{Op, element_count};

/// The floating-point operations of one call, a multiplication with an addition being two:
/// of matrix products, convolutions and attention (its two products). Of other operators none.
pub(crate) fn flops(op: &Op, inputs: &[Option<&[i64]>], outputs: &[&[i64]]) -> u64 {
    let input = |slot: usize| inputs.get(slot).copied().flatten();
    let Some(&output) = outputs.first() else { return 0 };
    let products = match op.op_type.as_str() {
        "MatMul"
        | "MatMulInteger"
        | "QLinearMatMul"
        | "MatMulIntegerToFloat"
        | "DynamicQuantizeMatMul" => input(0).and_then(|a| times(output, a.last())),
        "Gemm" | "FusedGemm" | "FusedMatMul" => {
            let from_end = if op.int("transA").unwrap_or(0) == 0 { 1 } else { 2 };
            input(0).and_then(|a| times(output, a.get(a.len().checked_sub(from_end)?)))
        }
        "MatMulNBits" | "MatMulBnb4" => times(output, op.int("K").as_ref()),
        "Conv" | "ConvInteger" | "FusedConv" => input(1).and_then(|w| window(output, w)),
        "QLinearConv" => input(3).and_then(|w| window(output, w)),
        "ConvTranspose" => input(0).zip(input(1)).and_then(|(x, w)| window(x, w)),
        "Attention" if op.is("Attention") => attention(input(0), input(1), outputs),
        "MultiHeadAttention" | "GroupQueryAttention" => attention(input(0), input(1), outputs),
        _ => None,
    };
    products.unwrap_or(0).saturating_mul(2)
}

fn times(output: &[i64], depth: Option<&i64>) -> Option<u64> {
    element_count(output)?.checked_mul(u64::try_from(*depth?).ok()?)
}

/// Weights are `[channels, …]`: each element of `per` meets those of one channel.
fn window(per: &[i64], weights: &[i64]) -> Option<u64> {
    element_count(per)?.checked_mul(element_count(weights.get(1..)?)?)
}

/// Each element of Q and of Y meets every key: Q·Kᵀ and P·V.
fn attention(query: Option<&[i64]>, key: Option<&[i64]>, outputs: &[&[i64]]) -> Option<u64> {
    let length = |keys: &[i64]| keys.get(keys.len().checked_sub(2)?).copied();
    // The present has the past besides.
    let present = outputs.get(1).filter(|present| present.len() == 4);
    let keys = present.copied().or(key).and_then(length)?;
    times(query?, Some(&keys))?.checked_add(times(outputs[0], Some(&keys))?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ir::AttributeValue;

    fn of(op: &Op, inputs: &[&[i64]], output: &[i64]) -> u64 {
        flops(op, &inputs.iter().copied().map(Some).collect::<Vec<_>>(), &[output])
    }

    fn named(op_type: &str) -> Op {
        Op { op_type: op_type.to_owned(), ..Op::default() }
    }

    #[test]
    fn of_products() {
        assert_eq!(of(&named("MatMul"), &[&[2, 3, 5], &[5, 7]], &[2, 3, 7]), 2 * 2 * 3 * 5 * 7);
        let mut gemm = named("Gemm");
        assert_eq!(of(&gemm, &[&[3, 5], &[5, 7]], &[3, 7]), 2 * 3 * 5 * 7);
        gemm.attributes.push(("transA".to_owned(), AttributeValue::Int(1).into()));
        assert_eq!(of(&gemm, &[&[5, 3], &[5, 7]], &[3, 7]), 2 * 3 * 5 * 7);
        assert_eq!(of(&named("Add"), &[&[3], &[3]], &[3]), 0);
    }

    #[test]
    fn of_convolutions_and_attention() {
        let (x, w, y) = ([1, 4, 9, 9], [6, 2, 3, 3], [1, 6, 7, 7]);
        assert_eq!(of(&named("Conv"), &[&x, &w], &y), 2 * (6 * 49) * (2 * 9));
        assert_eq!(of(&named("ConvTranspose"), &[&y, &[6, 2, 3, 3]], &x), 2 * (6 * 49) * (2 * 9));
        let (q, k) = ([1, 2, 3, 8], [1, 2, 5, 8]);
        assert_eq!(of(&named("Attention"), &[&q, &k, &k], &q), 2 * 2 * (2 * 3 * 8) * 5);
        let other = Op { domain: "com.microsoft".to_owned(), ..named("Attention") };
        assert_eq!(of(&other, &[&q, &k, &k], &q), 0);
    }
}
