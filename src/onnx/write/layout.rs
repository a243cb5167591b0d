//! Where every byte of an output goes, known before any is read or computed.
//!
//! The model file is a list of segments: messages encoded without payloads, and between them
//! the payloads of the main graph's initializers.

use super::encode::{
    constants, graph_skeleton, model_proto, sparse_proto, tensor_header, tensor_proto,
};
use super::{ExternalData, WriteOptions};
use crate::error::{Error, Result};
use crate::ir::{Model, Storage, Tensor, TensorData};
use crate::onnx::proto::StringStringEntryProto;
use prost::Message;
use prost::encoding::{WireType, encode_key, encode_varint};
use sha2::{Digest, Sha256};
use std::path::{Path, PathBuf};

/// Tensors below this stay in the model file: as ONNX Runtime, which wants shapes and such there.
const LEAST_EXTERNAL: u64 = 1024;
/// Above this the automatic choice is external data.
const MOST_INLINE: u64 = 3 << 29;
/// Protobuf's limit of a message.
const MOST_PROTOBUF: u64 = (1 << 31) - 1;
/// External tensors are aligned to this, and large ones to a page.
const ALIGN: u64 = 64;
const LARGE: u64 = 1 << 20;
const PAGE: u64 = 4096;

/// Field numbers of the messages that are framed by hand.
const MODEL_GRAPH: u32 = 7;
const GRAPH_INITIALIZER: u32 = 5;
const GRAPH_SPARSE_INITIALIZER: u32 = 15;
const TENSOR_RAW_DATA: u32 = 9;

/// A piece of an output file.
#[derive(Clone, Debug)]
pub(super) struct Segment {
    pub(super) offset: u64,
    pub(super) content: Content,
}

/// What a piece of an output file holds.
#[derive(Clone, Debug)]
pub(super) enum Content {
    /// Encoded messages.
    Encoded(Vec<u8>),
    /// The elements of a tensor: to be copied, or the result of a weight task.
    Elements(TensorData),
}

/// The plan of an output.
#[derive(Clone, Debug)]
pub struct WritePlan {
    pub(super) path: PathBuf,
    pub(super) model: FilePlan,
    /// The external data file, if there is one.
    pub(super) data: Option<(PathBuf, FilePlan)>,
}

/// The plan of one file.
#[derive(Clone, Debug, Default)]
pub(super) struct FilePlan {
    pub(super) segments: Vec<Segment>,
    pub(super) len: u64,
}

impl FilePlan {
    fn push(&mut self, len: u64, content: Content) {
        self.segments.push(Segment { offset: self.len, content });
        self.len += len;
    }

    fn push_encoded(&mut self, bytes: Vec<u8>) {
        self.push(bytes.len() as u64, Content::Encoded(bytes));
    }

    fn align(&mut self, to: u64) {
        self.len = self.len.next_multiple_of(to);
    }
}

/// Plans how a model is written to `path`. Nothing is read, computed or written.
///
/// # Errors
/// `path` is a file that the model's own tensors are read from; the model passes protobuf's
/// limit where external data is forbidden.
pub fn plan(model: &Model, path: &Path, options: &WriteOptions) -> Result<WritePlan> {
    refuse_own_input(model, path)?;
    let parts = Parts::encode(model)?;
    let external = match options.external_data {
        ExternalData::Always => true,
        ExternalData::Never => false,
        ExternalData::Auto => parts.inline_len() > MOST_INLINE || parts.any_from_file(),
    };
    if !external && parts.inline_len() > MOST_PROTOBUF {
        return Err(Error::input(format!(
            "{}: the model file would have {} bytes, protobuf's limit is {MOST_PROTOBUF}",
            path.display(),
            parts.inline_len()
        ))
        .help("--external-data auto puts the tensors into a data file"));
    }
    let data_path = data_path(path, &parts.structure_hash())?;
    Ok(parts.lay_out(path, external.then_some(data_path)))
}

/// SHA-256 of what a model says but for the elements of its tensors, in hexadecimal.
pub fn structure_sha256(model: &Model) -> Result<String> {
    Ok(hex(&Parts::encode(model)?.structure_hash()))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

fn refuse_own_input(model: &Model, path: &Path) -> Result<()> {
    let Ok(target) = path.canonicalize() else { return Ok(()) };
    for (_, tensor) in constants(&model.graph) {
        if let TensorData::File(slice) = &tensor.data
            && slice.file().path().canonicalize().is_ok_and(|p| p == target)
        {
            return Err(Error::input(format!(
                "{}: is a data file of the input, which is never written to",
                path.display()
            )));
        }
    }
    Ok(())
}

/// A name for the data file that no file has: from the structure, so that equal runs agree.
fn data_path(model: &Path, hash: &[u8]) -> Result<PathBuf> {
    let name = model
        .file_name()
        .and_then(|n| n.to_str())
        .ok_or_else(|| Error::input(format!("{}: is no file name for a model", model.display())))?;
    let start = u32::from_be_bytes([hash[0], hash[1], hash[2], hash[3]]);
    let candidate =
        |i: u32| model.with_file_name(format!("{name}.{:08x}.data", start.wrapping_add(i)));
    (0..1000).map(candidate).find(|path| path.symlink_metadata().is_err()).ok_or_else(|| {
        Error::input(format!(
            "{}: a thousand data files of this name are there",
            candidate(0).display()
        ))
    })
}

/// A model encoded in parts.
struct Parts<'a> {
    /// The model without its graph.
    model: Vec<u8>,
    /// The graph without its initializers.
    graph: Vec<u8>,
    /// The initializers, in the order of the file.
    initializers: Vec<Initializer<'a>>,
}

/// An initializer of the main graph.
enum Initializer<'a> {
    /// Its elements are written apart.
    Dense { name: &'a str, tensor: &'a Tensor, len: u64 },
    /// The whole field, framed: strings, typed storage, sparse tensors.
    Encoded(Vec<u8>),
}

impl<'a> Initializer<'a> {
    fn new(name: &'a str, tensor: &'a Tensor) -> Result<Self> {
        let is_typed = tensor.storage == Storage::Typed;
        match &tensor.data {
            TensorData::Sparse(_) => {
                let message = sparse_proto(tensor, name)?.encode_to_vec();
                Ok(Self::Encoded(framed(GRAPH_SPARSE_INITIALIZER, &message)))
            }
            TensorData::Strings(_) => Self::whole(name, tensor),
            TensorData::Bytes(_) if is_typed => Self::whole(name, tensor),
            _ => {
                let len = tensor.byte_len();
                let len = len.ok_or_else(|| Error::bug(format!("tensor {name:?} has no size")))?;
                Ok(Self::Dense { name, tensor, len })
            }
        }
    }

    fn whole(name: &str, tensor: &Tensor) -> Result<Self> {
        let message = tensor_proto(tensor, name)?.encode_to_vec();
        Ok(Self::Encoded(framed(GRAPH_INITIALIZER, &message)))
    }
}

impl<'a> Parts<'a> {
    fn encode(model: &'a Model) -> Result<Self> {
        let constants = constants(&model.graph).into_iter();
        Ok(Self {
            model: model_proto(model)?.encode_to_vec(),
            graph: graph_skeleton(&model.graph, &[])?.encode_to_vec(),
            initializers: constants
                .map(|(name, tensor)| Initializer::new(name, tensor))
                .collect::<Result<_>>()?,
        })
    }

    /// A generous bound of the model file's size with everything inline.
    fn inline_len(&self) -> u64 {
        let len = |initializer: &Initializer<'_>| match initializer {
            Initializer::Dense { name, len, .. } => len + name.len() as u64 + 256,
            Initializer::Encoded(bytes) => bytes.len() as u64,
        };
        let initializers: u64 = self.initializers.iter().map(len).sum();
        self.model.len() as u64 + self.graph.len() as u64 + initializers + 32
    }

    fn any_from_file(&self) -> bool {
        let from_file = |initializer: &Initializer<'_>| matches!(initializer, Initializer::Dense { tensor, .. } if matches!(tensor.data, TensorData::File(_)));
        self.initializers.iter().any(from_file)
    }

    fn structure_hash(&self) -> Vec<u8> {
        let mut hash = Sha256::new();
        let mut add = |bytes: &[u8]| {
            hash.update((bytes.len() as u64).to_le_bytes());
            hash.update(bytes);
        };
        add(&self.model);
        add(&self.graph);
        for initializer in &self.initializers {
            if let Initializer::Dense { name, tensor, .. } = initializer {
                add(&tensor_header(tensor, name).encode_to_vec());
            }
        }
        hash.finalize().to_vec()
    }

    fn lay_out(self, path: &Path, data_path: Option<PathBuf>) -> WritePlan {
        let mut data = FilePlan::default();
        let location = data_path
            .as_ref()
            .and_then(|p| p.file_name())
            .map(|n| n.to_string_lossy().into_owned());
        let frames: Vec<Frame> = self
            .initializers
            .into_iter()
            .map(|initializer| match (initializer, &location) {
                (Initializer::Encoded(encoded), _) => Frame { encoded, elements: None },
                (Initializer::Dense { name, tensor, len }, Some(location))
                    if len >= LEAST_EXTERNAL =>
                {
                    external_frame(name, tensor, len, location, &mut data)
                }
                (Initializer::Dense { name, tensor, len }, _) => inline_frame(name, tensor, len),
            })
            .collect();
        let graph_len = self.graph.len() as u64 + frames.iter().map(Frame::len).sum::<u64>();
        let mut model = FilePlan::default();
        let mut head = self.model;
        encode_key(MODEL_GRAPH, WireType::LengthDelimited, &mut head);
        encode_varint(graph_len, &mut head);
        head.extend(self.graph);
        model.push_encoded(head);
        for frame in frames {
            model.push_encoded(frame.encoded);
            if let Some((len, elements)) = frame.elements {
                model.push(len, Content::Elements(elements));
            }
        }
        let data = data_path.filter(|_| data.len > 0).map(|path| (path, data));
        WritePlan { path: path.to_owned(), model, data }
    }
}

/// An initializer of the model file: its message up to the elements, and those if they are inline.
struct Frame {
    encoded: Vec<u8>,
    elements: Option<(u64, TensorData)>,
}

impl Frame {
    fn len(&self) -> u64 {
        self.encoded.len() as u64 + self.elements.as_ref().map_or(0, |(len, _)| *len)
    }
}

fn framed(tag: u32, message: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(message.len() + 16);
    encode_key(tag, WireType::LengthDelimited, &mut bytes);
    encode_varint(message.len() as u64, &mut bytes);
    bytes.extend_from_slice(message);
    bytes
}

fn inline_frame(name: &str, tensor: &Tensor, len: u64) -> Frame {
    let mut message = tensor_header(tensor, name).encode_to_vec();
    encode_key(TENSOR_RAW_DATA, WireType::LengthDelimited, &mut message);
    encode_varint(len, &mut message);
    let mut encoded = Vec::with_capacity(message.len() + 16);
    encode_key(GRAPH_INITIALIZER, WireType::LengthDelimited, &mut encoded);
    encode_varint(message.len() as u64 + len, &mut encoded);
    encoded.extend(message);
    Frame { encoded, elements: Some((len, tensor.data.clone())) }
}

fn external_frame(
    name: &str,
    tensor: &Tensor,
    len: u64,
    location: &str,
    data: &mut FilePlan,
) -> Frame {
    const EXTERNAL: i32 = 1;
    data.align(if len >= LARGE { PAGE } else { ALIGN });
    let entry = |key: &str, value: String| StringStringEntryProto {
        key: Some(key.into()),
        value: Some(value),
    };
    let mut header = tensor_header(tensor, name);
    header.data_location = Some(EXTERNAL);
    header.external_data = vec![
        entry("location", location.to_owned()),
        entry("offset", data.len.to_string()),
        entry("length", len.to_string()),
    ];
    data.push(len, Content::Elements(tensor.data.clone()));
    Frame { encoded: framed(GRAPH_INITIALIZER, &header.encode_to_vec()), elements: None }
}
