"""Merging and extracting adapters of a 1.1B-parameter model.

    cargo build --release
    python bench_merge.py FOLDER [--runs 3] [--peftc PATH]

Wants torch==2.15.0, onnx, numpy and safetensors; 15 GB of disk. Two adapters of rank 16 over all linear layers: merged into one adapter, into
the model by the pass `merge` against one by the pass `lora`, and one extracted again against torch.linalg.svd, which
decomposes the layers of a few blocks in the same run and is taken to need as long for each of the others.
"""

import argparse
import json
import statistics
import subprocess
import sys
import time
from pathlib import Path

from bench import DATA, Watched, spread, warm
from make_model import block_bytes, make, make_adapter

ROOT = Path(__file__).resolve().parents[2]
SHAPE, BLOCKS, SAMPLE = "tinyllama-1.1b", 25, 1
MOST_OF_ONE, LEAST_FASTER, MOST_ANONYMOUS = 1.2, 5, 512 << 20

TORCH = """
import sys, time, onnx, torch
from onnx import numpy_helper
def weights(path):
    folder = path.rpartition("/")[0]
    model = onnx.load(path, load_external_data=False)
    for tensor in list(model.graph.initializer)[: int(sys.argv[3])]:
        onnx.external_data_helper.load_external_data_for_tensor(tensor, folder)
        yield torch.from_numpy(numpy_helper.to_array(tensor).copy())
start = time.monotonic()
for base, tuned in zip(weights(sys.argv[1]), weights(sys.argv[2])):
    u, s, v = torch.linalg.svd(tuned - base, full_matrices=False)
    a, b = (u[:, :16] * s[:16].sqrt()).contiguous(), (s[:16].sqrt()[:, None] * v[:16]).contiguous()
print(time.monotonic() - start)
"""


class Bench:
    def __init__(self, folder, peftc):
        self.folder, self.peftc, self.base = folder, peftc, folder / "base-1.1b"
        self.adapters = [self.base / "adapter", self.base / "adapter2"]

    def prepare(self):
        if not (self.base / "model.onnx").exists():
            make(self.base, BLOCKS * block_bytes(SHAPE) / 1e9, SHAPE)
        make_adapter(self.adapters[1], BLOCKS, SHAPE, seed=2)
        (self.folder / "one.toml").write_text(f'[[pass]]\nname = "lora"\nadapter = "{self.adapters[0]}"\nweight = 0.001\n')
        both = f'["{self.adapters[0]}", "{self.adapters[1]}"]'
        (self.folder / "both.toml").write_text(f'[[pass]]\nname = "merge"\nadapters = {both}\nweights = [0.001, 0.001]\n')

    def timed(self, *arguments):
        subprocess.run(["sync"], check=True)
        warm(self.base / DATA)
        start = time.monotonic()
        watched = Watched([self.peftc, *arguments])
        return time.monotonic() - start, watched.peak

    def into_model(self, recipe):
        for path in self.folder.glob("tuned.onnx*"):
            path.unlink()
        return self.timed("apply", self.folder / recipe, self.base / "model.onnx", "-o", self.folder / "tuned.onnx", "--force")

    def torch(self):
        count = 7 * SAMPLE
        script = [sys.executable, "-c", TORCH, self.base / "model.onnx", self.folder / "tuned.onnx", str(count)]
        output = subprocess.run(script, check=True, capture_output=True, text=True).stdout
        return float(output) * BLOCKS / SAMPLE


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--peftc", default=ROOT / "target" / "release" / "peftc")
    arguments = parser.parse_args()
    bench = Bench(arguments.folder, arguments.peftc)
    bench.prepare()
    names = ("merge", "merge --rank 16", "into the model, both", "into the model, one", "extract --rank 16", "torch.linalg.svd")
    seconds, peaks = {name: [] for name in names}, {}
    for run in range(arguments.runs):
        out = arguments.folder / "adapter-out"
        steps = {
            "merge": lambda: bench.timed("merge", *bench.adapters, "-o", out, "--force"),
            "merge --rank 16": lambda: bench.timed("merge", *bench.adapters, "-o", out, "--force", "--rank", "16"),
            "into the model, both": lambda: bench.into_model("both.toml"),
            "into the model, one": lambda: bench.into_model("one.toml"),
            "extract --rank 16": lambda: bench.timed(
                "extract", bench.base / "model.onnx", arguments.folder / "tuned.onnx", "--rank", "16", "-o", out, "--force"
            ),
            "torch.linalg.svd": lambda: (bench.torch(), 0),
        }
        # Neither of the two always comes first, as what was written before still goes to the disk.
        order = sorted(steps, key=lambda name: names.index(name) if run % 2 == 0 or "model" not in name else 5 - names.index(name))
        for name, step in ((name, steps[name]) for name in order):
            taken, peak = step()
            seconds[name].append(taken)
            peaks[name] = max(peak, peaks.get(name, 0))
        print(f"run {run + 1}: " + ", ".join(f"{name} {values[-1]:.2f} s" for name, values in seconds.items()), flush=True)
    for name, values in seconds.items():
        print(f"{name:22} {spread(values)} s, {peaks[name] / 2**20:.0f} MiB anonymous")
    ratio = lambda over, under: [o / u for o, u in zip(seconds[over], seconds[under])]
    both, faster = ratio("into the model, both", "into the model, one"), ratio("torch.linalg.svd", "extract --rank 16")
    print(f"both take {spread(both)} times as long as one, at most {MOST_OF_ONE}")
    print(f"torch takes {spread(faster)} times as long as extract, at least {LEAST_FASTER}")
    (arguments.folder / "results-merge.json").write_text(json.dumps({"seconds": seconds, "peaks": peaks}, indent=2))
    met = (
        statistics.median(both) <= MOST_OF_ONE
        and statistics.median(faster) >= LEAST_FASTER
        and peaks["extract --rank 16"] < MOST_ANONYMOUS
    )
    raise SystemExit(0 if met else "a limit is not met")


if __name__ == "__main__":
    main()
