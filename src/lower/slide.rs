//! Windows that slide over images: convolutions and pools.

use super::group::{Inst, Kind};
use super::lowering::{Home, Lowering};
use super::product::is_product;
use super::program::{Along, Slide, Sliding};
use super::view::count;
use crate::error::Result;
use crate::ir::{DataType, NodeId, Op};
use crate::ops::infer::slid;
use crate::ops::size::{Atom, Size};

impl Lowering<'_> {
    /// Conv whose filters are constant.
    pub(super) fn conv(&mut self, id: NodeId, op: &Op) -> Result<Option<()>> {
        let Some(w) = self.slot(id, 1) else { return Ok(None) };
        self.ensure(w)?;
        let Some(w) = self.constants.get(&w).map(|tensor| (w, tensor.clone())) else {
            return Ok(None);
        };
        let (_, schema) = self.operator(op)?;
        let call = self.call(op, schema);
        let (given, groups) = (call.ints("kernel_shape")?, call.int("group")?);
        let [filters, channels, kernel @ ..] = &w.1.dims[..] else { return Ok(None) };
        let is_whole = groups > 0 && filters % groups == 0 && !w.1.dims.contains(&0);
        if !is_whole || !is_product(w.1.dtype) || given.is_some_and(|given| given != kernel) {
            return Ok(None);
        }
        let bias = match self.slot(id, 2) {
            None => None,
            Some(bias) => match self.view(bias)? {
                Some(view) if view.dims[..] == [Size::from(*filters)] => {
                    let view = self.in_line(id, view);
                    Some(self.program.sizes.place(&view))
                }
                _ => return Ok(None),
            },
        };
        let what = Sliding::Conv {
            bias,
            groups: groups as usize,
            channels: *channels as usize,
            filters: (filters / groups) as usize,
            constant: self.constant(w.0, w.1.clone()),
        };
        let kernel: Vec<Size> = kernel.iter().map(|&size| size.into()).collect();
        self.slide(id, op, &kernel, what)
    }

    /// MaxPool without indices, and AveragePool.
    pub(super) fn pool(&mut self, id: NodeId, op: &Op) -> Result<Option<()>> {
        let (_, schema) = self.operator(op)?;
        let call = self.call(op, schema);
        let what = match op.op_type.as_str() {
            "MaxPool" => Sliding::Max,
            _ => Sliding::Average {
                counts_padding: schema.attribute("count_include_pad").is_some()
                    && call.flag("count_include_pad")?,
            },
        };
        let has_indices = self.graph.node(id).outputs().iter().skip(1).any(Option::is_some);
        match call.ints("kernel_shape")? {
            Some(kernel) if !has_indices && kernel.iter().all(|&size| size > 0) => {
                let kernel: Vec<Size> = kernel.into_iter().map(Size::from).collect();
                self.slide(id, op, &kernel, what)
            }
            _ => Ok(None),
        }
    }

    fn slide(&mut self, id: NodeId, op: &Op, kernel: &[Size], what: Sliding) -> Result<Option<()>> {
        let (Some(input), Some((output, dims, dtype))) = (self.slot(id, 0), self.result(id)) else {
            return Ok(None);
        };
        let Some(x) = self.view(input)? else { return Ok(None) };
        let says_itself = |size: &Size| {
            size.mentions(&|atom| matches!(atom, Atom::Axis(value, _) if *value == output))
        };
        let is_image = (3..=5).contains(&x.dims.len()) && kernel.len() + 2 == x.dims.len();
        if !is_product(dtype) || !is_image || dims.iter().any(says_itself) {
            return Ok(None);
        }
        let (_, schema) = self.operator(op)?;
        let Some(axes) = slid(&self.call(op, schema), &x.dims[2..], kernel) else {
            return Ok(None);
        };
        let mut along = Vec::new();
        for (axis, output) in axes {
            let is_padded = axis.begin.is_at_least(&0.into()) && axis.end.is_at_least(&0.into());
            // The padding of a pool with `auto_pad` may be below 0.
            if !is_padded && !axis.extent.is_at_least(&axis.stride) {
                return Ok(None);
            }
            let Some(output) = output else { return Ok(None) };
            let sizes = &mut self.program.sizes;
            along.push(Along {
                input: sizes.id(axis.input),
                output: sizes.id(&output),
                kernel: sizes.id(axis.kernel),
                stride: sizes.id(&axis.stride),
                dilation: sizes.id(&axis.dilation),
                begin: sizes.id(&axis.begin),
                end: sizes.id(&axis.end),
            });
        }
        let x = self.in_line(id, x);
        let slide = Slide { x: self.program.sizes.place(&x), axes: along, what };
        let space = [&dims[..2], &[count(&dims[2..])]].concat();
        let item = self.begin(id, Kind::Slide(Box::new(slide)), space);
        let inst = self.push(item, Inst::Product);
        self.homes.insert(output, Home::Inst(item, inst));
        Ok(Some(()))
    }

    /// A view, or its copy where it is not contiguous or not stored in float32.
    fn in_line(&mut self, id: NodeId, view: super::view::View) -> super::view::View {
        let is_float = self.program.buffers[view.buffer].dtype == DataType::F32;
        match is_float && view.is_contiguous() {
            true => view,
            false => self.copied(id, &view, DataType::F32),
        }
    }
}
