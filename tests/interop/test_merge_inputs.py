"""What adapters hold beside their changes, and what is no number: in `peftc merge`, and in the passes `merge` and `lora`."""

import json

import numpy as np
import onnx
import pytest
from onnx import numpy_helper
from safetensors.numpy import load_file, save_file

from support import BAD_INPUT, MODELS, peftc, relative_l2, run
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


NOT_FINITE = {
    "nan": lambda a: np.where(np.arange(a.size).reshape(a.shape) == 5, np.float32(np.nan), a),
    "inf": lambda a: np.where(np.arange(a.size).reshape(a.shape) == 5, np.float32(np.inf), a),
    "beyond float32": lambda a: a.astype(np.float64) * 1e60,
}
METHODS = [("linear",), ("svd",), ("ties", 0.3), ("magnitude-prune", 0.3), ("breadcrumbs", 0.3), ("dare-linear", 0.3), ("della", 0.5),
           ("inverse-norm",), ("karcher",), ("peft-linear",), ("peft-cat",), ("peft-ties", 0.3), ("peft-svd",)]  # fmt: skip


@pytest.mark.parametrize("which", NOT_FINITE)
def test_what_is_no_finite_number_is_refused(which, tmp_path):
    tensors = lora(Q, (64, 64))
    name = f"{Q}.lora_A.weight"
    bad = written(tmp_path / "bad", tensors | {name: NOT_FINITE[which](tensors[name])})
    for method, *density in METHODS:
        given = ("--method", method, *(("--density", *density) if density else ()))
        message = refused(tmp_path, bad, QV, *given)
        assert f"{name} has " in message and "no finite number" in message
        lines = (f'method = "{method}"', *(f"density = {d}" for d in density))
        message = applied(tmp_path, MODEL, [bad, QV], *lines, expect=BAD_INPUT)
        assert f"0/{name} has " in message and "as float32" in message
    message = refused(tmp_path, bad, MODEL, command="apply")
    assert "no finite number of f32" in message


def test_numbers_that_grow_beyond_float32_are_refused(tmp_path):
    good = written(tmp_path / "good", lora(Q, (64, 64)))
    assert "no finite number of float32" in refused(tmp_path, good, QV, "--weights", "1e300,1")
    assert "no finite number of f32" in applied(tmp_path, MODEL, [good, QV], "weights = [1e300, 1]", expect=BAD_INPUT)
    alpha = written(tmp_path / "alpha", lora(Q, (64, 64)), lora_alpha=1e60)
    assert "its scale is 5e59" in refused(tmp_path, alpha, QV)
    assert "its scale is 5e59" in applied(tmp_path, MODEL, [alpha, QV], expect=BAD_INPUT)
    w = {part: np.ones(shape, np.float32) for part, shape in (("w1_a", (64, 2)), ("w1_b", (2, 64)), ("w2_a", (64, 2)), ("w2_b", (2, 64)))}
    loha = written(tmp_path / "loha", {f"{Q}.hada_{part}": t for part, t in w.items()}, peft_type="LOHA", alpha=2, r=0)
    assert "its scale is inf" in refused(tmp_path, loha, "--method", "ties", "--density", 0.5)
    assert "its scale is inf" in refused(tmp_path, loha, MODEL, command="apply")
    bias = written(tmp_path / "bias", lora(Q, (64, 64)) | {f"{Q}.lora_B.bias": np.full(64, np.nan, np.float32)}, lora_bias=True)
    assert "lora_B.bias has NaN" in refused(tmp_path, bias)
    assert "lora_B.bias" in applied(tmp_path, MODEL, [bias], expect=BAD_INPUT)


def test_a_branch_of_float16_that_is_too_large_is_refused(tmp_path):
    big = {name: t * np.float32(1e4) for name, t in lora(Q, (64, 64)).items()}
    model = MODELS / "llama-f16" / "dynamo.onnx"
    for mode in ("merge", "inject"):
        message = applied(tmp_path, model, [written(tmp_path / mode, big, lora_alpha=20)], f'mode = "{mode}"', expect=BAD_INPUT)
        assert "no finite number of f16" in message
