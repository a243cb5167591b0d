"""Times models in peftc, ONNX Runtime, rten and tract, side by side, and prints Markdown tables.

    cargo build --release
    python3 benches/engines/run.py [--threads 1 2] [--rounds 3] [--seconds 2] [--case minilm …] [--engine peftc …]

All is kept below target/engines: the environment of this script (requirements.txt), the models (models.py, with
models/requirements.txt in an environment of its own, unless --models names a folder that has them or --torch-python a Python
that has torch and transformers), and the other engines in Rust (peers/, built with cargo).

Each time an engine runs a case is a process of its own: it makes a session, runs the model once, and then times runs for some
seconds. Engines take turns; the median over the rounds of the medians counts. All engines get the same inputs, and
an engine whose outputs are not ONNX Runtime's to 1e-4 (relative L2) is not timed.
"""

import argparse
import datetime
import json
import os
import statistics
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
KEPT = ROOT / "target/engines"
TOLERANCE = 1e-4
# The model, its title, and the sizes of its axes; the past is of 128 tokens.
CASES = {
    "minilm-1x16": ("minilm", "MiniLM-L6 (22M), 1×16", dict(batch=1, sequence=16)),
    "minilm-1x128": ("minilm", "MiniLM-L6, 1×128", dict(batch=1, sequence=128)),
    "minilm-8x128": ("minilm", "MiniLM-L6, 8×128", dict(batch=8, sequence=128)),
    "gpt2-prefill": ("gpt2", "GPT-2 small, prefill 128", dict(batch=1, sequence=128)),
    "gpt2-decode": ("gpt2-past", "GPT-2 small, decode, past 128", dict(batch=1, sequence=1, past_sequence=128, total_sequence=129)),
    "vit": ("vit-base", "ViT-base, 1", dict(batch=1)),
    "llama-prefill": ("llama-1.1b", "1.1B Llama shape, prefill 64", dict(batch=1, sequence=64)),
}
VOCABULARIES = {"minilm": 30522, "gpt2": 50257, "gpt2-past": 50257, "llama-1.1b": 32000}
OTHERS = ("peftc", "rten", "tract")
TITLES = {"ort": "ONNX Runtime"} | {engine: engine for engine in OTHERS}


def environment(name, requirements):
    """The Python of an environment with these requirements, which is made where it is not there."""
    folder = KEPT / name
    if not (folder / "requirements.txt").exists() or (folder / "requirements.txt").read_text() != requirements.read_text():
        subprocess.run([sys.executable, "-m", "venv", "--clear", folder], check=True)
        pip = [folder / "bin/pip", "install", "--quiet", "--disable-pip-version-check", "-r", requirements]
        subprocess.run(pip, check=True)
        (folder / "requirements.txt").write_text(requirements.read_text())
    return folder / "bin/python"


def make_models(folder, torch_python, wanted):
    if not all((folder / f"{model}.onnx").exists() for model in wanted):
        python = torch_python or environment("torch-venv", ROOT / "models/requirements.txt")
        subprocess.run([python, HERE / "models.py", folder], check=True)


def build_peers():
    target = KEPT / "peers"
    build = ["cargo", "build", "--release", "--locked", "--manifest-path", HERE / "peers/Cargo.toml", "--target-dir", target]
    subprocess.run(build, check=True)
    return target / "release/peers"


def make_inputs(model, sizes, path, folder):
    """Writes the inputs: `inputs.npz` for peftc and ONNX Runtime, elements as they are for the others."""
    import numpy as np
    import onnx

    generator = np.random.default_rng(0)
    arrays = {}
    for value in onnx.load(path, load_external_data=False).graph.input:
        shape = [sizes[dim.dim_param] if dim.dim_param else dim.dim_value for dim in value.type.tensor_type.shape.dim]
        if value.type.tensor_type.elem_type == onnx.TensorProto.FLOAT:
            arrays[value.name] = generator.standard_normal(shape, dtype=np.float32)
        elif "mask" in value.name or "token_type" in value.name:
            arrays[value.name] = np.full(shape, "mask" in value.name, dtype=np.int64)
        else:
            arrays[value.name] = generator.integers(0, VOCABULARIES[model], shape)
    np.savez(folder / "inputs.npz", **arrays)
    described = [{"name": name, "type": str(array.dtype), "shape": array.shape} for name, array in arrays.items()]
    (folder / "inputs.json").write_text(json.dumps(described))
    for number, array in enumerate(arrays.values()):
        array.tofile(folder / f"{number}.bin")


class Case:
    """A case with its inputs, and the commands that time it."""

    def __init__(self, name, models, peftc, peers):
        self.model, self.title, sizes = CASES[name]
        self.path = models / f"{self.model}.onnx"
        self.folder = KEPT / "cases" / name
        self.folder.mkdir(parents=True, exist_ok=True)
        self.peftc, self.peers = peftc, peers
        make_inputs(self.model, sizes, self.path, self.folder)

    def measure(self, engine, threads, seconds):
        """Times, session creation and memory of one process; outputs are in the folder, but those of peftc."""
        inputs = self.folder / "inputs.npz"
        command = {
            "ort": [sys.executable, HERE / "ort.py", self.path, self.folder, threads, seconds],
            "peftc": [self.peftc, "bench", self.path, "-i", inputs, "--threads", threads, "--seconds", seconds, "--json"],
        }.get(engine, [self.peers, engine, self.path, self.folder, threads, seconds])
        report = output_of(command)
        if engine == "peftc":
            return report["seconds"]["median"], report["load"] + report["session"], report["peak_memory"]
        return statistics.median(report["times"]), report["session"], report["memory"]

    def error(self, engine, threads):
        """The largest relative L2 error of an output against ONNX Runtime's, of what the engine computed last."""
        import numpy as np

        expected = json.loads((self.folder / "ort.json").read_text())
        if engine == "peftc":
            output = self.folder / "peftc.npz"
            inputs = ["-i", self.folder / "inputs.npz", "--threads", threads]
            output_of([self.peftc, "run", self.path, *inputs, "-o", output, "--force", "--json"])
            found = [np.load(output)[name] for name in expected]
        else:
            found = [np.fromfile(self.folder / f"{engine}.{number}.bin", np.float32) for number in range(len(expected))]
        reference = [np.fromfile(self.folder / f"ort.{number}.bin", np.float32) for number in range(len(expected))]
        return max(relative_l2(array.ravel(), right) for array, right in zip(found, reference, strict=True))


def relative_l2(found, expected):
    import numpy as np

    expected = expected.astype(np.float64)
    return np.linalg.norm(found - expected) / np.linalg.norm(expected) if found.size == expected.size else np.inf


class Failed(Exception):
    pass


def output_of(command):
    result = subprocess.run([str(word) for word in command], capture_output=True, text=True)
    if result.returncode != 0:
        raise Failed(result.stderr.strip().splitlines()[0] if result.stderr.strip() else f"exit code {result.returncode}")
    return json.loads(result.stdout)


def check(case, engine, arguments):
    """Why an engine is not timed, or none."""
    try:
        for threads in arguments.threads:
            case.measure(engine, threads, 0)
            error = case.error(engine, threads)
            print(f"{case.title}: {TITLES[engine]}, {threads} threads: differs by {error:.1e}", file=sys.stderr, flush=True)
            if not error <= TOLERANCE:
                return f"differs by {error:.1e}"
    except Failed as failure:
        return str(failure)


def measure_case(case, arguments):
    """By engine: why it is not timed, or by threads its seconds, seconds of session creation, and bytes."""
    case.measure("ort", 1, 0)
    found = {engine: check(case, engine, arguments) or {} for engine in arguments.engine}
    runs = {}
    for _ in range(arguments.rounds):
        for threads in arguments.threads:
            for engine in (engine for engine in arguments.engine if isinstance(found[engine], dict)):
                runs.setdefault((engine, threads), []).append(case.measure(engine, threads, arguments.seconds))
    for (engine, threads), measured in runs.items():
        found[engine][threads] = [statistics.median(column) for column in zip(*measured, strict=True)]
    return found


def digits(x):
    return f"{x:.0f}" if x >= 100 else f"{x:.1f}" if x >= 10 else f"{x:.2f}"


def row(cells):
    return "| " + " | ".join(cells) + " |"


def tables(results, arguments):
    """Times with their ratios to ONNX Runtime, then session creation and memory."""
    engines = arguments.engine
    for threads in arguments.threads:
        print(f"\nms with {threads} thread{'s' * (threads > 1)}, and as a share of ONNX Runtime's\n")
        print(row(["case", *(TITLES[engine] for engine in engines)]))
        print(row(["---"] * (len(engines) + 1)))
        for case, found in results:
            cells = []
            for engine in engines:
                reference = found["ort"][threads][0]
                if isinstance(found[engine], str):
                    cells.append(f"– ({found[engine]})")
                else:
                    seconds = found[engine][threads][0]
                    ratio = "" if engine == "ort" else f" ({seconds / reference:.2f})"
                    cells.append(f"{digits(1e3 * seconds)}{ratio}")
            print(row([case.title, *cells]))
    threads = arguments.threads[0]
    print(f"\nseconds to read the model and make a session, and peak memory in MB ({threads} thread{'s' * (threads > 1)})\n")
    print(row(["case", *(TITLES[engine] for engine in engines)]))
    print(row(["---"] * (len(engines) + 1)))
    for case, found in results:
        measured = [found[engine] for engine in engines]
        cells = ["–" if isinstance(m, str) else f"{m[threads][1]:.2f}; {m[threads][2] / 1e6:.0f}" for m in measured]
        print(row([case.title, *cells]))


def machine():
    information = Path("/proc/cpuinfo").read_text()
    name = next((line.split(":")[1].strip() for line in information.splitlines() if line.startswith("model name")), "unknown")
    widest = next((f for f in ("avx512f", "avx2", "avx") if f in information), "no AVX")
    gibibytes = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return f"{os.cpu_count()} × {name} ({widest}), {gibibytes:.0f} GiB, load {os.getloadavg()[0]:.1f} at the start"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=2)
    parser.add_argument("--case", nargs="+", choices=CASES, default=list(CASES))
    parser.add_argument("--engine", nargs="+", choices=OTHERS, default=list(OTHERS), help="beside ONNX Runtime")
    parser.add_argument("--models", type=Path, default=KEPT / "models")
    parser.add_argument("--torch-python", help="a Python that has models/requirements.txt")
    parser.add_argument("--peftc", type=Path, default=ROOT / "target/release/peftc")
    parser.add_argument("--peers", type=Path, help="the binary of peers/, where it is built already")
    arguments = parser.parse_args()
    KEPT.mkdir(parents=True, exist_ok=True)
    python = environment("venv", HERE / "requirements.txt")
    if Path(sys.prefix) != KEPT / "venv":
        os.execv(python, [python, *sys.argv])

    make_models(arguments.models, arguments.torch_python, {CASES[case][0] for case in arguments.case})
    peers = arguments.peers or (build_peers() if set(arguments.engine) - {"peftc"} else None)
    arguments.engine = ["ort", *arguments.engine]
    print(f"{datetime.date.today()}, {machine()}; {arguments.rounds} rounds of {arguments.seconds} s", flush=True)
    results = []
    for name in arguments.case:
        case = Case(name, arguments.models, arguments.peftc, peers)
        results.append((case, measure_case(case, arguments)))
    tables(results, arguments)


if __name__ == "__main__":
    main()
