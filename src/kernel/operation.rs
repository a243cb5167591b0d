//! The operations: their types, and what they compute.

use super::Type;

/// An operation: a line of [`OPERATIONS`].
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[expect(missing_docs, reason = "OPERATIONS says what each is")]
pub enum Operation {
    Neg,
    Abs,
    Sqrt,
    Floor,
    Ceil,
    Nearest,
    Not,
    Add,
    Sub,
    Mul,
    Div,
    Rem,
    Max,
    Min,
    And,
    Or,
    Equal,
    Less,
    LessEqual,
    Fma,
    Select,
    Scale2,
    Exponent,
    Mantissa,
    ToF32,
    ToF64,
    ToI64,
    ToBool,
}

/// The types of an operation.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Rule {
    /// `count` arguments of one type, which the result has.
    Same {
        /// How many.
        count: usize,
        /// Which types.
        types: &'static [Type],
    },
    /// Two arguments of one type, and a boolean.
    Compare(&'static [Type]),
    /// A boolean, and two values of one type.
    Select,
    /// One argument of any of these types, and a result of this.
    To(&'static [Type], Type),
}

const FLOATS: &[Type] = &[Type::F32, Type::F64];
const NUMBERS: &[Type] = &[Type::F32, Type::F64, Type::I64];
const ALL: &[Type] = &Type::ALL;
const BOOL: &[Type] = &[Type::Bool];

const fn same(count: usize, types: &'static [Type]) -> Rule {
    Rule::Same { count, types }
}

/// The specification: each operation with its name, its types and its meaning.
///
/// Integers wrap. NaN is as in IEEE 754, and `max` and `min` give it where one is.
#[rustfmt::skip]
pub const OPERATIONS: &[(Operation, &str, Rule, &str)] = &[
    (Operation::Neg, "neg", same(1, NUMBERS), "−x"),
    (Operation::Abs, "abs", same(1, NUMBERS), "|x|"),
    (Operation::Sqrt, "sqrt", same(1, FLOATS), "√x, rounded to nearest"),
    (Operation::Floor, "floor", same(1, FLOATS), "⌊x⌋"),
    (Operation::Ceil, "ceil", same(1, FLOATS), "⌈x⌉"),
    (Operation::Nearest, "nearest", same(1, FLOATS), "the nearest integer, of two the even one"),
    (Operation::Not, "not", same(1, BOOL), "¬x"),
    (Operation::Add, "add", same(2, NUMBERS), "x + y"),
    (Operation::Sub, "sub", same(2, NUMBERS), "x − y"),
    (Operation::Mul, "mul", same(2, NUMBERS), "x·y"),
    (Operation::Div, "div", same(2, NUMBERS), "x/y; of integers towards 0, and 0 where y is 0"),
    (Operation::Rem, "rem", same(2, &[Type::I64]), "x − y·(x/y); 0 where y is 0"),
    (Operation::Max, "max", same(2, NUMBERS), "the larger; x of zeros"),
    (Operation::Min, "min", same(2, NUMBERS), "the smaller; x of zeros"),
    (Operation::And, "and", same(2, BOOL), "x ∧ y"),
    (Operation::Or, "or", same(2, BOOL), "x ∨ y"),
    (Operation::Equal, "equal", Rule::Compare(ALL), "x = y"),
    (Operation::Less, "less", Rule::Compare(NUMBERS), "x < y"),
    (Operation::LessEqual, "less_equal", Rule::Compare(NUMBERS), "x ≤ y"),
    (Operation::Fma, "fma", same(3, FLOATS), "x·y + z, rounded once, or twice where the target has no such operation"),
    (Operation::Select, "select", Rule::Select, "y where x, else z"),
    (Operation::Scale2, "scale2", same(2, FLOATS), "x·2^y for an integer y for which 2^y is a normal number"),
    (Operation::Exponent, "exponent", same(1, FLOATS), "e of x = m·2^e with 1 ≤ |m| < 2, for a normal number x"),
    (Operation::Mantissa, "mantissa", same(1, FLOATS), "m of x = m·2^e with 1 ≤ |m| < 2, for a normal number x"),
    (Operation::ToF32, "to_f32", Rule::To(ALL, Type::F32), "the nearest number; 0 or 1 of a boolean"),
    (Operation::ToF64, "to_f64", Rule::To(ALL, Type::F64), "the same number; 0 or 1 of a boolean"),
    (Operation::ToI64, "to_i64", Rule::To(ALL, Type::I64), "towards 0, the nearest where it is too large, 0 of NaN; 0 or 1 of a boolean"),
    (Operation::ToBool, "to_bool", Rule::To(ALL, Type::Bool), "whether it is not 0"),
];

impl Operation {
    /// Its line.
    fn line(self) -> &'static (Self, &'static str, Rule, &'static str) {
        let found = OPERATIONS.iter().find(|(operation, ..)| *operation == self);
        found.expect("every operation has a line: a test holds it")
    }

    /// Its name in the text form.
    pub fn name(self) -> &'static str {
        self.line().1
    }

    /// The operation of a name.
    pub fn named(name: &str) -> Option<Self> {
        OPERATIONS.iter().find(|(_, known, ..)| *known == name).map(|(operation, ..)| *operation)
    }

    /// The type of its result of arguments of these types.
    ///
    /// # Errors
    /// It does not take them.
    pub fn result(self, arguments: &[Type]) -> Result<Type, String> {
        let result = match (self.line().2, arguments) {
            (Rule::Same { count, types }, [first, ..]) => {
                let fits = arguments.len() == count && arguments.iter().all(|t| t == first);
                (fits && types.contains(first)).then_some(*first)
            }
            (Rule::Compare(types), [x, y]) => (x == y && types.contains(x)).then_some(Type::Bool),
            (Rule::Select, [Type::Bool, y, z]) => (y == z).then_some(*y),
            (Rule::To(types, result), [x]) => types.contains(x).then_some(result),
            _ => None,
        };
        result.ok_or_else(|| {
            let names: Vec<&str> = arguments.iter().map(|ty| ty.name()).collect();
            format!("{} takes no {}", self.name(), names.join(", "))
        })
    }
}
