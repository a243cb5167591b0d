"""`peftc extract` finds what was added to a model, to the rank that is asked for, and says how far it is off."""

import functools
import json

import ml_dtypes
import numpy as np
import onnx
import pytest
from onnx import numpy_helper
from safetensors.numpy import load_file, save_file

import test_merge
from support import MODELS, peftc, relative_l2
from test_merge import deltas_of

BASES = ["llama/torchscript.onnx", "llama/dynamo.onnx", "gpt2/torchscript.onnx", "gpt2/dynamo.onnx", "bert/dynamo-plain.onnx"]


def extracted(tmp_path, base, tuned, *options):
    folder = tmp_path / "extracted"
    report = json.loads(peftc("extract", base, tuned, "-o", folder, "--force", "--json", *options).stdout)
    return folder, report


def tuned_by(tmp_path, base, change, vectors=None):
    """A copy whose matrices got `change(array, random)` added, and vectors `vectors(…)`."""
    model, random = onnx.load(base), np.random.default_rng(3)
    for tensor in model.graph.initializer:
        array = numpy_helper.to_array(tensor)
        by = change if array.ndim == 2 and min(array.shape) >= 32 else vectors if array.ndim == 1 and array.size >= 32 else None
        if by and array.dtype.kind == "f":
            after = (array.astype(np.float64) + by(array.astype(np.float64), random)).astype(array.dtype)
            tensor.CopyFrom(numpy_helper.from_array(after, tensor.name))
    path = tmp_path / "tuned.onnx"
    onnx.save(model, path)
    return path


def low_rank(rank, size):
    def change(array, random):
        delta = random.normal(size=(array.shape[0], rank)) @ random.normal(size=(rank, array.shape[1]))
        return size * np.linalg.norm(array) / np.linalg.norm(delta) * delta

    return change


def full_rank(size):
    def change(array, random):
        delta = random.normal(size=array.shape)
        return size * np.linalg.norm(array) / np.linalg.norm(delta) * delta

    return change


def logits(model):
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    inputs = {"input_ids": np.array([[5, 9, 2, 7, 30]]), "attention_mask": np.ones((1, 5), np.int64)}
    names = [item.name for item in session.get_inputs()]
    inputs |= {"token_type_ids": np.zeros((1, 5), np.int64)} if "token_type_ids" in names else {}
    return session.run(["logits"], {name: inputs[name] for name in names})[0]


@pytest.mark.parametrize("family, adapter", [("llama", "all-linear"), ("gpt2", "all-linear"), ("bert", "all-linear"), ("llama", "rslora")])
@pytest.mark.parametrize("export", ["torchscript", "dynamo"])
def test_a_known_lora_comes_back(family, adapter, export, tmp_path):
    """‖ΔW‖/‖W‖ is 1e-2 and more here."""
    base = MODELS / family / f"{export}.onnx"
    tuned = tmp_path / "tuned.onnx"
    peftc("apply", MODELS / family / "adapters" / adapter, base, "-o", tuned)
    folder, report = extracted(tmp_path, base, tuned, "--rank", 8)
    expected, found = deltas_of(MODELS / family / "adapters" / adapter), deltas_of(folder)
    assert found.keys() == expected.keys()
    for module, delta in expected.items():
        assert relative_l2(found[module], delta) <= 1e-5, module
    back = tmp_path / "back.onnx"
    peftc("apply", folder, base, "-o", back)
    assert relative_l2(logits(back), logits(tuned)) <= 1e-6


@pytest.mark.parametrize("base", BASES)
def test_small_changes_of_everything_come_back(base, tmp_path):
    base = MODELS / base
    tuned = tuned_by(tmp_path, base, low_rank(4, 1e-3), lambda array, random: 0.01 * random.normal(size=array.shape))
    folder, report = extracted(tmp_path, base, tuned, "--rank", 4)
    assert report["left_out"] == []
    for layer in report["layers"]:
        assert layer["frobenius_error"] <= 1e-4 * layer["norm"]
        assert layer["spectral_error"] <= 1.5 * layer["noise_floor"]
        assert layer["above_noise"] == 4
    back = tmp_path / "back.onnx"
    peftc("apply", folder, base, "-o", back)
    assert relative_l2(logits(back), logits(tuned)) <= 1e-6


def test_theory_extraction_of_a_known_change(tmp_path):
    """‖ΔW‖/‖W‖ = 1e-3 in float32, in a layer that is large enough for its rounding errors to average out."""
    random = np.random.default_rng(1)
    weight, (b, a) = random.normal(size=(512, 384)), (random.normal(size=(512, 4)), random.normal(size=(4, 384)))
    delta = b @ a * (1e-3 * np.linalg.norm(weight) / np.linalg.norm(b @ a))
    base, tuned = (one_layer(tmp_path / f"{name}.onnx", w) for name, w in (("base", weight), ("tuned", weight + delta)))
    folder, report = extracted(tmp_path, base, tuned, "--rank", 4)
    assert relative_l2(deltas_of(folder)["layer"], delta) <= 1e-5
    (layer,) = report["layers"]
    assert layer["above_noise"] == 4
    _, report = extracted(tmp_path, base, tuned, "--rank", 6)
    assert report["layers"][0]["above_noise"] == 4


def one_layer(path, weight, dtype=np.float32):
    """y = x·Wᵀ, with W `[out, in]` of a module `layer`."""
    stored = numpy_helper.from_array(weight.T.astype(dtype).copy(), "layer.weight")
    element = stored.data_type
    value = lambda name, size: onnx.helper.make_tensor_value_info(name, element, ["n", size])
    node = onnx.helper.make_node("MatMul", ["x", "layer.weight"], ["y"], name="/layer/MatMul")
    graph = onnx.helper.make_graph([node], "g", [value("x", weight.shape[1])], [value("y", weight.shape[0])], [stored])
    onnx.save(onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 17)], ir_version=8), path)
    return path


@pytest.mark.parametrize("shape", [(96, 160), (640, 512)])
def test_theory_eckart_young_holds_with_equality(shape, tmp_path):
    """A change of full rank, decomposed whole and by iteration: both errors are the tail's."""
    random = np.random.default_rng(2)
    weight = random.normal(size=shape).astype(np.float32)
    after = (weight + 0.05 * random.normal(size=shape)).astype(np.float32)
    base, tuned = one_layer(tmp_path / "base.onnx", weight), one_layer(tmp_path / "tuned.onnx", after)
    folder, report = extracted(tmp_path, base, tuned, "--rank", 8)
    delta = after.astype(np.float64) - weight
    s = np.linalg.svd(delta, compute_uv=False)
    (layer,) = report["layers"]
    tail = np.sqrt((s[8:] ** 2).sum())
    left = delta - deltas_of(folder)["layer"]
    for found in (np.linalg.norm(left), layer["frobenius_error"], layer["expected_frobenius_error"]):
        assert np.isclose(found, tail, rtol=1e-3)
    for found in (np.linalg.norm(left, 2), layer["spectral_error"], layer["expected_spectral_error"]):
        assert np.isclose(found, s[8], rtol=1e-3)
    assert layer["least_frobenius_error"] <= tail * (1 + 1e-9)
    assert np.allclose(layer["singular_values"], s[:9], rtol=1e-3)


def test_sixteen_bits_find_their_own_noise(tmp_path):
    """In bfloat16 half of a change of 1e-3 is rounding: what is more than noise comes back up to noise."""
    random = np.random.default_rng(4)
    weight = random.normal(size=(512, 384)).astype(ml_dtypes.bfloat16)
    b, a = random.normal(size=(512, 2)), random.normal(size=(2, 384))
    delta = b @ a * (1e-2 * np.linalg.norm(weight.astype(float)) / np.linalg.norm(b @ a))
    after = (weight.astype(np.float64) + delta).astype(ml_dtypes.bfloat16)
    paths = [one_layer(tmp_path / f"{name}.onnx", w, ml_dtypes.bfloat16) for name, w in (("base", weight), ("tuned", after))]
    folder, report = extracted(tmp_path, *paths, "--rank", 16)
    (layer,) = report["layers"]
    assert layer["above_noise"] == 2 < layer["rank"] == 16
    noise = np.linalg.norm(after.astype(np.float64) - weight.astype(np.float64) - delta, 2)
    # Here the base is exact: half of the square is not there.
    assert layer["noise_floor"] / 1.5 <= noise <= layer["noise_floor"]
    folder, report = extracted(tmp_path, *paths, "--rank", 2)
    found = deltas_of(folder)["layer"]
    assert np.linalg.norm(found - delta, 2) <= layer["noise_floor"]


def test_energy_decides_the_rank(tmp_path):
    random = np.random.default_rng(5)
    weight = random.normal(size=(640, 512)).astype(np.float32)
    u, v = np.linalg.qr(random.normal(size=(640, 100)))[0], np.linalg.qr(random.normal(size=(512, 100)))[0]
    after = (weight + u * (0.97 ** np.arange(100)) @ v.T).astype(np.float32)
    paths = [one_layer(tmp_path / f"{name}.onnx", w) for name, w in (("base", weight), ("tuned", after))]
    _, report = extracted(tmp_path, *paths, "--energy", 0.95)
    s = np.linalg.svd(after.astype(np.float64) - weight, compute_uv=False)
    kept = np.cumsum(s**2) / (s**2).sum()
    assert report["layers"][0]["rank"] == int(np.argmax(kept >= 0.95)) + 1


@pytest.mark.parametrize("family", ["llama", "gpt2"])
def test_safetensors_against_onnx(family, tmp_path):
    """A checkpoint has PyTorch's names and layouts: Linear `[out, in]`, GPT-2's Conv1D `[in, out]`."""
    base = MODELS / family / "torchscript.onnx"
    tuned = tmp_path / "tuned.onnx"
    peftc("apply", MODELS / family / "adapters" / "all-linear", base, "-o", tuned)
    tensors = torch_tensors(family, base) | {}
    for module, delta in deltas_of(MODELS / family / "adapters" / "all-linear").items():
        tensors[f"{module}.weight"] = (tensors[f"{module}.weight"] + (delta.T if family == "gpt2" else delta)).astype(np.float32)
    folder = tmp_path / "checkpoint"
    folder.mkdir()
    save_file({name: np.ascontiguousarray(t) for name, t in tensors.items()}, folder / "model.safetensors")
    extracted_folder, report = extracted(tmp_path, base, folder, "--rank", 8)
    expected, found = deltas_of(MODELS / family / "adapters" / "all-linear"), deltas_of(extracted_folder)
    for module, delta in expected.items():
        assert relative_l2(found[module], delta) <= 1e-5, module
    assert report["saved"] == [] and report["left_out"] == []


def torch_tensors(family, base):
    """The weights of linear layers as PyTorch stores them, from the export."""
    stored = {t.name: numpy_helper.to_array(t) for t in onnx.load(base).graph.initializer}
    modules = deltas_of(MODELS / family / "adapters" / "all-linear")
    sites = json.loads(peftc("inspect", base, "--sites", "--json").stdout)
    weights = {site["module"]: site["weight"] for site in sites["linear"]}
    return {f"{module}.weight": stored[weights[module]] if family == "gpt2" else stored[weights[module]].T for module in modules}


def test_errors(tmp_path):
    refused = functools.partial(test_merge.refused, tmp_path, command="extract")
    llama, gpt2 = MODELS / "llama" / "dynamo.onnx", MODELS / "gpt2" / "dynamo.onnx"
    assert "nothing to extract" in refused(llama, llama, "--rank", 4)
    assert "no linear layer of the model matches" in refused(llama, gpt2, "--rank", 4)
    assert "--rank is 0" in refused(llama, llama, "--rank", 0)
    assert "--energy is 2" in refused(llama, llama, "--energy", 2)
    other = one_layer(tmp_path / "other.onnx", np.ones((40, 32)))
    base = one_layer(tmp_path / "base.onnx", np.ones((40, 48)))
    message = refused(base, other, "--rank", 4)
    assert "layer: its weight is [48, 40] in the base, [32, 40] in the tuned model" in message
    broken = np.ones((40, 48))
    broken[3, 4] = np.inf
    broken = one_layer(tmp_path / "broken.onnx", broken)
    assert "no finite numbers" in refused(base, broken, "--rank", 4)


def test_same_bytes_on_any_number_of_threads(tmp_path):
    base = MODELS / "llama" / "dynamo.onnx"
    tuned = tuned_by(tmp_path, base, full_rank(0.01))
    folders = []
    for threads in ("1", "3"):
        folder = tmp_path / threads
        peftc("extract", base, tuned, "-o", folder, "--rank", 5, "--threads", threads)
        folders.append({path.name: path.read_bytes() for path in folder.iterdir()})
    assert folders[0] == folders[1]
