//! Kernels, statement by statement.

use super::ir::{
    Amount, Axis, AxisId, AxisKind, Block, Buffer, BufferId, Fold, FoldKind, Index, Kernel, Stmt,
    Type, ValueId,
};
use super::trim::trim;
use super::{Operation, check};
use crate::ir::DataType;

/// A kernel while it is made: each statement goes into the innermost loop that is open.
///
/// What does not fit is no error at once, but the first such thing is that of [`finish`](Self::finish).
#[derive(Debug)]
pub struct Builder {
    kernel: Kernel,
    /// The loops that are open, from outside, each with what stood around it before it.
    open: Vec<(Axis, Block)>,
    error: Option<String>,
}

impl Builder {
    /// An empty kernel.
    pub fn new(name: &str) -> Self {
        let kernel = Kernel { name: name.to_owned(), ..Kernel::default() };
        Self { kernel, open: Vec::new(), error: None }
    }

    /// A new integer of the launch: a size or a stride.
    pub fn given(&mut self, name: &str) -> Amount {
        self.kernel.given.push(name.to_owned());
        Amount::Given(self.kernel.given.len() as u32 - 1)
    }

    /// A new buffer, which is written where `is_output`.
    pub fn buffer(&mut self, name: &str, dtype: DataType, is_output: bool) -> BufferId {
        self.kernel.buffers.push(Buffer { name: name.to_owned(), dtype, is_output });
        BufferId(self.kernel.buffers.len() as u32 - 1)
    }

    /// The nearest number of the type.
    pub fn constant(&mut self, ty: Type, number: f64) -> ValueId {
        let result = self.value(ty);
        self.push(Stmt::Constant { result, number });
        result
    }

    /// An operation. Its type is what [`Operation::result`] says.
    pub fn op(&mut self, operation: Operation, arguments: &[ValueId]) -> ValueId {
        let types: Vec<Type> = arguments.iter().map(|value| self.ty(*value)).collect();
        let ty = operation.result(&types).unwrap_or_else(|error| {
            self.wrong(error);
            Type::F32
        });
        let result = self.value(ty);
        self.push(Stmt::Operation { result, operation, arguments: arguments.to_vec() });
        result
    }

    /// The type of a value of this kernel.
    pub fn ty(&self, value: ValueId) -> Type {
        self.kernel.values.get(value.0 as usize).copied().unwrap_or(Type::F32)
    }

    /// The number of a constant that can be used here; none where it is another value.
    pub fn number(&self, value: ValueId) -> Option<f64> {
        let around = self.open.iter().map(|(_, block)| block);
        around.chain([&self.kernel.body]).flatten().find_map(|stmt| match stmt {
            Stmt::Constant { result, number } if *result == value => Some(*number),
            _ => None,
        })
    }

    /// The index of the loop of an axis that is open, as an integer.
    pub fn index(&mut self, axis: AxisId) -> ValueId {
        let result = self.value(Type::I64);
        self.push(Stmt::Index { result, axis });
        result
    }

    /// An element of a buffer, in the type in which it is computed.
    pub fn load(&mut self, buffer: BufferId, at: Index) -> ValueId {
        let dtype = self.kernel.buffers.get(buffer.0 as usize).map(|buffer| buffer.dtype);
        let result = self.value(dtype.and_then(Type::of_stored).unwrap_or(Type::F32));
        self.push(Stmt::Load { result, buffer, at });
        result
    }

    /// Stores a value, rounded once to the buffer's type.
    pub fn store(&mut self, buffer: BufferId, at: Index, value: ValueId) {
        self.push(Stmt::Store { buffer, at, value });
    }

    /// Begins a loop over a new axis.
    pub fn open(&mut self, kind: AxisKind, extent: Amount) -> AxisId {
        let id = AxisId(self.kernel.axes);
        self.kernel.axes += 1;
        let around = std::mem::take(&mut self.kernel.body);
        self.open.push((Axis { id, extent, kind }, around));
        id
    }

    /// Ends the innermost loop, of which nothing is folded.
    pub fn close(&mut self) {
        if let Some((axis, body)) = self.end() {
            self.push(Stmt::For { axis, body });
        }
    }

    /// Ends the innermost loop, of whose passes these values are folded into one each.
    pub fn fold(&mut self, folds: &[(FoldKind, ValueId)]) -> Vec<ValueId> {
        let fold = |&(kind, value): &(FoldKind, ValueId)| {
            let result = self.value(self.ty(value));
            Fold { result, kind, value }
        };
        let folds: Vec<Fold> = folds.iter().map(fold).collect();
        let results = folds.iter().map(|fold| fold.result).collect();
        if let Some((axis, body)) = self.end() {
            self.push(Stmt::Fold { axis, body, folds });
        }
        results
    }

    /// The kernel, without what it does not use.
    ///
    /// # Errors
    /// The first thing that did not fit, or what [`check`] says.
    pub fn finish(mut self) -> Result<Kernel, String> {
        if let Some((axis, _)) = self.open.last() {
            self.wrong(format!("the loop of axis {} is open", axis.id.0));
        }
        match self.error {
            Some(error) => Err(format!("{}: {error}", self.kernel.name)),
            None => {
                check(&self.kernel)?;
                trim(&mut self.kernel);
                Ok(self.kernel)
            }
        }
    }

    fn value(&mut self, ty: Type) -> ValueId {
        self.kernel.values.push(ty);
        ValueId(self.kernel.values.len() as u32 - 1)
    }

    fn push(&mut self, stmt: Stmt) {
        self.kernel.body.push(stmt);
    }

    fn end(&mut self) -> Option<(Axis, Block)> {
        let Some((axis, around)) = self.open.pop() else {
            self.wrong("no loop is open".to_owned());
            return None;
        };
        Some((axis, std::mem::replace(&mut self.kernel.body, around)))
    }

    fn wrong(&mut self, what: String) {
        self.error.get_or_insert(what);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::Term;

    #[test]
    fn a_kernel_is_made() {
        let mut b = Builder::new("rows");
        let (rows, columns) = (b.given("rows"), b.given("columns"));
        let x = b.buffer("x", DataType::F16, false);
        let y = b.buffer("y", DataType::F32, true);
        let row = b.open(AxisKind::Grid, rows);
        let column = b.open(AxisKind::Lane, columns);
        let stride = Amount::Constant(1);
        let at = vec![(Term::Axis(row), columns), (Term::Axis(column), stride)];
        let loaded = b.load(x, Index { terms: at, base: None });
        let sum = b.fold(&[(FoldKind::Sum, loaded)]);
        let two = b.constant(Type::F32, 2.0);
        let half = b.op(Operation::Div, &[sum[0], two]);
        b.store(y, Index { terms: vec![(Term::Axis(row), stride)], base: None }, half);
        b.close();
        let text = "\
kernel rows(rows, columns) x: f16, out y: f32 {
  for grid #0 < rows {
    fold lane #1 < columns {
      %0: f32 = load x[#0*columns + #1]
    } sum %0 -> %1: f32
    %2: f32 = const 2.0
    %3: f32 = div %1 %2
    store y[#0] %3
  }
}
";
        assert_eq!(b.finish().expect("a kernel").to_string(), text);
    }

    #[test]
    fn the_first_thing_that_does_not_fit_is_said() {
        let mut b = Builder::new("k");
        let (x, i) = (b.constant(Type::F32, 1.0), b.constant(Type::I64, 1.0));
        b.op(Operation::Add, &[x, i]);
        b.close();
        assert_eq!(b.finish(), Err("k: add takes no f32, i64".to_owned()));
        let mut b = Builder::new("k");
        b.open(AxisKind::Lane, Amount::Constant(1));
        assert_eq!(b.finish(), Err("k: the loop of axis 0 is open".to_owned()));
        let mut b = Builder::new("k");
        b.close();
        assert_eq!(b.finish(), Err("k: no loop is open".to_owned()));
        let mut b = Builder::new("k");
        b.store(BufferId(0), Index::default(), ValueId(0));
        assert_eq!(b.finish(), Err("k: there is no buffer 0".to_owned()));
    }
    #[test]
    fn a_loop_that_nothing_is_used_of_goes() {
        let mut b = Builder::new("k");
        let n = b.given("n");
        let x = b.buffer("x", DataType::F32, false);
        let y = b.buffer("y", DataType::F32, true);
        for is_stored in [false, true] {
            let axis = b.open(AxisKind::Lane, n);
            let at = Index { terms: vec![(Term::Axis(axis), Amount::Constant(1))], base: None };
            let loaded = b.load(x, at.clone());
            if is_stored {
                b.store(y, at, loaded);
            }
            b.fold(&[(FoldKind::Sum, loaded)]);
        }
        let text = "\
kernel k(n) x: f32, out y: f32 {
  for lane #1 < n {
    %2: f32 = load x[#1]
    store y[#1] %2
  }
}
";
        assert_eq!(b.finish().expect("a kernel").to_string(), text);
    }
}
