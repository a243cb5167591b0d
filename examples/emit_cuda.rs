//! Writes the CUDA C of kernels in their text form: `emit_cuda OUTPUT-FOLDER KERNEL…`.

use peftc::kernel::{cuda, parse};
use std::path::Path;

fn main() -> Result<(), String> {
    let mut arguments = std::env::args().skip(1);
    let folder = arguments.next().ok_or("emit_cuda OUTPUT-FOLDER KERNEL…")?;
    for file in arguments {
        let says = |error: &dyn std::fmt::Display| format!("{file}: {error}");
        let text = std::fs::read_to_string(&file).map_err(|e| says(&e))?;
        let text = parse(&text).and_then(|kernel| cuda::text(&kernel)).map_err(|e| says(&e))?;
        let output = Path::new(&folder).join(Path::new(&file).file_name().unwrap_or_default());
        std::fs::write(output.with_extension("cu"), text).map_err(|e| says(&e))?;
    }
    Ok(())
}
