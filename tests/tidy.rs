//! The rules of ARCHITECTURE.md that a compiler does not hold. A failure says what to edit.

use std::path::{Path, PathBuf};

/// Which modules of `src/` a module may use, besides itself, `error` and `context`.
const MAY_USE: &[(&str, &[&str])] = &[
    ("error", &[]),
    ("context", &[]),
    ("disk", &[]),
    ("ir", &[]),
    ("recipe", &[]),
    ("weights", &["ir", "disk"]),
    ("zip", &[]),
    ("npz", &["ir", "zip"]),
    ("kernel", &["ir"]),
    ("ops", &["ir", "kernel"]),
    ("runtime", &["ir", "ops", "kernel"]),
    ("onnx", &["ir", "ops", "weights", "disk", "npz"]),
    ("pass", &["ir"]),
    ("adapter", &["ir", "zip"]),
    ("delta", &["ir", "adapter", "onnx", "disk"]),
    ("merge", &["adapter", "delta"]),
    ("extract", &["ir", "adapter", "onnx", "delta"]),
    ("plugin", &["ir", "pass", "adapter", "weights", "recipe"]),
    ("apply", &["ir", "pass", "adapter", "delta", "weights", "recipe", "onnx", "plugin", "disk"]),
    ("inspect", &["ir", "adapter", "onnx", "apply", "delta", "disk"]),
    ("run", &["ir", "ops", "runtime", "onnx", "npz", "disk"]),
    ("verify", &["ir", "ops", "runtime", "run", "onnx"]),
];

/// Where `unsafe` may stand.
const UNSAFE_IN: &[&str] = &[
    "src/plugin",
    "src/runtime",
    "src/ir/tensor",
    "src/weights/map",
    "plugins/abi",
    "plugins/sdk",
    "plugins/nf4/src/codec/avx2.rs",
    "plugins/nf4/src/codec/avx512.rs",
    "plugins/nf4/src/prefetch.rs",
    "tests/plugins",
];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// All Rust files below a folder, as paths from the root, with their text.
fn sources(folder: &str) -> Vec<(String, String)> {
    let mut files = Vec::new();
    let mut folders = vec![root().join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).into_iter().flatten() {
            let path: PathBuf = entry.expect("a folder of the project can be read").path();
            if path.is_dir() && !path.ends_with("target") {
                folders.push(path);
            } else if path.extension().is_some_and(|e| e == "rs") {
                let text = std::fs::read_to_string(&path).expect("a source file can be read");
                let name = path.strip_prefix(root()).expect("it is below the root");
                files.push((name.to_string_lossy().into_owned(), text));
            }
        }
    }
    files.sort();
    files
}

/// The module of `src/` that a file belongs to.
fn module(file: &str) -> &str {
    let inner = file.strip_prefix("src/").expect("a file of src");
    inner.split(['/', '.']).next().expect("a path has a first part")
}

/// The code of a line, without a comment at its end.
fn code(line: &str) -> &str {
    line.split("//").next().unwrap_or_default()
}

#[test]
fn dependencies_point_one_way() {
    let mut wrong = Vec::new();
    for (file, text) in sources("src") {
        let own = module(&file);
        if ["main", "lib", "cli"].contains(&own) {
            continue;
        }
        let Some((_, allowed)) = MAY_USE.iter().find(|(m, _)| *m == own) else {
            wrong.push(format!("{file}: add the module {own:?} to MAY_USE and to ARCHITECTURE.md"));
            continue;
        };
        for (number, line) in text.lines().enumerate() {
            for used in code(line).split("crate::").skip(1) {
                let used = used
                    .split(|c: char| !(c.is_alphanumeric() || c == '_'))
                    .next()
                    .unwrap_or_default();
                let fine = [own, "error", "context", ""].contains(&used)
                    || allowed.contains(&used)
                    || used.starts_with(char::is_uppercase);
                if !fine {
                    wrong.push(format!("{file}:{}: {own} may not use {used}", number + 1));
                }
            }
        }
    }
    assert!(
        wrong.is_empty(),
        "move the code, or change the design and MAY_USE:\n{}",
        wrong.join("\n")
    );
}

#[test]
fn only_the_command_line_prints() {
    let prints = ["println!", "eprintln!", "print!(", "eprint!(", "dbg!"];
    let mut wrong = Vec::new();
    let files = sources("src")
        .into_iter()
        .chain(sources("plugins/sdk/src"))
        .chain(sources("plugins/bottleneck/src"))
        .chain(sources("plugins/lora/src"))
        .chain(sources("plugins/nf4/src"))
        .chain(sources("plugins/prefix/src"));
    for (file, text) in files.filter(|(f, _)| !f.starts_with("src/cli")) {
        for (number, line) in text.lines().enumerate() {
            if prints.iter().any(|p| code(line).contains(p)) {
                wrong.push(format!("{file}:{}: {}", number + 1, line.trim()));
            }
        }
    }
    assert!(wrong.is_empty(), "emit an Event, or return text to the CLI:\n{}", wrong.join("\n"));
}

#[test]
fn unsafe_stands_where_it_may_and_says_why() {
    let mut wrong = Vec::new();
    for folder in ["src", "plugins", "tests"] {
        for (file, text) in sources(folder) {
            let lines: Vec<&str> = text.lines().collect();
            for (index, line) in lines.iter().enumerate() {
                let code = code(line);
                let is_block = code.contains("unsafe {") || code.contains("unsafe impl");
                if !is_block || file == "tests/tidy.rs" {
                    continue;
                }
                let place = format!("{file}:{}", index + 1);
                if !UNSAFE_IN.iter().any(|allowed| file.starts_with(allowed)) {
                    wrong.push(format!("{place}: unsafe may not stand here"));
                }
                let above = &lines[index.saturating_sub(5)..=index];
                if !above.iter().any(|l| l.contains("SAFETY:") || l.contains("# Safety")) {
                    wrong.push(format!("{place}: no // SAFETY: note above"));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn file_parsers_forbid_unsafe() {
    for file in ["src/onnx.rs", "src/recipe.rs", "src/adapter.rs", "src/ir/text.rs"] {
        let text = std::fs::read_to_string(root().join(file)).expect("a source file can be read");
        assert!(text.contains("#![forbid(unsafe_code)]"), "{file}: add #![forbid(unsafe_code)]");
    }
}

#[test]
fn stock_passes_know_only_the_sdk() {
    for name in ["bottleneck", "ia3", "lora", "merge", "nf4", "prefix"] {
        let file = format!("plugins/{name}/Cargo.toml");
        let manifest = std::fs::read_to_string(root().join(&file)).expect("it has a manifest");
        let forbidden = ["\npeftc.", "\npeftc ", "peftc-abi"];
        assert!(
            !forbidden.iter().any(|f| manifest.contains(f)),
            "{file}: a pass is written against peftc-plugin alone"
        );
    }
}

#[test]
fn the_pass_lora_and_the_algebra_of_changes_refuse_the_same() {
    let quoted = |file: &str, list: &str| -> Vec<String> {
        let text = std::fs::read_to_string(root().join(file)).expect("a source file can be read");
        let start = text.find(&format!("const {list}: ")).expect("the list is there");
        let list = &text[start..][..text[start..].find("];\n").expect("it ends")];
        list.split('"').skip(1).step_by(2).map(str::to_owned).collect()
    };
    let keys = |file, list| quoted(file, list).into_iter().step_by(2).collect::<Vec<_>>();
    let (pass, changes) = ("plugins/lora/src/config.rs", "src/delta.rs");
    assert_eq!(keys(pass, "UNSUPPORTED"), keys(changes, "OTHER_ARITHMETIC"), "{pass}, {changes}");
    assert_eq!(quoted(pass, "PLAIN_INITS"), quoted(changes, "PLAIN_INITS"), "{pass}, {changes}");
}

#[test]
fn architecture_names_every_module() {
    let text = std::fs::read_to_string(root().join("ARCHITECTURE.md"))
        .expect("there is an ARCHITECTURE.md");
    for (file, _) in sources("src") {
        let module = module(&file);
        assert!(
            text.contains(&format!("`{module}`")) || ["lib", "main"].contains(&module),
            "ARCHITECTURE.md: say what `{module}` is and may use"
        );
    }
}
