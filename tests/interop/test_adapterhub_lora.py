"""LoRA of AdapterHub computes what PyTorch + adapters computes, on an encoder–decoder and on its decoder alone."""

import json

import onnx
import pytest

from blocks import entries, name_of, run_steps, session_of, steps_of, tolerance
from support import MODELS, MODES, peftc, relative_l2

ENTRIES = entries("adapterhub", "lora")


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("entry", ENTRIES, ids=name_of)
def test_output_is_that_of_adapterhub(entry, mode, tmp_path):
    out = tmp_path / "out.onnx"
    model = MODELS / entry["model"]
    report = json.loads(peftc("apply", MODELS / entry["adapter"], model, "-o", out, "--mode", mode, "--json").stdout)
    assert report["passes"][0]["pass"] == "lora"
    onnx.checker.check_model(str(out), full_check=True)
    assert not any("spread" in tensor.name for tensor in onnx.load(out).graph.initializer)
    found = run_steps(session_of(out), entry["case"])
    for outputs, (_, expected) in zip(found, steps_of(entry["case"]), strict=True):
        assert relative_l2(outputs["logits"], expected["adapted"]) <= tolerance(entry)
        assert relative_l2(outputs["logits"], expected["base"]) >= 1e-3


def test_every_form_has_an_answer():
    assert {entry["family"] for entry in ENTRIES} == {"gpt2", "t5"}
    assert any(entry.get("steps") and entry["family"] == "t5" for entry in ENTRIES)
