//! The recipe: which passes run, in TOML, with errors that point at the line.
#![forbid(unsafe_code)]

mod value;

pub use value::OptionValue;

use crate::error::{Error, Result, Source, near};
use std::ops::Range;
use std::path::{Path, PathBuf};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// The passes to run, in order.
#[derive(Clone, Debug)]
pub struct Recipe {
    /// The passes.
    pub passes: Vec<PassRecipe>,
    /// The recipe file, or the adapter folder it was made for.
    pub origin: PathBuf,
    source: Source,
}

/// One pass of a recipe.
#[derive(Clone, Debug)]
pub struct PassRecipe {
    /// The pass.
    pub name: String,
    /// The adapter's folder.
    pub adapter: Option<PathBuf>,
    /// The folders of several adapters, for passes that take these.
    pub adapters: Vec<PathBuf>,
    /// A safetensors file with inputs of layers, to measure on.
    pub inputs: Option<PathBuf>,
    /// The other entries.
    pub options: Vec<OptionEntry>,
}

/// An option a recipe sets.
#[derive(Clone, Debug)]
pub struct OptionEntry {
    /// Its key.
    pub key: String,
    /// Its value.
    pub value: OptionValue,
    place: Place,
}

#[derive(Clone, Debug)]
enum Place {
    File(Range<usize>),
    /// An assignment of the command line.
    Set(String),
}

impl Recipe {
    /// Reads a recipe file.
    pub fn read(path: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(path).map_err(|e| match e.kind() {
            std::io::ErrorKind::InvalidData => {
                Error::input(format!("{}: is no text", path.display()))
            }
            _ => Error::read_file(path, &e),
        })?;
        Self::parse(&text, path)
    }

    /// Parses a recipe; adapters and inputs are relative to the folder of `origin`.
    ///
    /// # Errors
    /// At their line: what is no TOML, keys that are not known, values of a wrong type.
    pub fn parse(text: &str, origin: &Path) -> Result<Self> {
        let source = Source::new(text, origin);
        let table = DeTable::parse(text)
            .map_err(|e| source.error(e.span().unwrap_or(0..0), e.message()))?
            .into_inner();
        let mut passes = None;
        for (key, value) in table {
            match key.get_ref().as_ref() {
                "pass" => passes = Some(parse_passes(&source, &value, origin)?),
                other => {
                    let error = source.error(key.span(), format!("unknown key {other:?}"));
                    return Err(match near(other, ["pass"], 1).first() {
                        Some(near) => error.help(format!("did you mean {near:?}?")),
                        None => error.help("a recipe has [[pass]] tables alone"),
                    });
                }
            }
        }
        let passes = passes.ok_or_else(|| {
            Error::input(format!("{}: has no [[pass]]", origin.display()))
                .help("`pass = []` copies the model")
        })?;
        Ok(Self { passes, origin: origin.to_owned(), source })
    }

    /// The recipe of one pass with this adapter and no options.
    pub fn for_adapter(adapter: &Path, pass: &str) -> Self {
        let pass = PassRecipe {
            name: pass.to_owned(),
            adapter: Some(adapter.to_owned()),
            adapters: Vec::new(),
            inputs: None,
            options: Vec::new(),
        };
        Self { passes: vec![pass], origin: adapter.to_owned(), source: Source::new("", adapter) }
    }

    /// Sets an option of all passes of a name: `PASS.OPTION=VALUE`, a TOML value or a bare string.
    ///
    /// # Errors
    /// Another form, or no pass of that name.
    pub fn set(&mut self, assignment: &str) -> Result<()> {
        let wrong = || {
            Error::input(format!("--set {assignment}: is not of the form PASS.OPTION=VALUE"))
                .help("such as lora.mode=inject")
        };
        let (target, text) = assignment.split_once('=').ok_or_else(wrong)?;
        let (pass, key) = target.trim().split_once('.').ok_or_else(wrong)?;
        if pass.is_empty() || key.is_empty() {
            return Err(wrong());
        }
        let value = OptionValue::parse(text)
            .unwrap_or_else(|_| OptionValue::String(text.trim().to_owned()));
        let names: Vec<String> = self.passes.iter().map(|p| p.name.clone()).collect();
        if !names.iter().any(|name| name == pass) {
            let error =
                Error::input(format!("--set {assignment}: the recipe has no pass {pass:?}"));
            return Err(error.help(format!("it has: {}", names.join(", "))));
        }
        self.set_where(|name| name == pass, key, &value, &format!("--set {assignment}"));
        Ok(())
    }

    /// Sets a string option of every pass that has it, as the command line's `--mode` does.
    ///
    /// # Errors
    /// No pass of the recipe has it.
    pub fn set_for_all(
        &mut self,
        has_option: impl Fn(&str) -> bool,
        key: &str,
        value: &str,
    ) -> Result<()> {
        if !self.passes.iter().any(|pass| has_option(&pass.name)) {
            return Err(Error::input(format!(
                "--{key} {value}: no pass of the recipe has an option {key:?}"
            )));
        }
        self.set_where(
            has_option,
            key,
            &OptionValue::String(value.to_owned()),
            &format!("--{key} {value}"),
        );
        Ok(())
    }

    fn set_where(
        &mut self,
        applies: impl Fn(&str) -> bool,
        key: &str,
        value: &OptionValue,
        said: &str,
    ) {
        for pass in self.passes.iter_mut().filter(|pass| applies(&pass.name)) {
            pass.options.retain(|option| option.key != key);
            let place = Place::Set(said.to_owned());
            pass.options.push(OptionEntry { key: key.to_owned(), value: value.clone(), place });
        }
    }

    /// An error about an option, at its line or its argument.
    pub fn error_at(&self, entry: &OptionEntry, message: impl Into<String>) -> Error {
        match &entry.place {
            Place::File(span) => self.source.error(span.clone(), message),
            Place::Set(said) => Error::input(message).within(said),
        }
    }
}

fn parse_passes(
    source: &Source,
    value: &Spanned<DeValue<'_>>,
    origin: &Path,
) -> Result<Vec<PassRecipe>> {
    let tables = "pass must be an array of tables: [[pass]]";
    let DeValue::Array(array) = value.get_ref() else {
        return Err(source.error(value.span(), tables));
    };
    array
        .iter()
        .map(|item| match item.get_ref() {
            DeValue::Table(table) => parse_pass(source, table, item.span(), origin),
            _ => Err(source.error(item.span(), tables)),
        })
        .collect()
}

fn parse_pass(
    source: &Source,
    table: &DeTable<'_>,
    span: Range<usize>,
    origin: &Path,
) -> Result<PassRecipe> {
    let (mut name, mut adapter, mut adapters, mut inputs) = (None, None, Vec::new(), None);
    let mut options = Vec::new();
    let beside = |path: String| origin.parent().unwrap_or(Path::new("")).join(path);
    for (key, value) in table {
        let parsed = OptionValue::from_toml(value.get_ref())
            .map_err(|what| source.error(value.span(), format!("{:?} {what}", key.get_ref())))?;
        match (key.get_ref().as_ref(), parsed) {
            ("name", OptionValue::String(text)) => name = Some(text),
            ("adapter", OptionValue::String(text)) => adapter = Some(beside(text)),
            ("adapters", OptionValue::List(paths)) if !paths.is_empty() => {
                adapters = paths.into_iter().map(beside).collect();
            }
            ("adapters", _) => {
                let message = "\"adapters\" must be a list of strings, not empty";
                return Err(source.error(value.span(), message));
            }
            ("inputs", OptionValue::String(text)) => inputs = Some(beside(text)),
            (known @ ("name" | "adapter" | "inputs"), _) => {
                return Err(source.error(value.span(), format!("{known:?} must be a string")));
            }
            (key_text, value) => {
                let place = Place::File(key.span());
                options.push(OptionEntry { key: key_text.to_owned(), value, place });
            }
        }
    }
    if adapter.is_some() && !adapters.is_empty() {
        return Err(source.error(span, "\"adapter\" and \"adapters\" exclude each other"));
    }
    let name = name.ok_or_else(|| {
        source.error(span, "this [[pass]] has no name").help("such as name = \"lora\"")
    })?;
    Ok(PassRecipe { name, adapter, adapters, inputs, options })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(text: &str) -> String {
        Recipe::parse(text, Path::new("r.toml")).expect_err("a bad recipe").to_string()
    }

    #[test]
    fn a_recipe_is_read() {
        let text = "[[pass]]\nname = \"lora\"\nadapter = \"a/b\"\nmode = \"inject\"\ntargets = [\"q\", \"v\"]\n";
        let recipe = Recipe::parse(text, Path::new("dir/r.toml")).expect("a recipe");
        let [pass] = recipe.passes.as_slice() else { panic!("one pass") };
        assert_eq!(
            (pass.name.as_str(), pass.adapter.as_deref()),
            ("lora", Some(Path::new("dir/a/b")))
        );
        let options: Vec<_> =
            pass.options.iter().map(|o| (o.key.as_str(), o.value.to_string())).collect();
        assert_eq!(
            options,
            [("mode", "\"inject\"".to_owned()), ("targets", "[\"q\", \"v\"]".to_owned())]
        );
    }

    #[test]
    fn an_empty_list_of_passes_is_a_recipe() {
        assert!(Recipe::parse("pass = []", Path::new("r.toml")).is_ok_and(|r| r.passes.is_empty()));
        assert_eq!(message(""), "r.toml: has no [[pass]]\n  `pass = []` copies the model");
    }

    #[test]
    fn errors_show_the_line() {
        assert_eq!(
            message("[[pass]]\nname = \"lora\"\n\n[[passes]]\nname = \"x\"\n"),
            "r.toml:4:3: unknown key \"passes\"\n  4 | [[passes]]\n    |   ^^^^^^\n  did you mean \"pass\"?"
        );
        assert_eq!(
            message("[[pass]]\nname = 3\n"),
            "r.toml:2:8: \"name\" must be a string\n  2 | name = 3\n    |        ^"
        );
        assert_eq!(
            message("[[pass]]\nname = \"a\"\nx = { y = 1 }\n"),
            "r.toml:3:5: \"x\" is a table; options are booleans, numbers, strings and lists of these\n  \
             3 | x = { y = 1 }\n    |     ^^^^^^^^^"
        );
        assert_eq!(
            message("[[pass]]\nmode = \"merge\"\n"),
            "r.toml:1:1: this [[pass]] has no name\n  1 | [[pass]]\n    | ^^^^^^^^\n  such as name = \"lora\""
        );
        let both = "[[pass]]\nname = \"merge\"\nadapter = \"a\"\nadapters = [\"b\"]\n";
        assert!(message(both).contains("\"adapter\" and \"adapters\" exclude each other"));
        let none = "[[pass]]\nname = \"merge\"\nadapters = []\n";
        assert!(message(none).contains("must be a list of strings, not empty"));
        assert!(message("[[pass]\n").starts_with("r.toml:1:"), "{}", message("[[pass]\n"));
    }

    #[test]
    fn options_can_be_set() {
        let mut recipe = Recipe::for_adapter(Path::new("a"), "lora");
        recipe.set("lora.mode=inject").expect("a bare string");
        recipe.set("lora.weight=0.5").expect("a number");
        recipe.set("lora.weight=2").expect("set again");
        let options: Vec<_> =
            recipe.passes[0].options.iter().map(|o| (o.key.as_str(), o.value.clone())).collect();
        assert_eq!(
            options,
            [("mode", OptionValue::String("inject".into())), ("weight", OptionValue::Int(2))]
        );
        let error = recipe.error_at(&recipe.passes[0].options[1], "is wrong");
        assert_eq!(error.to_string(), "--set lora.weight=2: is wrong");
    }

    #[test]
    fn bad_assignments_are_refused() {
        let mut recipe = Recipe::for_adapter(Path::new("a"), "lora");
        for bad in ["lora", "mode=inject", ".mode=x", "lora.=x"] {
            assert!(
                recipe.set(bad).is_err_and(|e| e.message().contains("PASS.OPTION=VALUE")),
                "{bad}"
            );
        }
        let error = recipe.set("lor.mode=x").expect_err("no such pass");
        assert_eq!(
            error.to_string(),
            "--set lor.mode=x: the recipe has no pass \"lor\"\n  it has: lora"
        );
    }
}
