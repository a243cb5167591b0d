"""The weights under a change that PEFT saves beside it, as `base_layer.weight`: in `peftc merge`, and in the passes `merge` and `lora`."""

import json

import numpy as np
import onnx
import pytest
from onnx import numpy_helper
from safetensors.numpy import load_file, save_file

from support import MODELS, peftc, relative_l2, run
from test_merge import LLAMA, deltas_of, merged, refused
from test_merge_pass import applied, assert_changes, inputs_of, weight_changes

MODEL = MODELS / "llama" / "dynamo.onnx"
QV = LLAMA / "qv"
Q = "model.layers.0.self_attn.q_proj"


def written(folder, tensors, **config):
    """A folder of PEFT with these tensors, without its prefix."""
    folder.mkdir()
    own = {"peft_type": "LORA", "r": 2, "lora_alpha": 2, "target_modules": ["q_proj"], "alpha_pattern": {}, "use_rslora": False}
    (folder / "adapter_config.json").write_text(json.dumps(own | config))
    save_file({f"base_model.model.{name}": np.ascontiguousarray(t) for name, t in tensors.items()}, folder / "adapter_model.safetensors")
    return folder


def lora(module, shape, seed=0, rank=2):
    random = np.random.default_rng(seed)
    a, b = random.standard_normal((rank, shape[1])), random.standard_normal((shape[0], rank))
    return {f"{module}.lora_A.weight": a.astype(np.float32), f"{module}.lora_B.weight": b.astype(np.float32)}


def heads(tmp_path, bases):
    """Adapters of the head, with the weight that PEFT saves beside their changes; and a model with an own weight there."""
    adapters = []
    for index, base in enumerate(bases):
        own = {} if base is None else {"lm_head.base_layer.weight": base}
        adapters.append(written(tmp_path / f"head{index}", lora("lm_head", (232, 64), index) | lora(Q, (64, 64), index) | own))
    return adapters


def head_of(model):
    tensors = {t.name: numpy_helper.to_array(t) for t in onnx.load(model).graph.initializer}
    sites = json.loads(peftc("inspect", model, "--sites", "--json").stdout)["linear"]
    weight = tensors[next(site["weight"] for site in sites if site["module"] == "lm_head")].astype(np.float64)
    return weight if weight.shape == (232, 64) else weight.T


OWN = np.random.default_rng(7).standard_normal((232, 64)).astype(np.float32)


@pytest.mark.parametrize("export", ["torchscript", "dynamo"])
@pytest.mark.parametrize("lines", [(), ("rank = 3",), ('method = "ties"', "density = 0.5")], ids=str)
def test_the_weight_under_a_change_is_the_adapters(lines, export, tmp_path):
    model = MODELS / "llama" / f"{export}.onnx"
    with_base, without = heads(tmp_path, [OWN, None])
    changed = head_of(applied(tmp_path, model, [with_base, without], *lines))
    plain = tmp_path / "plain"
    plain.mkdir()
    other, _ = heads(plain, [None, None])
    change = head_of(applied(plain, model, [other, without], *lines)) - head_of(model)
    assert relative_l2(changed, OWN + change) <= 1e-6


@pytest.mark.parametrize("adapters", [1, 2])
def test_beside_and_into_a_weight_that_the_adapter_has(adapters, tmp_path):
    given = heads(tmp_path, [OWN] * adapters)
    outputs = []
    for mode in ("merge", "inject"):
        output = tmp_path / f"{mode}.onnx"
        if adapters == 1:
            peftc("apply", given[0], MODEL, "-o", output, "--mode", mode)
        else:
            applied(tmp_path, MODEL, given, f'mode = "{mode}"').rename(output)
        outputs.append(run(output, inputs_of("llama")))
    assert relative_l2(*outputs) <= 1e-5
    if adapters == 1:
        expected = OWN + deltas_of(given[0])["lm_head"]
        assert relative_l2(head_of(tmp_path / "merge.onnx"), expected) <= 1e-6


def test_weights_that_adapters_do_not_agree_on(tmp_path):
    model_own = head_of(MODEL).astype(np.float32)
    given = heads(tmp_path, [model_own, model_own, OWN])
    name = "base_model.model.lm_head.base_layer.weight"
    folder, _ = merged(tmp_path, [*given[:2], QV])
    assert np.array_equal(load_file(folder / "adapter_model.safetensors")[name], model_own)
    result = peftc("merge", *given, "-o", folder, "--force")
    assert "lm_head.base_layer.weight is not the same" in result.stdout + result.stderr
    assert name not in load_file(folder / "adapter_model.safetensors")
    output = applied(tmp_path, MODEL, given, 'mode = "compose"')
    expected = {module: sum(deltas_of(adapter)[module] for adapter in given) for module in ("lm_head", Q)}
    assert_changes(weight_changes(output, MODEL), expected)


def test_a_weight_of_another_vocabulary_is_refused(tmp_path):
    (given,) = heads(tmp_path, [OWN[:200]])
    assert "[200, 64]" in refused(tmp_path, given, MODEL, command="apply")
