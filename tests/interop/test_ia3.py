"""Scaled layers compute what PyTorch + PEFT computes with IA3."""

import json

import numpy as np
import onnx
import onnxruntime
import pytest

from support import BAD_INPUT, MODELS, MODES, peftc, relative_l2

CASES = json.loads((MODELS / "blocks-cases.json").read_text())["cases"]
ALL = [
    {**entry, "model": model}
    for entry in CASES
    if entry["kind"] == "ia3" and entry["library"] == "peft"
    for model in entry["models"]
]
# The decoder with past has not the encoder that the adapter scales too.
PARTS = [entry for entry in ALL if entry["model"].startswith("blocks/t5") and "past" in entry["model"]]
ENTRIES = [entry for entry in ALL if entry not in PARTS]


def name_of(entry):
    model = entry["model"].removeprefix("blocks/").removesuffix(".onnx").replace("/", "-")
    return f"{model}-{entry['case'].rpartition('/')[2].removesuffix('.npz')}"


def session(model, optimize=True):
    options = onnxruntime.SessionOptions()
    options.log_severity_level, options.intra_op_num_threads = 3, 1
    if not optimize:
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


def empty_past(model, batch):
    past = {}
    for value in model.get_inputs():
        if value.name.startswith("past_key_values"):
            shape = [batch, *(size if isinstance(size, int) else 0 for size in value.shape[1:])]
            past[value.name] = np.zeros(shape, np.float32)
    return past


def steps_of(case):
    """For each step what goes in and what has to come out."""
    with np.load(MODELS / case) as arrays:
        names = {name: arrays[name] for name in arrays}
    steps = sorted({name.partition("/")[0] for name in names if name.startswith("step")}) or [""]
    for step in steps:
        of_step = {name.removeprefix(f"{step}/"): array for name, array in names.items() if name.startswith(step)}
        inputs = {name.removeprefix("in/"): a for name, a in of_step.items() if name.startswith("in/")}
        outputs = {name.removeprefix("adapted/"): a for name, a in of_step.items() if name.startswith("adapted/")}
        yield inputs, outputs


def outputs_of(model, case):
    """Pairs of what comes out and what has to."""
    model, past = session(model), None
    wanted = {value.name for value in model.get_inputs()}
    for inputs, expected in steps_of(case):
        feeds = {name: array for name, array in inputs.items() if name in wanted}
        if past is None:
            past = empty_past(model, next(iter(feeds.values())).shape[0])
        names = [value.name for value in model.get_outputs()]
        found = dict(zip(names, model.run(names, feeds | past)))
        past = {name.replace("present", "past_key_values"): a for name, a in found.items() if name.startswith("present")}
        for name, array in expected.items():
            yield found[name], array


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("entry", ENTRIES, ids=name_of)
def test_output_is_that_of_torch(entry, mode, tmp_path):
    out = tmp_path / "out.onnx"
    peftc("apply", MODELS / entry["adapter"], MODELS / entry["model"], "-o", out, "--mode", mode)
    onnx.checker.check_model(str(out), full_check=True)
    pairs = list(outputs_of(out, entry["case"]))
    assert pairs
    for found, expected in pairs:
        assert relative_l2(found, expected) <= max(1e-5, 2 * entry["own_difference"])


@pytest.mark.parametrize("model", sorted({entry["model"] for entry in ENTRIES}))
def test_fresh_scales_change_no_bit(model, tmp_path):
    entry = next(entry for entry in ENTRIES if entry["model"] == model)
    config = json.loads((MODELS / entry["adapter"] / "adapter_config.json").read_text())
    feedforward = config["feedforward_modules"] or []
    targets = [name for name in config["target_modules"] if name not in feedforward]
    recipe, out = tmp_path / "recipe.toml", tmp_path / "out.onnx"
    recipe.write_text(f'[[pass]]\nname = "ia3"\nmode = "inject"\ntargets = {targets}\nfeedforward = {feedforward}'.replace("'", '"'))
    report = json.loads(peftc("apply", recipe, MODELS / model, "-o", out, "--json").stdout)
    assert report["added_parameters"] > 0
    inputs, _ = next(steps_of(entry["case"]))
    results = []
    for path in (MODELS / model, out):
        plain = session(path, optimize=False)
        wanted = {value.name for value in plain.get_inputs()}
        feeds = {name: array for name, array in inputs.items() if name in wanted}
        results.append(plain.run(None, feeds | empty_past(plain, next(iter(feeds.values())).shape[0])))
    assert [a.tobytes() for a in results[0]] == [a.tobytes() for a in results[1]]


@pytest.mark.parametrize("entry", PARTS, ids=name_of)
def test_scales_without_a_place_are_an_error(entry, tmp_path):
    out = tmp_path / "out.onnx"
    stderr = peftc("apply", MODELS / entry["adapter"], MODELS / entry["model"], "-o", out, expect=BAD_INPUT).stderr
    assert "names match nothing in the model" in stderr and "encoder.block.0.layer.0.SelfAttention.k" in stderr
    assert not out.exists()
