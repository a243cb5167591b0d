//! Types of values.

use super::Parser;
use crate::error::Result;
use crate::ir::text::lex::Token;
use crate::ir::{DataType, Dim, DimSize, Type, TypeKind};

impl Parser<'_> {
    pub(super) fn ty(&mut self) -> Result<Type> {
        self.nested(|p| {
            let kind = p.type_kind()?;
            Ok(Type { kind, denotation: p.denotation()? })
        })
    }

    pub(super) fn denotation(&mut self) -> Result<String> {
        if self.take("@")? { self.quoted() } else { Ok(String::new()) }
    }

    pub(super) fn type_kind(&mut self) -> Result<TypeKind> {
        if self.word("unset")? {
            return Ok(TypeKind::Unset);
        }
        if self.word("sparse")? {
            let (dtype, shape) = self.tensor_type()?;
            return Ok(TypeKind::SparseTensor { dtype, shape });
        }
        if self.word("sequence")? {
            return self.inner_type().map(TypeKind::Sequence);
        }
        if self.word("optional")? {
            return self.inner_type().map(TypeKind::Optional);
        }
        if self.word("map")? {
            let key = self.dtype()?;
            return Ok(TypeKind::Map { key, value: self.inner_type()? });
        }
        if self.word("opaque")? {
            self.mark("(")?;
            let domain = self.quoted()?;
            self.mark(",")?;
            let name = self.quoted()?;
            self.mark(")")?;
            return Ok(TypeKind::Opaque { domain, name });
        }
        let (dtype, shape) = self.tensor_type()?;
        Ok(TypeKind::Tensor { dtype, shape })
    }

    pub(super) fn inner_type(&mut self) -> Result<Option<Box<Type>>> {
        self.mark("(")?;
        let inner = if self.left_out()? { None } else { Some(Box::new(self.ty()?)) };
        self.mark(")")?;
        Ok(inner)
    }

    pub(super) fn dtype(&mut self) -> Result<DataType> {
        match self.lexer.peek() {
            Token::Word(word) => match word.parse() {
                Ok(dtype) => {
                    self.lexer.next()?;
                    Ok(dtype)
                }
                Err(()) => Err(self.lexer.expected("an element type")),
            },
            _ => Err(self.lexer.expected("an element type")),
        }
    }

    pub(super) fn tensor_type(&mut self) -> Result<(Option<DataType>, Option<Vec<Dim>>)> {
        let dtype = if self.take("?")? { None } else { Some(self.dtype()?) };
        let shape = match self.lexer.peek() {
            Token::Mark("[") => Some(self.list("[", "]", Self::dim)?),
            _ => None,
        };
        Ok((dtype, shape))
    }

    pub(super) fn dim(&mut self) -> Result<Dim> {
        let size = match self.lexer.peek() {
            Token::Mark("?") => {
                self.lexer.next()?;
                DimSize::Unknown
            }
            Token::Word(word) if word.parse::<i64>().is_ok() => {
                DimSize::Known(self.number("a size")?)
            }
            _ => DimSize::Symbol(self.any_word("a size, a symbol or ?")?),
        };
        Ok(Dim { size, denotation: self.denotation()? })
    }
}
