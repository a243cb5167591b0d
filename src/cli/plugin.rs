//! `peftc plugin`

use super::Global;
use super::style::table;
use peftc::plugin::{OptionInfo, PassInfo, Plugin, Plugins};
use peftc::{Error, Result};
use serde_json::{Value, json};

/// What plugins there are
#[derive(clap::Subcommand)]
pub(super) enum Command {
    /// List the passes, and the files they were loaded from
    List,
    /// Show a pass and its options
    Info {
        /// The pass
        pass: String,
    },
}

pub(super) fn run(command: &Command, global: &Global) -> Result<String> {
    let plugins = global.plugins()?;
    match command {
        Command::List => list(&plugins, global),
        Command::Info { pass } => {
            let selected = plugins.pass(pass)?;
            let mut report = pass_json(selected.plugin, selected.pass);
            report["schema"] = json!(1);
            global.report(&report, || info(selected.plugin, selected.pass))
        }
    }
}

fn list(plugins: &Plugins, global: &Global) -> Result<String> {
    let passes = || plugins.all().iter().flat_map(|p| p.passes.iter().map(move |pass| (p, pass)));
    let report = json!({
        "schema": 1,
        "passes": passes().map(|(plugin, pass)| pass_json(plugin, pass)).collect::<Vec<_>>(),
        "shadowed": plugins.shadowed(),
        "failed": plugins.failed().iter().map(Error::message).collect::<Vec<_>>(),
        "searched": plugins.searched(),
    });
    global.report(&report, || {
        let rows: Vec<_> = passes()
            .map(|(plugin, pass)| {
                let origin = format!("{} {}", plugin.name, plugin.version);
                let path = plugin.path.display().to_string();
                vec![pass.name.clone(), pass.summary.clone(), origin, path]
            })
            .collect();
        let mut text = if rows.is_empty() { "no plugins found\n".into() } else { table(&rows, "") };
        for path in plugins.shadowed() {
            text += &format!(
                "not loaded (another folder has a file of this name): {}\n",
                path.display()
            );
        }
        for error in plugins.failed() {
            text += &format!("not loaded: {}\n", error.message());
        }
        if plugins.all().is_empty() {
            for folder in plugins.searched() {
                text += &format!("searched: {}\n", folder.display());
            }
        }
        text
    })
}

fn pass_json(plugin: &Plugin, pass: &PassInfo) -> Value {
    let options: Vec<_> = pass
        .options
        .iter()
        .map(|o| {
            json!({ "key": o.key, "type": o.kind.describe(), "default": o.default, "choices": o.choices, "help": o.help })
        })
        .collect();
    json!({
        "pass": pass.name,
        "summary": pass.summary,
        "peft_types": pass.peft_types,
        "options": options,
        "plugin": plugin.name,
        "version": plugin.version,
        "path": plugin.path,
    })
}

fn info(plugin: &Plugin, pass: &PassInfo) -> String {
    let mut text = format!("{}: {}\n", pass.name, pass.summary);
    text += &format!("plugin    {} {}\n", plugin.name, plugin.version);
    text += &format!("file      {}\n", plugin.path.display());
    if !pass.peft_types.is_empty() {
        text += &format!("adapters  {}\n", pass.peft_types.join(", "));
    }
    text += "options\n";
    let rows: Vec<_> = pass.options.iter().map(option_row).collect();
    text + &table(&rows, "  ")
}

fn option_row(option: &OptionInfo) -> Vec<String> {
    let kind = match option.choices.as_slice() {
        [] => option.kind.describe().to_owned(),
        choices => choices.join(" | "),
    };
    let default = match option.default.as_str() {
        "" => String::new(),
        default => format!("default {default}"),
    };
    vec![option.key.clone(), kind, default, option.help.clone()]
}
