//! The part of Python's pickle machine that dictionaries of tensors need.

use super::globals::Global;
use crate::error::{Error, Result};
use crate::ir::DataType;
use std::collections::HashMap;
use std::rc::Rc;

/// Where a tensor lies.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Stored {
    /// The name of its storage.
    pub(super) key: Rc<str>,
    pub(super) dtype: DataType,
    /// In elements.
    pub(super) offset: u64,
    pub(super) dims: Vec<i64>,
    /// In elements.
    pub(super) strides: Vec<i64>,
}

/// Tuples in tuples: more is no tensor's, and dropping what is very deep would overflow the stack.
const MOST_DEPTH: u32 = 8;

#[derive(Clone, Debug)]
enum Value {
    Mark,
    /// None, a boolean, a float, a list: what no tensor is made of.
    Other,
    Int(i64),
    Text(Rc<str>),
    Tuple(Rc<[Value]>, u32),
    Global(Global),
    /// A dictionary, by number.
    Dict(usize),
    Storage(Rc<str>, DataType),
    Tensor(Rc<Stored>),
}

/// Runs a pickle, and gives the tensors of the dictionary it makes.
///
/// # Errors
/// It does what tensors do not need, or is damaged.
pub(super) fn run(program: &[u8]) -> Result<Vec<(String, Stored)>> {
    let mut machine =
        Machine { program, at: 0, stack: Vec::new(), memo: HashMap::new(), dicts: Vec::new() };
    let made = machine.run().map_err(|e| e.within(format!("data.pkl, byte {}", machine.at)))?;
    let Value::Dict(number) = made else {
        return Err(Error::input("its pickle makes no dictionary of tensors"));
    };
    let entries = std::mem::take(&mut machine.dicts[number]);
    Ok(entries.into_iter().map(|(name, tensor)| (name.to_string(), (*tensor).clone())).collect())
}

struct Machine<'p> {
    program: &'p [u8],
    at: usize,
    stack: Vec<Value>,
    memo: HashMap<u32, Value>,
    /// The entries of dictionaries that are tensors; others are dropped.
    dicts: Vec<Vec<(Rc<str>, Rc<Stored>)>>,
}

impl Machine<'_> {
    fn run(&mut self) -> Result<Value> {
        loop {
            let opcode = self.bytes(1)?[0];
            match opcode {
                b'.' => return self.pop(),
                b'\x80' => self.protocol()?,
                b'(' => self.stack.push(Value::Mark),
                b'N' | b'\x88' | b'\x89' | b']' => self.stack.push(Value::Other),
                b'G' => {
                    self.bytes(8)?;
                    self.stack.push(Value::Other);
                }
                b'K' => self.int(1)?,
                b'M' => self.int(2)?,
                b'J' => {
                    let bytes = self.array::<4>()?;
                    self.stack.push(Value::Int(i64::from(i32::from_le_bytes(bytes))));
                }
                b'\x8a' => self.long()?,
                b'X' => {
                    let len = u32::from_le_bytes(self.array()?) as usize;
                    self.text(len)?;
                }
                b'\x8c' => {
                    let len = self.bytes(1)?[0] as usize;
                    self.text(len)?;
                }
                b'c' => self.global()?,
                b')' => self.tuple(0)?,
                b'\x85' => self.tuple(1)?,
                b'\x86' => self.tuple(2)?,
                b'\x87' => self.tuple(3)?,
                b't' => {
                    let items = self.pop_to_mark()?.len();
                    self.tuple(items)?;
                }
                b'}' => {
                    let dict = self.new_dict();
                    self.stack.push(dict);
                }
                b'q' => {
                    let number = u32::from(self.bytes(1)?[0]);
                    self.remember(number)?;
                }
                b'r' => {
                    let number = u32::from_le_bytes(self.array()?);
                    self.remember(number)?;
                }
                b'h' => {
                    let number = u32::from(self.bytes(1)?[0]);
                    self.recall(number)?;
                }
                b'j' => {
                    let number = u32::from_le_bytes(self.array()?);
                    self.recall(number)?;
                }
                b'Q' => self.storage()?,
                b'R' => self.call()?,
                b's' => {
                    let (value, key) = (self.pop()?, self.pop()?);
                    self.set(&[key, value])?;
                }
                b'u' => {
                    let from = self.pop_to_mark()?.start;
                    let items = self.stack.split_off(from);
                    self.set(&items)?;
                }
                b'e' => {
                    let from = self.pop_to_mark()?.start;
                    self.stack.truncate(from);
                }
                b'a' => drop(self.pop()?),
                // The state of an OrderedDict: the versions of modules.
                b'b' => drop(self.pop()?),
                other => {
                    return Err(Error::input(format!(
                        "the pickle operation {other:#04x} ({:?}) is none that tensors need",
                        char::from(other)
                    )));
                }
            }
        }
    }

    fn bytes(&mut self, len: usize) -> Result<&[u8]> {
        let end = self.at.checked_add(len).filter(|&end| end <= self.program.len());
        let end = end.ok_or_else(|| Error::input("the pickle ends in the middle"))?;
        let bytes = &self.program[self.at..end];
        self.at = end;
        Ok(bytes)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N]> {
        let mut array = [0; N];
        array.copy_from_slice(self.bytes(N)?);
        Ok(array)
    }

    fn protocol(&mut self) -> Result<()> {
        match self.bytes(1)?[0] {
            2..=4 => Ok(()),
            other => {
                Err(Error::input(format!("the pickle is of protocol {other}, expected 2 to 4")))
            }
        }
    }

    fn pop(&mut self) -> Result<Value> {
        self.stack.pop().ok_or_else(|| Error::input("the pickle takes from an empty stack"))
    }

    /// Takes the last mark out, and gives the places of what stands behind it.
    fn pop_to_mark(&mut self) -> Result<std::ops::Range<usize>> {
        let is_mark = |value: &Value| matches!(value, Value::Mark);
        let mark = self.stack.iter().rposition(is_mark);
        let mark = mark.ok_or_else(|| Error::input("the pickle has no mark where it needs one"))?;
        self.stack.remove(mark);
        Ok(mark..self.stack.len())
    }

    fn int(&mut self, len: usize) -> Result<()> {
        let number = self.bytes(len)?.iter().rev().fold(0, |n, &b| n << 8 | i64::from(b));
        self.stack.push(Value::Int(number));
        Ok(())
    }

    fn long(&mut self) -> Result<()> {
        let len = self.bytes(1)?[0] as usize;
        if len > 8 {
            return Err(Error::input("the pickle has a number of more than 64 bits"));
        }
        let bytes = self.bytes(len)?;
        let fill = if bytes.last().is_some_and(|b| b & 0x80 != 0) { 0xff } else { 0 };
        let mut word = [fill; 8];
        word[..len].copy_from_slice(bytes);
        self.stack.push(Value::Int(i64::from_le_bytes(word)));
        Ok(())
    }

    fn text(&mut self, len: usize) -> Result<()> {
        let text = std::str::from_utf8(self.bytes(len)?);
        let text = text.map_err(|_| Error::input("the pickle has a string that is not UTF-8"))?;
        let text = Value::Text(text.into());
        self.stack.push(text);
        Ok(())
    }

    fn line(&mut self) -> Result<String> {
        let rest = self.program.get(self.at..).unwrap_or_default();
        let len = rest.iter().position(|&b| b == b'\n');
        let len = len.ok_or_else(|| Error::input("the pickle ends in the middle"))?;
        let line = String::from_utf8_lossy(self.bytes(len)?).into_owned();
        self.bytes(1)?;
        Ok(line)
    }

    fn global(&mut self) -> Result<()> {
        let (module, name) = (self.line()?, self.line()?);
        self.stack.push(Value::Global(Global::named(&module, &name)?));
        Ok(())
    }

    fn tuple(&mut self, items: usize) -> Result<()> {
        let from = self.stack.len().checked_sub(items);
        let from = from.ok_or_else(|| Error::input("the pickle takes from an empty stack"))?;
        let items = self.stack.split_off(from);
        let depth = |value: &Value| match value {
            Value::Tuple(_, depth) => *depth,
            _ => 0,
        };
        let depth = 1 + items.iter().map(depth).max().unwrap_or(0);
        if depth > MOST_DEPTH {
            return Err(Error::input("the pickle has tuples in tuples, as no tensor has"));
        }
        self.stack.push(Value::Tuple(items.into(), depth));
        Ok(())
    }

    fn new_dict(&mut self) -> Value {
        self.dicts.push(Vec::new());
        Value::Dict(self.dicts.len() - 1)
    }

    fn remember(&mut self, number: u32) -> Result<()> {
        let last = self.stack.last().cloned();
        let last = last.ok_or_else(|| Error::input("the pickle takes from an empty stack"))?;
        self.memo.insert(number, last);
        Ok(())
    }

    fn recall(&mut self, number: u32) -> Result<()> {
        let value = self.memo.get(&number).cloned();
        let value = value.ok_or_else(|| {
            Error::input(format!("the pickle recalls {number}, which it did not store"))
        })?;
        self.stack.push(value);
        Ok(())
    }

    /// A persistent id: `('storage', class, key, device, elements)`.
    fn storage(&mut self) -> Result<()> {
        let id = self.pop()?;
        if let Value::Tuple(items, _) = &id
            && let [Value::Text(kind), Value::Global(Global::Storage(dtype)), Value::Text(key), ..] =
                &items[..]
            && &**kind == "storage"
        {
            self.stack.push(Value::Storage(key.clone(), *dtype));
            return Ok(());
        }
        Err(Error::input("the pickle refers to something that is no storage of a tensor"))
    }

    fn call(&mut self) -> Result<()> {
        let (arguments, function) = (self.pop()?, self.pop()?);
        let (Value::Global(function), Value::Tuple(arguments, _)) = (function, arguments) else {
            return Err(Error::input("the pickle calls what is no function"));
        };
        let made = match (function, &arguments[..]) {
            (Global::OrderedDict, []) => Some(self.new_dict()),
            (
                Global::RebuildTensor,
                [Value::Storage(key, dtype), Value::Int(offset), size, stride, ..],
            ) => rebuilt(key, *dtype, *offset, size, stride),
            (Global::RebuildParameter, [tensor @ Value::Tensor(_), ..]) => Some(tensor.clone()),
            _ => None,
        };
        let made = made.ok_or_else(|| {
            Error::input(format!(
                "the pickle calls {function:?} with other arguments than torch.save does"
            ))
        })?;
        self.stack.push(made);
        Ok(())
    }

    /// Sets entries of the dictionary on top: keys and values in turn.
    fn set(&mut self, items: &[Value]) -> Result<()> {
        let Some(&Value::Dict(number)) = self.stack.last() else {
            return Err(Error::input("the pickle sets an entry of what is no dictionary"));
        };
        for pair in items.chunks_exact(2) {
            if let [Value::Text(key), Value::Tensor(tensor)] = pair {
                self.dicts[number].push((key.clone(), tensor.clone()));
            }
        }
        Ok(())
    }
}

fn rebuilt(
    key: &Rc<str>,
    dtype: DataType,
    offset: i64,
    size: &Value,
    stride: &Value,
) -> Option<Value> {
    let stored = Stored {
        key: key.clone(),
        dtype,
        offset: u64::try_from(offset).ok()?,
        dims: numbers(size)?,
        strides: numbers(stride)?,
    };
    stored.dims.iter().all(|&d| d >= 0).then(|| Value::Tensor(Rc::new(stored)))
}

fn numbers(value: &Value) -> Option<Vec<i64>> {
    let Value::Tuple(items, _) = value else { return None };
    let number = |item: &Value| match item {
        Value::Int(n) => Some(*n),
        _ => None,
    };
    items.iter().map(number).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(program: &[u8]) -> String {
        run(program).expect_err("it is refused").to_string()
    }

    #[test]
    fn a_dictionary_of_one_tensor() {
        let program = b"\x80\x02}q\x00X\x01\x00\x00\x00wctorch._utils\n_rebuild_tensor_v2\n((X\x07\x00\x00\x00storagectorch\nHalfStorage\nX\x01\x00\x00\x000X\x03\x00\x00\x00cpuK\x06tQK\x01K\x02K\x02\x86K\x02K\x01\x86\x89ccollections\nOrderedDict\n)RtRs.";
        let made = run(program).expect("it is a dictionary");
        let expected = Stored {
            key: "0".into(),
            dtype: DataType::F16,
            offset: 1,
            dims: vec![2, 2],
            strides: vec![2, 1],
        };
        assert_eq!(made, [("w".to_owned(), expected)]);
    }

    #[test]
    fn code_is_refused_by_name() {
        let text = error(b"\x80\x02cos\nsystem\nX\x02\x00\x00\x00ls\x85R.");
        assert!(text.contains("os.system"), "{text}");
        let text = error(b"\x80\x02cbuiltins\neval\n.");
        assert!(text.contains("builtins.eval"), "{text}");
    }

    #[test]
    fn damaged_pickles_are_errors() {
        for program in [
            &b""[..],
            b".",
            b"\x80\x02",
            b"\x80\x09.",
            b"t.",
            b"u.",
            b"s.",
            b"h\x00.",
            b"Q.",
            b"R.",
            b"\x8a\x09",
            b"X\xff\xff\xff\xff",
            b"K\x01.",
            b"i",
        ] {
            error(program);
        }
        let deep = [&b")"[..], &[0x85; 100_000], b"."].concat();
        assert!(error(&deep).contains("tuples in tuples"));
    }
}
