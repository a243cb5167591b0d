//! Sizes as text.

use super::{Atom, Form, Size, Term};
use std::fmt;

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let term = |(atoms, coefficient): &Term| match (atoms.is_empty(), coefficient) {
            (true, number) => number.to_string(),
            (false, 1) => product(atoms),
            (false, number) => format!("{number}*{}", product(atoms)),
        };
        match &self.0 {
            Form::Number(number) => write!(f, "{number}"),
            Form::Sum(terms) => {
                f.write_str(&terms.iter().map(term).collect::<Vec<_>>().join(" + "))
            }
        }
    }
}

fn product(atoms: &[Atom]) -> String {
    atoms.iter().map(ToString::to_string).collect::<Vec<_>>().join("*")
}

impl fmt::Display for Atom {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => f.write_str(name),
            Self::Axis(value, axis) => write!(f, "size({value:?}, {axis})"),
            Self::Element(value, at) => write!(f, "element({value:?}, {at})"),
            Self::Inner(number) => write!(f, "size({number})"),
            Self::InnerElement(number) => write!(f, "element({number})"),
            Self::Quotient(pair) => write!(f, "floor(({}) / ({}))", pair.0, pair.1),
            Self::Max(pair) => write!(f, "max({}, {})", pair.0, pair.1),
            Self::Min(pair) => write!(f, "min({}, {})", pair.0, pair.1),
            Self::Broadcast(all) => {
                let all: Vec<String> = all.iter().map(ToString::to_string).collect();
                write!(f, "broadcast({})", all.join(", "))
            }
        }
    }
}
