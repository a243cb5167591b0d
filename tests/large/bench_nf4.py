"""Quantizing a 1.1B-parameter model to NF4, file to file, against ONNX Runtime's and bitsandbytes' quantizers.

    cargo build --release
    python bench_nf4.py FOLDER [--runs 3] [--peftc PATH]

Wants bitsandbytes==0.50.2 with torch==2.15.0, onnxruntime==1.32.0, onnx, numpy and safetensors. Runs are interleaved, each with
the input in the page cache and with its output on the disk at its end. The two others start and import before the clock does.
They measure no errors: `peftc` is without measuring, `measuring` with it, as is the default.
"""

import argparse
import json
import statistics
import subprocess
import sys
import time
from pathlib import Path

from bench import DATA, Watched, spread, sync_tree, warm
from make_model import block_bytes, make

ROOT = Path(__file__).resolve().parents[2]
SHAPE = "tinyllama-1.1b"
BLOCKS = 25
LEAST_FASTER = 20
MOST_ANONYMOUS = 512 << 20
MOST_BITS = {True: 4.13, False: 4.51}

ONNX_RUNTIME = """
import sys, time
from onnxruntime.quantization.matmul_bnb4_quantizer import MatMulBnb4Quantizer
import onnx
start = time.monotonic()
quantizer = MatMulBnb4Quantizer(onnx.load(sys.argv[1]), 1, 64)
quantizer.process()
quantizer.model.save_model_to_file(sys.argv[2], True)
print(time.monotonic() - start)
"""

BITSANDBYTES = """
import sys, time
from pathlib import Path
import numpy as np, onnx, torch
import bitsandbytes.functional as bnb
from onnx import numpy_helper
from safetensors.torch import save_file
start = time.monotonic()
tensors = {}
for tensor in onnx.load(sys.argv[1]).graph.initializer:
    weight = torch.from_numpy(numpy_helper.to_array(tensor).copy()).T.contiguous()
    codes, state = bnb.quantize_4bit(weight, blocksize=64, quant_type="nf4", compress_statistics=True)
    tensors[tensor.name] = codes
    tensors.update({f"{tensor.name}.{key}": value for key, value in state.as_dict(packed=True).items()})
save_file(tensors, sys.argv[2])
print(time.monotonic() - start)
"""


def other(script, base, out):
    """Seconds that a script says it took, and those of putting its files on the disk."""
    output = subprocess.run(
        [sys.executable, "-c", script, base / "model.onnx", out / "out.onnx"], check=True, capture_output=True, text=True
    )
    start = time.monotonic()
    sync_tree(out)
    return float(output.stdout.splitlines()[-1]) + time.monotonic() - start


class Bench:
    def __init__(self, folder, peftc):
        self.base, self.folder, self.peftc = folder / "base-1.1b", folder, peftc

    def run(self, work):
        out = self.folder / "out"
        subprocess.run(["rm", "-rf", out], check=True)
        out.mkdir()
        subprocess.run(["sync"], check=True)
        warm(self.base / DATA)
        return work(out)

    def quantize(self, out, double_quant=True, measure=False):
        recipe = self.folder / "nf4.toml"
        recipe.write_text(f'[[pass]]\nname = "nf4"\ndouble_quant = {str(double_quant).lower()}\nmeasure = {str(measure).lower()}\n')
        start = time.monotonic()
        watched = Watched([self.peftc, "apply", recipe, self.base / "model.onnx", "-o", out / "out.onnx"])
        seconds = time.monotonic() - start
        bits = 8 * sum(path.stat().st_size for path in out.iterdir()) / (BLOCKS * block_bytes(SHAPE) / 4)
        return seconds, watched.peak, bits


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--peftc", default=ROOT / "target" / "release" / "peftc")
    arguments = parser.parse_args()
    bench = Bench(arguments.folder, arguments.peftc)
    if not (bench.base / "model.onnx").exists():
        make(bench.base, BLOCKS * block_bytes(SHAPE) / 1e9, SHAPE)
    seconds = {name: [] for name in ("peftc", "measuring", "onnxruntime", "bitsandbytes")}
    peaks = []
    for run in range(arguments.runs):
        taken, peak, bits = bench.run(bench.quantize)
        seconds["peftc"].append(taken)
        measured, peak_measured, _ = bench.run(lambda out: bench.quantize(out, measure=True))
        seconds["measuring"].append(measured)
        peaks.append(max(peak, peak_measured))
        seconds["onnxruntime"].append(bench.run(lambda out: other(ONNX_RUNTIME, bench.base, out)))
        seconds["bitsandbytes"].append(bench.run(lambda out: other(BITSANDBYTES, bench.base, out)))
        print(f"run {run + 1}: " + ", ".join(f"{name} {all_[-1]:.2f} s" for name, all_ in seconds.items()), flush=True)
    _, _, plain_bits = bench.run(lambda out: bench.quantize(out, double_quant=False))

    print(f"\n{BLOCKS * block_bytes(SHAPE) / 4e9:.2f} billion weights, {arguments.runs} runs: median (least to most)")
    for name, values in seconds.items():
        print(f"{name:13} {spread(values)} s")
    ratios = {
        (name, own): [other / own for other, own in zip(seconds[name], seconds[own])]
        for own in ("peftc", "measuring")
        for name in ("onnxruntime", "bitsandbytes")
    }
    for (name, own), values in ratios.items():
        limit = f", at least {LEAST_FASTER}" if own == "peftc" else ""
        print(f"{name:13} takes {spread(values)} times as long as {own}{limit}")
    print(f"bits          {bits:.4f} a weight, at most {MOST_BITS[True]}; {plain_bits:.4f} without double quantization")
    print(f"memory        {max(peaks) / 2**20:.0f} MiB anonymous at the most, under {MOST_ANONYMOUS >> 20}")
    (arguments.folder / "results-nf4.json").write_text(json.dumps({"seconds": seconds, "peak": max(peaks)}, indent=2))
    met = (
        all(statistics.median(values) >= LEAST_FASTER for (_, own), values in ratios.items() if own == "peftc")
        and bits <= MOST_BITS[True]
        and plain_bits <= MOST_BITS[False]
        and max(peaks) < MOST_ANONYMOUS
    )
    raise SystemExit(0 if met else "a limit is not met")


if __name__ == "__main__":
    main()
