//! Windows that slide over images: convolutions and pools.

use super::group::{Inst, Kind};
use super::lowering::{Home, Lowering};
use super::product::is_product;
use super::program::{Along, Slide, Sliding};
use super::view::{View, count};
use crate::error::Result;
use crate::ir::{DataType, NodeId, Op};
use crate::ops::infer::slid;
use crate::ops::numbers;
use crate::ops::size::Size;

impl Lowering<'_> {
    /// Conv whose filters are constant.
    pub(super) fn conv(&mut self, id: NodeId, op: &Op) -> Result<Option<()>> {
        let Some(w) = self.slot(id, 1) else { return Ok(None) };
        self.ensure(w)?;
        let Some(w) = self.constants.get(&w).map(|tensor| (w, tensor.clone())) else {
            return Ok(None);
        };
        let call = self.call(op)?;
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

    /// ConvTranspose whose windows lie side by side: a convolution with a window of one place, which makes
    /// each place of these as a channel of its own, and a copy that moves them to where they stand.
    pub(super) fn conv_transpose(&mut self, id: NodeId, op: &Op) -> Result<Option<()>> {
        let (Some(input), Some(w)) = (self.slot(id, 0), self.slot(id, 1)) else { return Ok(None) };
        let Some((output, dims, dtype)) = self.result(id) else { return Ok(None) };
        let Some(x) = self.view(input)? else { return Ok(None) };
        for value in [Some(w), self.slot(id, 2)].into_iter().flatten() {
            self.ensure(value)?;
        }
        let Some(w) = self.constants.get(&w) else { return Ok(None) };
        let (numbers, sizes) = (numbers::floats(w), w.dims.clone());
        let bias = match self.slot(id, 2) {
            None => Some(vec![0.0; sizes.get(1).map_or(0, |&size| size as usize)]),
            Some(bias) => self.constants.get(&bias).and_then(|bias| numbers::floats(bias).ok()),
        };
        let (Ok(numbers), Some(bias), [channels, filters, kernel @ ..]) =
            (numbers, bias, &sizes[..])
        else {
            return Ok(None);
        };
        let places = kernel.iter().product::<i64>() as usize;
        let expected: Vec<Size> =
            x.dims.iter().skip(2).zip(kernel).map(|(x, &k)| x * &k.into()).collect();
        let is_fine = is_product(dtype)
            && self.lies_side_by_side(op, kernel)?
            && (3..=5).contains(&x.dims.len())
            && kernel.len() + 2 == x.dims.len()
            && !sizes.contains(&0)
            && x.dims[1].known() == Some(*channels)
            && bias.len() as i64 == *filters
            && dims[1].known() == Some(*filters)
            && dims[2..] == expected;
        if !is_fine {
            return Ok(None);
        }
        let columns = *filters as usize * places;
        let rows = *channels as usize;
        let turned: Vec<f64> =
            (0..columns * rows).map(|at| numbers[at % rows * columns + at / rows]).collect();
        let spread: Vec<f64> = bias.iter().flat_map(|&bias| vec![bias; places]).collect();
        let spatial = &x.dims[2..];
        let what = Sliding::Conv {
            bias: Some({
                let view = View::whole(
                    self.numbers(DataType::F32, &spread)?,
                    vec![(columns as i64).into()],
                );
                self.program.sizes.place(&view)
            }),
            groups: 1,
            channels: rows,
            filters: columns,
            constant: self.numbers(DataType::F32, &turned)?,
        };
        let sizes = &mut self.program.sizes;
        let [zero, one] = [0, 1].map(|number| sizes.id(&number.into()));
        let along = |size: &Size| {
            let size = sizes.id(size);
            let (input, output) = (size, size);
            Along { input, output, kernel: one, stride: one, dilation: one, begin: zero, end: zero }
        };
        let axes = spatial.iter().map(along).collect();
        let x = self.in_line(id, x.clone());
        let slide = Slide { x: self.program.sizes.place(&x), axes, what };
        let spatial = &x.dims[2..];
        let images = [dims[0].clone(), (columns as i64).into()];
        let space = [&images[..], &[count(spatial)]].concat();
        let item = self.begin(id, Kind::Slide(Box::new(slide)), space);
        let inst = self.push(item, Inst::Product);
        let made = self.made(DataType::F32, &[&images, spatial].concat());
        self.stored(item, inst, &made);
        let (y, rank) = (self.made(dtype, &dims), kernel.len());
        let kernel: Vec<Size> = kernel.iter().map(|&size| size.into()).collect();
        let from = made.reshaped(&[&dims[..2], &kernel, spatial].concat());
        let pairs = spatial.iter().zip(&kernel).flat_map(|(size, k)| [size.clone(), k.clone()]);
        let to = y.reshaped(&dims[..2].iter().cloned().chain(pairs).collect::<Vec<_>>());
        let order: Vec<usize> = [0, 1]
            .into_iter()
            .chain((0..rank).map(|k| 3 + 2 * k))
            .chain((0..rank).map(|s| 2 + 2 * s))
            .collect();
        let (Some(from), Some(to)) = (from, to) else { return Ok(None) };
        self.copied_into(id, from, &to.transposed(&order));
        Ok(self.is(output, y))
    }

    /// Whether the windows of a transposed convolution neither overlap nor leave gaps.
    fn lies_side_by_side(&self, op: &Op, kernel: &[i64]) -> Result<bool> {
        let call = self.call(op)?;
        let all = |name: &str, fits: &dyn Fn(&[i64]) -> bool| -> Result<bool> {
            Ok(call.ints(name)?.is_none_or(|list| fits(&list)))
        };
        Ok(call.int("group")? == 1
            && !call.has("output_shape")
            && all("kernel_shape", &|list| list == kernel)?
            && call.ints("strides")?.unwrap_or_else(|| vec![1; kernel.len()]) == kernel
            && all("dilations", &|list| list.iter().all(|&number| number == 1))?
            && all("pads", &|list| list.iter().all(|&number| number == 0))?
            && all("output_padding", &|list| list.iter().all(|&number| number == 0))?
            && matches!(call.string("auto_pad")?.as_str(), "" | "NOTSET" | "VALID"))
    }

    /// MaxPool without indices, and AveragePool.
    pub(super) fn pool(&mut self, id: NodeId, op: &Op) -> Result<Option<()>> {
        let call = self.call(op)?;
        let what = match op.op_type.as_str() {
            "MaxPool" => Sliding::Max,
            _ => Sliding::Average {
                counts_padding: call.schema.attribute("count_include_pad").is_some()
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
        let is_image = (3..=5).contains(&x.dims.len()) && kernel.len() + 2 == x.dims.len();
        if !is_product(dtype) || !is_image {
            return Ok(None);
        }
        let Some(axes) = slid(&self.call(op)?, &x.dims[2..], kernel) else {
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
    fn in_line(&mut self, id: NodeId, view: View) -> View {
        let is_float = self.program.buffers[view.buffer].dtype == DataType::F32;
        match is_float && view.is_contiguous() {
            true => view,
            false => self.copied(id, &view, DataType::F32),
        }
    }
}
