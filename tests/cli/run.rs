//! `run` and `verify`.

use crate::support::{Folder, LLAMA, QV, done, keys, peftc, text};
use serde_json::Value;

#[test]
fn the_json_of_run_and_verify_has_its_schema() {
    let folder = Folder::new();
    let (out, made) = (folder.path("out.npz"), folder.path("made.npz"));
    let run = done(&["run", LLAMA, "--random", "--save-inputs", &made, "-o", &out, "--json"]);
    let run: Value = serde_json::from_str(&run).expect("JSON");
    assert_eq!(keys(&run), ["schema", "outputs", "output"]);
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
