"""Operators of ONNX Runtime, on random models, against ONNX Runtime itself."""

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper

from support import peftc, relative_l2

RANDOM = np.random.default_rng(0)


def floats(*shape):
    return RANDOM.standard_normal(shape).astype(np.float32)


def codes(*shape):
    return RANDOM.integers(0, 256, shape).astype(np.uint8)


BATCH, LENGTH, HEADS, KV_HEADS, SIZE = 2, 5, 4, 2, 16
HIDDEN = HEADS * SIZE
X = floats(BATCH, LENGTH, HIDDEN)
ANGLES = np.outer(np.arange(16), 1e4 ** (-np.arange(SIZE // 2) / (SIZE / 2))).astype(np.float32)
ROWS = floats(3, 64)

# Operator, inputs by slot (None where one is left out), attributes, outputs.
CASES = {
    "Gelu": ([X], {}, 1),
    "FastGelu": ([X, floats(HIDDEN)], {}, 1),
    "BiasGelu": ([X, floats(HIDDEN)], {}, 1),
    "QuickGelu": ([X], {"alpha": 1.702}, 1),
    "SkipLayerNormalization": ([X, X[::-1].copy(), floats(HIDDEN), floats(HIDDEN), floats(HIDDEN)], {"epsilon": 1e-5}, 1),
    "SkipSimplifiedLayerNormalization": ([X, X[::-1].copy(), floats(HIDDEN)], {"epsilon": 1e-5}, 1),
    "RotaryEmbedding": ([floats(BATCH, HEADS, LENGTH, SIZE), np.array([2]), np.cos(ANGLES), np.sin(ANGLES)], {"interleaved": 1}, 1),
    "MultiHeadAttention": ([X, floats(BATCH, 6, HIDDEN), floats(BATCH, 6, HIDDEN), floats(3 * HIDDEN)], {"num_heads": HEADS}, 1),
    "GroupQueryAttention": (
        [
            X, floats(BATCH, LENGTH, KV_HEADS * SIZE), floats(BATCH, LENGTH, KV_HEADS * SIZE), None, None,
            np.full(BATCH, LENGTH - 1, np.int32), np.array(LENGTH, np.int32), np.cos(ANGLES), np.sin(ANGLES),
        ],
        {"num_heads": HEADS, "kv_num_heads": KV_HEADS, "do_rotary": 1},
        3,
    ),
    "Attention": ([X, floats(HIDDEN, 3 * HIDDEN), floats(3 * HIDDEN)], {"num_heads": HEADS, "unidirectional": 1}, 1),
    "MatMulNBits": ([ROWS, codes(6, 2, 16), floats(6, 2), codes(6, 1)], {"K": 64, "N": 6, "bits": 4, "block_size": 32}, 1),
    "MatMulBnb4": ([ROWS, codes(6 * 32), np.abs(floats(6 * 2))], {"K": 64, "N": 6, "block_size": 32, "quant_type": 1}, 1),
    "FusedMatMul": ([ROWS, floats(6, 64)], {"transB": 1, "alpha": 0.5}, 1),
}


@pytest.mark.parametrize("operator", CASES)
def test_computes_what_onnx_runtime_computes(operator, tmp_path):
    inputs, attributes, count = CASES[operator]
    given = {f"x{slot}": array for slot, array in enumerate(inputs) if array is not None}
    names = [f"x{slot}" if array is not None else "" for slot, array in enumerate(inputs)]
    outputs = [f"y{slot}" for slot in range(count)]
    node = helper.make_node(operator, names, outputs, domain="com.microsoft", **attributes)
    of = lambda name, array: helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(array.dtype), array.shape)
    makes = [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in outputs]
    graph = helper.make_graph([node], "g", [of(*each) for each in given.items()], makes)
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("com.microsoft", 1)]
    model = tmp_path / "model.onnx"
    onnx.save(helper.make_model(graph, opset_imports=opsets, ir_version=8), model)
    np.savez(tmp_path / "in.npz", **given)
    peftc("run", model, "-i", tmp_path / "in.npz", "-o", tmp_path / "out.npz")
    expected = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"]).run(outputs, given)
    with np.load(tmp_path / "out.npz") as found:
        for name, wanted in zip(outputs, expected, strict=True):
            assert relative_l2(found[name], wanted) <= 1e-5
