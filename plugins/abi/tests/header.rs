//! The committed C header is what the ABI says, and a C compiler takes it.

use std::path::{Path, PathBuf};
use std::process::Command;

fn header() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("include/peftc_plugin.h")
}

fn generated() -> String {
    let bindings = cbindgen::generate(env!("CARGO_MANIFEST_DIR")).expect("the ABI is C");
    let mut text = Vec::new();
    bindings.write(&mut text);
    String::from_utf8(text).expect("a header is text")
}

#[test]
fn the_header_is_up_to_date() {
    let generated = generated();
    if std::env::var_os("PEFTC_BLESS").is_some() {
        std::fs::write(header(), &generated).expect("the header is written");
    }
    let committed = std::fs::read_to_string(header()).unwrap_or_default();
    assert!(committed == generated, "PEFTC_BLESS=1 cargo test -p peftc-abi writes the header anew");
}

#[test]
fn a_c_plugin_compiles() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let source = folder.path().join("plugin.c");
    let code = "#include \"peftc_plugin.h\"\n\
        static const PeftcPlugin plugin = { sizeof(PeftcPlugin), PEFTC_ABI_MINOR, { (const uint8_t *)\"c\", 1 },\n\
        { (const uint8_t *)\"1\", 1 }, NULL, 0, NULL, 0 };\n\
        PeftcStatus peftc_plugin_entry_v0(const PeftcHost *, PeftcCtx *, const PeftcPlugin **);\n\
        PeftcStatus peftc_plugin_entry_v0(const PeftcHost *host, PeftcCtx *ctx, const PeftcPlugin **out) {\n\
        if (host->struct_size != sizeof(PeftcHost)) { PeftcStr m = { (const uint8_t *)\"size\", 4 };\n\
        return host->fail(ctx, PEFTC_VERSION, m); }\n\
        *out = &plugin; return PEFTC_OK; }\n";
    std::fs::write(&source, code).expect("the source is written");
    let include = header();
    let include = include.parent().expect("the header is in a folder");
    let flags = ["-std=c11", "-Wall", "-Wextra", "-Wpedantic", "-Werror", "-fsyntax-only"];
    let compiled = Command::new("cc").args(flags).arg("-I").arg(include).arg(&source).output();
    let Ok(compiled) = compiled else {
        eprintln!("skipped: there is no cc");
        return;
    };
    assert!(compiled.status.success(), "{}", String::from_utf8_lossy(&compiled.stderr));
}
