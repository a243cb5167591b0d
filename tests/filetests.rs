//! Every `tests/filetests/TOPIC/CASE.pir` is a test.
//!
//! A case begins with what to do, in comments: `; test: COMMAND ARGUMENTS`, and `; edit: …` lines for
//! the command `edit`. Then comes a model, behind `--- ADAPTER` lines what an adapter has, and
//! behind a line `---` what is expected: text, or `error: …`. `PEFTC_BLESS=1 cargo test --test
//! filetests` writes what is expected; read the difference before you commit it.

#[path = "filetest/case.rs"]
mod case;
#[path = "filetest/edit.rs"]
mod edit;
#[path = "filetest/pass.rs"]
mod pass;

use case::Case;
use libtest_mimic::{Arguments, Failed, Trial};
use peftc::inspect::inspect;
use peftc::ir::{text, verify_model};
use peftc::onnx::ReadModel;
use std::path::{Path, PathBuf};

fn main() -> std::process::ExitCode {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/filetests");
    let trials = cases(&root).into_iter().map(|path| {
        let name = path.strip_prefix(&root).unwrap_or(&path).display().to_string();
        Trial::test(name, move || check(&path))
    });
    libtest_mimic::run(&Arguments::from_args(), trials.collect()).exit_code()
}

fn cases(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten().map(|e| e.path());
    let mut files: Vec<PathBuf> = entries
        .flat_map(|path| match path.is_dir() {
            true => cases(&path),
            false => vec![path],
        })
        .filter(|path| path.extension().is_some_and(|e| e == "pir"))
        .collect();
    files.sort();
    files
}

fn check(path: &Path) -> Result<(), Failed> {
    let text = std::fs::read_to_string(path)?;
    let case = Case::parse(&text)?;
    let got = run(&case)?;
    if got.trim_end() == case.expected.trim_end() {
        return Ok(());
    }
    if std::env::var_os("PEFTC_BLESS").is_some() {
        std::fs::write(path, format!("{}---\n{}\n", case.before, got.trim_end()))?;
        return Ok(());
    }
    Err(format!(
        "{}:\nexpected\n{}\ngot\n{got}\n(PEFTC_BLESS=1 accepts it)",
        path.display(),
        case.expected
    )
    .into())
}

/// What a case gives: text, or an error, which is text too.
fn run(case: &Case<'_>) -> Result<String, Failed> {
    let model = match text::parse(case.model) {
        Ok(model) => model,
        Err(error) => return Ok(format!("error: {error}")),
    };
    match case.command {
        "print" => {
            let printed = text::print(&model);
            let again = text::parse(&printed)
                .map_err(|e| format!("what was printed is not parsed: {e}"))?;
            match text::print(&again) == printed {
                true => Ok(printed),
                false => Err("what was printed is parsed as another model".into()),
            }
        }
        "verify" => Ok(verify_model(&model).iter().map(|v| format!("{v}\n")).collect()),
        "unusual" => {
            let read = ReadModel { model, ..Default::default() };
            Ok(inspect(&read, Path::new("model.onnx"))?.unusual.join("\n"))
        }
        "edit" => edit::run(case, model),
        "lower" => Ok(peftc::runtime::steps(&model).unwrap_or_else(|e| format!("error: {e}"))),
        "pass" => pass::run(case, model),
        other => Err(format!("unknown command {other:?}").into()),
    }
}
