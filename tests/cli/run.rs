//! `run` and `verify`.

use crate::support::{Folder, LLAMA, QV, assert_has, done, keys, peftc, refused, text};

use serde_json::Value;

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
    let products = kinds.iter().find(|kind| kind["name"] == "product").expect("the products");
    assert_eq!(keys(products), ["name", "calls", "seconds", "share", "flops", "bytes"]);
    // Of 19 products four are in attentions.
    assert_eq!(products["calls"], 15);
    assert!(products["flops"].as_u64() > Some(1_000_000), "{products}");
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
    assert_eq!(bench["seconds"]["runs"], 2);
    // The matrix products alone have so many.
    assert!(bench["flops"].as_u64() >= Some(618_496), "{bench}");
    assert_eq!(bench["inputs"][1], "input_ids: i64[1, 4]");
    let report = done(&[["bench", LLAMA].as_slice(), &options].concat());
    assert_has(&report, &["2 runs", "peak memory", "1 thread can", "2 threads can"]);
    assert_has(&refused(&["bench", LLAMA, "--dim", "rows=4"]), &["names: batch, sequence"]);
    assert_has(&refused(&["bench", LLAMA, "--seconds", "soon"]), &["a number of 0 or more"]);
}
