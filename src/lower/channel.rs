//! BatchNormalization.

use super::group::{Inst, Kind};
use super::lowering::{Home, Lowering, stored};
use super::program::{BufferId, Origin, Sliding};
use super::view::View;
use crate::error::Result;
use crate::ir::{DataType, NodeId, Op, ValueId};
use crate::kernel::{Operation, Type};
use crate::ops::numbers::{floats, of_floats};

impl Lowering<'_> {
    /// BatchNormalization by constants: x·a + b, with an a and a b for each channel. A convolution that
    /// nothing else reads takes them into its filters and its bias.
    pub(super) fn batch_normalization(&mut self, id: NodeId, op: &Op) -> Result<Option<()>> {
        let (Some(input), Some((output, dims, dtype))) = (self.slot(id, 0), self.result(id)) else {
            return Ok(None);
        };
        let call = self.call(op)?;
        let flag = |name: &str, default| match call.schema.attribute(name) {
            Some(_) => call.flag(name),
            None => Ok(default),
        };
        let has_more = self.graph.node(id).outputs().iter().skip(1).any(Option::is_some);
        let is_plain = !has_more && !flag("training_mode", false)? && flag("spatial", true)?;
        if !is_plain || !dtype.is_float() || Type::of_stored(dtype).is_none() || dims.len() < 2 {
            return Ok(None);
        }
        let epsilon = call.float("epsilon")?;
        let mut parameters = Vec::new();
        for slot in 1..5 {
            let Some(value) = self.slot(id, slot) else { return Ok(None) };
            self.ensure(value)?;
            let Some(tensor) = self.constants.get(&value) else { return Ok(None) };
            parameters.push(floats(tensor)?);
        }
        let channels = dims[1].known();
        if parameters.iter().any(|numbers| Some(numbers.len() as i64) != channels) {
            return Ok(None);
        }
        let by = parameters[0].iter().zip(&parameters[3]);
        let by: Vec<f64> =
            by.map(|(scale, variance)| scale / (variance + epsilon).sqrt()).collect();
        let plus = parameters[1].iter().zip(&parameters[2]).zip(&by);
        let plus: Vec<f64> = plus.map(|((bias, mean), by)| bias - mean * by).collect();
        if let Some(home) = self.taken_in(input, &by, &plus)? {
            self.homes.insert(output, home);
            return Ok(Some(()));
        }
        let Some(mut item) = self.host(id, &dims, &[input])? else { return Ok(None) };
        let mut own = vec![1.into(); dims.len() - 1];
        own[0] = dims[1].clone();
        let mut views = Vec::new();
        for numbers in [by, plus] {
            let view = View::whole(self.numbers(stored(dtype), &numbers)?, own.clone());
            let Some(view) = self.spread(&view, &dims) else { return Ok(None) };
            views.push(view);
        }
        let group = self.group(item);
        if !group.has(&dims) || group.over(&views[0]).is_none() {
            item = self.begin(id, Kind::Map, dims.clone());
        }
        let Some(mut inst) = self.read(item, input, &dims)? else { return Ok(None) };
        for (view, operation) in views.into_iter().zip([Operation::Mul, Operation::Add]) {
            let Some(view) = self.group(item).over(&view) else { return Ok(None) };
            let other = self.push(item, Inst::Operand(view));
            inst = self.group_mut(item).op(operation, &[inst, other]);
        }
        self.homes.insert(output, Home::Inst(item, inst));
        Ok(Some(()))
    }

    /// A new constant of one axis.
    pub(super) fn numbers(&mut self, dtype: DataType, numbers: &[f64]) -> Result<BufferId> {
        let count = numbers.len() as i64;
        let tensor = of_floats(dtype, &[count], numbers)?;
        Ok(self.buffer(dtype, &count.into(), Origin::Constant(tensor)))
    }

    /// Scales a convolution's filters and bias, where the value is that of one and is read once.
    fn taken_in(&mut self, value: ValueId, by: &[f64], plus: &[f64]) -> Result<Option<Home>> {
        self.ensure(value)?;
        let Some(home @ &Home::Inst(item, _)) = self.homes.get(&value) else { return Ok(None) };
        let (home, (item, _)) = (home.clone(), self.resolved(item, 0));
        let group = self.group(item);
        let is_alone = group.insts.len() == 1 && group.outputs.is_empty();
        let Kind::Slide(slide) = &group.kind else { return Ok(None) };
        let mut slide = slide.clone();
        let Sliding::Conv { constant, bias, .. } = &mut slide.what else { return Ok(None) };
        let tensor = |buffer: BufferId| match &self.program.buffers[buffer].origin {
            Origin::Constant(tensor) => Some(tensor),
            _ => None,
        };
        let own = match bias {
            None => vec![0.0; by.len()],
            Some(place) => match tensor(place.buffer) {
                Some(tensor) => floats(tensor)?,
                None => return Ok(None),
            },
        };
        let Some(filters) = tensor(*constant) else { return Ok(None) };
        if !is_alone || !self.is_read_once(value) || own.len() != by.len() {
            return Ok(None);
        }
        let (mut all, dims) = (floats(filters)?, filters.dims.clone());
        let each = all.len() / by.len();
        for (filter, by) in all.chunks_mut(each).zip(by) {
            filter.iter_mut().for_each(|number| *number *= by);
        }
        let sum = own.iter().zip(by).zip(plus).map(|((own, by), plus)| own * by + plus);
        let sum: Vec<f64> = sum.collect();
        let filters = of_floats(DataType::F32, &dims, &all)?;
        let count = all.len() as i64;
        *constant = self.buffer(DataType::F32, &count.into(), Origin::Constant(filters));
        let view = View::whole(self.numbers(DataType::F32, &sum)?, vec![(by.len() as i64).into()]);
        *bias = Some(self.program.sizes.place(&view));
        self.group_mut(item).kind = Kind::Slide(slide);
        // What it was is nowhere any more.
        self.homes.remove(&value);
        Ok(Some(home))
    }
}
