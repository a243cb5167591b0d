//! Where every byte of an output goes, known before any is read or computed.

use super::archive::ArchivePlan;
use super::encode::Encoder;
use super::rope::{Piece, Rope};
use super::store::{Inline, Omit, Outside};
use super::{ExternalData, OutputFile, WriteOptions};
use crate::error::{Error, Result};
use crate::ir::tensor::MappedFile;
use crate::ir::{Model, TensorData};
use crate::onnx::Archive;
use crate::onnx::link::{LinkedFile, Links};
use sha2::{Digest, Sha256};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Above this the automatic choice is external data.
const MOST_INLINE: u64 = 3 << 29;
/// Protobuf's limit of a message.
const MOST_PROTOBUF: u64 = (1 << 31) - 1;

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
    linked: Vec<LinkedFile>,
    pub(super) refuse_existing: bool,
    /// Files that go with the model: what they are copies of, and where they go.
    pub(super) side_files: Vec<(PathBuf, PathBuf)>,
    pub(super) archives: Vec<ArchivePlan>,
}

/// The plan of one file.
#[derive(Clone, Debug, Default)]
pub(super) struct FilePlan {
    pub(super) segments: Vec<Segment>,
    pub(super) len: u64,
}

impl FilePlan {
    /// Puts elements at the next multiple of `align`, and gives where.
    pub(super) fn push_aligned(&mut self, align: u64, len: u64, data: TensorData) -> u64 {
        self.len = self.len.next_multiple_of(align);
        let offset = self.len;
        self.push(len, Content::Elements(data));
        offset
    }

    /// Puts elements at a place behind those that are there.
    pub(super) fn push_at(&mut self, offset: u64, len: u64, data: TensorData) {
        self.len = offset;
        self.push(len, Content::Elements(data));
    }

    fn stored_results(&self) -> impl Iterator<Item = (u32, u64)> {
        let ends = self.segments.iter().skip(1).map(|next| next.offset).chain([self.len]);
        self.segments.iter().zip(ends).filter_map(|(segment, end)| match segment.content {
            Content::Elements(TensorData::Pending { task, .. }) => {
                Some((task, end - segment.offset))
            }
            _ => None,
        })
    }

    fn push(&mut self, len: u64, content: Content) {
        self.segments.push(Segment { offset: self.len, content });
        self.len += len;
    }
}

impl From<Rope> for FilePlan {
    fn from(rope: Rope) -> Self {
        let mut plan = Self::default();
        for piece in rope.into_pieces() {
            match piece {
                Piece::Encoded(bytes) => plan.push(bytes.len() as u64, Content::Encoded(bytes)),
                Piece::Elements { len, data } => plan.push(len, Content::Elements(data)),
            }
        }
        plan
    }
}

impl WritePlan {
    /// A plan of the model file alone.
    fn new(path: &Path, options: &WriteOptions, rope: Rope) -> Self {
        Self {
            path: path.to_owned(),
            model: rope.into(),
            data: None,
            linked: Vec::new(),
            refuse_existing: options.refuse_existing,
            side_files: Vec::new(),
            archives: Vec::new(),
        }
    }

    /// The files that are written, and their sizes.
    pub fn files(&self) -> Vec<OutputFile> {
        let model = OutputFile { path: self.path.clone(), bytes: self.model.len };
        let data =
            self.data.iter().map(|(path, plan)| OutputFile { path: path.clone(), bytes: plan.len });
        let archives = self.archives.iter();
        let archives = archives.map(|a| OutputFile { path: a.path.clone(), bytes: a.file.len });
        std::iter::once(model).chain(data).chain(archives).collect()
    }

    /// The weight tasks whose results are stored, and the bytes each takes with the padding behind
    /// it. A task is there once for each of its results.
    pub fn stored_results(&self) -> impl Iterator<Item = (u32, u64)> {
        let data = self.data.iter().map(|(_, plan)| plan);
        data.chain([&self.model]).flat_map(FilePlan::stored_results)
    }

    /// Copies small files into the model's folder too, each whole or not at all, before the
    /// model: pairs of what is copied and where it goes.
    #[must_use]
    pub fn with_side_files(mut self, files: Vec<(PathBuf, PathBuf)>) -> Self {
        self.side_files = files;
        self
    }

    /// Writes archives into the model's folder too, each whole or not at all, before the model.
    ///
    /// # Errors
    /// One cannot hold its arrays.
    pub fn with_archives(mut self, archives: Vec<Archive>) -> Result<Self> {
        self.archives = archives.into_iter().map(ArchivePlan::new).collect::<Result<_>>()?;
        Ok(self)
    }

    /// The data files of the input that the output refers to instead of having a copy.
    pub fn linked(&self) -> &[LinkedFile] {
        &self.linked
    }
}

/// Plans how a model is written to `path`. Nothing is computed or written.
///
/// # Errors
/// `path` is a file that the model's own tensors are read from; the model passes protobuf's
/// limit where external data is forbidden; weights are to be linked that cannot be.
pub fn plan(model: &Model, path: &Path, options: &WriteOptions) -> Result<WritePlan> {
    let mut inline = Inline::default();
    let rope = Encoder { store: &mut inline, linked: &[] }.model(model)?;
    refuse_own_input(&inline.files, path)?;
    let external = match options.external_data {
        ExternalData::Always => true,
        ExternalData::Never => false,
        ExternalData::Auto => rope.len() > MOST_INLINE || inline.has_external,
    };
    if options.link_weights && options.external_data == ExternalData::Never {
        return Err(Error::input(
            "--link-weights: linked weights are external data, which --external-data never forbids",
        ));
    }
    if options.link_weights {
        return plan_outside(model, path, options, Links::new(&inline.external_files, path)?);
    }
    if external {
        return plan_outside(model, path, options, Links::default());
    }
    if rope.len() > MOST_PROTOBUF {
        return Err(too_large(path, rope.len())
            .help("--external-data auto puts the tensors into a data file"));
    }
    Ok(WritePlan::new(path, options, rope))
}

fn plan_outside(
    model: &Model,
    path: &Path,
    options: &WriteOptions,
    links: Links,
) -> Result<WritePlan> {
    let data_path = data_path(path, &structure_hash(model)?)?;
    let location = data_path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let mut outside = Outside::new(location, &links);
    let rope = Encoder { store: &mut outside, linked: links.files() }.model(model)?;
    if rope.len() > MOST_PROTOBUF {
        return Err(too_large(path, rope.len()).help("its large tensors are outside already"));
    }
    let data = Some((data_path, outside.data)).filter(|(_, plan)| !plan.segments.is_empty());
    let linked = links.files().to_vec();
    Ok(WritePlan { data, linked, ..WritePlan::new(path, options, rope) })
}

fn too_large(path: &Path, bytes: u64) -> Error {
    Error::input(format!(
        "{}: the model file would have {bytes} bytes, protobuf's limit is {MOST_PROTOBUF}",
        path.display()
    ))
}

/// SHA-256 of what a model says but for the elements of its tensors, in hexadecimal.
pub fn structure_sha256(model: &Model) -> Result<String> {
    Ok(crate::onnx::hex(&structure_hash(model)?))
}

fn structure_hash(model: &Model) -> Result<Vec<u8>> {
    let mut hash = Sha256::new();
    let rope = Encoder { store: &mut Omit, linked: &[] }.model(model)?;
    for piece in rope.pieces() {
        if let Piece::Encoded(bytes) = piece {
            hash.update(bytes);
        }
    }
    Ok(hash.finalize().to_vec())
}

fn refuse_own_input(files: &[Arc<MappedFile>], path: &Path) -> Result<()> {
    let Ok(target) = path.canonicalize() else { return Ok(()) };
    if files.iter().any(|file| file.path().canonicalize().is_ok_and(|p| p == target)) {
        return Err(Error::input(format!(
            "{}: is a file of the input, which is never written to",
            path.display()
        )));
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
