//! What the host does with plugins that are wrong, broken, or break the rules.

use peftc::ir::{Model, text};
use peftc::plugin::{Archive, Note, Options, PluginPass, Plugins, SearchPath};
use peftc::recipe::Recipe;
use peftc::weights::{self, Placement, Plan};
use peftc::{Context, Error, ErrorKind, Result};
use peftc_abi::PEFTC_ABI_MINOR;
use std::env::consts::{DLL_PREFIX, DLL_SUFFIX};
use std::path::{Path, PathBuf};

fn file_name(stem: &str) -> String {
    format!("{DLL_PREFIX}{stem}{DLL_SUFFIX}")
}

/// Puts a test plugin into a folder under a name the host looks for.
fn install(plugin: &str, folder: &Path, name: &str) -> PathBuf {
    let deps = std::env::current_exe().expect("the test knows its file");
    let built = deps.with_file_name(file_name(&format!("peftc_testplugin_{plugin}")));
    let to = folder.join(file_name(&format!("peftc_plugin_{name}")));
    std::fs::copy(&built, &to).unwrap_or_else(|e| panic!("{}: {e}", built.display()));
    to
}

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().expect("a temporary folder")
}

fn load(folder: &Path) -> Plugins {
    Plugins::load(SearchPath::new(vec![folder.to_owned()])).expect("no two passes of one name")
}

/// Why the only file of a folder was not loaded.
fn not_loaded(folder: &Path) -> String {
    let plugins = load(folder);
    assert!(plugins.all().is_empty());
    let [error] = plugins.failed() else { panic!("one failure: {:?}", plugins.failed()) };
    assert_eq!(error.kind(), ErrorKind::Input);
    error.message().replace(&folder.display().to_string(), "DIR")
}

#[test]
fn a_library_without_the_entry_is_refused() {
    let folder = folder();
    install("no_symbol", folder.path(), "x");
    let expected = format!(
        "DIR/{}: has no `peftc_plugin_entry_v0` symbol; this peftc loads plugins of ABI 0.{PEFTC_ABI_MINOR}",
        file_name("peftc_plugin_x")
    );
    assert_eq!(not_loaded(folder.path()), expected);
}

#[test]
fn another_minor_version_is_refused() {
    let folder = folder();
    install("wrong_minor", folder.path(), "x");
    let message = not_loaded(folder.path());
    assert!(
        message.ends_with(&format!(
            "it is built for plugin ABI 0.{}, this peftc loads 0.{PEFTC_ABI_MINOR} only",
            PEFTC_ABI_MINOR + 7
        )),
        "{message}"
    );
}

#[test]
fn a_file_that_is_no_library_is_refused() {
    let folder = folder();
    std::fs::write(folder.path().join(file_name("peftc_plugin_x")), "text").expect("a file");
    assert!(not_loaded(folder.path()).contains("cannot be loaded"));
}

#[test]
fn two_files_with_one_pass_are_an_error() {
    let folder = folder();
    let one = install("misbehave", folder.path(), "one");
    let two = install("misbehave", folder.path(), "two");
    let error = Plugins::load(SearchPath::new(vec![folder.path().to_owned()]))
        .err()
        .expect("one name twice");
    for part in ["a pass \"panic\"", &one.display().to_string(), &two.display().to_string()] {
        assert!(error.message().contains(part), "{part}: {error}");
    }
}

#[test]
fn a_file_of_the_same_name_in_a_later_folder_is_listed_not_loaded() {
    let (first, second) = (folder(), folder());
    let loaded = install("misbehave", first.path(), "x");
    let shadowed = install("misbehave", second.path(), "x");
    let path = SearchPath::new(vec![first.path().to_owned(), second.path().to_owned()]);
    let plugins = Plugins::load(path).expect("it is loaded once");
    let paths: Vec<_> = plugins.all().iter().map(|p| p.path.clone()).collect();
    assert_eq!((paths, plugins.shadowed()), (vec![loaded], [shadowed].as_slice()));
}

const MODEL: &str = "model ir=8 opset \"\"=17
graph g(%x: f32[n, 2]) -> (%y) {
  const %w = f32[2, 2] {1.0, 2.0, 3.0, 4.0}
  %h = MatMul(%x, %w) name \"/q/MatMul\"
  %y = Relu(%h) name \"relu\"
}
";

fn context() -> Context {
    Context::new(None, Context::DEFAULT_MEMORY, |_| {}).expect("a context")
}

/// Runs a pass of the misbehaving plugin; gives its notes.
fn run(name: &str, options: &[&str], model: &mut Model, plan: &mut Plan) -> Result<Vec<Note>> {
    Ok(run_whole(name, options, model, plan)?.0)
}

/// Runs a pass of the misbehaving plugin; gives its notes and archives.
fn run_whole(
    name: &str,
    options: &[&str],
    model: &mut Model,
    plan: &mut Plan,
) -> Result<(Vec<Note>, Vec<Archive>)> {
    let folder = folder();
    install("misbehave", folder.path(), "misbehave");
    let plugins = load(folder.path());
    let mut recipe = Recipe::parse(&format!("[[pass]]\nname = {name:?}\n"), Path::new("r.toml"))?;
    options.iter().try_for_each(|option| recipe.set(&format!("{name}.{option}")))?;
    let selected = plugins.pass(name)?;
    let options = Options::check(selected.pass, &recipe, &recipe.passes[0])?;
    let context = context();
    let mut pass = PluginPass::new(0, selected, &options, None, plan, &context);
    peftc::pass::run(&mut pass, model)?;
    Ok((pass.notes, pass.archives))
}

/// Runs a pass that has to fail, and leave the graph as it was.
fn refused(name: &str, options: &[&str]) -> Error {
    let mut model = text::parse(MODEL).expect("a model");
    let error = run(name, options, &mut model, &mut Plan::default()).expect_err(name);
    assert_eq!(
        text::print(&model),
        text::print(&text::parse(MODEL).expect("a model")),
        "{name}: the graph changed"
    );
    let title = format!("pass {name:?} (plugin peftc-testplugin-misbehave 0.1.0): ");
    assert!(error.message().starts_with(&title), "{error}");
    error
}

#[test]
fn a_panic_stays_in_the_plugin() {
    let error = refused("panic", &[]);
    assert_eq!(error.kind(), ErrorKind::Bug);
    assert!(error.message().contains("panicked at tests/plugins/misbehave/src/lib.rs:"), "{error}");
    assert!(error.message().ends_with(": on purpose"), "{error}");
}

#[test]
fn edits_of_a_pass_that_fails_are_dropped() {
    let error = refused("fail", &[]);
    assert_eq!(error.kind(), ErrorKind::Input);
    assert!(error.message().ends_with("this pass never works"), "{error}");
}

#[test]
fn what_the_host_said_is_the_error_of_a_pass_that_passes_it_on() {
    let error = refused("silent", &[]);
    assert!(
        error.message().ends_with("no linear layer of the model matches \"no.such.module\""),
        "{error}"
    );
}

#[test]
fn a_pass_may_ignore_what_the_host_said() {
    let mut model = text::parse(MODEL).expect("a model");
    let notes = run("swallow", &[], &mut model, &mut Plan::default()).expect("it goes on");
    assert_eq!(notes[0].message, "not found, which is fine");
}

#[test]
fn bad_edits_are_refused_whole() {
    let cases = [
        ("twice", "was already redirected by edit"),
        ("used", "is still used"),
        ("cycle", "it is on a cycle"),
    ];
    for (what, expected) in cases {
        let error = refused("bad-edits", &[&format!("what={what}")]);
        assert_eq!(error.kind(), ErrorKind::Bug);
        assert!(error.helps().iter().any(|h| h.contains(expected)), "{what}: {error}");
    }
}

#[test]
fn archives_have_names_of_files_and_constants() {
    let (mut model, mut plan) = (text::parse(MODEL).expect("a model"), Plan::default());
    let (_, archives) =
        run_whole("archive", &["name=a-1"], &mut model, &mut plan).expect("an archive");
    let [Archive { name, arrays }] = archives.as_slice() else { panic!("one: {archives:?}") };
    let [(array, tensor)] = arrays.as_slice() else { panic!("one: {arrays:?}") };
    assert_eq!((name.as_str(), array.as_str(), tensor.bytes()), ("a-1", "x", Some(&[3, 4][..])));
    assert_eq!(text::print(&model), text::print(&text::parse(MODEL).expect("a model")));
    for name in ["", "a/b", r"a\b", "..", "a.npz", "A", "ä"] {
        let error = refused("archive", &[&format!("name={name:?}")]);
        assert!(
            error.message().contains("names no archive: a-z, 0-9 and - are accepted"),
            "{error}"
        );
    }
    for (name, expected) in
        [("twice", "there is an archive \"a\" already"), ("computed", "value \"h\" is no constant")]
    {
        let error = refused("archive", &[&format!("name={name}")]);
        assert!(error.message().contains(expected), "{error}");
    }
    let error = refused("archive", &["name=default"]);
    assert!(error.helps().iter().any(|h| h.contains("\"h\" is no graph input")), "{error}");
}

#[test]
fn tasks_that_panic_or_fail_are_contained() {
    let cases = [
        ("task-panic", ErrorKind::Bug, "a task, on purpose"),
        ("task-fail", ErrorKind::Input, "this task never works"),
    ];
    for (name, kind, expected) in cases {
        let (mut model, mut plan) = (text::parse(MODEL).expect("a model"), Plan::default());
        run(name, &[], &mut model, &mut plan).expect("the task is only recorded");
        let file = tempfile::tempfile().expect("a file");
        let placements = [Placement { task: 0, result: 0, file: &file, offset: 0 }];
        let error = weights::run(&plan, &placements, &context(), &|_| {}).expect_err(name);
        assert_eq!(error.kind(), kind, "{error}");
        for part in [expected, "q", "peftc-testplugin-misbehave"] {
            assert!(error.message().contains(part), "{part}: {error}");
        }
    }
}

#[test]
fn options_of_every_kind_arrive() {
    let notes = |options: &[&str]| -> Vec<String> {
        let mut model = text::parse(MODEL).expect("a model");
        let notes = run("options", options, &mut model, &mut Plan::default())
            .expect("it notes its options");
        notes.into_iter().map(|n| n.message).collect()
    };
    let defaults = [
        "bool Some(true)",
        "int None",
        "float Some(0.5)",
        "string Some(\"a\")",
        "list Some([\"x\"])",
    ];
    assert_eq!(notes(&[]), defaults);
    let set = ["bool=false", "int=-3", "float=2", "string=b", "list=one"];
    let expected = [
        "bool Some(false)",
        "int Some(-3)",
        "float Some(2.0)",
        "string Some(\"b\")",
        "list Some([\"one\"])",
    ];
    assert_eq!(notes(&set), expected);
}

#[test]
fn options_of_a_wrong_type_are_refused() {
    let cases = [
        ("bool=1", "must be true or false"),
        ("int=0.5", "must be an integer"),
        ("float=x", "must be a number"),
        ("string=c", "must be one of a, b, not \"c\""),
        ("list=3", "must be a list of strings"),
        ("boool=true", "has no option \"boool\""),
    ];
    for (option, expected) in cases {
        let mut model = text::parse(MODEL).expect("a model");
        let error = run("options", &[option], &mut model, &mut Plan::default()).expect_err(option);
        assert!(error.message().contains(expected), "{error}");
    }
}
