//! From the names of an adapter or a recipe to sites and parameters.
//!
//! A module name matches a path of the graph that is equal to it; else paths that end with it;
//! else the longest path it ends with. So the wrapper a model was exported in, or saved in,
//! does not matter. A name that matches none is looked for under the name that newer versions of
//! transformers give it.

use super::module::renamed;
use super::parameter::{Parameter, Trail};
use super::site::{LinearSite, Sites};
use crate::error::{Error, Result, near};
use crate::ir::{Graph, NodeId, Op};
use regex::Regex;
use std::collections::{BTreeMap, BTreeSet};

impl Sites {
    /// The sites of a module; more than one if the model calls it more than once.
    ///
    /// # Errors
    /// No module, or more than one, matches the name.
    pub fn of_module(&self, name: &str) -> Result<Vec<&LinearSite>> {
        let modules: BTreeSet<&str> = self.named().map(|(module, _)| module).collect();
        let module = find_module(name, &modules)?.ok_or_else(|| self.no_site(name))?;
        Ok(self.named().filter(|(m, _)| *m == module).map(|(_, site)| site).collect())
    }

    /// The sites that target patterns name, in the order of the graph.
    ///
    /// A plain name matches modules whose path ends with it, as in PEFT; one with `*` is a glob
    /// over the whole path (`*` matches dots too); `re:` starts a regular expression for the whole path;
    /// `all-linear` is all of them but the output head.
    ///
    /// # Errors
    /// A pattern matches nothing, or is no regular expression.
    pub fn of_targets(&self, patterns: &[String]) -> Result<Vec<&LinearSite>> {
        let mut matched = vec![false; self.all().len()];
        for pattern in patterns {
            let target = Target::parse(pattern)?;
            let mut any = false;
            for (site, matched) in self.all().iter().zip(&mut matched) {
                if target.matches(site) {
                    (any, *matched) = (true, true);
                }
            }
            if !any {
                return Err(self.no_site(pattern));
            }
        }
        Ok(self.all().iter().zip(matched).filter(|(_, m)| *m).map(|(site, _)| site).collect())
    }

    /// The parameter of a name such as `model.norm.weight`, whose PyTorch tensor has these sizes.
    ///
    /// `conv1d` says that the adapter is for modules that store their weights as `[in, out]`
    /// (`fan_in_fan_out`); it decides for square matrices, where sizes do not tell.
    ///
    /// # Errors
    /// Nothing of this name and these sizes is in the graph.
    pub fn parameter(
        &self,
        graph: &Graph,
        name: &str,
        dims: &[i64],
        conv1d: bool,
    ) -> Result<Parameter> {
        let (module, leaf) = name.rsplit_once('.').unwrap_or((name, ""));
        let modules: BTreeSet<&str> = self.named().map(|(module, _)| module).collect();
        if find_module(module, &modules)?.is_some() {
            return self.site_parameter(graph, module, leaf, dims, conv1d);
        }
        let modules: BTreeSet<&str> = self.modules.keys().map(String::as_str).collect();
        let found = match find_module(module, &modules)? {
            Some(path) => module_parameter(graph, &self.modules[path], leaf, |own| own == dims),
            None => None,
        };
        found.or_else(|| named_parameter(graph, name, dims)).ok_or_else(|| {
            let error =
                Error::input(format!("the model has no parameter {name:?} of shape {dims:?}"));
            near(module, modules.iter().copied(), 3)
                .iter()
                .fold(error, |e, near| e.help(format!("near: module {near}")))
        })
    }

    /// The parameters of modules, by names such as `model.norm.weight`, but for the weights of linear
    /// layers: theirs and others' biases, norms, embeddings.
    pub fn other_parameters(&self, graph: &Graph) -> BTreeMap<String, Parameter> {
        let mut found = BTreeMap::new();
        let biases = self.named().filter_map(|(module, site)| Some((module, site.bias.clone()?)));
        found.extend(biases.map(|(module, bias)| (format!("{module}.bias"), bias)));
        let layers: BTreeSet<&str> = self.named().map(|(module, _)| module).collect();
        for (module, nodes) in &self.modules {
            for leaf in ["weight", "bias"].iter().filter(|_| !layers.contains(module.as_str())) {
                let parameter = module_parameter(graph, nodes, leaf, |dims| !dims.is_empty());
                found.extend(parameter.map(|p| (format!("{module}.{leaf}"), p)));
            }
        }
        found
    }

    fn named(&self) -> impl Iterator<Item = (&str, &LinearSite)> {
        self.all().iter().filter_map(|site| Some((site.module.as_deref()?, site)))
    }

    fn no_site(&self, name: &str) -> Error {
        let error = Error::input(format!("no linear layer of the model matches {name:?}"));
        let count = self.all().len();
        let modules: BTreeSet<&str> = self.named().map(|(module, _)| module).collect();
        if modules.is_empty() && count > 0 {
            return error.help(format!(
                "it has {count} linear layers, but none has a module name: neither node names nor metadata say it. \
                 Models saved by ONNX Runtime's optimizer lose the metadata: use the export itself"
            ));
        }
        let near = near(name, modules.iter().copied(), 3);
        match near.is_empty() {
            false => near
                .iter()
                .fold(error, |e, n| e.help(format!("near: {n}")))
                .help(format!("it has {count} linear layers; `peftc inspect` lists them")),
            true => {
                let some: Vec<&str> = modules.into_iter().take(3).collect();
                error.help(format!("it has {count} linear layers, such as {}", some.join(", ")))
            }
        }
    }

    fn site_parameter(
        &self,
        graph: &Graph,
        module: &str,
        leaf: &str,
        dims: &[i64],
        conv1d: bool,
    ) -> Result<Parameter> {
        let mut merged: Option<Parameter> = None;
        for site in self.of_module(module)? {
            let found = match leaf {
                "weight" => Some(turned(graph, site, dims, conv1d)?),
                "bias" => site.bias.clone(),
                _ => None,
            };
            let found = found.ok_or_else(|| {
                Error::input(format!("the linear layer {module:?} has no {leaf:?}"))
            })?;
            match &mut merged {
                None => merged = Some(found),
                Some(first)
                    if (first.value, first.transposed) == (found.value, found.transposed) =>
                {
                    first.uses.extend(found.uses);
                    first.uses.sort();
                    first.uses.dedup();
                }
                Some(_) => {
                    return Err(Error::input(format!(
                        "the module {module:?} is called more than once, with different constants for its {leaf}"
                    )));
                }
            }
        }
        let parameter = merged.ok_or_else(|| self.no_site(module))?;
        let stored = graph.constant(parameter.value).map(|t| t.dims.clone()).unwrap_or_default();
        if leaf == "bias" && stored != dims {
            return Err(Error::input(format!(
                "{module}.bias is {dims:?} in the adapter, {stored:?} in the model"
            )));
        }
        Ok(parameter)
    }
}

/// A site's weight, turned so that it can take a PyTorch tensor of these sizes.
fn turned(graph: &Graph, site: &LinearSite, dims: &[i64], conv1d: bool) -> Result<Parameter> {
    let stored = graph.constant(site.weight.value).map(|t| t.dims.clone()).unwrap_or_default();
    let reversed: Vec<i64> = stored.iter().rev().copied().collect();
    let transposed = match (stored == dims, reversed == dims) {
        (true, true) => site.weight.transposed && !conv1d,
        (true, false) => false,
        (false, true) => true,
        (false, false) => {
            let module = site.module.as_deref().unwrap_or_default();
            return Err(Error::input(format!(
                "{module}.weight is {dims:?} in the adapter, {stored:?} in the model"
            )));
        }
    };
    Ok(Parameter { transposed, ..site.weight.clone() })
}

/// The path that a module name, or its newer form, matches; none if none does.
fn find_module<'a>(name: &str, modules: &BTreeSet<&'a str>) -> Result<Option<&'a str>> {
    match match_module(name, modules)? {
        None => match_module(&renamed(name), modules),
        found => Ok(found),
    }
}

/// The path a module name matches; none if none does.
///
/// # Errors
/// It is the end of more than one.
pub(crate) fn match_module<'a>(name: &str, modules: &BTreeSet<&'a str>) -> Result<Option<&'a str>> {
    if let Some(exact) = modules.get(name) {
        return Ok(Some(exact));
    }
    let longer: Vec<&str> = modules.iter().copied().filter(|m| ends_with_path(m, name)).collect();
    match longer.as_slice() {
        [] => {
            Ok(modules.iter().copied().filter(|m| ends_with_path(name, m)).max_by_key(|m| m.len()))
        }
        [one] => Ok(Some(one)),
        several => {
            let error =
                Error::input(format!("{name:?} matches {} modules of the model", several.len()));
            Err(several.iter().take(8).fold(error, |e, m| e.help((*m).to_owned())))
        }
    }
}

/// Whether a dotted path ends with another one, at a dot.
fn ends_with_path(path: &str, end: &str) -> bool {
    path.strip_suffix(end).is_some_and(|rest| rest.ends_with('.'))
}

/// The parameter of a module that is no linear layer: a norm's or an embedding's.
fn module_parameter(
    graph: &Graph,
    nodes: &[NodeId],
    leaf: &str,
    fits: impl Fn(&[i64]) -> bool,
) -> Option<Parameter> {
    let mut found: Option<Parameter> = None;
    for &node in nodes {
        let Some(op) = graph.node(node).op() else { continue };
        for &slot in parameter_slots(op, leaf) {
            let trail = Trail::follow(graph, node, slot);
            let trail = trail.filter(|t| !t.flipped && fits(&t.dims(graph)));
            let Some(trail) = trail else { continue };
            let parameter = trail.into_parameter(graph, node, false, 1.0);
            match &mut found {
                None => found = Some(parameter),
                Some(first) if first.value == parameter.value => first.uses.extend(parameter.uses),
                Some(_) => {}
            }
        }
    }
    found
}

/// The input slots of an operator where a module's parameter of this name may stand.
fn parameter_slots(op: &Op, leaf: &str) -> &'static [usize] {
    const NORMS: [&str; 4] = [
        "LayerNormalization",
        "SimplifiedLayerNormalization",
        "RMSNormalization",
        "GroupNormalization",
    ];
    let is_norm = NORMS.contains(&op.op_type.as_str());
    match (op.op_type.as_str(), leaf) {
        (_, "weight") if is_norm => &[1],
        (_, "bias") if is_norm => &[2],
        ("Gather", "weight") => &[0],
        ("Mul", "weight") | ("Add", "bias") => &[0, 1],
        _ => &[],
    }
}

/// The initializer of this name, or the only one whose name ends with it.
fn named_parameter(graph: &Graph, name: &str, dims: &[i64]) -> Option<Parameter> {
    let fits = |v: &crate::ir::ValueId| graph.constant(*v).is_some_and(|t| t.dims == dims);
    let exact = graph.value_named(name).filter(fits);
    let value = exact.or_else(|| {
        let mut all = graph.initializers().into_iter().map(|(v, _)| v).filter(fits);
        let mut ending = all.by_ref().filter(|&v| ends_with_path(graph.value(v).name(), name));
        let first = ending.next()?;
        ending.next().is_none().then_some(first)
    })?;
    Some(Parameter {
        value,
        uses: graph.uses(value),
        transposed: false,
        factor: 1.0,
        shared_through: None,
    })
}

/// A target pattern of a recipe.
enum Target {
    AllLinear,
    Suffix(String),
    Path(Regex),
}

impl Target {
    fn parse(pattern: &str) -> Result<Self> {
        let regex = |text: &str| {
            Regex::new(&format!("^(?:{text})$")).map_err(|e| {
                Error::input(format!("target {pattern:?} is no regular expression: {e}"))
            })
        };
        if pattern == "all-linear" {
            return Ok(Self::AllLinear);
        }
        if let Some(text) = pattern.strip_prefix("re:") {
            return regex(text).map(Self::Path);
        }
        if pattern.contains('*') {
            let parts: Vec<String> = pattern.split('*').map(regex::escape).collect();
            return regex(&parts.join(".*")).map(Self::Path);
        }
        Ok(Self::Suffix(pattern.to_owned()))
    }

    fn matches(&self, site: &LinearSite) -> bool {
        let module = site.module.as_deref();
        match self {
            Self::AllLinear => !site.is_output_head,
            Self::Suffix(name) => module.is_some_and(|m| m == name || ends_with_path(m, name)),
            Self::Path(regex) => module.is_some_and(|m| regex.is_match(m)),
        }
    }
}
