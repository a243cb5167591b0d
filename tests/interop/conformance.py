"""ONNX's own backend cases, run by peftc: models with stored inputs and outputs.

    python conformance.py [PATTERN]   says what fails, and why

They come from the wheel of onnx 1.22.0, the last one that has them as files.
"""

import concurrent.futures
import fnmatch
import os
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

import numpy as np
import onnx
from onnx import numpy_helper

from support import ROOT, binary

WHEEL = "onnx==1.22.0"
FOLDER = ROOT / "target" / "interop-models" / "onnx-backend-1.22.0"
DATA = FOLDER / "onnx" / "backend" / "test" / "data"
KINDS = ("node", "simple", "pytorch-converted", "pytorch-operator")
COUNTS = {"node": 1765, "simple": 23, "pytorch-converted": 82, "pytorch-operator": 35}


def fetch():
    """The folder of all cases."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    if not list(FOLDER.glob("*.whl")):
        options = ["--quiet", "--no-deps", "--only-binary=:all:", "--dest", str(FOLDER)]
        subprocess.run([sys.executable, "-m", "pip", "download", *options, WHEEL], check=True)
    if not (DATA / "node" / "test_abs" / "test_data_set_0" / "input_0.pb").exists():
        with zipfile.ZipFile(next(FOLDER.glob("*.whl"))) as wheel:
            wheel.extractall(FOLDER, [n for n in wheel.namelist() if n.startswith("onnx/backend/test/data/")])
    return DATA


def cases(pattern="*"):
    """Kind and name of all cases."""
    data = fetch()
    every = ((kind, folder.name) for kind in KINDS for folder in sorted((data / kind).iterdir()))
    return [(kind, name) for kind, name in every if fnmatch.fnmatch(name, pattern)]


def array(path, value_type):
    """What a stored file holds."""
    raw = path.read_bytes()
    if value_type.HasField("sequence_type"):
        return numpy_helper.to_list(onnx.SequenceProto.FromString(raw))
    if value_type.HasField("optional_type"):
        return numpy_helper.to_optional(onnx.OptionalProto.FromString(raw))
    return numpy_helper.to_array(onnx.TensorProto.FromString(raw))


def differs(found, expected):
    """How what was found is not what is expected, by the rule of onnx's own runner."""
    if isinstance(expected, list):
        if not isinstance(found, list) or len(found) != len(expected):
            return "another length"
        return next(filter(None, map(differs, found, expected)), None)
    if expected is None or found is None:
        return None if expected is found else "nothing, or something"
    if found.dtype != expected.dtype or found.shape != expected.shape:
        return f"{found.dtype}{list(found.shape)} instead of {expected.dtype}{list(expected.shape)}"
    try:
        if expected.dtype == object:
            np.testing.assert_array_equal(found, expected)
        else:
            wide = (lambda x: x) if expected.dtype.kind in "biufc" else (lambda x: x.astype(np.float32))
            np.testing.assert_allclose(wide(found), wide(expected), rtol=1e-3, atol=1e-7)
    except AssertionError as error:
        return " ".join(str(error).split())[:200]
    return None


def failure(kind, name):
    """Why a case fails; None where it passes."""
    folder = fetch() / kind / name
    outputs = onnx.load(folder / "model.onnx", load_external_data=False).graph.output
    sets = sorted(folder.glob("test_data_set_*"))
    if not sets:
        return "there is no data set"
    for data_set in sets:
        with tempfile.TemporaryDirectory() as made:
            command = [binary(), "run", folder / "model.onnx", "-i", data_set, "-o", made]
            done = subprocess.run(command, capture_output=True, text=True, timeout=300)
            if done.returncode != 0:
                return f"exit {done.returncode}: {done.stderr.strip()[:400]}"
            for number, output in enumerate(outputs):
                found = array(Path(made) / f"output_{number}.pb", output.type)
                expected = array(data_set / f"output_{number}.pb", output.type)
                if difference := differs(found, expected):
                    return f"output {number}: {difference}"
    return None


def failures(chosen):
    """Why each of these fails, by kind and name; those that pass are left out."""
    fetch()
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        found = pool.map(lambda case: failure(*case), chosen)
        return {case: why for case, why in zip(chosen, found) if why}


if __name__ == "__main__":
    chosen = cases(sys.argv[1] if len(sys.argv) > 1 else "*")
    failed = failures(chosen)
    for (kind, name), why in failed.items():
        print(f"{kind}/{name}: {why}")
    for kind in KINDS:
        own = [case for case in chosen if case[0] == kind]
        print(f"{kind}: {sum(case not in failed for case in own)} of {len(own)}")
