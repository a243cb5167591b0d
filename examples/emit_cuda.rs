//! Writes the CUDA C of kernels: `emit_cuda OUTPUT-FOLDER FILE…`. A file is a kernel in its text form, or a model
//! (`.onnx`), of which all kernels are written, those of equal text once.

use peftc::kernel::{Kernel, cuda, parse};
use peftc::onnx;
use peftc::runtime::{Options, Session};
use std::collections::HashMap;
use std::path::Path;

fn main() -> Result<(), String> {
    let mut arguments = std::env::args().skip(1);
    let folder = arguments.next().ok_or("emit_cuda OUTPUT-FOLDER FILE…")?;
    let mut written: HashMap<String, String> = HashMap::new();
    for file in arguments {
        for (name, kernel) in kernels(&file).map_err(|e| format!("{file}: {e}"))? {
            let text = cuda::text(&kernel).map_err(|e| format!("{file}: {e}\n{kernel}"))?;
            if file.ends_with(".onnx") && written.contains_key(&text) {
                continue;
            }
            let output = Path::new(&folder).join(&name).with_extension("cu");
            std::fs::write(output, &text).map_err(|e| format!("{name}: {e}"))?;
            written.insert(text, name);
        }
    }
    Ok(())
}

/// The kernels of a file, each with a name.
fn kernels(file: &str) -> Result<Vec<(String, Kernel)>, String> {
    let path = Path::new(file);
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    if !file.ends_with(".onnx") {
        let text = std::fs::read_to_string(path).map_err(|e| e.to_string())?;
        return Ok(vec![(stem.into_owned(), parse(&text)?)]);
    }
    let folder = path.parent().and_then(Path::file_name).unwrap_or_default().to_string_lossy();
    let model = onnx::read(path).map_err(|e| e.to_string())?.model;
    let session = Session::new(&model, &Options::default()).map_err(|e| e.to_string())?;
    let named =
        |(number, kernel): (usize, &Kernel)| (format!("{folder}-{stem}-{number}"), kernel.clone());
    Ok(session.kernels().enumerate().map(named).collect())
}
