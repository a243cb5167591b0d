//! Parsing.

use crate::kernel::Operation;
use crate::kernel::ir::{
    Amount, Axis, AxisId, AxisKind, Block, Buffer, BufferId, Fold, FoldKind, Index, Kernel, Stmt,
    Term, Type, ValueId,
};

/// Loops in each other, at most.
const DEEPEST: usize = 64;

/// Reads a kernel.
///
/// # Errors
/// What is wrong, and in which line.
pub fn parse(text: &str) -> Result<Kernel, String> {
    let mut parser = Parser { tokens: tokens(text), at: 0, depth: 0, kernel: Kernel::default() };
    parser.kernel().map_err(|e| format!("line {}: {e}", parser.line()))?;
    Ok(parser.kernel)
}

/// Words, and each sign alone, with their lines.
fn tokens(text: &str) -> Vec<(String, usize)> {
    let mut tokens = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let mut word = String::new();
        let mut previous = ' ';
        for c in line.split(';').next().unwrap_or_default().chars().chain([' ']) {
            // A number may have a sign, and its exponent another.
            let is_sign = c == '-' && (word.is_empty() || previous == 'e');
            let is_plus = c == '+'
                && previous == 'e'
                && word.starts_with(|d: char| d.is_numeric() || d == '-');
            if c.is_alphanumeric() || "_.%#".contains(c) || is_sign || is_plus {
                word.push(c);
            } else {
                if !word.is_empty() {
                    tokens.push((std::mem::take(&mut word), number + 1));
                }
                if !c.is_whitespace() {
                    tokens.push((c.to_string(), number + 1));
                }
            }
            previous = c;
        }
    }
    tokens
}

struct Parser {
    tokens: Vec<(String, usize)>,
    at: usize,
    /// The loops around.
    depth: usize,
    kernel: Kernel,
}

impl Parser {
    fn line(&self) -> usize {
        let token = self.tokens.get(self.at).or(self.tokens.last());
        token.map_or(0, |(_, line)| *line)
    }

    fn peek(&self) -> &str {
        self.tokens.get(self.at).map_or("", |(token, _)| token)
    }

    fn next(&mut self) -> String {
        let token = self.peek().to_owned();
        self.at += 1;
        token
    }

    fn has(&mut self, token: &str) -> bool {
        let is_there = self.peek() == token;
        self.at += usize::from(is_there);
        is_there
    }

    fn expect(&mut self, token: &str) -> Result<(), String> {
        match self.has(token) {
            true => Ok(()),
            false => Err(format!("{token:?} is expected, found {:?}", self.peek())),
        }
    }

    fn kernel(&mut self) -> Result<(), String> {
        self.expect("kernel")?;
        self.kernel.name = self.next();
        self.expect("(")?;
        while !self.has(")") {
            let name = self.name(|kernel, name| kernel.given.iter().any(|given| given == name))?;
            self.kernel.given.push(name);
            self.has(",");
        }
        while self.peek() != "{" {
            let is_output = self.has("out");
            let name = self.name(|kernel, name| kernel.buffers.iter().any(|b| b.name == name))?;
            self.expect(":")?;
            let dtype = self.next();
            let dtype = dtype.parse().map_err(|()| format!("there is no type {dtype:?}"))?;
            self.kernel.buffers.push(Buffer { name, dtype, is_output });
            self.has(",");
        }
        self.kernel.body = self.block()?;
        match self.peek() {
            "" => Ok(()),
            more => Err(format!("{more:?} stands behind the kernel")),
        }
    }

    /// A new name.
    fn name(&mut self, is_there: impl Fn(&Kernel, &str) -> bool) -> Result<String, String> {
        let name = self.next();
        if !name.starts_with(|c: char| c.is_alphabetic() || c == '_') {
            return Err(format!("a name is expected, found {name:?}"));
        }
        match is_there(&self.kernel, &name) {
            true => Err(format!("{name:?} is there already")),
            false => Ok(name),
        }
    }

    fn block(&mut self) -> Result<Block, String> {
        self.expect("{")?;
        if self.depth > DEEPEST {
            return Err(format!("more than {DEEPEST} loops stand in each other"));
        }
        self.depth += 1;
        let mut block = Vec::new();
        while !self.has("}") {
            block.push(self.stmt()?);
        }
        self.depth -= 1;
        Ok(block)
    }

    fn stmt(&mut self) -> Result<Stmt, String> {
        if self.has("for") {
            let axis = self.axis()?;
            return Ok(Stmt::For { axis, body: self.block()? });
        }
        if self.has("fold") {
            let (axis, body) = (self.axis()?, self.block()?);
            let mut folds = vec![self.fold()?];
            while self.has(",") {
                folds.push(self.fold()?);
            }
            return Ok(Stmt::Fold { axis, body, folds });
        }
        if self.has("store") {
            let (buffer, at) = self.place()?;
            return Ok(Stmt::Store { buffer, at, value: self.value()? });
        }
        let result = self.defined()?;
        self.expect("=")?;
        match self.next().as_str() {
            "const" => {
                let number = self.next();
                let number = number.parse().map_err(|_| format!("{number:?} is no number"))?;
                Ok(Stmt::Constant { result, number })
            }
            "index" => Ok(Stmt::Index { result, axis: self.axis_id()? }),
            "load" => {
                let (buffer, at) = self.place()?;
                Ok(Stmt::Load { result, buffer, at })
            }
            name => {
                let operation = Operation::named(name)
                    .ok_or_else(|| format!("there is no operation {name:?}"))?;
                let mut arguments = Vec::new();
                let is_end = |token: &(String, usize)| token.0 == ":";
                while self.peek().starts_with('%')
                    && !self.tokens.get(self.at + 1).is_some_and(is_end)
                {
                    arguments.push(self.value()?);
                }
                Ok(Stmt::Operation { result, operation, arguments })
            }
        }
    }

    fn axis(&mut self) -> Result<Axis, String> {
        let name = self.next();
        let kind = AxisKind::NAMES.iter().find(|(_, known)| *known == name);
        let kind = kind.ok_or_else(|| format!("there is no loop {name:?}"))?.0;
        let id = self.axis_id()?;
        self.kernel.axes = self.kernel.axes.max(id.0 + 1);
        self.expect("<")?;
        Ok(Axis { id, extent: self.amount()?, kind })
    }

    fn fold(&mut self) -> Result<Fold, String> {
        let name = self.next();
        let kind = FoldKind::NAMES.iter().find(|(_, known)| *known == name);
        let kind = kind.ok_or_else(|| format!("there is no fold {name:?}"))?.0;
        let value = self.value()?;
        self.expect("-")?;
        self.expect(">")?;
        Ok(Fold { result: self.defined()?, kind, value })
    }

    /// A value and its type.
    fn defined(&mut self) -> Result<ValueId, String> {
        let value = self.value()?;
        self.expect(":")?;
        let name = self.next();
        let ty = Type::ALL.into_iter().find(|ty| ty.name() == name);
        let ty = ty.ok_or_else(|| format!("values have no type {name:?}"))?;
        let at = value.0 as usize;
        if self.kernel.values.len() <= at {
            self.kernel.values.resize(at + 1, ty);
        }
        self.kernel.values[at] = ty;
        Ok(value)
    }

    fn value(&mut self) -> Result<ValueId, String> {
        self.number('%').map(ValueId)
    }

    fn axis_id(&mut self) -> Result<AxisId, String> {
        self.number('#').map(AxisId)
    }

    fn number(&mut self, sign: char) -> Result<u32, String> {
        let token = self.next();
        let number = token.strip_prefix(sign).and_then(|number| number.parse().ok());
        number
            .filter(|&number: &u32| number < 1 << 16)
            .ok_or_else(|| format!("a number behind {sign:?} is expected, found {token:?}"))
    }

    fn amount(&mut self) -> Result<Amount, String> {
        let token = self.next();
        if let Ok(number) = token.parse() {
            return Ok(Amount::Constant(number));
        }
        let at = self.kernel.given.iter().position(|name| *name == token);
        at.map(|at| Amount::Given(at as u32))
            .ok_or_else(|| format!("no integer {token:?} is given"))
    }

    fn place(&mut self) -> Result<(BufferId, Index), String> {
        let name = self.next();
        let buffer = self.kernel.buffers.iter().position(|buffer| buffer.name == name);
        let buffer = buffer.ok_or_else(|| format!("there is no buffer {name:?}"))?;
        self.expect("[")?;
        let mut index = Index::default();
        loop {
            let term = match self.peek().chars().next() {
                Some('#') => Some(Term::Axis(self.axis_id()?)),
                Some('%') => Some(Term::Value(self.value()?)),
                _ => None,
            };
            match term {
                Some(term) => {
                    let stride = if self.has("*") { self.amount()? } else { Amount::Constant(1) };
                    index.terms.push((term, stride));
                }
                None => match index.base.replace(self.amount()?) {
                    None => {}
                    Some(_) => return Err("a place begins twice".to_owned()),
                },
            }
            if !self.has("+") {
                break;
            }
        }
        self.expect("]")?;
        index.base = index.base.filter(|base| *base != Amount::Constant(0));
        Ok((BufferId(buffer as u32), index))
    }
}
