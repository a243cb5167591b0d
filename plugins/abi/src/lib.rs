//! The C ABI between peftc and its plugins.
//!
//! A plugin is a shared library with one exported function, [`ENTRY`]. The host calls it once
//! with its table of functions, and gets a description of the plugin's passes and task kinds.
//!
//! # Rules
//!
//! 1. A pass is one stateless function: `run(host, ctx)`. There is nothing to create or destroy.
//! 2. A run is one transaction. Reads see the graph as it was when the run began; edits are
//!    recorded. If `run` returns [`PEFTC_OK`] the host checks and applies all edits; otherwise
//!    it drops them.
//! 3. The host owns all memory. What it hands out is valid until `run` returns; what a plugin
//!    passes in is copied before the function returns.
//! 4. Ids ([`PeftcNode`], [`PeftcValue`], …) are plain numbers; 0 is none. `ctx` is the only
//!    pointer a plugin holds, for the duration of the call and on the calling thread.
//! 5. A host function that fails has recorded why; the plugin returns the status it got. Out
//!    parameters are untouched on failure.
//! 6. No panic or exception may leave the plugin: the host cannot catch it.
//! 7. Weight tasks are data: a kind, sources, result types, parameter bytes. The host calls
//!    the kind's function after `run` has returned, on any thread, concurrently.
//! 8. A loaded plugin stays loaded.
//!
//! Strings are UTF-8 with a length, not terminated. Tensor data is packed as in ONNX `raw_data`,
//! little-endian, without alignment. Element types are ONNX `TensorProto.DataType` numbers.
//!
//! # Versions
//!
//! The major version is in the entry's name, the minor in the structs. While the major is 0
//! plugin and host must have equal minors ([`PEFTC_ABI_MINOR`]).

#![no_std]

use core::ffi::c_void;

/// The name of the function a plugin exports; its type is [`PeftcEntry`].
pub const ENTRY: &str = "peftc_plugin_entry_v0";

/// The minor version of this ABI.
pub const PEFTC_ABI_MINOR: u32 = 5;

/// What a function returns: [`PEFTC_OK`] or why not.
pub type PeftcStatus = i32;
/// Done.
pub const PEFTC_OK: PeftcStatus = 0;
/// An argument, an option or the input is wrong.
pub const PEFTC_INVALID: PeftcStatus = 1;
/// What was asked for is not there.
pub const PEFTC_NOT_FOUND: PeftcStatus = 2;
/// The input is fine, but the plugin cannot do this.
pub const PEFTC_UNSUPPORTED: PeftcStatus = 3;
/// The plugin and the host do not fit.
pub const PEFTC_VERSION: PeftcStatus = 4;
/// The plugin panicked.
pub const PEFTC_PANIC: PeftcStatus = 5;
/// The run was cancelled.
pub const PEFTC_CANCELLED: PeftcStatus = 6;

/// Note level: good to know.
pub const PEFTC_INFO: u32 = 0;
/// Note level: the result may not be what was meant.
pub const PEFTC_WARNING: u32 = 1;

/// How the values that tasks measure under one name become one: they are added.
pub const PEFTC_SUM: u32 = 0;
/// The largest counts.
pub const PEFTC_MAX: u32 = 1;

/// Option kinds: a boolean.
pub const PEFTC_OPTION_BOOL: u32 = 0;
/// A 64-bit integer.
pub const PEFTC_OPTION_INT: u32 = 1;
/// A float; integers are accepted.
pub const PEFTC_OPTION_FLOAT: u32 = 2;
/// A string.
pub const PEFTC_OPTION_STRING: u32 = 3;
/// A list of strings; one string is accepted as a list of one.
pub const PEFTC_OPTION_LIST: u32 = 4;

/// Flag of a value: it is a constant tensor.
pub const PEFTC_VALUE_CONSTANT: u32 = 1;
/// It is a graph input.
pub const PEFTC_VALUE_INPUT: u32 = 2;
/// It is a graph output.
pub const PEFTC_VALUE_OUTPUT: u32 = 4;
/// It is a tensor still to be computed: only its type can be read.
pub const PEFTC_VALUE_PENDING: u32 = 8;

/// Flag of a linear site: the node reads its input transposed (Gemm `transA`).
pub const PEFTC_SITE_TRANSPOSED_INPUT: u32 = 1;
/// It is the model's output head.
pub const PEFTC_SITE_OUTPUT_HEAD: u32 = 2;
/// Its weight is quantized: there is no constant to read or to replace.
pub const PEFTC_SITE_QUANTIZED: u32 = 4;

/// Deltas were added to its output.
pub const PEFTC_SITE_HAS_DELTA: u32 = 8;

/// Sublayer of a block site: self-attention.
pub const PEFTC_SUBLAYER_ATTENTION: u32 = 0;
/// Attention over the states of an encoder.
pub const PEFTC_SUBLAYER_CROSS_ATTENTION: u32 = 1;
/// The feed-forward network.
pub const PEFTC_SUBLAYER_FEED_FORWARD: u32 = 2;

/// Kind of a norm: there is none.
pub const PEFTC_NORM_NONE: u32 = 0;
/// A layer norm.
pub const PEFTC_NORM_LAYER: u32 = 1;
/// A norm by the root mean square.
pub const PEFTC_NORM_RMS: u32 = 2;

/// Stacks of attention sites: self-attention of a model without cross-attention.
pub const PEFTC_STACK_ONLY: u32 = 0;
/// Self-attention of layers whose result is attended to.
pub const PEFTC_STACK_ENCODER: u32 = 1;
/// Self-attention of layers that attend to an encoder too.
pub const PEFTC_STACK_DECODER: u32 = 2;
/// Attention of a decoder to an encoder.
pub const PEFTC_STACK_CROSS: u32 = 3;

/// What a mask does: it is added to the scores.
pub const PEFTC_MASK_ADDITIVE: u32 = 0;
/// True keeps a score.
pub const PEFTC_MASK_KEEP: u32 = 1;
/// True masks a score.
pub const PEFTC_MASK_DROP: u32 = 2;

/// Flag of a mask: one column stands for all keys.
pub const PEFTC_MASK_ONE_COLUMN: u32 = 1;
/// It has a bias of positions, learned, of slopes (ALiBi) or a constant window, that is none of relative
/// positions as T5's is.
pub const PEFTC_MASK_BIAS: u32 = 2;

/// What positions are used for: angles of rotary embedding.
pub const PEFTC_POSITION_ROTARY: u32 = 0;
/// The index of a table of embeddings.
pub const PEFTC_POSITION_LEARNED: u32 = 1;

/// Flag of an attention site: the operator masks later keys by itself.
pub const PEFTC_ATTENTION_CAUSAL: u32 = 1;

/// One run of a pass, or one call of a task kind. Opaque.
#[repr(C)]
pub struct PeftcCtx {
    private: [u8; 0],
}

/// A borrowed UTF-8 string; `ptr` may be anything when `len` is 0.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct PeftcStr {
    /// First byte.
    pub ptr: *const u8,
    /// Bytes.
    pub len: usize,
}

impl PeftcStr {
    /// Borrows a string.
    pub const fn new(text: &str) -> Self {
        Self { ptr: text.as_ptr(), len: text.len() }
    }
}

/// A node of the graph.
#[repr(C)]
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Default)]
pub struct PeftcNode {
    /// The number; 0 is none.
    pub raw: u64,
}

/// A value of the graph, or one that an edit adds.
#[repr(C)]
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Default)]
pub struct PeftcValue {
    /// The number; 0 is none.
    pub raw: u64,
}

/// A linear site: a place where the graph multiplies by a weight.
#[repr(C)]
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Default)]
pub struct PeftcSite {
    /// The number; 0 is none.
    pub raw: u64,
}

/// A block site: an attention or feed-forward sublayer of a transformer.
#[repr(C)]
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Default)]
pub struct PeftcBlockSite {
    /// The number; 0 is none.
    pub raw: u64,
}

/// An attention site: a place where the graph computes softmax(Q·Kᵀ·scale + mask)·V.
#[repr(C)]
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Default)]
pub struct PeftcAttention {
    /// The number; 0 is none.
    pub raw: u64,
}

/// A parameter of a module: a constant, and the uses that are this module's.
#[repr(C)]
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Default)]
pub struct PeftcParameter {
    /// The number; 0 is none.
    pub raw: u64,
}

/// A use of a value.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct PeftcUse {
    /// The node that uses it.
    pub node: PeftcNode,
    /// The input slot.
    pub slot: u32,
    /// 1 if it is a capture slot of a node with subgraphs, 0 if an input slot.
    pub capture: u32,
}

/// What a node is. Only operators are nodes here.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct PeftcNodeInfo {
    /// Operator.
    pub op_type: PeftcStr,
    /// Domain; empty for ONNX's own.
    pub domain: PeftcStr,
    /// The node's name; may be empty.
    pub name: PeftcStr,
    /// Its module path; empty if unknown.
    pub module: PeftcStr,
    /// What it is for (`peftc.role`), where a pass added it; else empty.
    pub role: PeftcStr,
    /// Input slots, optional ones that are left out included.
    pub input_count: usize,
    /// Output slots.
    pub output_count: usize,
}

/// The value of an attribute; which field holds it depends on `kind`.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct PeftcAttr {
    /// ONNX `AttributeProto.AttributeType`: FLOAT 1, INT 2, STRING 3, FLOATS 6, INTS 7. Others have no value here.
    pub kind: i32,
    /// FLOAT.
    pub f: f32,
    /// INT.
    pub i: i64,
    /// STRING.
    pub s: PeftcStr,
    /// FLOATS, `len` of them.
    pub floats: *const f32,
    /// INTS, `len` of them.
    pub ints: *const i64,
    /// How many.
    pub len: usize,
}

/// What a value is.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct PeftcValueInfo {
    /// Its name.
    pub name: PeftcStr,
    /// The node that makes it; 0 if it is no operator.
    pub producer: PeftcNode,
    /// Element type; 0 if unknown.
    pub dtype: i32,
    /// Rank; -1 if unknown.
    pub rank: i32,
    /// Sizes, `rank` of them; -1 is symbolic or unknown.
    pub dims: *const i64,
    /// `PEFTC_VALUE_*`.
    pub flags: u32,
}

/// A tensor to read.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct PeftcTensor {
    /// Packed elements.
    pub data: *const u8,
    /// Bytes.
    pub byte_len: usize,
    /// Sizes.
    pub dims: *const i64,
    /// How many sizes.
    pub rank: u32,
    /// Element type.
    pub dtype: i32,
}

/// A tensor to fill.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct PeftcTensorMut {
    /// Packed elements.
    pub data: *mut u8,
    /// Bytes.
    pub byte_len: usize,
    /// Sizes.
    pub dims: *const i64,
    /// How many sizes.
    pub rank: u32,
    /// Element type.
    pub dtype: i32,
}

/// Type and shape of a tensor.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct PeftcTensorType {
    /// Element type.
    pub dtype: i32,
    /// How many sizes.
    pub rank: u32,
    /// Sizes.
    pub dims: *const i64,
}

/// A linear site: `y = x · Wᵀ (+ b)` with PyTorch's W `[out, in]`, however the graph stores it.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct PeftcSiteInfo {
    /// Module path; empty if unknown.
    pub module: PeftcStr,
    /// The MatMul or Gemm.
    pub node: PeftcNode,
    /// x, `[…, in]`; see [`PEFTC_SITE_TRANSPOSED_INPUT`].
    pub input: PeftcValue,
    /// The node's output, `[…, out]`.
    pub output: PeftcValue,
    /// What the layer gives, `[…, out]`: the output with the bias, and with what passes added to it.
    pub result: PeftcValue,
    /// W.
    pub weight: PeftcParameter,
    /// b; 0 if there is none.
    pub bias: PeftcParameter,
    /// Input features.
    pub in_features: i64,
    /// Output features.
    pub out_features: i64,
    /// Element type of the activations.
    pub dtype: i32,
    /// `PEFTC_SITE_*`.
    pub flags: u32,
}

/// An element of the shape of a Reshape or Expand that says a length in a number of its own.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct PeftcStated {
    /// The node.
    pub node: PeftcNode,
    /// The slot of its shape.
    pub slot: u32,
    /// Which element.
    pub axis: u32,
    /// How many elements the shape has.
    pub rank: u32,
}

/// K or V of an attention site where it is narrowest: with heads of its own, after rotary
/// embedding, behind the past, before heads are repeated and before the transposition for the
/// scores. It has four axes, the first of which is the batch.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct PeftcKeyValues {
    /// The value.
    pub value: PeftcValue,
    /// The node through which it comes to the product.
    pub node: PeftcNode,
    /// Its slot there.
    pub slot: u32,
    /// The axis of heads.
    pub head_axis: u32,
    /// The axis of the sequence.
    pub sequence_axis: u32,
    /// The axis of a head's features.
    pub feature_axis: u32,
    /// Heads.
    pub heads: i64,
    /// Features of a head.
    pub features: i64,
    /// What on the way to the product would be wrong if it were longer.
    pub stated: *const PeftcStated,
    /// How many.
    pub stated_count: usize,
    /// The graph input that comes before it along the sequence; 0 if there is none.
    pub past: PeftcValue,
    /// 1 if the value is a graph output.
    pub is_present: u32,
}

/// What masks the scores of an attention site.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct PeftcMask {
    /// The node that applies it.
    pub node: PeftcNode,
    /// Its slot there.
    pub slot: u32,
    /// `PEFTC_MASK_ADDITIVE`, `PEFTC_MASK_KEEP` or `PEFTC_MASK_DROP`.
    pub kind: u32,
    /// Its rank, 0 if it is not known; the last axis is that of keys.
    pub rank: u32,
    /// Its element type.
    pub dtype: i32,
    /// `PEFTC_MASK_ONE_COLUMN`, `PEFTC_MASK_BIAS`.
    pub flags: u32,
}

/// Where a learned bias of relative positions is made: a Sub of the positions of keys `[1, keys]`,
/// with more axes of size 1 before, and those of queries `[queries, 1]`.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct PeftcRelative {
    /// The Sub.
    pub node: PeftcNode,
    /// The slot of the positions of keys.
    pub key_slot: u32,
    /// The slot of the positions of queries.
    pub query_slot: u32,
    /// The rank of the positions of keys.
    pub rank: u32,
    /// Element type of the positions.
    pub dtype: i32,
}

/// An input slot that reads positions.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct PeftcPosition {
    /// The node.
    pub node: PeftcNode,
    /// Its slot.
    pub slot: u32,
    /// `PEFTC_POSITION_*`.
    pub kind: u32,
    /// Rows of the table of embeddings; 0 for rotary embedding.
    pub rows: i64,
    /// Element type of the positions.
    pub dtype: i32,
    /// `PEFTC_STACK_*`: the stack whose tokens they are of, for learned embeddings.
    pub stack: u32,
}

/// An attention site.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct PeftcAttentionInfo {
    /// Module path; empty if unknown.
    pub module: PeftcStr,
    /// `PEFTC_STACK_*`.
    pub stack: u32,
    /// Its place among the sites of its stack, from 0.
    pub layer: u32,
    /// The MatMul that makes the scores, or the operator Attention.
    pub scores: PeftcNode,
    /// The Softmax, or the operator Attention.
    pub softmax: PeftcNode,
    /// The MatMul with V, or the operator Attention.
    pub context: PeftcNode,
    /// Heads of Q.
    pub heads: i64,
    /// Heads of K and V.
    pub kv_heads: i64,
    /// Features of a head of K.
    pub head_size: i64,
    /// What Q·Kᵀ is multiplied by; not a number if it is not constant.
    pub scale: f64,
    /// Element type of K and V.
    pub dtype: i32,
    /// `PEFTC_ATTENTION_*`.
    pub flags: u32,
    /// The linear sites that make Q, K and V, one and the same where they are packed; 0 where
    /// there is not one.
    pub query: PeftcSite,
    /// As `query`.
    pub key: PeftcSite,
    /// As `query`.
    pub value: PeftcSite,
    /// The linear site behind it; 0 if there is none.
    pub output: PeftcSite,
    /// K.
    pub keys: PeftcKeyValues,
    /// V.
    pub values: PeftcKeyValues,
    /// What masks the scores.
    pub masks: *const PeftcMask,
    /// How many.
    pub mask_count: usize,
    /// Where rotary embedding of Q and K reads positions.
    pub rotary: *const PeftcPosition,
    /// How many.
    pub rotary_count: usize,
    /// Where biases of relative positions are made, which sites of a stack share.
    pub relative: *const PeftcRelative,
    /// How many.
    pub relative_count: usize,
}

/// A parameter of a module.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct PeftcParameterInfo {
    /// The constant as it is stored.
    pub value: PeftcValue,
    /// Stored type and shape.
    pub stored: PeftcTensorType,
    /// 1 if a Linear's weight is stored as `[in, out]`, the transpose of PyTorch's.
    pub transposed: u32,
    /// The graph multiplies the stored tensor by this (Gemm's alpha and beta), mostly 1.
    pub factor: f32,
}

/// A norm over the last axis.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct PeftcNorm {
    /// `PEFTC_NORM_*`; nothing else is set where there is none.
    pub kind: u32,
    /// 0.
    pub reserved: u32,
    /// What it normalizes.
    pub input: PeftcValue,
    /// What it makes.
    pub output: PeftcValue,
    /// Its operators, each behind those it reads.
    pub nodes: *const PeftcNode,
    /// How many.
    pub node_count: usize,
}

/// A block site: `sum = output + residual`, where `output` was computed from `residual`.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct PeftcBlockSiteInfo {
    /// The module path of the output projection; empty if unknown.
    pub module: PeftcStr,
    /// `encoder` or `decoder`; empty if the model does not tell.
    pub stack: PeftcStr,
    /// The layer in its stack, from 0.
    pub layer: u64,
    /// `PEFTC_SUBLAYER_*`.
    pub sublayer: u32,
    /// The input slot of `output` in `add`.
    pub slot: u32,
    /// The MatMul or Gemm of the output projection.
    pub projection: PeftcNode,
    /// What is added to the residual: the projection's output with its bias, norm and scale,
    /// `[…, hidden]`.
    pub output: PeftcValue,
    /// What it is added to: what the sublayer was computed from, `[…, hidden]`, or the sum of that
    /// and of a sublayer beside.
    pub residual: PeftcValue,
    /// The residual Add, or an operator that adds and normalizes; or the Add of attention and
    /// feed-forward beside each other, to which the residual is added then.
    pub add: PeftcNode,
    /// The sum with the residual; 0 where an operator that normalizes too keeps it to itself,
    /// and for an attention that the feed-forward beside it is added to first.
    pub sum: PeftcValue,
    /// The norm between the residual and what is computed from it (pre-LN).
    pub norm_before: PeftcNorm,
    /// The norm of the sum, where there is none before (post-LN).
    pub norm_after: PeftcNorm,
    /// The size of the hidden states.
    pub hidden_size: i64,
    /// Their element type.
    pub dtype: i32,
    /// 0.
    pub reserved: u32,
}

/// An attribute of a node to add.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct PeftcNamedAttr {
    /// Its name.
    pub name: PeftcStr,
    /// Its value.
    pub value: PeftcAttr,
}

/// A node to add.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct PeftcNodeDesc {
    /// Operator.
    pub op_type: PeftcStr,
    /// Domain; empty for ONNX's own.
    pub domain: PeftcStr,
    /// Preferred name; a number is put behind it where it is taken.
    pub name: PeftcStr,
    /// What it is for: metadata property `peftc.role`, such as `lora.A`.
    pub role: PeftcStr,
    /// The module it belongs to: metadata property `peftc.site`.
    pub module: PeftcStr,
    /// Inputs; raw 0 leaves an optional one out.
    pub inputs: *const PeftcValue,
    /// How many.
    pub input_count: usize,
    /// Preferred names of the outputs.
    pub outputs: *const PeftcStr,
    /// How many.
    pub output_count: usize,
    /// Attributes.
    pub attrs: *const PeftcNamedAttr,
    /// How many.
    pub attr_count: usize,
}

/// Index in [`PeftcSource::follows`]: the whole source is needed.
pub const PEFTC_WHOLE: i32 = -1;

/// A source of a weight task.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct PeftcSource {
    /// A constant or pending value; 0 if it is an adapter tensor or given inputs.
    pub value: PeftcValue,
    /// The name of an adapter tensor, if `value` and `inputs_of` are 0.
    pub adapter_tensor: PeftcStr,
    /// The site whose given inputs it is, if `value` is 0; see `site_inputs`.
    pub inputs_of: PeftcSite,
    /// For each axis of the results, the axis of this source that is split alike, or [`PEFTC_WHOLE`].
    pub follows: *const i32,
    /// How many; axes beyond it need the whole source.
    pub follows_count: usize,
}

/// A weight task to record.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct PeftcTaskDesc {
    /// The name of a task kind of this plugin.
    pub kind: PeftcStr,
    /// What it is for, mostly a module path; what it measures is reported under it.
    pub label: PeftcStr,
    /// Sources.
    pub sources: *const PeftcSource,
    /// How many.
    pub source_count: usize,
    /// Types of the results. All must agree along every axis the kind can be split at.
    pub results: *const PeftcTensorType,
    /// Preferred names of the results, as many. Null for a probe: a task that runs for what it
    /// measures alone, whose results only say how it is split.
    pub names: *const PeftcStr,
    /// How many.
    pub result_count: usize,
    /// The types that the graph declares the results with, as many: of the same element type and
    /// as many elements. Null where they are those of `results`.
    pub declared: *const PeftcTensorType,
    /// Parameter bytes, handed to every call.
    pub params: *const u8,
    /// How many.
    pub params_len: usize,
}

/// A line of the report: what was bound to what.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct PeftcRecord {
    /// The module.
    pub module: PeftcStr,
    /// The value of the graph that was changed or added to.
    pub value: PeftcValue,
    /// What was done, such as `r=8 scale=2`.
    pub what: PeftcStr,
    /// Parameters of the adapter there.
    pub parameters: u64,
    /// Floating-point operations that the model computes more there for each token: 2·m·n for a product
    /// with a matrix m×n, 1 for a scale. 0 for what is merged.
    pub flops_per_token: u64,
}

/// The host's functions. Those that return [`PeftcStatus`] have recorded the reason when they fail.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct PeftcHost {
    /// Bytes of this struct.
    pub struct_size: u32,
    /// The host's minor version.
    pub abi_minor: u32,

    /// Records an error and returns `code`.
    pub fail:
        unsafe extern "C" fn(*mut PeftcCtx, code: PeftcStatus, message: PeftcStr) -> PeftcStatus,
    /// Adds a note to the report; `level` is `PEFTC_INFO` or `PEFTC_WARNING`, `about` may be 0.
    pub note: unsafe extern "C" fn(*mut PeftcCtx, level: u32, about: PeftcNode, message: PeftcStr),
    /// Adds a line to the report.
    pub record: unsafe extern "C" fn(*mut PeftcCtx, *const PeftcRecord) -> PeftcStatus,
    /// 1 once the run should stop.
    pub cancelled: unsafe extern "C" fn(*mut PeftcCtx) -> i32,

    /// Reads a declared option. `PEFTC_NOT_FOUND`, unrecorded, if it is not set and has no default.
    pub option_bool:
        unsafe extern "C" fn(*mut PeftcCtx, key: PeftcStr, out: *mut i32) -> PeftcStatus,
    /// As `option_bool`.
    pub option_i64:
        unsafe extern "C" fn(*mut PeftcCtx, key: PeftcStr, out: *mut i64) -> PeftcStatus,
    /// As `option_bool`.
    pub option_f64:
        unsafe extern "C" fn(*mut PeftcCtx, key: PeftcStr, out: *mut f64) -> PeftcStatus,
    /// As `option_bool`.
    pub option_str:
        unsafe extern "C" fn(*mut PeftcCtx, key: PeftcStr, out: *mut PeftcStr) -> PeftcStatus,
    /// As `option_bool`.
    pub option_list: unsafe extern "C" fn(
        *mut PeftcCtx,
        key: PeftcStr,
        out: *mut *const PeftcStr,
        len: *mut usize,
    ) -> PeftcStatus,

    /// How many operators the graph has.
    pub node_count: unsafe extern "C" fn(*mut PeftcCtx) -> usize,
    /// The operator at a place of the topological order.
    pub node_at:
        unsafe extern "C" fn(*mut PeftcCtx, index: usize, out: *mut PeftcNode) -> PeftcStatus,
    /// What a node is.
    pub node_info:
        unsafe extern "C" fn(*mut PeftcCtx, PeftcNode, out: *mut PeftcNodeInfo) -> PeftcStatus,
    /// The value in an input slot; raw 0 if it is left out.
    pub node_input: unsafe extern "C" fn(
        *mut PeftcCtx,
        PeftcNode,
        slot: usize,
        out: *mut PeftcValue,
    ) -> PeftcStatus,
    /// The value an output slot makes; raw 0 if it is left out.
    pub node_output: unsafe extern "C" fn(
        *mut PeftcCtx,
        PeftcNode,
        slot: usize,
        out: *mut PeftcValue,
    ) -> PeftcStatus,
    /// An attribute. `PEFTC_NOT_FOUND`, unrecorded, if the node does not have it.
    pub node_attr: unsafe extern "C" fn(
        *mut PeftcCtx,
        PeftcNode,
        name: PeftcStr,
        out: *mut PeftcAttr,
    ) -> PeftcStatus,
    /// What a value is.
    pub value_info:
        unsafe extern "C" fn(*mut PeftcCtx, PeftcValue, out: *mut PeftcValueInfo) -> PeftcStatus,
    /// The uses of a value by operators and subgraphs.
    pub value_uses: unsafe extern "C" fn(
        *mut PeftcCtx,
        PeftcValue,
        out: *mut *const PeftcUse,
        len: *mut usize,
    ) -> PeftcStatus,
    /// The data of a constant. Fails for values that are no constant, and for pending ones.
    pub tensor:
        unsafe extern "C" fn(*mut PeftcCtx, PeftcValue, out: *mut PeftcTensor) -> PeftcStatus,

    /// 1 if the recipe names an adapter.
    pub has_adapter: unsafe extern "C" fn(*mut PeftcCtx) -> i32,
    /// How many tensors the adapter has for this model: not those for the other half where the
    /// model is one half of an encoder–decoder.
    pub adapter_tensor_count: unsafe extern "C" fn(*mut PeftcCtx) -> usize,
    /// The name of one of these tensors, without the prefix of PEFT's wrapper; sorted by name.
    pub adapter_tensor_name:
        unsafe extern "C" fn(*mut PeftcCtx, index: usize, out: *mut PeftcStr) -> PeftcStatus,
    /// A tensor of the adapter. Asking for it marks it as used: a tensor that the pass leaves
    /// unused is an error of the run.
    pub adapter_tensor:
        unsafe extern "C" fn(*mut PeftcCtx, name: PeftcStr, out: *mut PeftcTensor) -> PeftcStatus,
    /// An entry of the adapter's configuration. `PEFTC_NOT_FOUND`, unrecorded, if absent or null; fails on another type.
    pub config_bool:
        unsafe extern "C" fn(*mut PeftcCtx, key: PeftcStr, out: *mut i32) -> PeftcStatus,
    /// As `config_bool`.
    pub config_i64:
        unsafe extern "C" fn(*mut PeftcCtx, key: PeftcStr, out: *mut i64) -> PeftcStatus,
    /// As `config_bool`.
    pub config_f64:
        unsafe extern "C" fn(*mut PeftcCtx, key: PeftcStr, out: *mut f64) -> PeftcStatus,
    /// As `config_bool`.
    pub config_str:
        unsafe extern "C" fn(*mut PeftcCtx, key: PeftcStr, out: *mut PeftcStr) -> PeftcStatus,
    /// An entry as JSON text, of any type. `PEFTC_NOT_FOUND`, unrecorded, if absent or null.
    pub config_json:
        unsafe extern "C" fn(*mut PeftcCtx, key: PeftcStr, out: *mut PeftcStr) -> PeftcStatus,
    /// The number that a pattern map (`rank_pattern`, `alpha_pattern`) has for a module, matched
    /// as PEFT does. `PEFTC_NOT_FOUND`, unrecorded, if none matches.
    pub config_pattern: unsafe extern "C" fn(
        *mut PeftcCtx,
        key: PeftcStr,
        module: PeftcStr,
        out: *mut f64,
    ) -> PeftcStatus,

    /// The linear sites of a module that an adapter names; more than one if the module is called
    /// more than once. Fails with near misses if there is none.
    pub sites_of_module: unsafe extern "C" fn(
        *mut PeftcCtx,
        module: PeftcStr,
        out: *mut *const PeftcSite,
        len: *mut usize,
    ) -> PeftcStatus,
    /// The linear sites that target patterns name (PEFT suffixes, globs, `re:`, `all-linear`).
    pub sites_of_targets: unsafe extern "C" fn(
        *mut PeftcCtx,
        patterns: *const PeftcStr,
        pattern_count: usize,
        out: *mut *const PeftcSite,
        len: *mut usize,
    ) -> PeftcStatus,
    /// What a linear site is.
    pub site_info:
        unsafe extern "C" fn(*mut PeftcCtx, PeftcSite, out: *mut PeftcSiteInfo) -> PeftcStatus,
    /// The inputs `[…, in]` that the recipe gives for a site, to measure on. `PEFTC_NOT_FOUND`,
    /// unrecorded, if it gives none. Inputs of which a pass asks for none are an error of the run.
    pub site_inputs:
        unsafe extern "C" fn(*mut PeftcCtx, PeftcSite, out: *mut PeftcTensor) -> PeftcStatus,
    /// The parameter of a name such as `model.norm.weight`. `torch` has the type and shape the
    /// adapter's tensor has; it decides how a Linear's or a Conv1D's weight is turned.
    pub parameter: unsafe extern "C" fn(
        *mut PeftcCtx,
        name: PeftcStr,
        torch: *const PeftcTensorType,
        out: *mut PeftcParameter,
    ) -> PeftcStatus,
    /// What a parameter is.
    pub parameter_info: unsafe extern "C" fn(
        *mut PeftcCtx,
        PeftcParameter,
        out: *mut PeftcParameterInfo,
    ) -> PeftcStatus,

    /// Adds a small tensor: the host allocates it, the plugin fills it before `run` returns.
    pub add_tensor: unsafe extern "C" fn(
        *mut PeftcCtx,
        name: PeftcStr,
        ty: *const PeftcTensorType,
        data: *mut PeftcTensorMut,
        out: *mut PeftcValue,
    ) -> PeftcStatus,
    /// Records a weight task; its results are initializers, `out` gets one value each. Nothing
    /// for a probe, where it may be null.
    pub add_task: unsafe extern "C" fn(
        *mut PeftcCtx,
        *const PeftcTaskDesc,
        out: *mut PeftcValue,
    ) -> PeftcStatus,
    /// Adds an operator; `out` gets one value for each output.
    pub add_node: unsafe extern "C" fn(
        *mut PeftcCtx,
        *const PeftcNodeDesc,
        out: *mut PeftcValue,
    ) -> PeftcStatus,
    /// Redirects the uses that `old` has now, graph outputs and captures included.
    pub replace_uses:
        unsafe extern "C" fn(*mut PeftcCtx, old: PeftcValue, by: PeftcValue) -> PeftcStatus,
    /// Redirects one input slot.
    pub replace_input:
        unsafe extern "C" fn(*mut PeftcCtx, PeftcNode, slot: usize, by: PeftcValue) -> PeftcStatus,
    /// Replaces a parameter by an added tensor, or by an added value that is declared with its
    /// type, for the uses that are the module's. A constant that others use too stays beside it.
    pub replace_parameter:
        unsafe extern "C" fn(*mut PeftcCtx, PeftcParameter, by: PeftcValue) -> PeftcStatus,
    /// Adds `delta` to the output of a site. Several deltas on one site add up.
    pub add_delta: unsafe extern "C" fn(*mut PeftcCtx, PeftcSite, delta: PeftcValue) -> PeftcStatus,
    /// Removes an operator whose values nothing uses any more.
    pub remove_node: unsafe extern "C" fn(*mut PeftcCtx, PeftcNode) -> PeftcStatus,
    /// Declares the type of a value that an added operator makes.
    pub declare:
        unsafe extern "C" fn(*mut PeftcCtx, PeftcValue, *const PeftcTensorType) -> PeftcStatus,
    /// Adds a model-local function, given in the text form (`function "domain" "name" …`); without
    /// opset imports it has the model's. One that is there already, and says the same, stays.
    pub add_function: unsafe extern "C" fn(*mut PeftcCtx, text: PeftcStr) -> PeftcStatus,
    /// The version of a domain's operator set that the model imports; absent if it does not.
    pub opset: unsafe extern "C" fn(*mut PeftcCtx, domain: PeftcStr, out: *mut i64) -> PeftcStatus,

    /// A function that is not part of the ABI, by a name that carries the version it was born in; null if absent.
    pub experimental: unsafe extern "C" fn(*mut PeftcCtx, name: PeftcStr) -> *const c_void,

    /// All block sites, in the order of the graph. Fails, saying what was looked for, if there is none.
    pub block_sites: unsafe extern "C" fn(
        *mut PeftcCtx,
        out: *mut *const PeftcBlockSite,
        len: *mut usize,
    ) -> PeftcStatus,
    /// The block site that an adapter's module path names, such as
    /// `encoder.layer.0.attention.output`. Fails with near misses if there is none.
    pub block_site_of_module: unsafe extern "C" fn(
        *mut PeftcCtx,
        module: PeftcStr,
        out: *mut PeftcBlockSite,
    ) -> PeftcStatus,
    /// What a block site is.
    pub block_site_info: unsafe extern "C" fn(
        *mut PeftcCtx,
        PeftcBlockSite,
        out: *mut PeftcBlockSiteInfo,
    ) -> PeftcStatus,
    /// The attention sites of the graph, by stack and in its order. Fails if there is none, with
    /// what was looked for and what was near.
    pub attention_sites: unsafe extern "C" fn(
        *mut PeftcCtx,
        out: *mut *const PeftcAttention,
        len: *mut usize,
    ) -> PeftcStatus,
    /// What an attention site is.
    pub attention_info: unsafe extern "C" fn(
        *mut PeftcCtx,
        PeftcAttention,
        out: *mut PeftcAttentionInfo,
    ) -> PeftcStatus,
    /// Where learned position embeddings are looked up; none in a graph without attention.
    pub learned_positions: unsafe extern "C" fn(
        *mut PeftcCtx,
        out: *mut *const PeftcPosition,
        len: *mut usize,
    ) -> PeftcStatus,
    /// Forgets the sizes that are declared of a value, since what is edited makes it longer; or that
    /// an added value takes over with the uses of another.
    pub forget_sizes: unsafe extern "C" fn(*mut PeftcCtx, PeftcValue) -> PeftcStatus,
    /// How many inputs the graph has.
    pub input_count: unsafe extern "C" fn(*mut PeftcCtx) -> usize,
    /// An input of the graph, in order.
    pub input_at:
        unsafe extern "C" fn(*mut PeftcCtx, index: usize, out: *mut PeftcValue) -> PeftcStatus,
    /// The shapes behind a value that would say a wrong length once it is longer along an axis. What
    /// comes in by the slots `apart` stays as long as it was: the pass sees to it. Fails for an
    /// operator that keeps the old length in another way.
    pub lengths_behind: unsafe extern "C" fn(
        *mut PeftcCtx,
        PeftcValue,
        axis: u32,
        apart: *const PeftcUse,
        apart_count: usize,
        out: *mut *const PeftcStated,
        len: *mut usize,
    ) -> PeftcStatus,
    /// Gives an input of the graph a default: a tensor that this run adds, such as the result of a
    /// weight task, of a type and shape as the input is declared with. Callers may then leave the
    /// input out. Fails if it has a default.
    pub set_default:
        unsafe extern "C" fn(*mut PeftcCtx, input: PeftcValue, tensor: PeftcValue) -> PeftcStatus,
    /// Has the host write constants, which may be results of weight tasks, to a file beside the
    /// model: `STEM.NAME.npz` for a model `STEM.onnx`, an archive of NumPy with an array for each,
    /// by these names. `name` is made of `a-z`, `0-9` and `-`.
    pub add_archive: unsafe extern "C" fn(
        *mut PeftcCtx,
        name: PeftcStr,
        arrays: *const PeftcStr,
        values: *const PeftcValue,
        count: usize,
    ) -> PeftcStatus,
}

/// The host's functions for a running task. They may be called from the calling thread only.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct PeftcTaskHost {
    /// Bytes of this struct.
    pub struct_size: u32,
    /// The host's minor version.
    pub abi_minor: u32,
    /// Records an error and returns `code`.
    pub fail:
        unsafe extern "C" fn(*mut PeftcCtx, code: PeftcStatus, message: PeftcStr) -> PeftcStatus,
    /// 1 once the task should stop.
    pub cancelled: unsafe extern "C" fn(*mut PeftcCtx) -> i32,
    /// Measures something of the region. The values of one name become one as `fold` says
    /// (`PEFTC_SUM`, `PEFTC_MAX`), the same for any number of threads. What the host makes of
    /// which names is in `peftc_plugin::measure`.
    pub measure: unsafe extern "C" fn(*mut PeftcCtx, name: PeftcStr, fold: u32, value: f64),
}

/// The arguments of a task call: one region of the results.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct PeftcTaskArgs {
    /// The task's parameters.
    pub params: *const u8,
    /// How many bytes.
    pub params_len: usize,
    /// The axis along which the results are a range.
    pub axis: u32,
    /// 0.
    pub reserved: u32,
    /// First index of the range.
    pub start: u64,
    /// Index behind it.
    pub end: u64,
    /// Sources: whole, or the range where they follow the axis.
    pub sources: *const PeftcTensor,
    /// How many.
    pub source_count: usize,
    /// Results to fill, this region of them.
    pub results: *const PeftcTensorMut,
    /// How many.
    pub result_count: usize,
}

/// An option a pass declares.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct PeftcOption {
    /// Its key in the recipe.
    pub key: PeftcStr,
    /// `PEFTC_OPTION_*`.
    pub kind: u32,
    /// 0.
    pub reserved: u32,
    /// The default as a TOML value; empty for none.
    pub default: PeftcStr,
    /// What it does.
    pub help: PeftcStr,
    /// The values a string may have; none for any.
    pub choices: *const PeftcStr,
    /// How many.
    pub choice_count: usize,
}

/// The function of a pass.
pub type PeftcRun = unsafe extern "C" fn(*const PeftcHost, *mut PeftcCtx) -> PeftcStatus;

/// A pass.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct PeftcPass {
    /// Bytes of this struct.
    pub struct_size: u32,
    /// 0.
    pub reserved: u32,
    /// Its name in recipes, `[a-z][a-z0-9-]*`.
    pub name: PeftcStr,
    /// One line for `peftc plugin list`.
    pub summary: PeftcStr,
    /// Options.
    pub options: *const PeftcOption,
    /// How many.
    pub option_count: usize,
    /// The `peft_type`s of adapters it handles; `DORA` is a `LORA` that has magnitudes (`use_dora`).
    pub peft_types: *const PeftcStr,
    /// How many.
    pub peft_type_count: usize,
    /// What it does.
    pub run: Option<unsafe extern "C" fn(*const PeftcHost, *mut PeftcCtx) -> PeftcStatus>,
}

/// The function of a task kind.
pub type PeftcTaskRun =
    unsafe extern "C" fn(*const PeftcTaskHost, *mut PeftcCtx, *const PeftcTaskArgs) -> PeftcStatus;

/// A kind of weight task.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct PeftcTaskKind {
    /// Bytes of this struct.
    pub struct_size: u32,
    /// Bit `i`: results can be computed for a range of axis `i` at a time. 0: only whole.
    pub split_axes: u32,
    /// Its name, unique in the plugin.
    pub name: PeftcStr,
    /// Fills one region of the results.
    pub run: Option<
        unsafe extern "C" fn(
            *const PeftcTaskHost,
            *mut PeftcCtx,
            *const PeftcTaskArgs,
        ) -> PeftcStatus,
    >,
}

/// A plugin.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct PeftcPlugin {
    /// Bytes of this struct.
    pub struct_size: u32,
    /// The minor version it was built for.
    pub abi_minor: u32,
    /// Its name.
    pub name: PeftcStr,
    /// Its version.
    pub version: PeftcStr,
    /// Passes.
    pub passes: *const *const PeftcPass,
    /// How many.
    pub pass_count: usize,
    /// Task kinds.
    pub task_kinds: *const *const PeftcTaskKind,
    /// How many.
    pub task_kind_count: usize,
}

// SAFETY: the pointers of these descriptions lead to constant data of the plugin, which stays
// loaded; nothing is ever written through them.
unsafe impl Sync for PeftcOption {}
// SAFETY: as above.
unsafe impl Sync for PeftcPass {}
// SAFETY: as above.
unsafe impl Sync for PeftcTaskKind {}
// SAFETY: as above.
unsafe impl Sync for PeftcPlugin {}
// SAFETY: a string of such a description.
unsafe impl Sync for PeftcStr {}

/// The type of the exported function. It gives the plugin's description, which must stay valid
/// for good, or fails through `host`.
pub type PeftcEntry = unsafe extern "C" fn(
    *const PeftcHost,
    *mut PeftcCtx,
    out: *mut *const PeftcPlugin,
) -> PeftcStatus;
