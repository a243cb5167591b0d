//! Reading a model: the file is mapped, messages share the map, weights are not touched.

mod attribute;
mod carried;
mod graph;
mod tensor;
mod value;

pub(super) use value::value_file;

use super::external::ExternalFiles;
use super::link::{self, LINK_REMEDY, LinkedFile};
use super::proto::*;
use super::scan::{self, UnknownField, unknown_fields};
use super::types::{metadata, opsets, ty};
use crate::error::{Error, Result};
use crate::ir::tensor::MappedFile;
use crate::ir::{Function, Model, ValueInfo};
use graph::{Captures, Scope, build_graph};
use prost::Message;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

/// A model that was read.
#[derive(Clone, Debug, Default)]
pub struct ReadModel {
    /// The model.
    pub model: Model,
    /// Fields that this version does not know, or that mean nothing where they stand: writing
    /// the model loses them.
    pub unknown_fields: Vec<UnknownField>,
    /// Data files that the model refers to and another one has.
    pub linked: Vec<LinkedFile>,
    /// How linked files are not any more what was linked: the model may compute something else.
    pub changed_links: Vec<String>,
    /// The size of the model file.
    pub bytes: u64,
}

/// Reads an ONNX model.
///
/// # Errors
/// The file is missing, truncated, or no ONNX model; it says something that cannot be: a value
/// nothing makes, two values of one name, a tensor whose bytes do not fit its shape, external
/// data that is missing, too short, or out of the model's folder.
pub fn read(path: &Path) -> Result<ReadModel> {
    read_inner(path).map_err(|e| match e.message().starts_with(&path.display().to_string()) {
        true => e,
        false => e.within(path.display()),
    })
}

fn read_inner(path: &Path) -> Result<ReadModel> {
    let map = MappedFile::open(path)?;
    let size = map.as_slice().len();
    let mut proto = ModelProto::decode(map.to_bytes()).map_err(|e| {
        Error::input(format!("is no ONNX model, or a truncated one ({size} bytes): {e}"))
    })?;
    if proto.graph.is_none() {
        return Err(Error::input(format!("is no ONNX model: it has no graph ({size} bytes)")));
    }
    let mut unknown_fields = unknown_fields(map.as_slice());
    let mut external = ExternalFiles::of_model(path)?;
    let mut linked = link::take(&mut proto.metadata_props);
    if !linked.is_empty() {
        // Another tool may have moved the weights and kept the property.
        let named = scan::external_locations(map.as_slice());
        linked.retain(|file| named.contains(&file.location));
    }
    let changed_links = link::changes(&linked, &mut external);
    let mut reader = Reader { external, map, ignored: BTreeMap::new() };
    let model = reader.model(proto).map_err(|e| {
        let e = changed_links.iter().fold(e, |e, change| e.help(format!("the data file {change}")));
        if changed_links.is_empty() { e } else { e.help(LINK_REMEDY) }
    })?;
    unknown_fields.extend(reader.ignored.into_values());
    Ok(ReadModel { model, unknown_fields, linked, changed_links, bytes: size as u64 })
}

/// What reading needs beside the message at hand.
struct Reader {
    external: ExternalFiles,
    /// The model file.
    map: Arc<MappedFile>,
    /// Fields that are known but mean nothing where they stand, by message and tag.
    ignored: BTreeMap<(&'static str, u32), UnknownField>,
}

impl Reader {
    fn model(&mut self, proto: ModelProto) -> Result<Model> {
        let mut training_info = proto.training_info;
        training_info.iter_mut().try_for_each(|training| self.bring_in(training))?;
        let carried =
            ModelProto { training_info, configuration: proto.configuration, ..Default::default() };
        let functions =
            proto.functions.into_iter().map(|f| self.function(f)).collect::<Result<_>>()?;
        Ok(Model {
            ir_version: proto.ir_version.unwrap_or(0),
            opset_imports: opsets(proto.opset_import),
            producer_name: proto.producer_name.unwrap_or_default(),
            producer_version: proto.producer_version.unwrap_or_default(),
            domain: proto.domain.unwrap_or_default(),
            model_version: proto.model_version.unwrap_or(0),
            doc_string: proto.doc_string.unwrap_or_default(),
            metadata: metadata(proto.metadata_props),
            graph: build_graph(self, proto.graph.unwrap_or_default(), Scope::Closed)?,
            functions,
            carried: carried.encode_to_vec().into(),
        })
    }

    fn function(&mut self, proto: FunctionProto) -> Result<Function> {
        let (domain, name) = (proto.domain.unwrap_or_default(), proto.name.unwrap_or_default());
        let place = format!("function {domain}::{name}");
        let io = |name: String| ValueInfoProto { name: Some(name), ..Default::default() };
        let body = GraphProto {
            name: Some(name.clone()),
            node: proto.node,
            input: proto.input.into_iter().map(io).collect(),
            output: proto.output.into_iter().map(io).collect(),
            value_info: proto.value_info,
            ..Default::default()
        };
        let within = |e: Error| e.within(&place);
        let defaults =
            proto.attribute_proto.into_iter().map(|a| self.attribute(a, &mut Captures::new()));
        Ok(Function {
            attribute_defaults: defaults.collect::<Result<_>>().map_err(within)?,
            body: build_graph(self, body, Scope::Closed).map_err(within)?,
            attributes: proto.attribute,
            opset_imports: opsets(proto.opset_import),
            doc_string: proto.doc_string.unwrap_or_default(),
            metadata: metadata(proto.metadata_props),
            overload: proto.overload.unwrap_or_default(),
            domain,
            name,
        })
    }

    /// Notes a field that means nothing where it stands.
    fn ignore(&mut self, message: &'static str, tag: u32, place: impl std::fmt::Display) {
        let new = || UnknownField { message, tag, place: place.to_string(), count: 0 };
        self.ignored.entry((message, tag)).or_insert_with(new).count += 1;
    }

    fn value_info(&self, proto: ValueInfoProto) -> Result<ValueInfo> {
        Ok(ValueInfo {
            ty: proto.r#type.map(ty).transpose()?,
            doc_string: proto.doc_string.unwrap_or_default(),
            metadata: metadata(proto.metadata_props),
        })
    }
}

/// The external data files that a model names; none in a file that is no model.
///
/// # Errors
/// The file cannot be read.
pub(super) fn external_locations(path: &Path) -> Result<BTreeSet<String>> {
    Ok(scan::external_locations(MappedFile::open(path)?.as_slice()))
}
