//! Parsing.

mod attribute;
mod tensor;
mod types;

use super::super::{
    Function, Graph, Metadata, Model, NodeId, Op, Slot, Tensor, Use, ValueId, ValueInfo,
};
use super::lex::{Lexer, Token};
use crate::error::Result;
use bytes::Bytes;
use std::collections::HashSet;
use std::ops::Range;

/// Parses the text form of a model.
///
/// # Errors
/// At its line: what is no text form, a value nothing makes, two values of one name.
pub fn parse(text: &str) -> Result<Model> {
    let mut parser = Parser::new(text)?;
    let model = parser.model()?;
    parser.end()?;
    Ok(model)
}

/// Parses the text form of a function: `function "domain" "name" … graph …`.
///
/// # Errors
/// As [`parse`].
pub fn parse_function(text: &str) -> Result<Function> {
    let mut parser = Parser::new(text)?;
    if !parser.word("function")? {
        return Err(parser.lexer.expected("`function`"));
    }
    let function = parser.function()?;
    parser.end()?;
    Ok(function)
}

/// Parses a list of `const %name = TENSOR`.
pub fn parse_tensors(text: &str) -> Result<Vec<(String, Tensor)>> {
    let mut parser = Parser::new(text)?;
    let mut tensors = Vec::new();
    while parser.word("const")? {
        let name = parser.value_name()?;
        parser.mark("=")?;
        tensors.push((name, parser.tensor()?));
    }
    parser.end()?;
    Ok(tensors)
}

/// How deep graphs and types may be nested.
const MOST_DEPTH: usize = 64;

struct Parser<'a> {
    lexer: Lexer<'a>,
    depth: usize,
}

/// What is said of a value where it is made.
type Declared = (String, Option<ValueInfo>);

/// A name where a value is read; none is left out.
type Argument = Option<(String, Range<usize>)>;

/// An operator whose inputs are still names.
struct Pending {
    node: NodeId,
    inputs: Vec<Argument>,
    captures: Vec<Argument>,
}

impl<'a> Parser<'a> {
    fn new(text: &'a str) -> Result<Self> {
        Ok(Self { lexer: Lexer::new(text)?, depth: 0 })
    }

    fn end(&mut self) -> Result<()> {
        match self.lexer.peek() {
            Token::End => Ok(()),
            _ => Err(self.lexer.expected("the end")),
        }
    }

    /// Takes a bare word if it is ahead.
    fn word(&mut self, word: &str) -> Result<bool> {
        let ahead = matches!(self.lexer.peek(), Token::Word(w) if w == word);
        if ahead {
            self.lexer.next()?;
        }
        Ok(ahead)
    }

    /// Takes punctuation if it is ahead.
    fn take(&mut self, mark: &str) -> Result<bool> {
        let ahead = matches!(self.lexer.peek(), Token::Mark(m) if *m == mark);
        if ahead {
            self.lexer.next()?;
        }
        Ok(ahead)
    }

    fn mark(&mut self, mark: &str) -> Result<()> {
        if self.take(mark)? { Ok(()) } else { Err(self.lexer.expected(&format!("`{mark}`"))) }
    }

    fn any_word(&mut self, what: &str) -> Result<String> {
        match self.lexer.peek() {
            Token::Word(_) | Token::Quoted(_) => match self.lexer.next()? {
                Token::Word(text) | Token::Quoted(text) => Ok(text),
                _ => Err(self.lexer.expected(what)),
            },
            _ => Err(self.lexer.expected(what)),
        }
    }

    fn quoted(&mut self) -> Result<String> {
        match self.lexer.peek() {
            Token::Quoted(_) => self.any_word("a quoted string"),
            _ => Err(self.lexer.expected("a quoted string")),
        }
    }

    fn hex(&mut self) -> Result<Bytes> {
        match self.lexer.peek() {
            Token::Hex(bytes) => {
                let bytes = bytes.clone().into();
                self.lexer.next()?;
                Ok(bytes)
            }
            _ => Err(self.lexer.expected("hex bytes")),
        }
    }

    /// A string of bytes, quoted or in hex.
    fn bytes(&mut self) -> Result<Bytes> {
        match self.lexer.peek() {
            Token::Hex(_) => self.hex(),
            _ => Ok(self.quoted()?.into()),
        }
    }

    fn number<T: std::str::FromStr>(&mut self, what: &str) -> Result<T> {
        match self.lexer.peek() {
            Token::Word(word) => match word.parse() {
                Ok(number) => {
                    self.lexer.next()?;
                    Ok(number)
                }
                Err(_) => Err(self.lexer.expected(what)),
            },
            _ => Err(self.lexer.expected(what)),
        }
    }

    fn value_name(&mut self) -> Result<String> {
        match self.lexer.peek() {
            Token::Name(name) => {
                let name = name.clone();
                self.lexer.next()?;
                Ok(name)
            }
            _ => Err(self.lexer.expected("a value (%name)")),
        }
    }

    fn use_of_value(&mut self) -> Result<(String, Range<usize>)> {
        let span = self.lexer.span();
        Ok((self.value_name()?, span))
    }

    /// Items in brackets, with commas between.
    fn list<T>(
        &mut self,
        open: &str,
        close: &str,
        mut item: impl FnMut(&mut Self) -> Result<T>,
    ) -> Result<Vec<T>> {
        self.mark(open)?;
        let mut items = Vec::new();
        if self.take(close)? {
            return Ok(items);
        }
        loop {
            items.push(item(self)?);
            if self.take(close)? {
                return Ok(items);
            }
            self.mark(",")?;
        }
    }

    fn nested<T>(&mut self, inner: impl FnOnce(&mut Self) -> Result<T>) -> Result<T> {
        if self.depth == MOST_DEPTH {
            return Err(self.lexer.error(format!("nested deeper than {MOST_DEPTH}")));
        }
        self.depth += 1;
        let result = inner(self);
        self.depth -= 1;
        result
    }

    fn model(&mut self) -> Result<Model> {
        if !self.word("model")? {
            return Err(self.lexer.expected("`model`"));
        }
        let mut model = Model::default();
        if self.word("ir")? {
            self.mark("=")?;
            model.ir_version = self.number("the IR version")?;
        }
        model.opset_imports = self.opsets()?;
        if self.word("producer")? {
            (model.producer_name, model.producer_version) = (self.quoted()?, self.quoted()?);
        }
        if self.word("domain")? {
            model.domain = self.quoted()?;
        }
        if self.word("version")? {
            model.model_version = self.number("the model's version")?;
        }
        (model.doc_string, model.metadata) = self.description()?;
        model.carried = self.carried()?;
        while self.word("function")? {
            model.functions.push(self.function()?);
        }
        model.graph = self.graph(false)?;
        Ok(model)
    }

    fn opsets(&mut self) -> Result<Vec<(String, i64)>> {
        let mut opsets = Vec::new();
        while self.word("opset")? {
            let domain = self.quoted()?;
            self.mark("=")?;
            opsets.push((domain, self.number("an opset version")?));
        }
        Ok(opsets)
    }

    fn description(&mut self) -> Result<(String, Metadata)> {
        let doc = if self.word("doc")? { self.quoted()? } else { String::new() };
        let metadata = if self.word("meta")? {
            let entry = |p: &mut Self| {
                let key = p.quoted()?;
                p.mark(":")?;
                Ok((key, p.quoted()?))
            };
            self.list("{", "}", entry)?.into_iter().collect()
        } else {
            Metadata::default()
        };
        Ok((doc, metadata))
    }

    fn carried(&mut self) -> Result<Bytes> {
        if self.word("carried")? { self.hex() } else { Ok(Bytes::new()) }
    }

    fn function(&mut self) -> Result<Function> {
        let mut function =
            Function { domain: self.quoted()?, name: self.quoted()?, ..Default::default() };
        if self.word("overload")? {
            function.overload = self.quoted()?;
        }
        function.opset_imports = self.opsets()?;
        while self.word("attribute")? {
            function.attributes.push(self.quoted()?);
        }
        if self.word("defaults")? {
            function.attribute_defaults = self.attributes()?;
        }
        (function.doc_string, function.metadata) = self.description()?;
        function.body = self.graph(false)?;
        Ok(function)
    }

    fn graph(&mut self, is_subgraph: bool) -> Result<Graph> {
        self.nested(|p| {
            if !p.word("graph")? {
                return Err(p.lexer.expected("`graph`"));
            }
            let mut graph = Graph::default();
            graph.name = p.any_word("the graph's name")?;
            p.list("(", ")", |p| p.input(&mut graph))?;
            p.mark("->")?;
            let outputs = p.list("(", ")", Self::use_of_value)?;
            (graph.doc_string, graph.metadata) = p.description()?;
            graph.carried = p.carried()?;
            p.mark("{")?;
            let mut pending = Vec::new();
            while !p.take("}")? {
                p.item(&mut graph, &mut pending, is_subgraph)?;
            }
            for op in pending {
                p.connect(&mut graph, op)?;
            }
            for output in outputs {
                let value = p.find(&graph, &output)?;
                graph.add_graph_output(value);
            }
            Ok(graph)
        })
    }

    fn input(&mut self, graph: &mut Graph) -> Result<()> {
        let (name, info) = self.declared(graph)?;
        let default = if self.take("=")? { Some(self.tensor()?) } else { None };
        graph.add_input(&name, info.unwrap_or_default(), default);
        Ok(())
    }

    /// A new value's name and what is declared about it.
    fn declared(&mut self, graph: &Graph) -> Result<Declared> {
        if let Token::Name(name) = self.lexer.peek() {
            if name.is_empty() {
                return Err(self.lexer.error("a value without a name"));
            }
            if graph.value_named(name).is_some() {
                return Err(self.lexer.error(format!("two values have the name %{name}")));
            }
        }
        let name = self.value_name()?;
        let ty = if self.take(":")? { Some(self.ty()?) } else { None };
        let (doc_string, metadata) = self.description()?;
        let info = ValueInfo { ty, doc_string, metadata };
        Ok((name, (info != ValueInfo::default()).then_some(info)))
    }

    fn item(
        &mut self,
        graph: &mut Graph,
        pending: &mut Vec<Pending>,
        is_subgraph: bool,
    ) -> Result<()> {
        if self.word("const")? {
            let (name, info) = self.declared(graph)?;
            self.mark("=")?;
            let value = graph.add_initializer(&name, self.tensor()?);
            graph.value_mut(value).info = info;
            return Ok(());
        }
        if is_subgraph && self.word("capture")? {
            let (name, info) = self.declared(graph)?;
            self.mark("=")?;
            let value = graph.add_capture(&name, self.number("a capture slot")?);
            graph.value_mut(value).info = info;
            return Ok(());
        }
        pending.push(self.op(graph)?);
        Ok(())
    }

    fn op(&mut self, graph: &mut Graph) -> Result<Pending> {
        let mut outputs: Vec<Option<Declared>> = Vec::new();
        if matches!(self.lexer.peek(), Token::Name(_)) || self.is_left_out() {
            loop {
                outputs.push(match self.left_out()? {
                    true => None,
                    false => Some(self.declared(graph)?),
                });
                if !self.take(",")? {
                    break;
                }
            }
            self.mark("=")?;
        }
        let (op, inputs, captures) = self.call()?;
        let names: Vec<Option<&str>> =
            outputs.iter().map(|o| o.as_ref().map(|(name, _)| name.as_str())).collect();
        let mut seen = HashSet::new();
        if let Some(twice) = names.iter().flatten().find(|name| !seen.insert(**name)) {
            return Err(self.lexer.error(format!("two outputs have the name {twice:?}")));
        }
        let node = graph.add_op(op, inputs.len(), &names);
        let values = graph.node(node).outputs().to_vec();
        for (value, declared) in values.into_iter().zip(outputs) {
            if let (Some(value), Some((_, info))) = (value, declared) {
                graph.value_mut(value).info = info;
            }
        }
        Ok(Pending { node, inputs, captures })
    }

    fn is_left_out(&self) -> bool {
        matches!(self.lexer.peek(), Token::Word(w) if w == "_")
    }

    fn left_out(&mut self) -> Result<bool> {
        self.word("_")
    }

    fn call(&mut self) -> Result<(Op, Vec<Argument>, Vec<Argument>)> {
        let mut op = Op { op_type: self.any_word("an operator")?, ..Op::default() };
        if self.take("::")? {
            op.domain = std::mem::replace(&mut op.op_type, self.any_word("an operator")?);
        }
        if self.take("#")? {
            op.overload = self.quoted()?;
        }
        let argument = |p: &mut Self| match p.left_out()? {
            true => Ok(None),
            false => p.use_of_value().map(Some),
        };
        let inputs = self.list("(", ")", argument)?;
        let captures =
            if self.word("captures")? { self.list("(", ")", argument)? } else { Vec::new() };
        if self.word("name")? {
            op.name = self.quoted()?;
        }
        if matches!(self.lexer.peek(), Token::Mark("{")) {
            op.attributes = self.attributes()?;
        }
        (op.doc_string, op.metadata) = self.description()?;
        op.carried = self.carried()?;
        Ok((op, inputs, captures))
    }

    fn connect(&mut self, graph: &mut Graph, pending: Pending) -> Result<()> {
        let Pending { node, inputs, captures } = pending;
        for (slot, name) in inputs.into_iter().enumerate() {
            if let Some(name) = name {
                let value = self.find(graph, &name)?;
                graph.connect(value, Use::input(node, slot));
            }
        }
        for (slot, name) in captures.into_iter().enumerate() {
            if let Some(name) = name {
                let value = self.find(graph, &name)?;
                graph.connect(value, Use { node, slot: Slot::Capture(slot as u32) });
            }
        }
        Ok(())
    }

    fn find(&self, graph: &Graph, (name, span): &(String, Range<usize>)) -> Result<ValueId> {
        graph.value_named(name).ok_or_else(|| {
            self.lexer.error_at(span, format!("nothing in this graph makes %{name}"))
        })
    }
}
