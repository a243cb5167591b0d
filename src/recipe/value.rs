//! Values of options.

use serde::Serialize;
use std::fmt;
use toml::de::DeValue;

/// The value of an option.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
#[expect(missing_docs, reason = "the variants say it")]
pub enum OptionValue {
    Bool(bool),
    Int(i64),
    Float(f64),
    String(String),
    /// Numbers stand as their text.
    List(Vec<String>),
}

impl OptionValue {
    /// Parses one TOML value.
    ///
    /// # Errors
    /// It is no TOML, or of a type that options do not have.
    pub fn parse(text: &str) -> Result<Self, String> {
        let value = DeValue::parse(text.trim()).map_err(|e| e.message().to_owned())?;
        Self::from_toml(value.get_ref())
    }

    pub(super) fn from_toml(value: &DeValue<'_>) -> Result<Self, String> {
        let wrong = |what: &str| {
            Err(format!("is {what}; options are booleans, numbers, strings and lists of these"))
        };
        match value {
            DeValue::Boolean(b) => Ok(Self::Bool(*b)),
            DeValue::Integer(i) => i64::from_str_radix(i.as_str(), i.radix())
                .map(Self::Int)
                .map_err(|_| format!("is {i}, too large for 64 bits")),
            DeValue::Float(f) => {
                f.as_str().parse().map(Self::Float).map_err(|_| format!("is {f}, no number"))
            }
            DeValue::String(s) => Ok(Self::String(s.to_string())),
            DeValue::Array(items) => {
                let text = |item: &toml::Spanned<DeValue<'_>>| match item.get_ref() {
                    DeValue::String(s) => Some(s.to_string()),
                    DeValue::Integer(i) => Some(i.to_string()),
                    DeValue::Float(f) => Some(f.to_string()),
                    _ => None,
                };
                match items.iter().map(text).collect() {
                    Some(list) => Ok(Self::List(list)),
                    None => wrong("a list that is not of strings or numbers"),
                }
            }
            DeValue::Datetime(_) => wrong("a date"),
            DeValue::Table(_) => wrong("a table"),
        }
    }
}

/// As TOML writes it.
impl fmt::Display for OptionValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bool(b) => write!(f, "{b}"),
            Self::Int(i) => write!(f, "{i}"),
            Self::Float(x) => write!(f, "{x:?}"),
            Self::String(s) => write!(f, "{s:?}"),
            Self::List(list) => write!(f, "{list:?}"),
        }
    }
}
