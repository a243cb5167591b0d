"""Scaled layers compute what PyTorch + PEFT, or + adapters, computes with IA3."""

import json

import onnx
import pytest

from blocks import entries, name_of, run_steps, session_of, steps_of, tolerance
from support import MODELS, MODES, peftc, relative_l2

ENTRIES = entries("peft", "ia3") + entries("adapterhub", "ia3")


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("entry", ENTRIES, ids=name_of)
def test_output_is_that_of_torch(entry, mode, tmp_path):
    out = tmp_path / "out.onnx"
    peftc("apply", MODELS / entry["adapter"], MODELS / entry["model"], "-o", out, "--mode", mode)
    onnx.checker.check_model(str(out), full_check=True)
    found = run_steps(session_of(out), entry["case"])
    for outputs, (_, expected) in zip(found, steps_of(entry["case"]), strict=True):
        assert relative_l2(outputs["logits"], expected["adapted"]) <= tolerance(entry)


PEFT = [entry for entry in ENTRIES if entry["library"] == "peft"]


@pytest.mark.parametrize("model", sorted({entry["model"] for entry in PEFT}))
def test_fresh_scales_change_no_bit(model, tmp_path):
    entry = next(entry for entry in PEFT if entry["model"] == model)
    config = json.loads((MODELS / entry["adapter"] / "adapter_config.json").read_text())
    feedforward = config["feedforward_modules"] or []
    targets = [name for name in config["target_modules"] if name not in feedforward]
    recipe, out = tmp_path / "recipe.toml", tmp_path / "out.onnx"
    recipe.write_text(f'[[pass]]\nname = "ia3"\nmode = "inject"\ntargets = {targets}\nfeedforward = {feedforward}'.replace("'", '"'))
    report = json.loads(peftc("apply", recipe, MODELS / model, "-o", out, "--json").stdout)
    assert report["added_parameters"] > 0
    results = [run_steps(session_of(path, optimize=False), entry["case"]) for path in (MODELS / model, out)]
    before, after = ([array.tobytes() for step in steps for array in step.values()] for steps in results)
    assert before and before == after
