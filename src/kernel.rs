//! Kernels: loop nests over buffers, which both targets are made of.
//!
//! A [`Kernel`] is structured: loops over axes, and in them operations whose results have one type each
//! ([`OPERATIONS`] is the specification). Sizes and strides are integers that are given at each launch,
//! so that another batch or sequence length compiles nothing. Floats are computed in float32, or in
//! float64 where storage is; types of 16 bits are storage only. [`check`] holds a kernel against the
//! specification; [`interpret`] is what it means, in float64. A [`Builder`] makes one.
#![forbid(unsafe_code)]

mod build;
#[cfg(test)]
pub(crate) mod cases;
mod check;
#[cfg(feature = "cpu")]
pub mod clif;
pub mod cuda;
mod interpret;
mod ir;
mod math;
mod operation;
mod scalar;
mod text;
mod trim;

pub use build::Builder;
pub use check::check;
pub use interpret::{Memory, interpret};
pub use ir::{
    Amount, Axis, AxisId, AxisKind, Block, Buffer, BufferId, Fold, FoldKind, Index, Kernel, Stmt,
    Term, Type, ValueId,
};
pub use operation::{OPERATIONS, Operation};
pub use scalar::{Operand, Scalar};

pub use text::parse;

#[cfg(test)]
mod tests {
    use super::*;

    const SOFTMAX: &str = "\
kernel softmax(rows, columns) x: f32, out y: f32 {
  for grid #0 < rows {
    fold lane #1 < columns {
      %0: f32 = load x[#0*columns + #1]
    } max %0 -> %1: f32
    fold lane #2 < columns {
      %2: f32 = load x[#0*columns + #2]
      %3: f32 = sub %2 %1
      %4: f32 = mul %3 %3
    } sum %4 -> %5: f32
    for lane #3 < columns {
      %6: f32 = load x[#0*columns + #3]
      %7: f32 = div %6 %5
      store y[#0*columns + #3] %7
    }
  }
}
";

    #[test]
    fn text_is_read_as_it_is_written() {
        let kernel = parse(SOFTMAX).expect("a kernel");
        check(&kernel).expect("a right one");
        assert_eq!(kernel.to_string(), SOFTMAX);
    }

    #[test]
    fn a_kernel_is_interpreted() {
        let kernel = parse(SOFTMAX).expect("a kernel");
        let x = Memory::Floats(vec![1.0, 2.0, 4.0, 3.0, 3.0, 0.0]);
        let mut memory = [x, Memory::Floats(vec![f64::NAN; 6])];
        interpret(&kernel, &[2, 3], &mut memory).expect("runs");
        let third = f64::from((1.0 / 13.0) as f32);
        let Memory::Floats(y) = &memory[1] else { unreachable!("floats stay floats") };
        assert_eq!(y[0], third);
        assert_eq!(y[3], f64::from((3.0 / 9.0) as f32));
        let outside = interpret(&kernel, &[3, 3], &mut memory).expect_err("too many rows");
        assert!(outside.contains("x[6] is outside of its 6 elements"), "{outside}");
    }

    #[test]
    fn every_operation_has_one_line_and_one_name() {
        for (at, (operation, name, ..)) in OPERATIONS.iter().enumerate() {
            assert_eq!(Operation::named(name), Some(*operation));
            assert_eq!(OPERATIONS.iter().position(|(other, ..)| other == operation), Some(at));
        }
    }

    #[test]
    fn what_is_no_kernel_is_refused() {
        let refused = |text: &str| match parse(text) {
            Ok(kernel) => check(&kernel).expect_err("refused"),
            Err(error) => error,
        };
        let with = |body: &str| format!("kernel k(n) x: f32, i: i64, out y: f32 {{\n{body}\n}}\n");
        let cases = [
            ("%0: f32 = load x[#0]", "no loop of axis 0"),
            ("%0: f32 = load z[0]", "no buffer \"z\""),
            ("%0: f32 = const 1.0\nstore x[0] %0", "cannot be stored in x"),
            ("%0: i64 = load i[0]\n%1: f32 = sqrt %0", "sqrt takes no i64"),
            ("%0: f64 = load x[0]", "%0 is f32, not f64"),
            ("store y[0] %3", "%3 is not defined here"),
            ("for lane #0 < n {\n for lane #1 < n { }\n}", "a loop stands in lanes"),
            ("for grid #0 < n { }\nfor grid #1 < n { }", "a grid stands beside another"),
            ("for sequence #0 < m { }", "no integer \"m\""),
            ("%0: f32 = const 1.0\n%0: f32 = const 2.0", "defined twice"),
            ("for lane #0 < n {\n%0: f32 = const 1.0\n}\nstore y[0] %0", "not defined here"),
            ("%0: f32 = frob %1", "no operation \"frob\""),
            ("%0: f32 = load x[1 + 2]", "a place begins twice"),
            ("%0: f32 = load x[1 + n]", "a place begins twice"),
            ("%0: f32 = const 1.0\nstore y[0] %0\nfor grid #0 < n { }", "written beside a grid"),
        ];
        for (body, wanted) in cases {
            let error = refused(&with(body));
            assert!(error.contains(wanted), "{error}");
        }
        for (head, wanted) in [
            ("k(n, n) x: f32", "\"n\" is there already"),
            ("k(n) x: f32, x: f32", "\"x\" is there already"),
            ("k(n) 3: f32", "a name is expected, found \"3\""),
            ("k(n,,) x: f32", "a name is expected, found \",\""),
        ] {
            let error = refused(&format!("kernel {head} {{ }}"));
            assert!(error.contains(wanted), "{error}");
        }
        let deep = "for sequence #0 < n {\n".repeat(100_000);
        assert!(refused(&with(&deep)).contains("loops stand in each other"));
    }

    #[test]
    fn a_text_that_ends_early_is_refused() {
        for end in 0..SOFTMAX.trim_end().len() {
            assert!(parse(&SOFTMAX[..end]).is_err(), "{}", &SOFTMAX[..end]);
        }
    }

    #[test]
    fn an_integer_that_is_not_given_is_refused() {
        let mut kernel = parse(SOFTMAX).expect("a kernel");
        kernel.given.pop();
        assert_eq!(check(&kernel), Err("softmax: integer 1 is not given".to_owned()));
    }
}
