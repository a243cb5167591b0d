"""Running peftc and ONNX Runtime, and comparing what they compute."""

import functools
import json
import os
import shutil
import subprocess
from pathlib import Path

import numpy as np
import onnxruntime

ROOT = Path(__file__).resolve().parents[2]
MODELS = ROOT / "models"
CASES = json.loads((MODELS / "cases.json").read_text())
MODES = ("merge", "inject")

BAD_INPUT = 2


def binary():
    if named := os.environ.get("PEFTC"):
        return named
    candidates = [ROOT / "target" / profile / "peftc" for profile in ("release", "debug")]
    for candidate in candidates:
        if candidate.exists():
            return str(candidate)
    raise FileNotFoundError(f"no peftc: build it, or set PEFTC (looked for {', '.join(map(str, candidates))})")


def peftc(*arguments, expect=0):
    result = subprocess.run([binary(), *map(str, arguments)], capture_output=True, text=True)
    assert expect is None and result.returncode in (0, BAD_INPUT) or result.returncode == expect, (
        f"peftc {' '.join(map(str, arguments))}: exit code {result.returncode}, not {expect}\n"
        f"{result.stdout}{result.stderr}"
    )
    return result


def refused(adapter, model, folder):
    """What is said of an adapter that a model, without the `config.json` of its type beside it, cannot take."""
    alone, output = folder / f"alone-{model.name}", folder / "refused.onnx"
    shutil.copyfile(model, alone)
    result = peftc("apply", adapter, alone, "-o", output, expect=BAD_INPUT)
    assert not output.exists()
    return result.stderr


def apply(adapters, model, folder, mode, *options):
    """Applies the adapters one after the other and returns the last model."""
    for index, adapter in enumerate(adapters):
        output = folder / f"adapted{index}.onnx"
        peftc("apply", adapter, model, "-o", output, "--mode", mode, *options)
        model = output
    return model


def run(model, inputs, optimize=True):
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.intra_op_num_threads = 1
    if not optimize:
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    return session.run(["logits"], inputs)[0]


def relative_l2(actual, expected):
    assert actual.shape == expected.shape
    actual, expected = actual.astype(np.float64), expected.astype(np.float64)
    return np.linalg.norm(actual - expected) / np.linalg.norm(expected)


@functools.cache
def stored(case):
    """The inputs by name, and PyTorch's logits without and with the adapter."""
    with np.load(MODELS / case) as arrays:
        inputs = {name.removeprefix("in/"): arrays[name] for name in arrays if name.startswith("in/")}
        return inputs, arrays["base/logits"], arrays["adapted/logits"]


@functools.cache
def base_logits(model, case, optimize=True):
    return run(MODELS / model, stored(case)[0], optimize)


def tolerance(entry):
    """How far from PyTorch an adapted model may be. In float16, ONNX Runtime's own error is the measure."""
    if entry["dtype"] == "float32":
        return 1e-5
    _, base, _ = stored(entry["case"])
    return 1.5 * relative_l2(base_logits(entry["model"], entry["case"]), base)


def error(entry, model):
    inputs, _, adapted = stored(entry["case"])
    return relative_l2(run(model, inputs), adapted)


def entries_of(adapter):
    """The entries that apply this adapter alone: one for each model it fits."""
    return [entry for entry in CASES if [Path(path).name for path in entry["adapters"]] == [adapter]]


def adapters_of(entry):
    return [MODELS / path for path in entry["adapters"]]


def name_of(entry):
    return f"{entry['model'].removesuffix('.onnx')}-{Path(entry['case']).stem}"
