//! What is removed, and what is not: what others need, and what others are writing.

use crate::support::{chain, content, done, names, peftc, refused, text, write};
use peftc::onnx::{self, Archive, ExternalData, WriteOptions};
use peftc::{Context, ErrorKind};
use std::path::{Path, PathBuf};

const COPY: &str = "examples/copy.toml";

/// A folder with a model of this name and its data.
fn folder_with(name: &str) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let model = folder.path().join(name);
    write(&chain(2, 32, 1.0), &model, ExternalData::Always).expect("it is written");
    (folder, model)
}

fn copy(model: &Path, output: &Path, options: &[&str]) {
    let (model, output) = (text(model), text(output));
    done(&[&["apply", COPY, &model, "-o", &output], options].concat());
}

fn context() -> Context {
    Context::new(None, Context::DEFAULT_MEMORY, |_| {}).expect("a context")
}

#[test]
fn a_model_may_have_any_name() {
    let (folder, model) = folder_with("model.pb");
    let other = folder.path().join("other.onnx");
    write(&chain(1, 8, 2.0), &other, ExternalData::Never).expect("it is written");
    let before = content(&model).expect("it loads");
    let (from, to) = (text(&other), text(&model));
    for point in 1.. {
        let arguments = ["apply", COPY, &from, "-o", &to, "--force", "--external-data", "always"];
        let killed = peftc(&arguments).env("PEFTC_FAILPOINT", point.to_string()).output();
        if killed.expect("peftc starts").status.success()
            || content(&model).expect("it loads") != before
        {
            break;
        }
        copy(&other, &folder.path().join("unrelated.onnx"), &["--force"]);
        assert_eq!(content(&model).expect("it still loads"), before, "failpoint {point}");
    }
}

#[test]
fn the_data_of_linking_models_of_any_name_stays() {
    for name in ["linked.model", "linked.ONNX", "linked"] {
        let (folder, base) = folder_with("base.onnx");
        let linked = folder.path().join(name);
        copy(&base, &linked, &["--link-weights"]);
        let before = content(&linked).expect("it loads");
        copy(&linked, &base, &["--force"]);
        assert_eq!(content(&linked).expect("it loads"), before);
    }
}

#[test]
fn run_files_of_others_remove_nothing_elsewhere() {
    let (victim, model) = folder_with("base.onnx");
    let data = onnx_data(victim.path());
    let before = content(&model).expect("it loads");
    let folder = tempfile::tempdir().expect("a temporary folder");
    let forged = format!(
        "{{\"may_leave\": [\".a.01234567.tmp\", {0:?}, \"../{1}/{2}\"], \"needs\": []}}",
        victim.path().join(&data),
        victim.path().file_name().expect("a name").to_string_lossy(),
        data
    );
    for name in [".base.onnx.run", ".x.run"] {
        std::fs::write(folder.path().join(name), &forged).expect("a file");
    }
    std::fs::write(folder.path().join("kept.01234567.data"), "mine").expect("a file");
    copy(&model, &folder.path().join("out.onnx"), &["--external-data", "never"]);
    assert_eq!(content(&model).expect("it loads"), before);
    assert_eq!(names(folder.path()), ["kept.01234567.data", "out.onnx"]);
}

fn onnx_data(folder: &Path) -> String {
    names(folder).into_iter().find(|n| n.ends_with(".data")).expect("there is data")
}

#[test]
fn a_run_file_that_was_not_written_to_its_end_goes() {
    let (folder, model) = folder_with("base.onnx");
    for (name, torn) in
        [(".a.onnx.run", &b"{\"may_le"[..]), (".b.onnx.run", &[0; 80]), (".c.onnx.run", b"")]
    {
        std::fs::write(folder.path().join(name), torn).expect("a file");
    }
    copy(&model, &folder.path().join("out.onnx"), &["--external-data", "never"]);
    assert_eq!(names(folder.path()), ["base.onnx", &onnx_data(folder.path()), "out.onnx"]);
}

#[test]
fn no_two_runs_write_one_model() {
    let (folder, model) = folder_with("base.onnx");
    let out = folder.path().join("out.onnx");
    let options = WriteOptions { external_data: ExternalData::Always, ..Default::default() };
    let read = onnx::read(&model).expect("it loads").model;
    let plan = onnx::plan(&read, &out, &options).expect("a plan");
    let during = plan.commit(&context(), &|_, _| {
        let error = plan.commit(&context(), &|_, _| Ok(())).expect_err("another run is at it");
        assert!(error.message().contains("another run is writing it"), "{error}");
        let (from, to) = (text(&model), text(&out));
        let message = refused(&["apply", COPY, &from, "-o", &to, "--force"]);
        assert!(message.contains("another run is writing it"), "{message}");
        copy(&model, &folder.path().join("neighbour.onnx"), &["--external-data", "always"]);
        Ok(())
    });
    during.expect("it is not disturbed");
    assert_eq!(content(&out).expect("it loads"), content(&model).expect("it loads"));
}

#[test]
fn what_came_meanwhile_is_not_replaced_without_force() {
    let (folder, model) = folder_with("base.onnx");
    let out = folder.path().join("out.onnx");
    let read = onnx::read(&model).expect("it loads").model;
    let options = WriteOptions { refuse_existing: true, ..Default::default() };
    let plan = onnx::plan(&read, &out, &options).expect("a plan");
    std::fs::write(&out, "precious").expect("a file");
    let error = plan.commit(&context(), &|_, _| Ok(())).expect_err("it is there");
    assert_eq!(error.kind(), ErrorKind::Input);
    assert_eq!(std::fs::read(&out).expect("a file"), b"precious");
    assert_eq!(names(folder.path()), ["base.onnx", &onnx_data(folder.path()), "out.onnx"]);
}

#[test]
fn an_error_leaves_no_archive() {
    let (folder, model) = folder_with("base.onnx");
    let read = onnx::read(&model).expect("it loads").model;
    let before = names(folder.path());
    let (_, weight) = read.graph.initializers()[0];
    let arrays = |name: &str| vec![(name.to_owned(), weight.clone())];
    let path = folder.path().join("out.weights.npz");
    let plan = |arrays| {
        let archive = Archive { path: path.clone(), arrays };
        let plan = onnx::plan(&read, &folder.path().join("out.onnx"), &WriteOptions::default());
        plan.expect("a plan").with_archives(vec![archive])
    };
    let error = plan([arrays("w"), arrays("w")].concat()).expect_err("two of one name");
    assert!(error.message().contains("out.weights.npz: "), "{error}");
    let failed = plan(arrays("w"))
        .expect("a plan")
        .commit::<()>(&context(), &|_, _| Err(peftc::Error::input("on purpose")));
    assert_eq!(failed.expect_err("it fails").message(), "on purpose");
    assert_eq!(names(folder.path()), before);
    plan(arrays("w")).expect("a plan").commit(&context(), &|_, _| Ok(())).expect("it is written");
    let written = std::fs::read(&path).expect("it is there");
    let bytes = weight.bytes().expect("they are there");
    assert!(written.windows(bytes.len()).any(|w| w == bytes));
}

#[test]
fn data_that_a_run_is_linking_to_stays() {
    let (folder, base) = folder_with("base.onnx");
    let out = folder.path().join("out.onnx");
    let before = content(&base).expect("it loads");
    let read = onnx::read(&base).expect("it loads").model;
    let options = WriteOptions { link_weights: true, ..Default::default() };
    let plan = onnx::plan(&read, &out, &options).expect("a plan");
    let other = folder.path().join("other.onnx");
    write(&chain(2, 32, 5.0), &other, ExternalData::Never).expect("it is written");
    plan.commit(&context(), &|_, _| {
        copy(&other, &base, &["--force"]);
        Ok(())
    })
    .expect("it is written");
    assert_eq!(content(&out).expect("it loads"), before);
}

#[test]
fn pipes_are_no_files() {
    let (folder, model) = folder_with("base.onnx");
    let fifo = |name: &str| {
        let made = std::process::Command::new("mkfifo").arg(folder.path().join(name)).status();
        assert!(made.expect("mkfifo starts").success());
    };
    fifo("pipe.onnx");
    fifo(".pipe.run");
    let out = folder.path().join("out.onnx");
    copy(&model, &out, &["--external-data", "always"]);
    copy(&model, &out, &["--external-data", "always", "--force"]);
    let message = refused(&["inspect", &text(folder.path().join("pipe.onnx"))]);
    assert!(message.contains("a device or a pipe"), "{message}");
}
