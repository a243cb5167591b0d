"""Adapting a large model against copying it: times as ratios, bytes, memory.

    cargo build --release
    python bench.py FOLDER [--gib 8] [--runs 5] [--peftc PATH]

FOLDER needs twice the size of the model; the model is made there if it is not there yet (make_model.py).
The runs are interleaved, each with the input in the page cache, and every run ends with its output on the disk. One
more run of each, from an empty cache, counts what is read and written; emptying it takes root.
"""

import argparse
import os
import shutil
import statistics
import subprocess
import time
from pathlib import Path

from make_model import DATA, make

ROOT = Path(__file__).resolve().parents[2]
LIMITS = {"merge": 1.5, "inject": 1.2}
MOST_ANONYMOUS = 512 << 20
MOST_BYTES = 1.05


def sync_tree(folder):
    for path in [*folder.iterdir(), folder]:
        descriptor = os.open(path, os.O_RDONLY)
        os.fsync(descriptor)
        os.close(descriptor)


def copy(base, out):
    subprocess.run(["cp", "--reflink=never", base / "model.onnx", base / DATA, out], check=True)
    sync_tree(out)


def anonymous(pid):
    """RssAnon of a process in bytes, 0 once it has ended."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0
    lines = [line.split() for line in status.splitlines() if line.startswith("RssAnon:")]
    return int(lines[0][1]) * 1024 if lines else 0


def traffic(pid):
    """What a process has had read from and written to disks."""
    try:
        lines = Path(f"/proc/{pid}/io").read_text().splitlines()
    except OSError:
        return None
    fields = dict(line.split(": ") for line in lines)
    return int(fields["read_bytes"]), int(fields["write_bytes"])


class Watched:
    """A run of a command, with the peak of its anonymous memory and its traffic with disks."""

    def __init__(self, command):
        self.peak, self.traffic = 0, (0, 0)
        process = subprocess.Popen([str(word) for word in command], stdout=subprocess.DEVNULL)
        while process.poll() is None:
            self.peak = max(self.peak, anonymous(process.pid))
            self.traffic = traffic(process.pid) or self.traffic
            time.sleep(0.005)
        if process.returncode != 0:
            raise SystemExit(f"{command}: exit code {process.returncode}")


class Bench:
    def __init__(self, folder, peftc):
        self.base, self.folder, self.peftc = folder / "base", folder, peftc

    def apply(self, mode, out, *options):
        words = [self.peftc, "apply", self.base / "adapter", self.base / "model.onnx", "-o", out, "--mode", mode]
        return Watched([*words, *options])

    def timed(self, work, cold=False):
        """Seconds of `work` on an empty folder and a quiet disk, the bytes it left, and what it gave."""
        out = self.folder / "out"
        shutil.rmtree(out, ignore_errors=True)
        out.mkdir()
        os.sync()
        drop_caches() if cold else warm(self.base / DATA)
        start = time.monotonic()
        result = work(out)
        seconds = time.monotonic() - start
        held = sum(path.stat().st_size for path in out.iterdir())
        shutil.rmtree(out)
        return seconds, held, result

    def linked(self):
        """An inject that leaves the weights where they are: its output is in the base's own folder."""
        warm(self.base / DATA)
        start = time.monotonic()
        self.apply("inject", self.base / "linked.onnx", "--link-weights")
        seconds = time.monotonic() - start
        files = list(self.base.glob("linked.onnx*"))
        held = sum(path.stat().st_size for path in files)
        for path in files:
            path.unlink()
        return seconds, held


def warm(path):
    with open(path, "rb", buffering=0) as file:
        while file.read(64 << 20):
            pass


def drop_caches():
    Path("/proc/sys/vm/drop_caches").write_text("1")


def spread(values):
    return f"{statistics.median(values):.2f} ({min(values):.2f} to {max(values):.2f})"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--gib", type=float, default=8, help="size of the weights in 10^9 bytes")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--peftc", default=ROOT / "target" / "release" / "peftc")
    arguments = parser.parse_args()
    base = arguments.folder / "base"
    if not (base / "model.onnx").exists():
        make(base, arguments.gib)
    input_bytes = (base / DATA).stat().st_size
    adapter_bytes = (base / "adapter" / "adapter_model.safetensors").stat().st_size
    bench = Bench(arguments.folder, arguments.peftc)
    seconds = {name: [] for name in ("cp", "merge", "inject", "link")}
    ratios = {mode: [] for mode in LIMITS}
    peaks = []
    for run in range(arguments.runs):
        copied, _, _ = bench.timed(lambda out: copy(base, out))
        seconds["cp"].append(copied)
        for mode in LIMITS:
            taken, _, watched = bench.timed(lambda out: bench.apply(mode, out / "out.onnx"))
            seconds[mode].append(taken)
            ratios[mode].append(taken / copied)
            peaks.append(watched.peak)
        taken, linked_bytes = bench.linked()
        seconds["link"].append(taken)
        print(f"run {run + 1}: " + ", ".join(f"{name} {all_[-1]:.2f} s" for name, all_ in seconds.items()), flush=True)
    shares = {}
    for mode in LIMITS:
        _, held, watched = bench.timed(lambda out: bench.apply(mode, out / "out.onnx"), cold=True)
        read, written = watched.traffic
        shares[mode] = (read / (input_bytes + adapter_bytes), written / held)

    gigabytes = input_bytes / 1e9
    print(f"\n{gigabytes:.1f} GB of weights, {arguments.runs} runs: median (least to most)")
    for name, values in seconds.items():
        print(f"{name:8} {spread(values)} s, {spread([gigabytes / v for v in values])} GB/s")
    for mode, values in ratios.items():
        print(f"{mode:8} {spread(values)} times cp and fsync, at most {LIMITS[mode]}")
    for mode, (read, written) in shares.items():
        print(f"{mode:8} reads {read:.3f} times its input and writes {written:.3f} times its output, at most {MOST_BYTES}")
    print(f"link     writes {linked_bytes / 1e6:.1f} MB, in under 1 s")
    print(f"memory   {max(peaks) / 2**20:.0f} MiB anonymous at the most, under {MOST_ANONYMOUS >> 20}")
    met = (
        all(statistics.median(ratios[mode]) <= limit for mode, limit in LIMITS.items())
        and statistics.median(seconds["link"]) < 1
        and max(peaks) < MOST_ANONYMOUS
        and all(share <= MOST_BYTES for both in shares.values() for share in both)
    )
    raise SystemExit(0 if met else "a limit is not met")


if __name__ == "__main__":
    main()
