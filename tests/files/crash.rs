//! A run that ends at any moment leaves the old model or the new one, whole, and nothing that
//! the next run does not clean up.

use crate::support::{chain, content, done, names, peftc, text, write};
use peftc::ir::text as pir;
use peftc::onnx::ExternalData;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Instant;

/// What a process exits with that ended at a failpoint.
const FAILED: i32 = 86;

/// Two models, and a recipe whose pass computes all their weights anew, unchanged.
struct Setup {
    folder: tempfile::TempDir,
}

impl Setup {
    fn new(layers: usize, width: i64) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let setup = Self { folder };
        for (name, value) in [("old", 1.0), ("new", 2.0)] {
            write(&chain(layers, width, value), &setup.path(name), ExternalData::Always)
                .expect("it is written");
        }
        std::fs::create_dir(setup.target_folder()).expect("a folder");
        let recipe =
            "[[pass]]\nname = \"lora\"\nrank = 1\ntargets = \"all-linear\"\nmode = \"merge\"\n";
        std::fs::write(setup.recipe(), recipe).expect("a recipe");
        setup
    }

    /// Two models with past inputs, and a recipe whose pass gives them a prefix.
    fn with_past() -> Self {
        let setup = Self::new(1, 24);
        let case = include_str!("../filetests/prefix/past.pir");
        let model = case.split("\n--- ").next().expect("a model");
        for name in ["old", "new"] {
            let model = pir::parse(&model.replace("past_key_values", name)).expect("a model");
            write(&model, &setup.path(name), ExternalData::Never).expect("it is written");
        }
        let recipe = "[[pass]]\nname = \"prefix\"\nlength = 2\nform = \"past\"\n";
        std::fs::write(setup.recipe(), recipe).expect("a recipe");
        setup
    }

    fn path(&self, model: &str) -> PathBuf {
        self.folder.path().join(format!("{model}.onnx"))
    }

    fn recipe(&self) -> PathBuf {
        self.folder.path().join("fresh.toml")
    }

    fn target_folder(&self) -> PathBuf {
        self.folder.path().join("out")
    }

    fn target(&self) -> PathBuf {
        self.target_folder().join("out.onnx")
    }

    /// The arguments that write a model to the target.
    fn arguments(&self, model: &str) -> Vec<String> {
        let (recipe, model, target) = (self.recipe(), self.path(model), self.target());
        let words = ["apply", &text(recipe), &text(model), "-o", &text(target), "--force"];
        let options = ["--external-data", "always", "--threads", "1"];
        words.into_iter().chain(options).map(str::to_owned).collect()
    }

    fn apply(&self, model: &str) {
        let arguments = self.arguments(model);
        done(&arguments.iter().map(String::as_str).collect::<Vec<_>>());
    }

    /// What the target holds when a model has been written to it.
    fn applied(&self, model: &str) -> Content {
        self.apply(model);
        assert_clean(&self.target_folder());
        content(&self.target()).expect("it loads")
    }
}

type Content = (String, Vec<Vec<u8>>);

/// The model and its one data file, and nothing else.
fn assert_clean(folder: &Path) {
    let names = names(folder);
    let is_clean =
        matches!(names.as_slice(), [model, data] if model == "out.onnx" && data.ends_with(".data"));
    assert!(is_clean, "{names:?}");
}

#[test]
fn every_step_may_be_the_last() {
    let setup = Setup::new(2, 24);
    let (new, old) = (setup.applied("new"), setup.applied("old"));
    let arguments = setup.arguments("new");
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let mut seen = [0, 0];
    for point in 1.. {
        let output = peftc(&arguments).env("PEFTC_FAILPOINT", point.to_string()).output();
        let output = output.expect("peftc starts");
        let now = content(&setup.target()).unwrap_or_else(|e| panic!("failpoint {point}: {e}"));
        assert!(now == old || now == new, "failpoint {point}: neither old nor new");
        seen[usize::from(now == new)] += 1;
        if output.status.success() {
            break;
        }
        assert_eq!(output.status.code(), Some(FAILED), "failpoint {point}: {output:?}");
        assert_eq!(setup.applied("old"), old, "failpoint {point}");
    }
    // Two points a step: making, writing and syncing the files and their folder; the rename;
    // the removals behind it.
    assert!(seen[0] >= 24 && seen[1] >= 8, "{seen:?}");
    assert_clean(&setup.target_folder());
}

#[test]
fn a_new_target_is_there_whole_or_not_at_all() {
    let setup = Setup::new(1, 24);
    let new = setup.applied("new");
    let arguments = setup.arguments("new");
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    for point in 1.. {
        for name in names(&setup.target_folder()) {
            std::fs::remove_file(setup.target_folder().join(name)).expect("a file");
        }
        let output = peftc(&arguments).env("PEFTC_FAILPOINT", point.to_string()).output();
        if setup.target().exists() {
            assert_eq!(content(&setup.target()).expect("it loads"), new, "failpoint {point}");
        }
        assert_eq!(setup.applied("new"), new, "failpoint {point}");
        if output.expect("peftc starts").status.success() {
            break;
        }
    }
}

#[test]
fn kill_at_random_moments() {
    const KILLS: u64 = 200;
    let setup = Setup::new(6, 256);
    let contents = [setup.applied("old"), setup.applied("new")];
    let started = Instant::now();
    setup.apply("old");
    let longest = started.elapsed();
    let mut random = 0x9e37_79b9_7f4a_7c15u64;
    let (mut killed, mut while_writing, mut finished) = (0, 0, 0);
    while killed < KILLS {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        let moment = longest.mul_f64(random as f64 / u64::MAX as f64);
        let arguments = setup.arguments(if killed % 2 == 0 { "new" } else { "old" });
        let mut child = peftc(&arguments.iter().map(String::as_str).collect::<Vec<_>>());
        child.stdout(Stdio::null()).stderr(Stdio::null());
        let mut child = child.spawn().expect("peftc starts");
        std::thread::sleep(moment);
        child.kill().expect("it is killed, or has ended");
        match child.wait().expect("it has ended").success() {
            true => finished += 1,
            false => killed += 1,
        }
        while_writing += u64::from(setup.target_folder().join(".out.onnx.run").exists());
        let now = content(&setup.target()).unwrap_or_else(|e| panic!("kill {killed}: {e}"));
        assert!(contents.contains(&now), "kill {killed} after {moment:?}: neither old nor new");
        assert!(finished <= 4 * KILLS, "{finished} runs finished before they were killed");
    }
    println!("{KILLS} runs were killed, {while_writing} while they wrote; {finished} had finished");
    assert!(
        while_writing >= KILLS / 10,
        "{while_writing} of the kills came while files were written"
    );
    setup.apply("old");
    assert_clean(&setup.target_folder());
}

#[test]
fn archives_are_whole_too() {
    let setup = Setup::with_past();
    let [new, old] = ["new", "old"].map(|name| {
        setup.apply(name);
        (content(&setup.target()).expect("it loads"), archive(&setup).expect("it is there"))
    });
    let is_archive = |bytes: &[u8]| bytes == old.1 || bytes == new.1;
    let arguments = setup.arguments("new");
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    for point in 1.. {
        let output = peftc(&arguments).env("PEFTC_FAILPOINT", point.to_string()).output();
        let now = content(&setup.target()).unwrap_or_else(|e| panic!("failpoint {point}: {e}"));
        assert!(now == old.0 || now == new.0, "failpoint {point}: neither old nor new");
        assert!(archive(&setup).is_some_and(|bytes| is_archive(&bytes)), "failpoint {point}");
        if now == new.0 {
            assert_eq!(archive(&setup).as_ref(), Some(&new.1), "failpoint {point}");
        }
        setup.apply("old");
        assert_eq!(names(&setup.target_folder()), ["out.onnx", "out.prefix.npz"]);
        if output.expect("peftc starts").status.success() {
            break;
        }
    }
}

#[test]
fn a_new_archive_stays_with_its_model_alone() {
    let setup = Setup::with_past();
    let arguments = setup.arguments("new");
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let other = setup.target_folder().join("other.onnx");
    let mut seen = [false, false];
    for point in 1.. {
        for name in names(&setup.target_folder()) {
            std::fs::remove_file(setup.target_folder().join(name)).expect("a file");
        }
        let output = peftc(&arguments).env("PEFTC_FAILPOINT", point.to_string()).output();
        // Another run in the folder cleans up.
        done(&["apply", "examples/copy.toml", &text(setup.path("old")), "-o", &text(&other)]);
        let model = setup.target().exists();
        assert_eq!(archive(&setup).is_some(), model, "failpoint {point}");
        assert_eq!(names(&setup.target_folder()).len(), if model { 3 } else { 1 });
        seen[usize::from(model)] = true;
        if output.expect("peftc starts").status.success() {
            break;
        }
    }
    assert_eq!(seen, [true, true]);
}

fn archive(setup: &Setup) -> Option<Vec<u8>> {
    std::fs::read(setup.target_folder().join("out.prefix.npz")).ok()
}

#[test]
fn files_beside_the_model_are_whole_too() {
    let setup = Setup::new(1, 24);
    let input = setup.folder.path().join("input");
    std::fs::create_dir(&input).expect("a folder");
    write(&chain(1, 24, 3.0), &input.join("model.onnx"), ExternalData::Never).expect("written");
    let (old, new) = ("old".repeat(1000), "newer".repeat(1000));
    let target = setup.target_folder().join("tokenizer.json");
    std::fs::write(input.join("tokenizer.json"), &new).expect("a file");
    let (recipe, input, output) = (text(setup.recipe()), text(input), text(setup.target_folder()));
    let arguments = ["apply", &recipe, &input, "-o", &output, "--force"];
    for point in 1.. {
        std::fs::write(&target, &old).expect("a file");
        let output = peftc(&arguments).env("PEFTC_FAILPOINT", point.to_string()).output();
        let now = std::fs::read_to_string(&target).expect("a file");
        assert!(now == old || now == new, "failpoint {point}");
        done(&arguments);
        assert_eq!(names(&setup.target_folder()), ["model.onnx", "tokenizer.json"]);
        if output.expect("peftc starts").status.success() {
            assert_eq!(now, new);
            break;
        }
    }
}
