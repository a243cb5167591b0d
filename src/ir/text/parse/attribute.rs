//! Attributes.

use super::Parser;
use crate::error::Result;
use crate::ir::text::lex::Token;
use crate::ir::text::print::KINDS;
use crate::ir::{Attribute, AttributeKind, AttributeValue};

impl Parser<'_> {
    pub(super) fn attributes(&mut self) -> Result<Vec<(String, Attribute)>> {
        self.list("{", "}", |p| {
            let name = p.any_word("an attribute's name")?;
            p.mark(":")?;
            let value = p.attribute()?;
            let doc_string = if p.word("doc")? { p.quoted()? } else { String::new() };
            Ok((name, Attribute { value, doc_string }))
        })
    }

    pub(super) fn attribute(&mut self) -> Result<AttributeValue> {
        let word = match self.lexer.peek() {
            Token::Quoted(_) | Token::Hex(_) => return Ok(AttributeValue::String(self.bytes()?)),
            Token::Word(word) => word.clone(),
            _ => return Err(self.lexer.expected("the value of an attribute")),
        };
        if word == "graph" {
            return Ok(AttributeValue::Graph(Box::new(self.graph(true)?)));
        }
        if let Ok(int) = word.parse() {
            self.lexer.next()?;
            return Ok(AttributeValue::Int(int));
        }
        if word == "bits" || word.parse::<f32>().is_ok() {
            return Ok(AttributeValue::Float(self.float()?));
        }
        self.lexer.next()?;
        Ok(match word.as_str() {
            "tensor" => AttributeValue::Tensor(self.tensor()?),
            "sparse" => AttributeValue::SparseTensor(self.tensor()?),
            "type" => AttributeValue::Type(self.ty()?),
            "floats" => AttributeValue::Floats(self.list("[", "]", Self::float)?),
            "ints" => AttributeValue::Ints(self.list("[", "]", |p| p.number("an integer"))?),
            "strings" => AttributeValue::Strings(self.list("[", "]", Self::bytes)?),
            "tensors" => AttributeValue::Tensors(self.list("[", "]", Self::tensor)?),
            "sparses" => AttributeValue::SparseTensors(self.list("[", "]", Self::tensor)?),
            "graphs" => AttributeValue::Graphs(self.list("[", "]", |p| p.graph(true))?),
            "types" => AttributeValue::Types(self.list("[", "]", Self::ty)?),
            "ref" => {
                let kind = self.attribute_kind()?;
                AttributeValue::Reference { kind, name: self.any_word("an attribute's name")? }
            }
            other => return Err(self.lexer.error(format!("{other:?} is no kind of attribute"))),
        })
    }

    pub(super) fn attribute_kind(&mut self) -> Result<AttributeKind> {
        let word = self.any_word("a kind of attribute")?;
        KINDS
            .iter()
            .find(|(_, name)| *name == word)
            .map(|(kind, _)| *kind)
            .ok_or_else(|| self.lexer.error(format!("{word:?} is no kind of attribute")))
    }

    pub(super) fn float(&mut self) -> Result<f32> {
        if !self.word("bits")? {
            return self.number("a number");
        }
        self.mark("(")?;
        let text = self.any_word("bits such as 0x7fc00000")?;
        self.mark(")")?;
        text.strip_prefix("0x")
            .and_then(|hex| u32::from_str_radix(hex, 16).ok())
            .map(f32::from_bits)
            .ok_or_else(|| self.lexer.error(format!("{text:?} are no bits")))
    }
}
