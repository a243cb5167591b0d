"""What is no finite number, or becomes none, is refused by `peftc merge` and the passes `merge` and `lora`."""

import numpy as np
import pytest

from support import BAD_INPUT, MODELS
from test_base_weights import MODEL, QV, Q, lora, written
from test_merge import refused
from test_merge_pass import applied

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
    for mode in ("merge", "inject"):
        assert "no finite number of f32" in refused(tmp_path, bad, MODEL, "--mode", mode, command="apply")
    base = {"lm_head.base_layer.weight": np.full((232, 64), np.nan, np.float32)}
    head = written(tmp_path / "head", lora("lm_head", (232, 64)) | base)
    assert "NaN is no finite number of f32" in refused(tmp_path, head, MODEL, command="apply")


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
