//! Recording edits and weight tasks.

use super::{raw_value, tensor_type};
use crate::ir::{
    Attribute, AttributeValue, DataType, Dim, Metadata, NewNode, NodeKind, Op, Tensor, TensorData,
    Type, Use, ValueInfo, element_count, text as pir,
};
use crate::plugin::call::{Ended, by_ref, give, host_call, invalid, slice, text};
use crate::plugin::run::Run;
use crate::weights::{Source, Task};
use bytes::Bytes;
use peftc_abi::*;

/// The most bytes `add_tensor` allocates: larger tensors are for weight tasks.
const MOST_ADDED_BYTES: u64 = 64 << 20;

pub(super) unsafe extern "C" fn add_tensor(
    ctx: *mut PeftcCtx,
    name: PeftcStr,
    ty: *const PeftcTensorType,
    data: *mut PeftcTensorMut,
    out: *mut PeftcValue,
) -> PeftcStatus {
    // SAFETY: as the ABI says of the arguments.
    unsafe {
        host_call(ctx, |run| {
            let (dtype, dims) = tensor_type(by_ref(ty)?)?;
            let mut tensor = Tensor::new(dtype, dims.clone(), TensorData::Bytes(Bytes::new()));
            let len = tensor.byte_len().filter(|&len| len <= MOST_ADDED_BYTES).ok_or_else(|| {
                invalid(format!(
                    "a tensor {dtype} {dims:?} has more than {MOST_ADDED_BYTES} bytes: record a weight task"
                ))
            })?;
            tensor.metadata = run.role_of_added();
            let value = run.edits.add_initializer(text(name)?, tensor);
            let mut bytes = vec![0u8; len as usize].into_boxed_slice();
            let view = PeftcTensorMut {
                data: bytes.as_mut_ptr(),
                byte_len: bytes.len(),
                rank: dims.len() as u32,
                dtype: dtype.to_onnx(),
                dims: run.lend(dims),
            };
            run.tensors.push((value, bytes));
            give(data, view)?;
            give(out, raw_value(Some(value)))
        })
    }
}

pub(super) unsafe extern "C" fn add_task(
    ctx: *mut PeftcCtx,
    task: *const PeftcTaskDesc,
    out: *mut PeftcValue,
) -> PeftcStatus {
    // SAFETY: as the ABI says of the arguments.
    unsafe {
        host_call(ctx, |run| {
            let task = by_ref(task)?;
            let name = text(task.kind)?;
            let kind = run
                .kinds
                .iter()
                .find(|k| crate::weights::TaskKind::name(&***k) == name)
                .cloned()
                .ok_or_else(|| invalid(format!("the plugin has no task kind {name:?}")))?;
            let sources = slice(task.sources, task.source_count)?;
            let results = slice(task.results, task.result_count)?;
            let results: Vec<_> =
                results.iter().map(|ty| tensor_type(ty)).collect::<Result<_, _>>()?;
            let recorded = Task {
                kind,
                label: format!("{}{}", run.label, text(task.label)?),
                sources: sources.iter().map(|s| source(run, s)).collect::<Result<_, _>>()?,
                results: results.clone(),
                params: Bytes::copy_from_slice(slice(task.params, task.params_len)?),
            };
            if task.names.is_null() {
                return Ok(run.plan.add_probe(recorded)?);
            }
            let names = slice(task.names, task.result_count)?;
            let number = run.plan.add(recorded)?;
            let declared = match task.declared.is_null() {
                true => results,
                false => declared_types(slice(task.declared, task.result_count)?, &results)?,
            };
            for (i, ((dtype, dims), &name)) in declared.into_iter().zip(names).enumerate() {
                let data = TensorData::Pending { task: number, result: i as u32 };
                let mut tensor = Tensor::new(dtype, dims, data);
                tensor.metadata = run.role_of_added();
                let value = run.edits.add_initializer(text(name)?, tensor);
                give(out.wrapping_add(i), raw_value(Some(value)))?;
            }
            Ok(())
        })
    }
}

/// The types that results are declared with: as many elements of the same type.
///
/// # Safety
/// As [`slice`].
unsafe fn declared_types(
    declared: &[PeftcTensorType],
    results: &[(DataType, Vec<i64>)],
) -> Result<Vec<(DataType, Vec<i64>)>, Ended> {
    let check = |(ty, result): (&PeftcTensorType, &(DataType, Vec<i64>))| {
        // SAFETY: forwarded.
        let ty = unsafe { tensor_type(ty) }?;
        if ty.0 != result.0 || element_count(&ty.1) != element_count(&result.1) {
            return Err(invalid(format!("a result {result:?} cannot be declared as {ty:?}")));
        }
        Ok(ty)
    };
    declared.iter().zip(results).map(check).collect()
}

/// # Safety
/// As [`text`] and [`slice`].
unsafe fn source(run: &mut Run<'_>, source: &PeftcSource) -> Result<Source, Ended> {
    // SAFETY: forwarded.
    let (name, follows) =
        unsafe { (text(source.adapter_tensor)?, slice(source.follows, source.follows_count)?) };
    let tensor = match (source.value.raw, source.inputs_of.raw) {
        (0, 0) => run.use_adapter_tensor(name)?.clone(),
        (0, _) => run.use_site_inputs(source.inputs_of)?.clone(),
        _ => {
            let id = run.value_id(source.value)?;
            run.constant(id)
                .cloned()
                .ok_or_else(|| invalid(format!("value {:?} is no constant", run.name_of(id))))?
        }
    };
    let follows = follows.iter().map(|&axis| usize::try_from(axis).ok()).collect();
    Ok(Source { tensor, follows })
}

pub(super) unsafe extern "C" fn add_node(
    ctx: *mut PeftcCtx,
    node: *const PeftcNodeDesc,
    out: *mut PeftcValue,
) -> PeftcStatus {
    // SAFETY: as the ABI says of the arguments.
    unsafe {
        host_call(ctx, |run| {
            let node = by_ref(node)?;
            let inputs = slice(node.inputs, node.input_count)?
                .iter()
                .map(|&v| if v.raw == 0 { Ok(None) } else { run.value_id(v).map(Some) })
                .collect::<Result<_, _>>()?;
            let outputs = slice(node.outputs, node.output_count)?
                .iter()
                .map(|&name| text(name).map(str::to_owned))
                .collect::<Result<_, _>>()?;
            let attributes = slice(node.attrs, node.attr_count)?
                .iter()
                .map(|attr| named_attribute(attr))
                .collect::<Result<_, _>>()?;
            let op = Op {
                domain: text(node.domain)?.to_owned(),
                op_type: text(node.op_type)?.to_owned(),
                name: text(node.name)?.to_owned(),
                metadata: role(text(node.role)?, text(node.module)?),
                attributes,
                ..Op::default()
            };
            let made = run.edits.add_node(NewNode { op, inputs, outputs });
            for (i, value) in made.into_iter().enumerate() {
                give(out.wrapping_add(i), raw_value(Some(value)))?;
            }
            Ok(())
        })
    }
}

fn role(role: &str, module: &str) -> Metadata {
    let entries = [("peftc.role", role), ("peftc.site", module)];
    entries.into_iter().filter(|(_, value)| !value.is_empty()).collect()
}

impl Run<'_> {
    fn role_of_added(&self) -> Metadata {
        role(self.pass, "")
    }
}

/// # Safety
/// As [`text`] and [`slice`].
unsafe fn named_attribute(attr: &PeftcNamedAttr) -> Result<(String, Attribute), Ended> {
    let PeftcAttr { kind, f, i, s, floats, ints, len } = attr.value;
    // SAFETY: forwarded.
    let (name, value) = unsafe {
        let value = match kind {
            1 => AttributeValue::Float(f),
            2 => AttributeValue::Int(i),
            3 => AttributeValue::String(Bytes::copy_from_slice(slice(s.ptr, s.len)?)),
            6 => AttributeValue::Floats(slice(floats, len)?.to_vec()),
            7 => AttributeValue::Ints(slice(ints, len)?.to_vec()),
            _ => return Err(invalid(format!("attributes of kind {kind} cannot be added"))),
        };
        (text(attr.name)?.to_owned(), value)
    };
    Ok((name, value.into()))
}

pub(super) unsafe extern "C" fn replace_uses(
    ctx: *mut PeftcCtx,
    old: PeftcValue,
    by: PeftcValue,
) -> PeftcStatus {
    // SAFETY: as the ABI says of the arguments.
    unsafe {
        host_call(ctx, |run| {
            let (old, by) = (run.value_id(old)?, run.value_id(by)?);
            run.edits.replace_uses(old, by);
            Ok(())
        })
    }
}

pub(super) unsafe extern "C" fn replace_input(
    ctx: *mut PeftcCtx,
    node: PeftcNode,
    slot: usize,
    by: PeftcValue,
) -> PeftcStatus {
    // SAFETY: as the ABI says of the arguments.
    unsafe {
        host_call(ctx, |run| {
            let (id, by) = (run.node_id(node)?, run.value_id(by)?);
            run.edits.replace_input(Use::input(id, slot), by);
            Ok(())
        })
    }
}

pub(super) unsafe extern "C" fn replace_parameter(
    ctx: *mut PeftcCtx,
    parameter: PeftcParameter,
    by: PeftcValue,
) -> PeftcStatus {
    // SAFETY: as the ABI says of the arguments.
    unsafe {
        host_call(ctx, |run| {
            let by = run.value_id(by)?;
            let parameter = run.parameter(parameter)?;
            if let Some(node) = &parameter.shared_through {
                let name = run.name_of(parameter.value);
                return Err(invalid(format!(
                    "weight {name:?} reaches several modules through node {node:?}: replacing it for one would \
                     change the others; a side branch can be added to each (mode = \"inject\")"
                )));
            }
            let (value, uses) = (parameter.value, parameter.uses.clone());
            if run.graph.constant(value).is_none() {
                let name = run.name_of(value);
                return Err(invalid(format!(
                    "weight {name:?} is quantized: it cannot be replaced"
                )));
            }
            run.edits.replace_weight(value, uses, by);
            Ok(())
        })
    }
}

pub(super) unsafe extern "C" fn add_delta(
    ctx: *mut PeftcCtx,
    site: PeftcSite,
    delta: PeftcValue,
) -> PeftcStatus {
    // SAFETY: as the ABI says of the arguments.
    unsafe {
        host_call(ctx, |run| {
            let delta = run.value_id(delta)?;
            let site = run.site(site)?;
            let (output, module) = (site.output, site.module.clone().unwrap_or_default());
            let place = match module.as_str() {
                "" => format!("/{}", run.name_of(output)),
                module => format!("/{}", module.replace('.', "/")),
            };
            let name = format!("{place}/{}/Add", run.pass);
            let op = Op {
                op_type: "Add".into(),
                name: name.clone(),
                metadata: role(&format!("{}.add", run.pass), &module),
                ..Op::default()
            };
            run.edits.add_delta(
                output,
                delta,
                NewNode { op, inputs: vec![], outputs: vec![name + "_output_0"] },
            );
            Ok(())
        })
    }
}

pub(super) unsafe extern "C" fn remove_node(ctx: *mut PeftcCtx, node: PeftcNode) -> PeftcStatus {
    // SAFETY: as the ABI says of the arguments.
    unsafe {
        host_call(ctx, |run| {
            let id = run.op(node)?.0;
            run.edits.remove_node(id);
            Ok(())
        })
    }
}

pub(super) unsafe extern "C" fn declare(
    ctx: *mut PeftcCtx,
    value: PeftcValue,
    ty: *const PeftcTensorType,
) -> PeftcStatus {
    // SAFETY: as the ABI says of the arguments.
    unsafe {
        host_call(ctx, |run| {
            let (dtype, dims) = tensor_type(by_ref(ty)?)?;
            let id = run.value_id(value)?;
            if !run.edits.adds(id) {
                return Err(invalid("only values that this run adds can be declared"));
            }
            let shape = dims.into_iter().map(Dim::known).collect();
            let ty = Some(Type::tensor(dtype, shape));
            run.edits.declare(id, ValueInfo { ty, ..ValueInfo::default() });
            Ok(())
        })
    }
}

pub(super) unsafe extern "C" fn forget_sizes(ctx: *mut PeftcCtx, value: PeftcValue) -> PeftcStatus {
    // SAFETY: as the ABI says of the arguments.
    unsafe {
        host_call(ctx, |run| {
            let id = run.value_id(value)?;
            run.edits.forget_sizes(id);
            Ok(())
        })
    }
}

pub(super) unsafe extern "C" fn set_default(
    ctx: *mut PeftcCtx,
    input: PeftcValue,
    tensor: PeftcValue,
) -> PeftcStatus {
    // SAFETY: as the ABI says of the arguments.
    unsafe {
        host_call(ctx, |run| {
            let (input, tensor) = (run.value_id(input)?, run.value_id(tensor)?);
            let producer = run.graph.get_value(input).map(|v| &run.graph.node(v.producer()).kind);
            if matches!(producer, Some(NodeKind::Input { default: Some(_) })) {
                let name = run.name_of(input);
                return Err(invalid(format!("the input {name:?} has a default already")));
            }
            run.edits.set_default(input, tensor);
            Ok(())
        })
    }
}

pub(super) unsafe extern "C" fn add_function(
    ctx: *mut PeftcCtx,
    function: PeftcStr,
) -> PeftcStatus {
    // SAFETY: as the ABI says of the arguments.
    unsafe {
        host_call(ctx, |run| {
            let mut function = pir::parse_function(text(function)?)?;
            if function.opset_imports.is_empty() {
                function.import_used(&run.model.opset_imports);
            }
            if run.model.has_function(&function) == Some(false) {
                return Err(invalid(format!(
                    "the model has another function {}, as another version of this pass may have written it",
                    function.full_name()
                )));
            }
            run.edits.add_function(function);
            Ok(())
        })
    }
}
