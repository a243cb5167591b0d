//! `plugin`, and the folders where plugins are searched.

use crate::support::{Folder, LLAMA, QV, assert_has, done, refused, root, text};
use std::process::Command;

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
