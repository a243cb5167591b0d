"""Format `nbits` of the pass `nf4`: the integers are those of ONNX Runtime's quantizer, and the model computes with them."""

import itertools
import json

import numpy as np
import onnx
import pytest
from onnx import numpy_helper
from onnxruntime.capi._pybind_state import quantize_matmul_4bits, quantize_matmul_8bits

from support import BAD_INPUT, MODELS, peftc, relative_l2, run, stored

EXPORTS = [f"{model}/{export}.onnx" for model in ("gpt2", "llama", "bert") for export in ("torchscript", "dynamo", "dynamo-plain")]
CASE = {"gpt2": "nf4/gpt2-nf4.npz", "llama": "nf4/llama-nf4.npz", "bert": "nf4/bert-nf4.npz"}
KINDS = list(itertools.product((4, 8), (True, False)))
BLOCK_SIZES = (16, 32, 64, 128, 256)
# Lengths of rows that are no whole blocks, odd ones among them.
RAGGED = (1, 17, 77, 100, 255)


def recipe(folder, bits, symmetric, block_size, *more):
    path = folder / "recipe.toml"
    lines = ["[[pass]]", 'name = "nf4"', 'format = "nbits"', f"bits = {bits}"]
    lines += [f"symmetric = {str(symmetric).lower()}", f"block_size = {block_size}", *more]
    path.write_text("\n".join(lines))
    return path


def apply(model, folder, bits, symmetric, block_size, *more):
    out = folder / "out.onnx"
    peftc("apply", recipe(folder, bits, symmetric, block_size, *more), model, "-o", out, "--force")
    return out


def tensors(model):
    return {t.name: numpy_helper.to_array(t) for t in model.graph.initializer}


def attributes(node):
    return {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}


def quantized(path):
    """The MatMulNBits nodes of a model, by what their names were before, with attributes and weight tensors."""
    model = onnx.load(path)
    constants = tensors(model)
    nodes = [n for n in model.graph.node if n.op_type == "MatMulNBits"]
    return {n.name.removesuffix("_NBits"): (attributes(n), [constants[i] for i in n.input[1:]]) for n in nodes}


def weight_of(model, node):
    """The matrix `[in, out]` that a MatMul or Gemm multiplies by."""
    made = {o: n for n in model.graph.node for o in n.output}
    value, turned = node.input[1], bool(attributes(node).get("transB", 0))
    while value in made:
        assert made[value].op_type in ("Transpose", "Identity")
        turned ^= made[value].op_type == "Transpose"
        value = made[value].input[0]
    matrix = tensors(model)[value]
    return matrix.T if turned else matrix


def by_onnxruntime(weight, bits, symmetric, block_size):
    """As DefaultWeightOnlyQuantizer.qbits_block_quant calls it."""
    inputs, out = weight.shape
    blocks = -(-inputs // block_size)
    padded = np.ascontiguousarray(np.pad(weight, ((0, blocks * block_size - inputs), (0, 0))))
    codes = np.zeros((out, blocks, block_size * bits // 8), np.uint8)
    scales = np.zeros((out, blocks), np.float32)
    zero_points = np.zeros((out, -(-blocks * bits // 8)), np.uint8)
    quantize = quantize_matmul_4bits if bits == 4 else quantize_matmul_8bits
    quantize(codes, padded, scales, zero_points, block_size, out, inputs, symmetric)
    return [codes, scales] if symmetric else [codes, scales, zero_points]


def halves(packed):
    return np.stack([packed & 15, packed >> 4], -1).reshape(*packed.shape[:-1], -1)


def dequantized(attrs, codes, scales, zero_points=None):
    """The matrix `[in, out]`, in float64."""
    bits = attrs["bits"]
    codes = codes if bits == 8 else halves(codes)
    if zero_points is None:
        zero_points = np.full(scales.shape, 1 << (bits - 1))
    elif bits == 4:
        zero_points = halves(zero_points)[:, : scales.shape[1]]
    values = (codes.astype(np.float64) - zero_points[..., None]) * scales[..., None]
    return values.reshape(attrs["N"], -1)[:, : attrs["K"]].T


def same_bytes(actual, expected):
    return [(a.dtype, a.shape, a.tobytes()) for a in actual] == [(e.dtype, e.shape, e.tobytes()) for e in expected]


def with_dequantized_weights(original, written, folder):
    """The original model with the weights that the quantized one stands for."""
    model = onnx.load(original)
    of = quantized(written)
    for index, node in enumerate([n for n in model.graph.node if n.name in of]):
        attrs, parts = of[node.name]
        matrix = dequantized(attrs, *parts).astype(np.float32)
        matrix = matrix.T if attributes(node).get("transB", 0) else matrix
        model.graph.initializer.append(numpy_helper.from_array(np.ascontiguousarray(matrix), f"dequantized{index}"))
        node.input[1] = f"dequantized{index}"
    path = folder / "dequantized.onnx"
    onnx.save(model, path)
    return path


@pytest.mark.parametrize("bits,symmetric", KINDS)
@pytest.mark.parametrize("export", EXPORTS)
def test_tensors_are_those_of_onnxruntime(export, bits, symmetric, tmp_path):
    original = onnx.load(MODELS / export)
    nodes = {n.name: n for n in original.graph.node}
    for block_size in BLOCK_SIZES:
        found = quantized(apply(MODELS / export, tmp_path, bits, symmetric, block_size))
        assert found
        for name, (attrs, actual) in found.items():
            weight = weight_of(original, nodes[name])
            assert (attrs["K"], attrs["N"]) == weight.shape
            assert (attrs["bits"], attrs["block_size"]) == (bits, block_size)
            assert same_bytes(actual, by_onnxruntime(weight, bits, symmetric, block_size)), (name, block_size)


@pytest.mark.parametrize("bits,symmetric", KINDS)
@pytest.mark.parametrize("export", EXPORTS)
def test_the_model_is_that_of_the_dequantized_weights(export, bits, symmetric, tmp_path):
    out = apply(MODELS / export, tmp_path, bits, symmetric, 32)
    onnx.checker.check_model(str(out))
    inputs, _, _ = stored(CASE[export.partition("/")[0]])
    expected = run(with_dequantized_weights(MODELS / export, out, tmp_path), inputs)
    for optimize in (True, False):
        assert relative_l2(run(out, inputs, optimize), expected) <= 1e-5
    assert relative_l2(run(MODELS / export, inputs), expected) >= 1e-4


def single(weight, folder, transposed):
    """A model of one linear layer."""
    inputs, out = weight.shape
    node = onnx.helper.make_node("Gemm", ["x", "fc.weight"], ["logits"], name="/fc/Gemm", transB=int(transposed))
    stored = np.ascontiguousarray(weight.T if transposed else weight)
    values = [onnx.helper.make_tensor_value_info(n, 1, ["n", d]) for n, d in (("x", inputs), ("logits", out))]
    graph = onnx.helper.make_graph([node], "g", values[:1], values[1:], [numpy_helper.from_array(stored, "fc.weight")])
    path = folder / "single.onnx"
    opsets = [onnx.helper.make_opsetid("", 17)]
    onnx.save(onnx.helper.make_model(graph, opset_imports=opsets, ir_version=8), path)
    return path


def awkward(inputs):
    """Columns that are normal, zero, of one sign, of a tie between two signs, of halves, tiny, of zeros with a sign."""
    weight = np.random.default_rng(inputs).standard_normal((inputs, 12)).astype(np.float32)
    weight[:, 1] = 0
    weight[:, 2:4] = np.abs(weight[:, 2:4]) * [1, -1]
    weight[:, 4] = np.resize([1, -1], inputs)
    weight[:, 5] = np.resize(np.arange(-16, 17) / 2, inputs)
    weight[:, 6] *= 1e-36
    weight[:, 7] = -0.0
    weight[:, 8] = np.resize([-0.0, 0.0], inputs)
    return weight


@pytest.mark.parametrize("bits,symmetric", KINDS)
@pytest.mark.parametrize("inputs", RAGGED)
def test_rows_that_are_no_whole_blocks(inputs, bits, symmetric, tmp_path):
    weight = awkward(inputs)
    x = np.random.default_rng(1).standard_normal((3, inputs)).astype(np.float32)
    for block_size, transposed in zip(BLOCK_SIZES, itertools.cycle((True, False))):
        # The only layer feeds the output, so that all-linear would leave it out.
        out = apply(single(weight, tmp_path, transposed), tmp_path, bits, symmetric, block_size, 'targets = ["fc"]')
        ((attrs, actual),) = quantized(out).values()
        assert same_bytes(actual, by_onnxruntime(weight, bits, symmetric, block_size)), block_size
        assert relative_l2(run(out, {"x": x}), x @ dequantized(attrs, *actual)) <= 1e-5


@pytest.mark.parametrize("model", ["gpt2", "llama", "bert"])
def test_an_adapter_goes_on_top(model, tmp_path):
    export = f"{model}/torchscript.onnx"
    out = apply(MODELS / export, tmp_path, 4, False, 32)
    adapters = json.loads((MODELS / "nf4" / "cases.json").read_text())
    (adapter,) = next(e["adapters"] for e in adapters if e["adapters"] and e["model"].startswith(f"{model}/"))
    adapted, expected = tmp_path / "adapted.onnx", tmp_path / "expected.onnx"
    peftc("apply", MODELS / adapter, out, "-o", adapted, "--mode", "inject")
    plain = with_dequantized_weights(MODELS / export, out, tmp_path)
    peftc("apply", MODELS / adapter, plain, "-o", expected, "--mode", "inject")
    onnx.checker.check_model(str(adapted))
    inputs, _, _ = stored(CASE[model])
    assert relative_l2(run(adapted, inputs), run(expected, inputs)) <= 1e-5
    assert relative_l2(run(adapted, inputs), run(out, inputs)) >= 1e-3


@pytest.mark.parametrize("bits,symmetric", KINDS)
def test_inspect_counts_the_bits(bits, symmetric, tmp_path):
    out = apply(MODELS / "llama/torchscript.onnx", tmp_path, bits, symmetric, 16)
    report = json.loads(peftc("inspect", out, "--json").stdout)
    sites = [site for site in report["sites"] if site["quantized"]]
    assert sites and all(site["quantized"] == f"int{bits}" for site in sites)
    for site in sites:
        blocks = -(-site["in_features"] // 16)
        row = blocks * (2 * bits + 4) + (0 if symmetric else -(-blocks * bits // 8))
        assert site["bits_per_weight"] == pytest.approx(8 * row / site["in_features"])


def test_bits_that_are_not_said_are_four(tmp_path):
    out = apply(MODELS / "llama/torchscript.onnx", tmp_path, 4, True, 32)
    model = onnx.load(out)
    for node in model.graph.node:
        kept = [a for a in node.attribute if not (node.op_type == "MatMulNBits" and a.name == "bits")]
        del node.attribute[:]
        node.attribute.extend(kept)
    onnx.save(model, out)
    report = json.loads(peftc("inspect", out, "--json").stdout)
    assert {site["quantized"] for site in report["sites"]} >= {"int4"}


REFUSED = {
    "other format": ('format = "ort"\nbits = 4', "bits is for format = \"nbits\" alone"),
    "default format": ("symmetric = false", "symmetric is for format = \"nbits\" alone"),
    "bits": ('format = "nbits"\nbits = 5', "4 and 8 are accepted"),
    "block size": ('format = "nbits"\nblock_size = 512', "blocks of 16 to 256"),
}


@pytest.mark.parametrize("options,message", REFUSED.values(), ids=REFUSED)
def test_refused_options(options, message, tmp_path):
    path = tmp_path / "recipe.toml"
    path.write_text(f'[[pass]]\nname = "nf4"\n{options}')
    refused = peftc("apply", path, MODELS / "llama/torchscript.onnx", "-o", tmp_path / "out.onnx", expect=BAD_INPUT)
    assert message in refused.stderr


def test_float16_is_refused(tmp_path):
    path = recipe(tmp_path, 4, True, 32)
    model = MODELS / "llama-f16/torchscript.onnx"
    refused = peftc("apply", path, model, "-o", tmp_path / "out.onnx", expect=BAD_INPUT)
    assert "f32 alone" in refused.stderr


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_what_is_not_finite_is_refused(value, tmp_path):
    weight = awkward(77)
    weight[70, 3] = value
    path = recipe(tmp_path, 8, False, 32, 'targets = ["fc"]')
    refused = peftc("apply", path, single(weight, tmp_path, False), "-o", tmp_path / "out.onnx", expect=BAD_INPUT)
    assert "fc.weight" in refused.stderr and "cannot be quantized" in refused.stderr
