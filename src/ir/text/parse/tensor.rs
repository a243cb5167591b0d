//! Tensors.

use super::Parser;
use crate::error::Result;
use crate::ir::tensor::Sparse;
use crate::ir::text::lex::Token;
use crate::ir::{DataType, Storage, Tensor, TensorData};
use bytes::Bytes;
use half::{bf16, f16};

impl Parser<'_> {
    pub(super) fn tensor(&mut self) -> Result<Tensor> {
        self.nested(|p| {
            let dtype = p.dtype()?;
            let dims = p.list("[", "]", |p| p.number("a size"))?;
            let data = p.tensor_data(dtype)?;
            let mut tensor = Tensor::new(dtype, dims, data);
            if dtype == DataType::String || p.word("typed")? {
                tensor.storage = Storage::Typed;
            }
            if p.word("name")? {
                tensor.name = p.quoted()?;
            }
            (tensor.doc_string, tensor.metadata) = p.description()?;
            Ok(tensor)
        })
    }

    fn tensor_data(&mut self, dtype: DataType) -> Result<TensorData> {
        if self.word("elided")? {
            return Err(self.lexer.error("the elements were left out when this text was printed"));
        }
        if self.word("pending")? {
            self.mark("(")?;
            let task = self.number("a task")?;
            self.mark(",")?;
            let result = self.number("a result")?;
            self.mark(")")?;
            return Ok(TensorData::Pending { task, result });
        }
        if self.word("sparse")? {
            self.mark("(")?;
            let values = self.tensor()?;
            self.mark(",")?;
            let indices = self.tensor()?;
            self.mark(")")?;
            return Ok(TensorData::Sparse(Box::new(Sparse { values, indices })));
        }
        if let Token::Hex(_) = self.lexer.peek() {
            return self.hex().map(TensorData::Bytes);
        }
        if dtype == DataType::String {
            return self.list("{", "}", Self::bytes).map(TensorData::Strings);
        }
        self.elements(dtype).map(TensorData::Bytes)
    }

    fn elements(&mut self, dtype: DataType) -> Result<Bytes> {
        match dtype {
            DataType::F32 => self.each(f32::to_le_bytes),
            DataType::F64 => self.each(f64::to_le_bytes),
            DataType::F16 => self.each(|f: f32| f16::from_f32(f).to_le_bytes()),
            DataType::BF16 => self.each(|f: f32| bf16::from_f32(f).to_le_bytes()),
            DataType::I64 => self.each(i64::to_le_bytes),
            DataType::I32 => self.each(i32::to_le_bytes),
            DataType::I16 => self.each(i16::to_le_bytes),
            DataType::I8 => self.each(i8::to_le_bytes),
            DataType::U64 => self.each(u64::to_le_bytes),
            DataType::U32 => self.each(u32::to_le_bytes),
            DataType::U16 => self.each(u16::to_le_bytes),
            DataType::U8 | DataType::Bool => self.each(u8::to_le_bytes),
            other => Err(self.lexer.expected(&format!("hex bytes: {other} has no other text"))),
        }
    }

    fn each<T: std::str::FromStr, const N: usize>(
        &mut self,
        bytes: impl Fn(T) -> [u8; N],
    ) -> Result<Bytes> {
        let elements = self.list("{", "}", |p| p.number("an element"))?;
        Ok(elements.into_iter().flat_map(bytes).collect::<Vec<u8>>().into())
    }
}
