//! Models: what is read is looked at, written, and read again.
#![no_main]

use peftc::inspect::inspect;
use peftc::ir::{text, verify_model};
use peftc::onnx::{self, ExternalData, WriteOptions};
use peftc::{Context, ir::Model};
use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::LazyLock;

/// Larger outputs are planned and not written: many tensors can name the same external bytes.
const MOST_WRITTEN: u64 = 1 << 20;

const INLINE: WriteOptions =
    WriteOptions { external_data: ExternalData::Never, link_weights: false, refuse_existing: false };
const OUTSIDE: WriteOptions =
    WriteOptions { external_data: ExternalData::Always, link_weights: false, refuse_existing: false };
const LINKED: WriteOptions = WriteOptions { external_data: ExternalData::Auto, link_weights: true, refuse_existing: false };

static CONTEXT: LazyLock<Context> = LazyLock::new(|| {
    Context::new(NonZeroUsize::new(1), Context::DEFAULT_MEMORY, |_| {}).expect("a context")
});

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let folder = peftc_fuzz::folder();
    let path = folder.path().join("model.onnx");
    std::fs::write(&path, bytes).expect("a file can be written");
    let Ok(read) = onnx::read(&path) else { return };
    inspect(&read, &path).ok();
    let model = read.model;
    let violations = verify_model(&model).len();
    onnx::structure_sha256(&model).expect("what was read can be encoded");
    let Some(again) = written(&model, &folder.path().join("a.onnx"), INLINE) else { return };
    assert_eq!(verify_model(&again).len(), violations);
    assert_eq!(again.graph.node_count(), model.graph.node_count());
    // The first time operators are put in order, and the version of the IR is raised. A typed
    // field that went outside is none any more.
    let text = |model: &Model| text::print(model).replace(" typed", "");
    let Some(outside) = written(&again, &folder.path().join("b.onnx"), OUTSIDE) else { return };
    assert_eq!(text(&outside), text(&again));
    if folder.path().read_dir().expect("a folder").count() == 4 {
        let linked = written(&outside, &folder.path().join("c.onnx"), LINKED).expect("it is small");
        assert_eq!(text(&linked), text(&again));
    }
});

/// The model as it is read from what was written of it.
fn written(model: &Model, out: &Path, options: WriteOptions) -> Option<Model> {
    let plan = onnx::plan(model, out, &options).expect("it has a plan");
    if plan.files().iter().map(|file| file.bytes).sum::<u64>() > MOST_WRITTEN {
        return None;
    }
    plan.commit(&CONTEXT, &|_, _| Ok(())).expect("it is written");
    Some(onnx::read(out).expect("what was written can be read").model)
}
