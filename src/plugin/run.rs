//! One run of a plugin's pass: what it may read, what it records.

use super::call::{Call, Ended, Failure, not_found};
use super::host::HOST;
use super::library::Plugin;
use super::options::Options;
use super::registry::Selected;
use super::task::PluginTaskKind;
use crate::adapter::{Adapter, AttentionSites, BlockSites, LayerInputs, LeftOut, Parameter, Sites};
use crate::context::{Context, Level};
use crate::error::{Error, Result};
use crate::ir::{Edits, Graph, Model, NodeId, Tensor, ValueId};
use crate::pass::Pass;
use crate::weights::Plan;
use peftc_abi::*;
use serde::Serialize;
use std::any::Any;
use std::cell::OnceCell;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// A line of the report: what was bound to what.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Record {
    /// The module, as the adapter names it.
    pub module: String,
    /// The node or value of the graph that was changed or added to.
    pub target: String,
    /// What was done.
    pub what: String,
    /// Parameters of the adapter there.
    pub parameters: u64,
    /// Floating-point operations that the model computes more there for each token.
    pub flops_per_token: u64,
}

/// A note of a pass.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Note {
    /// How loud.
    pub level: Level,
    /// The node it is about; may be empty.
    pub node: String,
    /// The text.
    pub message: String,
}

/// A file of arrays that goes beside the model.
#[derive(Clone, Debug)]
pub struct Archive {
    /// What stands between the model's name and `.npz`.
    pub name: String,
    /// Its arrays.
    pub arrays: Vec<(String, Tensor)>,
}

/// What the labels of the weight tasks of a pass begin with.
pub fn task_label(position: usize, pass: &str) -> String {
    format!("pass {} ({pass}): ", position + 1)
}

/// A pass of a plugin, ready to run.
pub struct PluginPass<'a> {
    position: usize,
    selected: Selected<'a>,
    options: &'a Options,
    adapter: Option<&'a Adapter>,
    inputs: Option<&'a LayerInputs>,
    plan: &'a mut Plan,
    context: &'a Context,
    /// What it reported, after a run.
    pub records: Vec<Record>,
    /// What it noted, after a run.
    pub notes: Vec<Note>,
    /// The files that it wants beside the model, after a run.
    pub archives: Vec<Archive>,
    /// Bytes of the tensors it added that are no results of weight tasks, after a run.
    pub small_tensor_bytes: u64,
}

impl<'a> PluginPass<'a> {
    /// Prepares the pass at this position of a recipe. Weight tasks are added to `plan`; their
    /// labels begin with [`task_label`].
    pub fn new(
        position: usize,
        selected: Selected<'a>,
        options: &'a Options,
        adapter: Option<&'a Adapter>,
        plan: &'a mut Plan,
        context: &'a Context,
    ) -> Self {
        Self {
            position,
            selected,
            options,
            adapter,
            inputs: None,
            plan,
            context,
            records: Vec::new(),
            notes: Vec::new(),
            archives: Vec::new(),
            small_tensor_bytes: 0,
        }
    }

    /// Gives the pass inputs of layers to measure on.
    #[must_use]
    pub fn with_inputs(self, inputs: Option<&'a LayerInputs>) -> Self {
        Self { inputs, ..self }
    }

    fn failed(
        &self,
        status: PeftcStatus,
        failure: Option<Failure>,
        unbound: Vec<(String, Error)>,
    ) -> Error {
        let error = match failure {
            Some(_) if status == PEFTC_NOT_FOUND && unbound.len() > 1 => list_unbound(&unbound),
            Some(failure) => failure.error,
            None => Error::bug(format!("failed with status {status} and did not say why")),
        };
        match status {
            PEFTC_CANCELLED => Error::interrupted(),
            _ => error.within(self.title()),
        }
    }

    /// Every tensor of the adapter must have found its place.
    fn check_used(&self, used: &BTreeSet<String>, left_out: &BTreeSet<String>) -> Result<()> {
        let Some(adapter) = self.adapter else { return Ok(()) };
        let is_unused = |name: &&str| !used.contains(*name) && !left_out.contains(*name);
        let unused: Vec<_> = adapter.tensor_names().filter(is_unused).collect();
        if unused.is_empty() {
            return Ok(());
        }
        let message = format!(
            "{} of {} tensors of the adapter {} have no place in the model",
            unused.len(),
            adapter.tensor_names().count(),
            adapter.path().display()
        );
        let error = Error::input(message).within(self.title());
        Err(unused.into_iter().fold(error, |e, name| e.help(format!("unused: {name}"))))
    }
}

impl PluginPass<'_> {
    /// Of the given inputs, some must be of layers that the pass measures; the others are noted.
    fn check_inputs(&self, used: &BTreeSet<String>) -> Result<Option<Note>> {
        let Some(inputs) = self.inputs else { return Ok(None) };
        let unused: Vec<_> = inputs.names().filter(|n| !used.contains(*n)).collect();
        let path = inputs.path().display();
        if used.is_empty() {
            let error = Error::input(format!("{path}: has no inputs of a layer that is measured"))
                .within(self.title());
            return Err(unused
                .iter()
                .take(8)
                .fold(error, |e, name| e.help(format!("it has {name}"))));
        }
        let message = format!("{path}: not of layers that are measured: {}", unused.join(", "));
        let note = Note { level: Level::Info, node: String::new(), message };
        Ok((!unused.is_empty()).then_some(note))
    }
}

impl Pass for PluginPass<'_> {
    fn title(&self) -> String {
        let Plugin { name, version, .. } = self.selected.plugin;
        format!("pass {:?} (plugin {name} {version})", self.selected.pass.name)
    }

    fn run(&mut self, model: &Model) -> Result<Edits> {
        let graph = &model.graph;
        let mut run = Run {
            model,
            graph,
            order: graph.ops().into_iter().map(|(id, _)| id).collect(),
            adapter: self.adapter,
            inputs: self.inputs,
            options: self.options,
            kinds: &self.selected.plugin.kinds,
            context: self.context,
            pass: &self.selected.pass.name,
            label: task_label(self.position, &self.selected.pass.name),
            plan: self.plan,
            sites: OnceCell::new(),
            blocks: OnceCell::new(),
            attention: OnceCell::new(),
            parameters: Vec::new(),
            left_out: BTreeSet::new(),
            used: BTreeSet::new(),
            modules: BTreeMap::new(),
            used_inputs: BTreeSet::new(),
            unbound: Vec::new(),
            edits: Edits::new(graph),
            tensors: Vec::new(),
            records: Vec::new(),
            notes: Vec::new(),
            archives: Vec::new(),
            lent: Vec::new(),
        };
        run.leave_other_half();
        let mut call = Call { failure: None, run: Some(run) };
        let function = self.selected.pass.run;
        // SAFETY: the function is as the ABI says, the table is static, and the call outlives it.
        let status = unsafe { function(&raw const HOST, call.as_ctx()) };
        let Call { failure, run } = call;
        let Some(Run {
            mut edits,
            tensors,
            records,
            mut notes,
            left_out,
            archives,
            used,
            used_inputs,
            unbound,
            ..
        }) = run
        else {
            return Err(Error::bug("a host function took the run out of its call"));
        };
        if status != PEFTC_OK {
            return Err(self.failed(status, failure, unbound));
        }
        self.check_used(&used, &left_out)?;
        notes.extend(self.check_inputs(&used_inputs)?);
        self.small_tensor_bytes = tensors.iter().map(|(_, data)| data.len() as u64).sum();
        for (value, data) in tensors {
            edits.fill(value, data.into());
        }
        self.archives = archives.into_iter().map(|a| archive(graph, &edits, a)).collect();
        self.records = records;
        self.notes = notes;
        Ok(edits)
    }
}

/// An archive, with what its values are.
fn archive(
    graph: &Graph,
    edits: &Edits,
    (name, arrays): (String, Vec<(String, ValueId)>),
) -> Archive {
    let tensor = |id| edits.added_tensor(id).or_else(|| graph.constant(id)).cloned();
    let arrays = arrays.into_iter().filter_map(|(array, id)| Some((array, tensor(id)?)));
    Archive { name, arrays: arrays.collect() }
}

/// The names that match nothing in the model, and what is near the first.
fn list_unbound(unbound: &[(String, Error)]) -> Error {
    const MOST: usize = 8;
    let error = Error::input(format!("{} names match nothing in the model", unbound.len()));
    let mut error = unbound.iter().take(MOST).fold(error, |e, (name, _)| e.help(name));
    if unbound.len() > MOST {
        error = error.help(format!("and {} more", unbound.len() - MOST));
    }
    let near = unbound.first().map(|(_, first)| first.helps()).unwrap_or_default();
    near.iter().fold(error, |e, help| e.help(help))
}

/// The state of a run.
pub(super) struct Run<'a> {
    pub(super) model: &'a Model,
    /// The model's main graph.
    pub(super) graph: &'a Graph,
    /// The operators in topological order.
    pub(super) order: Vec<NodeId>,
    pub(super) adapter: Option<&'a Adapter>,
    pub(super) inputs: Option<&'a LayerInputs>,
    pub(super) options: &'a Options,
    pub(super) kinds: &'a [Arc<PluginTaskKind>],
    pub(super) context: &'a Context,
    pub(super) pass: &'a str,
    pub(super) label: String,
    pub(super) plan: &'a mut Plan,
    sites: OnceCell<Sites>,
    blocks: OnceCell<BlockSites>,
    attention: OnceCell<AttentionSites>,
    /// What `PeftcParameter` numbers, from 1.
    pub(super) parameters: Vec<Parameter>,
    /// Adapter tensors that are for the other half of an encoder–decoder.
    left_out: BTreeSet<String>,
    /// Adapter tensors that were asked for.
    pub(super) used: BTreeSet<String>,
    /// Modules of the model that were looked for, and the names they were found by.
    pub(super) modules: BTreeMap<String, String>,
    /// Given inputs that were asked for.
    pub(super) used_inputs: BTreeSet<String>,
    /// Names that were looked for and are not there, and what was said of them.
    pub(super) unbound: Vec<(String, Error)>,
    pub(super) edits: Edits,
    /// Tensors that the plugin fills until the run ends.
    pub(super) tensors: Vec<(ValueId, Box<[u8]>)>,
    pub(super) records: Vec<Record>,
    pub(super) notes: Vec<Note>,
    /// Names of archives, and their arrays.
    pub(super) archives: Vec<(String, Vec<(String, ValueId)>)>,
    lent: Vec<Box<dyn Any>>,
}

impl<'a> Run<'a> {
    fn leave_other_half(&mut self) {
        let Some(adapter) = self.adapter else { return };
        let LeftOut { names, notes } =
            LeftOut::find(adapter.tensor_names(), || self.blocks(), || self.attention());
        let note = |message| Note { level: Level::Info, node: String::new(), message };
        self.notes.extend(notes.into_iter().map(note));
        self.left_out = names;
    }

    /// The names of the adapter's tensors that are for this model.
    pub(super) fn adapter_names(&self) -> impl Iterator<Item = &'a str> {
        let names = self.adapter.into_iter().flat_map(Adapter::tensor_names);
        names.filter(|name| !self.left_out.contains(*name))
    }

    /// The linear sites, found at first use.
    pub(super) fn sites(&self) -> &Sites {
        self.sites.get_or_init(|| Sites::find(self.graph))
    }

    /// The block sites, found at first use.
    pub(super) fn blocks(&self) -> &BlockSites {
        self.blocks.get_or_init(|| BlockSites::find(self.graph, self.sites()))
    }

    /// The attention sites, found at first use.
    pub(super) fn attention(&self) -> &AttentionSites {
        self.attention.get_or_init(|| AttentionSites::find(self.graph))
    }

    /// Remembers a name that is not there.
    pub(super) fn not_there(&mut self, name: &str, error: Error) -> Ended {
        self.unbound.push((name.to_owned(), error.clone()));
        not_found(error)
    }

    /// Keeps an array until the run ends.
    pub(super) fn lend<T: 'static>(&mut self, items: Vec<T>) -> *const T {
        let items: Box<[T]> = items.into();
        let ptr = items.as_ptr();
        self.lent.push(Box::new(items));
        ptr
    }

    /// Keeps a string until the run ends.
    pub(super) fn lend_str(&mut self, text: String) -> PeftcStr {
        let len = text.len();
        PeftcStr { ptr: self.lend(text.into_bytes()), len }
    }

    pub(super) fn number_parameter(&mut self, parameter: Parameter) -> PeftcParameter {
        self.parameters.push(parameter);
        PeftcParameter { raw: self.parameters.len() as u64 }
    }
}
