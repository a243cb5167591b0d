//! `apply`: what it writes, and what it leaves alone.

use crate::support::{
    Folder, LLAMA, QV, QV2, assert_has, done, inspect, keys, peftc, read, refused, root, text,
};
use serde_json::Value;
use std::process::Command;

#[test]
fn the_default_output_is_named_after_model_and_recipe_in_the_current_folder() {
    let folder = Folder::new();
    let absolute = |path: &str| root().join(path).display().to_string();
    let output = Command::new(env!("CARGO_BIN_EXE_peftc"))
        .current_dir(folder.0.path())
        .args(["apply", &absolute(QV), &absolute(LLAMA)])
        .output()
        .expect("peftc starts");
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    assert_eq!(folder.names(), ["torchscript.qv.onnx"]);
}

#[test]
fn an_existing_output_is_refused_with_the_command_that_overwrites_it() {
    let folder = Folder::new();
    let out = folder.write("my out.onnx", "precious");
    let message = refused(&["apply", QV, LLAMA, "-o", &out]);
    assert_has(&message, &["is there already", &format!("apply {QV} {LLAMA} -o '{out}' --force")]);
    assert_eq!(read(&out), b"precious");
    done(&["apply", QV, LLAMA, "-o", &out, "--force"]);
    let first = read(&out);
    done(&["apply", QV, LLAMA, "-o", &out, "--force"]);
    assert_eq!(read(&out), first, "the same command twice gives the same bytes");
}

#[test]
fn a_dry_run_reports_and_writes_nothing() {
    let folder = Folder::new();
    let report = done(&["apply", QV, LLAMA, "-o", &folder.path("out.onnx"), "--dry-run"]);
    assert_has(&report, &["would write", "4 modules"]);
    assert!(folder.names().is_empty());
}

#[test]
fn bytes_do_not_depend_on_threads_and_memory() {
    for mode in ["merge", "inject"] {
        let folder = Folder::new();
        let mut outputs = Vec::new();
        for (i, more) in
            [["--threads", "1"], ["--threads", "5"], ["--memory", "1MiB"]].iter().enumerate()
        {
            let out = folder.path(&format!("{i}/out.onnx"));
            std::fs::create_dir(folder.0.path().join(i.to_string())).expect("a new folder");
            let mut arguments = vec![
                "apply",
                "models/llama/adapters/all-linear",
                LLAMA,
                "--mode",
                mode,
                "-o",
                &out,
            ];
            arguments.extend(more);
            done(&arguments);
            outputs.push(read(&out));
        }
        assert!(outputs.windows(2).all(|w| w[0] == w[1]), "{mode}");
    }
}

#[test]
fn the_same_adapter_twice_is_refused_and_another_one_is_not() {
    let folder = Folder::new();
    let (one, two, again) = (folder.path("1.onnx"), folder.path("2.onnx"), folder.path("3.onnx"));
    done(&["apply", QV, LLAMA, "-o", &one]);
    let message = refused(&["apply", QV, &one, "-o", &again, "--mode", "inject"]);
    assert_has(&message, &["already applied", "mode merge", "--force"]);
    done(&["apply", QV2, &one, "-o", &two, "--mode", "inject"]);
    done(&["apply", QV, &two, "-o", &again, "--force"]);
    let history = done(&["inspect", &again]);
    let applied: Vec<_> = history.lines().filter(|l| l.starts_with("applied")).collect();
    assert_eq!(applied.len(), 3, "{history}");
    assert_has(applied[1], &["lora inject", "r=5"]);
}

#[test]
fn an_output_folder_is_loadable() {
    let folder = Folder::new();
    let out = format!("{}/", folder.path("out"));
    let report = done(&["apply", QV, LLAMA, "-o", &out, "--json"]);
    let report: Value = serde_json::from_str(&report).expect("JSON");
    let mut names: Vec<_> = std::fs::read_dir(&out)
        .expect("the folder was made")
        .flatten()
        .map(|e| e.file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    assert_eq!(
        names,
        ["config.json", "special_tokens_map.json", "tokenizer_config.json", "torchscript.onnx"]
    );
    assert_eq!(read(format!("{out}config.json")), read(root().join("models/llama/config.json")));
    assert_eq!(report["left_out"], serde_json::json!(["dynamo-plain.onnx", "dynamo.onnx"]));
    done(&["inspect", &out]);
    std::fs::remove_file(format!("{out}torchscript.onnx")).expect("it was written");
    let message = refused(&["apply", QV, LLAMA, "-o", &out]);
    assert_has(&message, &["out/config.json is there already", "--force"]);
}

#[test]
fn the_json_report_has_its_schema() {
    let report = done(&["apply", QV, LLAMA, "--dry-run", "--json", "-o", "never.onnx"]);
    let report: Value = serde_json::from_str(&report).expect("JSON");
    assert_eq!(report["schema"], 1);
    assert_eq!(
        keys(&report),
        [
            "schema",
            "model",
            "output",
            "dry_run",
            "passes",
            "model_parameters",
            "added_parameters",
            "adapter_parameters",
            "added_inputs",
            "files",
            "linked",
            "side_files",
            "left_out",
            "seconds"
        ]
    );
    let pass = &report["passes"][0];
    assert_eq!(
        keys(pass),
        [
            "pass",
            "plugin",
            "path",
            "adapter",
            "options",
            "bound",
            "flops_per_token",
            "notes",
            "archives",
            "copied_weights",
            "rounding",
            "approximation"
        ]
    );
    assert_eq!(
        keys(&pass["adapter"]),
        [
            "path",
            "peft_type",
            "base_model_name_or_path",
            "base_model_type",
            "base_verified",
            "sha256",
            "parts_sha256"
        ]
    );
    assert_eq!(pass["bound"].as_array().map(Vec::len), Some(4));
    assert_eq!(report["adapter_parameters"], 3584);
}

#[test]
fn an_empty_recipe_copies_the_model() {
    let folder = Folder::new();
    let recipe = folder.write("copy.toml", "pass = []\n");
    let out = folder.path("out.onnx");
    done(&["apply", &recipe, LLAMA, "-o", &out]);
    let (mut before, mut after) = (inspect(LLAMA), inspect(&out));
    for model in [&mut before, &mut after] {
        model["path"] = Value::Null;
    }
    assert_eq!(before, after);
}

#[test]
fn external_data_is_written_and_replaced() {
    let folder = Folder::new();
    let out = folder.path("out.onnx");
    done(&["apply", QV, LLAMA, "-o", &out, "--external-data", "always"]);
    let first = folder.names();
    assert_eq!(first.len(), 2, "{first:?}");
    assert!(first[1].starts_with("out.onnx.") && first[1].ends_with(".data"), "{first:?}");
    done(&["apply", QV, LLAMA, "-o", &out, "--external-data", "always", "--force"]);
    let second = folder.names();
    assert_eq!(second.len(), 2, "the data that was replaced is gone: {second:?}");
    done(&["apply", QV2, &out, "-o", &folder.path("two.onnx"), "--external-data", "never"]);
    assert!(read(folder.path("two.onnx")).len() > 400_000);
}

#[test]
fn the_input_is_never_written_to() {
    let folder = Folder::new();
    let model = folder.write("model.onnx", read(root().join(LLAMA)));
    let message = refused(&["apply", QV, &model, "-o", &model, "--force"]);
    assert_has(&message, &["the input"]);
    assert_eq!(read(&model), read(root().join(LLAMA)));
}

#[test]
fn a_missing_folder_is_named() {
    let folder = Folder::new();
    let message = refused(&["apply", QV, LLAMA, "-o", &folder.path("no/such/out.onnx")]);
    assert_has(&message, &["its folder is not there"]);
}

/// Needs the right to mount; says so where it is missing.
#[test]
#[cfg(target_os = "linux")]
fn a_full_disk_leaves_nothing_behind() {
    let folder = Folder::new();
    let disk = folder.path("disk");
    std::fs::create_dir(&disk).expect("a new folder");
    let mount =
        Command::new("mount").args(["-t", "tmpfs", "-o", "size=128k", "tmpfs", &disk]).status();
    if !mount.is_ok_and(|status| status.success()) {
        eprintln!("skipped: a small disk cannot be mounted here");
        return;
    }
    let output = peftc(&["apply", QV, LLAMA, "-o", &format!("{disk}/out.onnx")]);
    let left: Vec<_> = std::fs::read_dir(&disk).expect("the disk is there").flatten().collect();
    Command::new("umount").arg(&disk).status().expect("the disk is unmounted");
    assert_eq!(output.status.code(), Some(4), "{}", text(&output.stderr));
    assert_has(&text(&output.stderr), &["out.onnx", "No space left"]);
    assert!(left.is_empty(), "{left:?}");
}
