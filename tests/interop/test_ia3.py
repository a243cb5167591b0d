"""Scaled layers compute what PyTorch + PEFT, or + adapters, computes with IA3."""

import json
import shutil

import onnx
import pytest
from safetensors.numpy import load_file, save_file

from blocks import entries, name_of, run_steps, session_of, steps_of, tolerance
from support import BAD_INPUT, MODELS, MODES, peftc, relative_l2

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


PARTS = [entry for entry in ENTRIES if entry["model"].startswith("blocks/t5") and "past" in entry["model"]]


@pytest.mark.parametrize("entry", PARTS, ids=name_of)
def test_what_is_not_for_the_decoder_alone_is_left_out_and_said(entry, tmp_path):
    report = json.loads(peftc("apply", MODELS / entry["adapter"], MODELS / entry["model"], "-o", tmp_path / "o.onnx", "--json").stdout)
    notes = [note["message"] for note in report["passes"][0]["notes"]]
    assert "the model is the decoder alone: the adapter's tensors for the encoder are left out (6)" in notes[0]
    assert "keys and values of the cross-attention as inputs: the adapter's tensors for the layers that make them are left out (4)" in notes[1]


def test_a_layer_that_is_in_no_half_is_an_error(tmp_path):
    entry, adapter, out = PARTS[0], tmp_path / "adapter", tmp_path / "out.onnx"
    shutil.copytree(MODELS / entry["adapter"], adapter)
    weights = adapter / "adapter_model.safetensors"
    tensors = load_file(weights)
    for old, new in (("SelfAttention.k.", "SelfAttention.r."), ("decoder.block.1", "decoder.block.7"), ("EncDecAttention.k.", "EncDecAttention.q2.")):
        changed = {name.replace(old, new): tensor for name, tensor in tensors.items()}
        save_file(changed, weights)
        stderr = peftc("apply", adapter, MODELS / entry["model"], "-o", out, expect=BAD_INPUT).stderr
        assert new.rstrip(".") in stderr and "encoder.block.0" not in stderr.replace("near", ""), stderr
        assert not out.exists()
