//! Models that refer to the data file of another one.

use crate::support::{chain, content, done, names, refused, text, write};
use peftc::onnx::{self, ExternalData};
use std::path::{Path, PathBuf};

/// A folder with `base.onnx` and its data, and a recipe that adds a small branch to it.
struct Setup {
    folder: tempfile::TempDir,
}

impl Setup {
    fn new() -> Self {
        let setup = Self { folder: tempfile::tempdir().expect("a temporary folder") };
        setup.write_base(1.0);
        setup.recipe(
            "inject.toml",
            "[[pass]]\nname = \"lora\"\nrank = 2\ntargets = \"all-linear\"\nmode = \"inject\"\n",
        );
        setup.recipe("copy.toml", "pass = []\n");
        setup
    }

    fn write_base(&self, value: f32) {
        write(&chain(3, 64, value), &self.path("base.onnx"), ExternalData::Always)
            .expect("it is written");
    }

    fn recipe(&self, name: &str, recipe: &str) {
        std::fs::write(self.path(name), recipe).expect("a recipe");
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn arguments(&self, recipe: &str, model: &str, output: &str) -> Vec<String> {
        let paths = [recipe, model, output].map(|name| text(self.path(name)));
        let [recipe, model, output] = paths;
        vec!["apply".into(), recipe, model, "-o".into(), output]
    }

    fn apply(&self, recipe: &str, model: &str, output: &str, options: &[&str]) -> String {
        done(&words(&self.arguments(recipe, model, output), options))
    }

    fn refused(&self, recipe: &str, model: &str, output: &str, options: &[&str]) -> String {
        refused(&words(&self.arguments(recipe, model, output), options))
    }

    fn data(&self, model: &str) -> Vec<String> {
        let is_data = |name: &String| name.starts_with(model) && name.ends_with(".data");
        names(self.folder.path()).into_iter().filter(is_data).collect()
    }
}

fn words<'a>(arguments: &'a [String], options: &[&'a str]) -> Vec<&'a str> {
    arguments.iter().map(String::as_str).chain(options.iter().copied()).collect()
}

fn assert_has(message: &str, parts: &[&str]) {
    for part in parts {
        assert!(message.contains(part), "{part:?} is not in: {message}");
    }
}

fn size(path: &Path) -> u64 {
    path.metadata().expect("a file").len()
}

#[test]
fn a_linked_model_holds_what_a_copy_holds() {
    let setup = Setup::new();
    setup.apply("inject.toml", "base.onnx", "whole.onnx", &["--external-data", "always"]);
    let report = setup.apply("inject.toml", "base.onnx", "linked.onnx", &["--link-weights"]);
    let base_data = &setup.data("base.onnx")[0];
    assert_has(&report, &["linked      base.onnx.", "not copied"]);
    assert_eq!(
        content(&setup.path("linked.onnx")).expect("it loads"),
        content(&setup.path("whole.onnx")).expect("it loads")
    );
    let linked = setup.data("linked.onnx").iter().map(|d| size(&setup.path(d))).sum::<u64>();
    assert!(linked < size(&setup.path(base_data)) / 8, "{linked} bytes");
    let read = onnx::read(&setup.path("linked.onnx")).expect("it loads");
    assert_eq!((read.linked.len(), read.changed_links.len()), (1, 0));
    assert_eq!(&read.linked[0].location, base_data);
    assert_eq!(read.linked[0].bytes, size(&setup.path(base_data)));
}

#[test]
fn a_copy_of_a_linked_model_stands_alone() {
    let setup = Setup::new();
    setup.apply("inject.toml", "base.onnx", "linked.onnx", &["--link-weights"]);
    let linked = content(&setup.path("linked.onnx")).expect("it loads");
    setup.apply("copy.toml", "linked.onnx", "copy.onnx", &[]);
    for name in setup.data("base.onnx") {
        std::fs::remove_file(setup.path(&name)).expect("a file");
    }
    assert_eq!(content(&setup.path("copy.onnx")).expect("it loads"), linked);
    assert!(onnx::read(&setup.path("copy.onnx")).expect("it loads").linked.is_empty());
    let error = onnx::read(&setup.path("linked.onnx")).expect_err("its data is gone");
    assert_has(
        &error.to_string(),
        &["is missing", "was linked and cannot be read", "put the file back"],
    );
}

#[test]
fn a_changed_base_is_reported() {
    for (change, fact) in [(0u8, "another content"), (1, "bytes, it had")] {
        let setup = Setup::new();
        setup.apply("inject.toml", "base.onnx", "linked.onnx", &["--link-weights"]);
        let data = setup.path(&setup.data("base.onnx")[0]);
        let mut bytes = std::fs::read(&data).expect("the data");
        match change {
            0 => bytes[5000] ^= 1,
            _ => bytes.extend([0; 64]),
        }
        std::fs::write(&data, bytes).expect("it is written");
        let message = setup.refused("copy.toml", "linked.onnx", "copy.onnx", &[]);
        assert_has(&message, &["linked.onnx: refers to weights that have changed", fact]);
        assert!(!setup.path("copy.onnx").exists());
        assert_has(&done(&["inspect", &text(setup.path("linked.onnx"))]), &[fact]);
    }
}

#[test]
fn a_link_leads_into_the_outputs_folder_or_below() {
    let setup = Setup::new();
    std::fs::create_dir(setup.path("below")).expect("a folder");
    let message = setup.refused("inject.toml", "base.onnx", "below/out.onnx", &["--link-weights"]);
    let folder = setup.folder.path().canonicalize().expect("a folder");
    assert_has(
        &message,
        &[
            "neither in the output's folder",
            &text(folder),
            "or a folder above it",
            "leave --link-weights out",
        ],
    );
    assert_eq!(names(&setup.path("below")), [""; 0]);
    setup.apply("copy.toml", "base.onnx", "below/base.onnx", &[]);
    setup.apply("inject.toml", "below/base.onnx", "above.onnx", &["--link-weights"]);
    let linked = onnx::read(&setup.path("above.onnx")).expect("it loads").linked;
    assert!(linked[0].location.starts_with("below/base.onnx."), "{linked:?}");
    content(&setup.path("above.onnx")).expect("it loads");
}

#[test]
fn a_link_from_a_folder_that_is_still_to_be_made() {
    let setup = Setup::new();
    let message = setup.refused("inject.toml", "base.onnx", "new/", &["--link-weights"]);
    assert_has(&message, &["neither in the output's folder", "/new"]);
    assert!(!setup.path("new").exists());
    let options = ["--link-weights", "--external-data", "never"];
    let message = setup.refused("inject.toml", "base.onnx", "out.onnx", &options);
    assert_has(&message, &["linked weights are external data"]);
}

#[test]
fn a_foreign_property_means_nothing() {
    let setup = Setup::new();
    let mut model = chain(1, 4, 1.0);
    for property in ["peftc.linked", "peftc.applied"] {
        model.metadata.set(property, "not JSON");
    }
    write(&model, &setup.path("odd.onnx"), ExternalData::Never).expect("it is written");
    let read = onnx::read(&setup.path("odd.onnx")).expect("it is read");
    assert_eq!(read.model.metadata, model.metadata);
    assert_has(&done(&["inspect", &text(setup.path("odd.onnx"))]), &["\"peftc.applied\" is not"]);
    let message = setup.refused("inject.toml", "odd.onnx", "out.onnx", &[]);
    assert_has(&message, &["odd.onnx: metadata property \"peftc.applied\""]);
}

#[test]
fn weights_in_the_model_file_are_not_linked() {
    let setup = Setup::new();
    write(&chain(1, 64, 1.0), &setup.path("inline.onnx"), ExternalData::Never).expect("written");
    let message = setup.refused("inject.toml", "inline.onnx", "out.onnx", &["--link-weights"]);
    assert_has(&message, &["in the model file itself", "--external-data always"]);
}

#[test]
fn data_that_other_models_refer_to_stays() {
    let setup = Setup::new();
    setup.apply("copy.toml", "base.onnx", "middle.onnx", &[]);
    setup.apply("inject.toml", "middle.onnx", "linked.onnx", &["--link-weights"]);
    let linked = content(&setup.path("linked.onnx")).expect("it loads");
    let needed = setup.data("middle.onnx");
    setup.apply("copy.toml", "base.onnx", "middle.onnx", &["--force"]);
    assert_eq!(content(&setup.path("linked.onnx")).expect("its data is there"), linked);
    let now = setup.data("middle.onnx");
    assert!(now.len() == 2 && now.contains(&needed[0]), "{now:?}");
    std::fs::remove_file(setup.path("linked.onnx")).expect("a file");
    let own = onnx_data(&setup, "middle.onnx");
    setup.apply("copy.toml", "base.onnx", "middle.onnx", &["--force"]);
    assert!(!setup.data("middle.onnx").contains(&own), "nothing needs it any more");
}

/// The data file that a model refers to now.
fn onnx_data(setup: &Setup, model: &str) -> String {
    let all = setup.data(model);
    let bytes = std::fs::read(setup.path(model)).expect("a model");
    let named = |name: &&String| bytes.windows(name.len()).any(|w| w == name.as_bytes());
    all.iter().find(named).expect("it refers to one").clone()
}

#[test]
fn a_cache_of_links_into_blobs_is_read() {
    let setup = Setup::new();
    let (blobs, snapshot) = (setup.path("blobs"), setup.path("snapshots/main"));
    std::fs::create_dir_all(&blobs).expect("a folder");
    std::fs::create_dir_all(&snapshot).expect("a folder");
    let data = setup.data("base.onnx")[0].clone();
    for (name, blob) in [("base.onnx", "c0ffee"), (data.as_str(), "decade")] {
        std::fs::rename(setup.path(name), blobs.join(blob)).expect("it is moved");
        let target = Path::new("../../blobs").join(blob);
        std::os::unix::fs::symlink(target, snapshot.join(name)).expect("a link");
    }
    let model = snapshot.join("base.onnx");
    let before = content(&model).expect("it loads");
    setup.apply("copy.toml", "snapshots/main/base.onnx", "copy.onnx", &[]);
    assert_eq!(content(&setup.path("copy.onnx")).expect("it loads"), before);
    for name in setup.data("copy.onnx").iter().map(String::as_str).chain(["copy.onnx"]) {
        assert!(setup.path(name).symlink_metadata().expect("a file").is_file(), "{name}");
    }
    let message = setup.refused(
        "inject.toml",
        "snapshots/main/base.onnx",
        "snapshots/main/out.onnx",
        &["--link-weights"],
    );
    assert_has(&message, &["blobs/decade", "neither in the output's folder"]);
    let outside = setup.path("elsewhere.data");
    std::fs::rename(blobs.join("decade"), &outside).expect("it is moved");
    std::os::unix::fs::symlink("../elsewhere.data", blobs.join("decade")).expect("a link");
    let error = onnx::read(&model).expect_err("it leads out of both folders");
    assert_has(error.message(), &["out of the model's folder"]);
}
