//! The command line as a user meets it: exit codes, messages, files.

use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

const QV: &str = "models/llama/adapters/qv";
const QV2: &str = "models/llama/adapters/qv2";
const CHECKPOINT: &str = "models/bnb/llama/double";
const BERT: &str = "models/bert/torchscript.onnx";
const LLAMA: &str = "models/llama/torchscript.onnx";

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn peftc(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_peftc"));
    command.current_dir(root()).args(arguments).output().expect("peftc starts")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Runs a command that has to succeed, and gives its report.
fn done(arguments: &[&str]) -> String {
    let output = peftc(arguments);
    assert_eq!(output.status.code(), Some(0), "{arguments:?}: {}", text(&output.stderr));
    text(&output.stdout)
}

/// Runs a command that has to be refused with exit code 2, and gives its message.
fn refused(arguments: &[&str]) -> String {
    let output = peftc(arguments);
    let message = text(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{arguments:?}: {message}{}", text(&output.stdout));
    assert_eq!(text(&output.stdout), "", "a refused command reports nothing");
    message
}

struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().expect("a temporary folder"))
    }

    fn path(&self, name: &str) -> String {
        self.0.path().join(name).display().to_string()
    }

    fn names(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.0.path()).expect("the folder is there").flatten();
        let mut names: Vec<_> =
            entries.map(|e| e.file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        names
    }

    fn write(&self, name: &str, content: impl AsRef<[u8]>) -> String {
        std::fs::write(self.0.path().join(name), content).expect("the file is written");
        self.path(name)
    }

    /// A model in text form as an ONNX file.
    fn write_model(&self, name: &str, source: &str) -> String {
        let path = self.path(name);
        let model = peftc::ir::text::parse(source).expect("a model");
        let plan =
            peftc::onnx::plan(&model, Path::new(&path), &Default::default()).expect("a plan");
        let context = peftc::Context::new(None, 1 << 20, |_| {}).expect("a context");
        plan.commit(&context, &|_, _| Ok(())).expect("it is written");
        path
    }

    /// A copy of an adapter folder, to be damaged.
    fn copy(&self, adapter: &str, name: &str) -> PathBuf {
        let to = self.0.path().join(name);
        std::fs::create_dir(&to).expect("a new folder");
        for file in ["adapter_config.json", "adapter_model.safetensors"] {
            std::fs::copy(root().join(adapter).join(file), to.join(file))
                .expect("the file is copied");
        }
        to
    }
}

fn read(path: impl AsRef<Path>) -> Vec<u8> {
    std::fs::read(path.as_ref()).unwrap_or_else(|e| panic!("{}: {e}", path.as_ref().display()))
}

fn assert_has(message: &str, parts: &[&str]) {
    for part in parts {
        assert!(message.contains(part), "{part:?} is not in: {message}");
    }
}

#[test]
fn the_examples_apply() {
    for recipe in ["lora", "fresh", "two-adapters", "qlora", "qlora-import", "combined"] {
        let folder = Folder::new();
        let report = done(&[
            "apply",
            &format!("examples/{recipe}.toml"),
            LLAMA,
            "-o",
            &folder.path("out.onnx"),
        ]);
        assert_has(&report, &["lora", "out.onnx", "parameters", "model.layers.0.self_attn.q_proj"]);
        assert_eq!(folder.names(), ["out.onnx"]);
    }
}

#[test]
fn the_example_of_a_bottleneck_applies() {
    let folder = Folder::new();
    let out = folder.path("out.onnx");
    let report = done(&["apply", "examples/bottleneck.toml", BERT, "-o", &out]);
    assert_has(
        &report,
        &[
            "feed-forward b=4 relu",
            "580 parameters, 1,024 FLOPs per token",
            "2,048 more FLOPs per token",
        ],
    );
}

#[test]
fn the_sites_of_a_model_are_listed() {
    let text = done(&["inspect", LLAMA, "--sites"]);
    assert_has(
        &text,
        &[
            "model.layers.0.self_attn.k_proj",
            "blocks      4 sublayers",
            "layer 1 feed-forward  f32 64  rms norm before  model.layers.1.mlp.down_proj",
        ],
    );
    let json: Value =
        serde_json::from_str(&done(&["inspect", BERT, "--sites", "--json"])).expect("JSON");
    let block = &json["blocks"][3];
    assert_eq!((&block["sublayer"], &block["norm"]), (&"feed-forward".into(), &"after".into()));
    assert_eq!((&block["layer"], &block["hidden_size"]), (&1.into(), &64.into()));
}

#[test]
fn an_adapter_of_more_layers_than_the_model_has_is_refused() {
    let folder = Folder::new();
    let out = folder.path("out.onnx");
    let source = "model ir=8 opset \"\"=17 graph g(%x: f32[n, m, 64]) -> (%y) {
        const %w = f32[64, 64] {1, ...}
        %h = MatMul(%x, %w) name \"/layer.0/fc2/MatMul\"
        %y = Add(%h, %x)
    }";
    let zeros = vec!["0"; 64 * 64].join(", ");
    let model = folder.write_model("model.onnx", &source.replace("1, ...", &zeros));
    let message = refused(&["apply", "models/blocks/bert/adapterhub/seq_bn", &model, "-o", &out]);
    assert_has(
        &message,
        &[
            "the model has no feed-forward sublayer of layer 1 of the encoder",
            "near: feed-forward sublayer of layer 0",
            "sublayers that were found: 1",
        ],
    );
    assert_eq!(folder.names(), ["model.onnx"]);
}

#[test]
fn the_example_of_a_prefix_applies() {
    let folder = Folder::new();
    let output = folder.path("out.onnx");
    let report = done(&["apply", "examples/prefix.toml", LLAMA, "-o", &output]);
    assert_has(&report, &["model.layers.1.self_attn", "3 keys and values of 2 heads of 16"]);
    assert_has(&report, &["1,536 more FLOPs per token", "nf4"]);
    assert_eq!(folder.names(), ["out.onnx"]);
}

#[test]
fn the_example_of_a_prefix_as_a_past_applies() {
    let folder = Folder::new();
    let (model, output) = ("models/blocks/llama/torchscript-past.onnx", folder.path("out.onnx"));
    let report = done(&["apply", "examples/prefix-past.toml", model, "-o", &output]);
    assert_has(&report, &["archive   ", "out.prefix.npz", "3 ones in front of attention_mask"]);
    assert_eq!(folder.names(), ["out.onnx", "out.prefix.npz"]);
}

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

fn keys(value: &Value) -> Vec<String> {
    value.as_object().expect("an object").keys().cloned().collect()
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
fn inspect_shows_models_and_adapters() {
    let model: Value = serde_json::from_str(&done(&["inspect", LLAMA, "--json"])).expect("JSON");
    assert_eq!(model["schema"], 1);
    assert_eq!(model["inputs"][0]["name"], "input_ids");
    assert_eq!(model["inputs"][0]["shape"][0], "batch");
    let sites = model["sites"].as_array().expect("sites");
    assert_eq!(sites.len(), 15);
    let heads: Vec<_> =
        sites.iter().filter(|s| s["output_head"] == true).map(|s| &s["module"]).collect();
    assert_eq!(heads, ["lm_head"]);
    let adapter: Value = serde_json::from_str(&done(&["inspect", QV, "--json"])).expect("JSON");
    assert_eq!((&adapter["peft_type"], &adapter["parameters"]), (&"LORA".into(), &3584.into()));
    assert_has(&done(&["inspect", QV]), &["lora_alpha = 16", "q_proj.lora_A.weight", "3,584"]);
}

/// A model with something of everything.
const EVERYTHING: &str = include_str!("inspect/everything.pir");

#[test]
fn the_json_of_inspect_has_its_schema() {
    let folder = Folder::new();
    let model = inspect(&folder.write_model("everything.onnx", EVERYTHING));
    let expected = [
        (
            "",
            "schema path ir_version opsets producer inputs outputs operators operators_in_subgraphs operators_in_functions functions parameters dtypes locations external_bytes largest linked sites branches applied unknown_fields unusual",
        ),
        ("/inputs/0", "name type dtype shape has_default"),
        ("/functions/0", "name nodes opsets calls"),
        ("/dtypes/0", "dtype tensors elements bytes"),
        ("/locations/0", "file tensors bytes"),
        ("/largest/0", "name node attribute graph dtype shape bytes file"),
        (
            "/sites/0",
            "module op weight dtype quantized bits_per_weight in_features out_features bias output_head",
        ),
    ];
    for (place, expected) in expected {
        let value = model.pointer(place).unwrap_or_else(|| panic!("{place} is missing"));
        assert_eq!(keys(value).join(" "), expected, "{place}");
    }
    assert_eq!(model["schema"], 1);
    assert!(model["unusual"].as_array().expect("a list").iter().all(Value::is_string));
}

#[test]
fn the_json_of_adapters_has_its_schema() {
    let one: Value = serde_json::from_str(&done(&["inspect", QV, "--json"])).expect("JSON");
    let several = done(&["inspect", QV, QV2, "--json"]);
    let several: Value = serde_json::from_str(&several).expect("JSON");
    let adapter = "schema path peft_type base_model_name_or_path config unknown_keys tensors quantized parameters bytes sha256 changes no_changes";
    let expected = [
        (&one, "", adapter),
        (&one, "/tensors/0", "name dtype shape"),
        (&one, "/changes", "norm trained weights ratio replaced layers"),
        (
            &one,
            "/changes/layers/0",
            "module layer shape rank scale norm spectral_norm effective_rank stable_rank singular_values energy_by_rank bias_norm trained ratio",
        ),
        (&several, "", "schema adapters pairs"),
        (&several, "/adapters/0", adapter),
        (
            &several,
            "/pairs/0",
            "left right cosine mean_cosine column_overlap row_overlap sign_conflict layers only_left only_right",
        ),
        (&several, "/pairs/0/layers/0", "module cosine column_overlap row_overlap sign_conflict"),
    ];
    for (report, place, expected) in expected {
        let value = report.pointer(place).unwrap_or_else(|| panic!("{place} is missing"));
        assert_eq!(keys(value).join(" "), expected, "{place}");
    }
    assert_eq!((&one["schema"], &several["schema"]), (&1.into(), &1.into()));
}

/// `PEFTC_BLESS=1` accepts what is new.
#[test]
fn the_text_of_inspect_is_as_it_was() {
    let folder = Folder::new();
    let everything = folder.write_model("everything.onnx", EVERYTHING);
    for (model, name) in [(everything.as_str(), "everything.txt"), (LLAMA, "llama.txt")] {
        let got = done(&["inspect", model]).replace(&folder.path(""), "");
        let snapshot = root().join("tests/inspect").join(name);
        if std::env::var_os("PEFTC_BLESS").is_some() {
            std::fs::write(&snapshot, &got).expect("the file is written");
        }
        assert_eq!(got, text(&read(snapshot)), "PEFTC_BLESS=1 accepts it");
    }
}

#[test]
fn inspect_says_which_file_tensors_are_in() {
    let folder = Folder::new();
    let out = folder.path("out.onnx");
    done(&["apply", QV, LLAMA, "-o", &out, "--external-data", "always"]);
    let data = folder.names().remove(1);
    let report = done(&["inspect", &out]);
    let parts = ["\nstored\n  the model file  ", &format!("\n  {data}  356.0 KiB  ")];
    assert_has(&report, &parts);
    assert_has(&report, &[&format!("f32[232, 64]  model.embed_tokens.weight  {data}\n")]);
}

#[test]
fn many_linear_sites_are_grouped_in_text_and_whole_in_json() {
    let folder = Folder::new();
    let layer = |i: u32| {
        let input = if i == 0 { "x".to_owned() } else { format!("y{}", i - 1) };
        format!(
            "const %w{i} = f32[2, 2] {{1, 2, 3, 4}}\n%y{i} = MatMul(%{input}, %w{i}) name \"/model/layers.{i}/proj/MatMul\"\n"
        )
    };
    let layers: String = (0..25).map(layer).collect();
    let source =
        format!("model ir=8 opset \"\"=17\ngraph g(%x: f32[1, 2]) -> (%y24) {{\n{layers}}}");
    let model = folder.write_model("layers.onnx", &source);
    let report = done(&["inspect", &model]);
    assert_has(
        &report,
        &["25 sites\n  model.layers.*.proj  2 -> 2  f32  MatMul    in 25 places\n"],
    );
    assert_eq!(inspect(&model)["sites"].as_array().map(Vec::len), Some(25));
}

#[test]
fn inspect_prints_the_graph_alone() {
    let folder = Folder::new();
    let model = folder.write_model("everything.onnx", EVERYTHING);
    let printed = done(&["inspect", &model, "--graph"]);
    let reparsed = peftc::ir::text::parse(&printed).expect("what is printed is parsed");
    assert_eq!(peftc::ir::text::print(&reparsed), printed);
    assert_has(&done(&["inspect", LLAMA, "--graph"]), &["model ir=8", "f32[64, 64] elided(16384)"]);
    let message = refused(&["inspect", LLAMA, "--graph", "--json"]);
    assert_has(&message, &["--graph prints the text form", "which is no JSON"]);
    assert_has(&refused(&["inspect", QV, "--graph"]), &[QV, "an adapter, which has no graph"]);
}

#[test]
fn inspect_lists_attention() {
    let sites = ["inspect", "--sites", LLAMA];
    let listed = done(&sites);
    assert_has(&listed, &["attention   2 sites", "4 heads of 16, 2 of K and V", "additive mask"]);
    assert_has(&listed, &["positions   rotary: input 0 of /model/rotary_emb/Cast"]);
    let json: Value =
        serde_json::from_str(&done(&[&sites[..], &["--json"]].concat())).expect("it is JSON");
    assert_eq!(json["schema"], 1);
    assert_eq!(json["attention"][1]["kv_heads"], 2);
    assert_has(&refused(&["inspect", "--sites", QV]), &["is an adapter", "--sites is for models"]);
}

#[test]
fn prefixes_that_do_not_fit_are_refused_and_nothing_is_written() {
    let folder = Folder::new();
    let output = folder.path("out.onnx");
    let prefix = "models/blocks/bert/peft/prefix";
    let message = refused(&["apply", prefix, LLAMA, "-o", &output]);
    assert_has(&message, &["4 heads of 16", "the model's keys have 2 of 16"]);
    assert!(folder.names().is_empty(), "{:?}", folder.names());
}

#[test]
fn plugins_are_listed_with_their_files() {
    let list = done(&["plugin", "list"]);
    assert_has(&list, &["lora", "libpeftc_plugin_lora"]);
    assert_has(&done(&["plugin", "info", "lora"]), &["merge | inject", "seed", "LORA"]);
    assert_has(
        &refused(&["plugin", "info", "lara"]),
        &["no plugin has a pass \"lara\"", "did you mean \"lora\"?"],
    );
}

#[test]
fn without_plugins_the_searched_folders_are_named() {
    let folder = Folder::new();
    let alone = folder.path("peftc");
    std::fs::copy(env!("CARGO_BIN_EXE_peftc"), &alone).expect("the binary is copied");
    let output = Command::new(&alone)
        .current_dir(root())
        .env("XDG_DATA_HOME", folder.path("data"))
        .env("PEFTC_PLUGIN_PATH", folder.path("env"))
        .args([
            "apply",
            QV,
            LLAMA,
            "-o",
            &folder.path("out.onnx"),
            "--plugin-path",
            &folder.path("first"),
        ])
        .output()
        .expect("peftc starts");
    let message = text(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{message}");
    let searched = ["first", "env", "data/peftc/plugins", "lib/peftc/plugins"];
    assert_has(&message, &["no plugin handles adapters of peft_type \"LORA\"", "--plugin-path"]);
    assert_has(&message, &searched);
    assert_eq!(folder.names(), ["peftc"]);
}

#[test]
fn bad_models_are_refused() {
    let folder = Folder::new();
    let out = folder.path("out.onnx");
    let apply = |model: &str| refused(&["apply", QV, model, "-o", &out]);
    assert_has(&apply("models/llama/missing.onnx"), &["models/llama/missing.onnx", "No such file"]);
    assert_has(&apply("models/llama"), &["3 .onnx files", "dynamo-plain.onnx"]);
    let whole = read(root().join(LLAMA));
    let truncated = folder.write("truncated.onnx", &whole[..whole.len() / 2]);
    assert_has(&apply(&truncated), &["truncated.onnx", &format!("{} bytes", whole.len() / 2)]);
    let garbage = folder.write("garbage.onnx", "this is no protobuf at all");
    assert_has(&apply(&garbage), &["garbage.onnx", "no ONNX model"]);
    let empty = folder.write("empty.onnx", "");
    assert_has(&apply(&empty), &["empty.onnx", "no ONNX model"]);
    let cycle = cyclic_model(&folder);
    assert_has(&apply(&cycle), &["is no valid ONNX model", "it is on a cycle"]);
    assert_eq!(folder.names(), ["cycle.onnx", "empty.onnx", "garbage.onnx", "truncated.onnx"]);
}

fn cyclic_model(folder: &Folder) -> String {
    let source = "model ir=8\ngraph g(%x: f32[2]) -> (%a) {\n%a = Add(%x, %b)\n%b = Neg(%a)\n}";
    folder.write_model("cycle.onnx", source)
}

#[test]
fn checkpoints_that_are_no_4_bit_ones_of_bitsandbytes_are_refused() {
    let folder = Folder::new();
    let out = folder.path("out.onnx");
    let apply = |checkpoint: &str| refused(&["apply", checkpoint, LLAMA, "-o", &out]);
    let whole = read(root().join(CHECKPOINT).join("model.safetensors"));
    let file = folder.write("model.safetensors", &whole);
    for (config, part) in [
        (
            r#"{"quantization_config": {"quant_method": "gptq", "bits": 4}}"#,
            "quantized by \"gptq\"",
        ),
        (r#"{"quantization_config": {"load_in_8bit": true}}"#, "in 8 bits (load_in_8bit)"),
        ("{}", "has no \"quantization_config\""),
        ("[", "is not JSON"),
    ] {
        folder.write("config.json", config);
        assert_has(&apply(&folder.path("")), &["config.json", part]);
    }
    folder.write("model.safetensors", &whole[..whole.len() - 1]);
    assert_has(&apply(&file), &["model.safetensors", "truncated"]);
    let weights = format!("{QV}/adapter_model.safetensors");
    assert_has(&apply(&weights), &["no weight of it is quantized", "named by its folder"]);
    assert_has(&apply(&folder.path("missing.safetensors")), &["missing.safetensors"]);
    let lora = folder.write(
        "lora.toml",
        format!("[[pass]]\nname = \"lora\"\nadapter = \"{}\"\n", root().join(CHECKPOINT).display()),
    );
    assert_has(&apply(&lora), &["does not handle adapters of peft_type \"bitsandbytes_4bit\""]);
    assert_eq!(folder.names(), ["config.json", "lora.toml", "model.safetensors"]);
}

#[test]
fn inspect_says_how_a_checkpoint_is_quantized() {
    let text = done(&["inspect", CHECKPOINT]);
    let parts =
        ["14 weights in nf4, blocks of 64, double quantized", "q_proj.weight", "nf4[64, 64]"];
    assert_has(&text, &parts);
    assert!(!text.contains("absmax"), "{text}");
    let report: Value =
        serde_json::from_str(&done(&["inspect", CHECKPOINT, "--json"])).expect("JSON");
    let expected = "schema path peft_type base_model_name_or_path config unknown_keys tensors quantized parameters bytes sha256 changes no_changes";
    assert_eq!(keys(&report).join(" "), expected);
    let weight = keys(&report["quantized"][0]).join(" ");
    assert_eq!(weight, "name quant_type block_size double_quant shape");
    assert_eq!(report["parameters"], 91_456);
}

#[test]
fn bad_adapters_are_refused() {
    let folder = Folder::new();
    let out = folder.path("out.onnx");
    let apply = |adapter: &str| refused(&["apply", adapter, LLAMA, "-o", &out]);
    assert_has(&apply("models/llama/adapters/missing"), &["adapters/missing"]);
    assert_has(&apply("models/llama/adapters"), &["no adapter_config.json"]);
    assert_has(
        &apply("models/llama/unsupported/other-arch"),
        &["query_key_value", "it has 15 linear layers"],
    );
    let unknown = folder.copy(QV, "unknown");
    std::fs::write(unknown.join("adapter_config.json"), r#"{"peft_type": "XLORA"}"#)
        .expect("the file is written");
    let message = apply(&unknown.display().to_string());
    assert_has(&message, &["XLORA", "lora (LORA, adapterhub_lora)", "ia3 (IA3, adapterhub_ia3)"]);
    assert_has(&apply("models/llama/unsupported/pissa"), &["pissa"]);
    assert_has(&apply("models/gpt2/adapters/qv"), &["c_attn"]);

    let truncated = folder.copy(QV, "truncated");
    let weights = truncated.join("adapter_model.safetensors");
    let whole = read(&weights);
    std::fs::write(&weights, &whole[..whole.len() - 100]).expect("the file is written");
    let message = apply(&truncated.display().to_string());
    assert_has(
        &message,
        &["adapter_model.safetensors", "truncated", &format!("{} bytes", whole.len() - 100)],
    );

    let rank = folder.copy(QV, "rank");
    let config = rank.join("adapter_config.json");
    let text =
        std::fs::read_to_string(&config).expect("a configuration").replace("\"r\": 8", "\"r\": 4");
    std::fs::write(&config, text).expect("the file is written");
    let message = apply(&rank.display().to_string());
    assert_has(&message, &["model.layers.0.self_attn.q_proj: lora_A is [8, 64], expected [4, 64]"]);
    assert_eq!(folder.names(), ["rank", "truncated", "unknown"]);
}

#[test]
fn an_adapter_of_another_family_is_refused_where_the_model_says_its_own() {
    let folder = Folder::new();
    let (out, copy) = (folder.path("out.onnx"), folder.path("model.onnx"));
    let (adapter, model) = ("models/blocks/bert/adapterhub/seq_bn", "models/gpt2/torchscript.onnx");
    let message = refused(&["apply", adapter, model, "-o", &out]);
    assert_has(&message, &["is for models of type \"bert\"", "says \"gpt2\"", "--force"]);
    assert!(folder.names().is_empty(), "{:?}", folder.names());
    done(&["apply", adapter, model, "-o", &out, "--force"]);
    std::fs::copy(root().join(model), &copy).expect("the model is copied");
    let report = done(&["apply", adapter, &copy, "--dry-run"]);
    assert_has(
        &report,
        &["peftc-fixtures/bert, of type bert (not verified: the model does not name its base)"],
    );
}

#[test]
fn bad_recipes_and_options_are_refused() {
    let folder = Folder::new();
    let out = folder.path("out.onnx");
    let recipe = |text: &str| {
        let path = folder.write("r.toml", text);
        refused(&["apply", &path, LLAMA, "-o", &out])
    };
    let adapter = root().join(QV).display().to_string();
    let message =
        recipe(&format!("[[pass]]\nname = \"lora\"\nadapter = \"{adapter}\"\nmoed = \"merge\"\n"));
    assert_has(&message, &["r.toml:4:1", "moed = \"merge\"", "^^^^", "did you mean \"mode\"?"]);
    let message =
        recipe(&format!("[[pass]]\nname = \"lora\"\nadapter = \"{adapter}\"\nmode = \"inputs\"\n"));
    assert_has(&message, &["r.toml:4:1", "merge, inject"]);
    assert_has(
        &recipe("[[pass]]\nname = \"nf5\"\n"),
        &[
            "no plugin has a pass \"nf5\"",
            "loaded: lora (LORA, adapterhub_lora) from",
            "loaded: nf4 (bitsandbytes_4bit) from",
        ],
    );
    assert_has(&recipe("[[pass]\n"), &["r.toml:1:"]);
    assert_has(&refused(&["apply", QV, LLAMA, "-o", &out, "--mode", "inputs"]), &["merge, inject"]);
    assert_has(
        &refused(&["apply", QV, LLAMA, "-o", &out, "--set", "lora.rank=x"]),
        &["an integer"],
    );
    assert_has(&refused(&["apply", QV, LLAMA, "--memory", "3x"]), &["unknown unit"]);
    assert_eq!(folder.names(), ["r.toml"]);
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

fn inspect(model: &str) -> Value {
    serde_json::from_str(&done(&["inspect", model, "--json"])).expect("JSON")
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

#[test]
fn the_json_of_run_and_verify_has_its_schema() {
    let folder = Folder::new();
    let (out, made) = (folder.path("out.npz"), folder.path("made.npz"));
    let run = done(&["run", LLAMA, "--random", "--save-inputs", &made, "-o", &out, "--json"]);
    let run: Value = serde_json::from_str(&run).expect("JSON");
    assert_eq!(keys(&run), ["schema", "outputs", "output", "profile"]);
    assert_eq!(run["schema"], 1);
    assert_eq!(run["outputs"], serde_json::json!([{ "name": "logits", "ty": "f32[1, 8, 232]" }]));
    assert_eq!(folder.names(), ["made.npz", "out.npz"]);

    let adapted = folder.path("adapted.onnx");
    done(&["apply", QV, LLAMA, "-o", &adapted]);
    let output =
        peftc(&["verify", LLAMA, &adapted, "--base", LLAMA, "--bisect", "-i", &made, "--json"]);
    assert_eq!(output.status.code(), Some(1), "{}", text(&output.stderr));
    let verify: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let expected = [
        ("", "schema holds cases"),
        ("/cases/0", "inputs outputs parts"),
        ("/cases/0/outputs/0", "name ty distance tolerance base wrong"),
        ("/cases/0/outputs/0/distance", "max rms relative"),
        ("/cases/0/parts", "value node relative"),
    ];
    for (place, expected) in expected {
        let value = verify.pointer(place).unwrap_or_else(|| panic!("{place} is missing"));
        assert_eq!(keys(value).join(" "), expected, "{place}");
    }
    assert_eq!((&verify["schema"], &verify["holds"]), (&1.into(), &false.into()));
    assert_eq!(verify["cases"][0]["outputs"][0]["base"][0], 0.0);
}

#[test]
fn a_profile_is_reported_and_traced() {
    let folder = Folder::new();
    let trace = folder.path("trace.json");
    let command = ["run", LLAMA, "--random", &format!("--profile={trace}"), "--json"];
    let run: Value = serde_json::from_str(&done(&command)).expect("JSON");
    assert!(refused(&command).contains("is there already"));
    let profile = &run["profile"];
    assert_eq!(keys(profile), ["seconds", "kinds", "nodes", "trace"]);
    let kinds = profile["kinds"].as_array().expect("kinds");
    let products = kinds.iter().find(|kind| kind["name"] == "MatMul").expect("the products");
    assert_eq!(keys(products), ["name", "calls", "seconds", "share", "flops", "bytes"]);
    assert_eq!((&products["calls"], &products["flops"]), (&19.into(), &1_253_376.into()));
    let shares: f64 = kinds.iter().filter_map(|kind| kind["share"].as_f64()).sum();
    assert!((shares - 1.0).abs() < 1e-9, "{shares}");

    let trace = std::fs::read_to_string(&trace).expect("the trace is there");
    let trace: Value = serde_json::from_str(&trace).expect("JSON");
    let events = trace["traceEvents"].as_array().expect("events");
    let calls: u64 = kinds.iter().filter_map(|kind| kind["calls"].as_u64()).sum();
    assert_eq!(events.len() as u64, calls);
    assert!(done(&["run", LLAMA, "--random", "--profile"]).contains("/lm_head/MatMul"));
}

#[test]
fn a_bench_reports_times_and_what_the_machine_can_do() {
    let options = ["--dim", "sequence=4", "--runs", "2", "--threads", "2"];
    let bench = done(&[["bench", LLAMA, "--json"].as_slice(), &options].concat());
    let bench: Value = serde_json::from_str(&bench).expect("JSON");
    let expected = [
        (
            "",
            "schema inputs threads load session compile first seconds flops bytes gflops gigabytes peak_memory ceilings",
        ),
        ("/seconds", "runs median min p10 p90"),
        ("/ceilings/0", "threads gflops read copy"),
        ("/ceilings/1", "threads gflops read copy"),
    ];
    for (place, expected) in expected {
        let value = bench.pointer(place).unwrap_or_else(|| panic!("{place} is missing"));
        assert_eq!(keys(value).join(" "), expected, "{place}");
    }
    assert_eq!((&bench["schema"], &bench["threads"]), (&1.into(), &2.into()));
    assert_eq!((&bench["seconds"]["runs"], &bench["flops"]), (&2.into(), &618_496.into()));
    assert_eq!(bench["inputs"][1], "input_ids: i64[1, 4]");
    let report = done(&[["bench", LLAMA].as_slice(), &options].concat());
    assert_has(&report, &["2 runs", "peak memory", "1 thread can", "2 threads can"]);
    assert_has(&refused(&["bench", LLAMA, "--dim", "rows=4"]), &["names: batch, sequence"]);
    assert_has(&refused(&["bench", LLAMA, "--seconds", "soon"]), &["a number of 0 or more"]);
}
