//! All plugins that were found, and the choice of a pass.

use super::library::{PassInfo, Plugin};
use super::search::{SearchPath, file_pattern};
use crate::error::{Error, Result, near};
use std::path::PathBuf;

/// The plugins that were found and loaded.
pub struct Plugins {
    plugins: Vec<Plugin>,
    shadowed: Vec<PathBuf>,
    failed: Vec<Error>,
    searched: SearchPath,
}

/// A pass and the plugin it is from.
#[derive(Clone, Copy)]
pub struct Selected<'a> {
    /// The plugin.
    pub plugin: &'a Plugin,
    /// The pass.
    pub pass: &'a PassInfo,
}

impl Plugins {
    /// Loads every plugin file of these folders.
    ///
    /// # Errors
    /// Two files that have a pass of the same name. A file that cannot be loaded is no error
    /// until one of its passes is missed: [`Plugins::failed`] lists it.
    pub fn load(path: SearchPath) -> Result<Self> {
        let (files, shadowed) = path.files();
        let mut all = Self { plugins: Vec::new(), shadowed, failed: Vec::new(), searched: path };
        for file in files {
            match Plugin::open(&file) {
                Ok(plugin) => all.add(plugin)?,
                Err(error) => all.failed.push(error),
            }
        }
        Ok(all)
    }

    fn add(&mut self, plugin: Plugin) -> Result<()> {
        for pass in &plugin.passes {
            if let Some(other) = self.find(&pass.name) {
                return Err(Error::input(format!(
                    "two plugins have a pass {:?}: {} and {}",
                    pass.name,
                    other.plugin.path.display(),
                    plugin.path.display()
                ))
                .help("remove one of the files"));
            }
        }
        self.plugins.push(plugin);
        Ok(())
    }

    /// The loaded plugins, in the order they were found.
    pub fn all(&self) -> &[Plugin] {
        &self.plugins
    }

    /// Files of the same name in a later folder, which were not loaded.
    pub fn shadowed(&self) -> &[PathBuf] {
        &self.shadowed
    }

    /// Why files could not be loaded.
    pub fn failed(&self) -> &[Error] {
        &self.failed
    }

    /// The folders that were searched.
    pub fn searched(&self) -> &[PathBuf] {
        self.searched.folders()
    }

    fn passes(&self) -> impl Iterator<Item = Selected<'_>> {
        self.plugins
            .iter()
            .flat_map(|plugin| plugin.passes.iter().map(move |pass| Selected { plugin, pass }))
    }

    fn find(&self, name: &str) -> Option<Selected<'_>> {
        self.passes().find(|s| s.pass.name == name)
    }

    /// The pass of this name.
    pub fn pass(&self, name: &str) -> Result<Selected<'_>> {
        self.find(name).ok_or_else(|| {
            let error = Error::input(format!("no plugin has a pass {name:?}"));
            let near = near(name, self.passes().map(|s| s.pass.name.as_str()), 1);
            let error = near.iter().fold(error, |e, n| e.help(format!("did you mean {n:?}?")));
            self.explain_missing(error)
        })
    }

    /// The pass that handles adapters of this `peft_type`.
    pub fn pass_for_peft_type(&self, peft_type: &str) -> Result<Selected<'_>> {
        let handles = |s: &Selected<'_>| s.pass.peft_types.iter().any(|t| t == peft_type);
        self.passes().find(handles).ok_or_else(|| {
            let error =
                Error::input(format!("no plugin handles adapters of peft_type {peft_type:?}"));
            self.explain_missing(error)
        })
    }

    /// Whether there is a pass of this name with this option.
    pub fn has_option(&self, pass: &str, option: &str) -> bool {
        self.find(pass).is_some_and(|s| s.pass.options.iter().any(|o| o.key == option))
    }

    fn explain_missing(&self, mut error: Error) -> Error {
        for s in self.passes() {
            let types = match s.pass.peft_types.join(", ") {
                types if types.is_empty() => types,
                types => format!(" ({types})"),
            };
            let (name, path) = (&s.pass.name, s.plugin.path.display());
            error = error.help(format!("loaded: {name}{types} from {path}"));
        }
        for failed in &self.failed {
            error = error.help(format!("not loaded: {}", failed.message()));
        }
        for folder in self.searched() {
            let state = if folder.is_dir() { "" } else { " (not there)" };
            error = error.help(format!("searched: {}{state}", folder.display()));
        }
        if self.plugins.is_empty() {
            error = error.help(format!(
                "put {} files into one of these folders, or name theirs with --plugin-path; \
                 `cargo build --release` in the source tree makes them in target/release/deps",
                file_pattern()
            ));
        }
        error
    }
}
