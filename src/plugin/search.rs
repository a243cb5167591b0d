//! Where plugins are looked for.

use std::env::consts::{DLL_PREFIX, DLL_SUFFIX};
use std::path::{Path, PathBuf};

/// The folders that are searched for plugins, in order.
#[derive(Clone, Debug, Default)]
pub struct SearchPath {
    folders: Vec<PathBuf>,
}

impl SearchPath {
    /// These folders alone.
    pub fn new(folders: Vec<PathBuf>) -> Self {
        Self { folders }
    }

    /// `first`, then `$PEFTC_PLUGIN_PATH`, the user's data folder, `../lib/peftc/plugins` of the
    /// executable, and the executable's own folder. In a Cargo target folder that is `deps`
    /// alone: the copies beside the executable go stale.
    pub fn standard(first: &[PathBuf]) -> Self {
        let mut folders = first.to_vec();
        if let Some(paths) = std::env::var_os("PEFTC_PLUGIN_PATH") {
            folders.extend(std::env::split_paths(&paths).filter(|p| !p.as_os_str().is_empty()));
        }
        folders.extend(user_data_folder().map(|d| d.join("peftc").join("plugins")));
        if let Some(own) = executable_folder() {
            folders.extend(own.parent().map(|p| p.join("lib").join("peftc").join("plugins")));
            folders.push(cargo_deps(&own).unwrap_or(own));
        }
        Self { folders }
    }

    /// The folders, in order.
    pub fn folders(&self) -> &[PathBuf] {
        &self.folders
    }

    /// The plugin files in these folders: those to load, and those another one shadows. A
    /// folder that is not there has none.
    pub(super) fn files(&self) -> (Vec<PathBuf>, Vec<PathBuf>) {
        let (mut found, mut shadowed) = (Vec::<PathBuf>::new(), Vec::new());
        for folder in &self.folders {
            for file in plugin_files(folder) {
                match found.iter().find(|f| f.file_name() == file.file_name()) {
                    None => found.push(file),
                    Some(first) if same_file(first, &file) => {}
                    Some(_) => shadowed.push(file),
                }
            }
        }
        (found, shadowed)
    }
}

/// `libpeftc_plugin_*.so`, as this platform names it.
pub(super) fn file_pattern() -> String {
    format!("{DLL_PREFIX}peftc_plugin_*{DLL_SUFFIX}")
}

fn plugin_files(folder: &Path) -> Vec<PathBuf> {
    let is_plugin = |path: &PathBuf| {
        let name = path.file_name().and_then(|n| n.to_str()).unwrap_or_default();
        let stem = name.strip_prefix(DLL_PREFIX).and_then(|n| n.strip_suffix(DLL_SUFFIX));
        stem.is_some_and(|s| s.starts_with("peftc_plugin_"))
    };
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let mut files: Vec<_> = entries.map(|e| e.path()).filter(is_plugin).collect();
    files.sort();
    files
}

fn same_file(a: &Path, b: &Path) -> bool {
    matches!((a.canonicalize(), b.canonicalize()), (Ok(a), Ok(b)) if a == b)
}

fn user_data_folder() -> Option<PathBuf> {
    let set = |name| std::env::var_os(name).filter(|v| !v.is_empty()).map(PathBuf::from);
    if cfg!(windows) {
        set("APPDATA")
    } else if cfg!(target_os = "macos") {
        set("HOME").map(|h| h.join("Library/Application Support"))
    } else {
        set("XDG_DATA_HOME").or_else(|| set("HOME").map(|h| h.join(".local/share")))
    }
}

fn executable_folder() -> Option<PathBuf> {
    Some(std::env::current_exe().ok()?.canonicalize().ok()?.parent()?.to_owned())
}

/// The `deps` folder of the Cargo profile folder that `own` is, or is in.
fn cargo_deps(own: &Path) -> Option<PathBuf> {
    [Some(own), own.parent()]
        .into_iter()
        .flatten()
        .find(|p| p.join(".fingerprint").is_dir())
        .map(|p| p.join("deps"))
}
