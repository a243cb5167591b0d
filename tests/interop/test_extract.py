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
from support import BAD_INPUT, MODELS, peftc, relative_l2
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


def stored_of(base):
    return {t.name: numpy_helper.to_array(t) for t in onnx.load(base).graph.initializer}


def torch_tensors(base):
    """All parameters as PyTorch stores them, from a TorchScript export: Linear `[out, in]`, GPT-2's Conv1D `[in, out]`."""
    stored = stored_of(base)
    # Equal parameters are stored once.
    shared = {n.output[0]: stored[n.input[0]] for n in onnx.load(base).graph.node if n.op_type == "Identity" and n.input[0] in stored}
    tensors = {name: array for name, array in (stored | shared).items() if name.endswith((".weight", ".bias"))}
    for site in json.loads(peftc("inspect", base, "--sites", "--json").stdout)["linear"]:
        weight = stored[site["weight"]]
        tensors[site["module"] + ".weight"] = weight.T if site["weight"].startswith("onnx::") else weight
    return tensors


def checkpoint(folder, tensors, shards=1):
    folder.mkdir(exist_ok=True)
    tensors = {name: np.ascontiguousarray(array) for name, array in tensors.items()}
    if shards == 1:
        save_file(tensors, folder / "model.safetensors")
        return folder
    files = {name: f"model-{i % shards + 1:05}-of-{shards:05}.safetensors" for i, name in enumerate(tensors)}
    for file in set(files.values()):
        save_file({name: array for name, array in tensors.items() if files[name] == file}, folder / file)
    (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": files}))
    return folder


@pytest.mark.parametrize("family, shards", [("llama", 1), ("gpt2", 1), ("llama", 4)])
def test_safetensors_against_onnx(family, shards, tmp_path):
    """A checkpoint has PyTorch's names and layouts, and one tensor for a tied head and its embedding."""
    base = MODELS / family / "torchscript.onnx"
    adapter, tensors = MODELS / family / "adapters" / "all-linear", torch_tensors(base)
    for module, delta in deltas_of(adapter).items():
        delta = delta.T if family == "gpt2" else delta
        tensors[f"{module}.weight"] = (tensors[f"{module}.weight"] + delta).astype(np.float32)
    if family == "gpt2":
        del tensors["lm_head.weight"]
    if shards > 1:
        external = tmp_path / "external.onnx"
        onnx.save(onnx.load(base), external, save_as_external_data=True, location="external.data", size_threshold=0)
        base = external
    folder, report = extracted(tmp_path, base, checkpoint(tmp_path / "checkpoint", tensors, shards), "--rank", 8)
    expected, found = deltas_of(adapter), deltas_of(folder)
    assert found.keys() == expected.keys()
    for module, delta in expected.items():
        assert relative_l2(found[module], delta) <= 1e-5, module
    assert report["saved"] == [] and report["left_out"] == []


def test_a_tied_head_changes_with_its_embedding(tmp_path):
    base, random = MODELS / "gpt2" / "torchscript.onnx", np.random.default_rng(6)
    tensors = torch_tensors(base)
    before = tensors["transformer.wte.weight"]
    assert np.array_equal(tensors.pop("lm_head.weight"), before)
    tensors["transformer.wte.weight"] = after = (before + 0.05 * random.normal(size=before.shape)).astype(np.float32)
    bias = "transformer.h.0.mlp.c_fc.bias"
    tensors[bias] = tensors[bias] + np.float32(1)
    folder, report = extracted(tmp_path, base, checkpoint(tmp_path / "checkpoint", tensors), "--rank", min(before.shape))
    assert report["saved"] == ["transformer.wte.weight"] and report["left_out"] == []
    assert ["lm_head has no bias in the base" in note for note in report["notes"]] == [True]
    assert relative_l2(deltas_of(folder)["lm_head"], after.astype(np.float64) - before) <= 1e-6


def test_what_a_checkpoint_lacks_or_has_besides_is_listed(tmp_path):
    base = MODELS / "llama" / "torchscript.onnx"
    tensors = torch_tensors(base)
    del tensors["lm_head.weight"], tensors["model.norm.weight"]
    tensors["model.embed_tokens.weight"] = np.pad(tensors["model.embed_tokens.weight"], ((0, 8), (0, 0)))
    tensors["model.extra.weight"] = np.ones((3, 3), np.float32)
    name = "model.layers.0.self_attn.q_proj.weight"
    tensors[name] = tensors[name] + np.float32(1)
    _, report = extracted(tmp_path, base, checkpoint(tmp_path / "checkpoint", tensors), "--rank", 4)
    rows, columns = stored_of(base)["model.embed_tokens.weight"].shape
    assert report["left_out"] == [
        "lm_head: the tuned model has no weight of it",
        f"model.embed_tokens.weight: [{rows}, {columns}] in the base, [{rows + 8}, {columns}] in the tuned model",
        "model.norm.weight: the tuned model has none",
        "model.extra.weight: the base has no parameter of this name",
    ]


def test_norms_of_old_checkpoints_have_gamma_and_beta(tmp_path):
    base = MODELS / "bert" / "torchscript.onnx"
    tensors = torch_tensors(base)
    name = "bert.embeddings.LayerNorm"
    tensors[f"{name}.weight"] = tensors[f"{name}.weight"] + np.float32(0.5)
    old = {n.replace("LayerNorm.weight", "LayerNorm.gamma").replace("LayerNorm.bias", "LayerNorm.beta"): t for n, t in tensors.items()}
    folder, report = extracted(tmp_path, base, checkpoint(tmp_path / "checkpoint", old), "--rank", 4)
    # Both, since PEFT replaces the module, and a layer, without which it loads nothing.
    assert report["saved"] == [f"{name}.bias", f"{name}.weight"] and report["left_out"] == [] and report["layers"] == []
    saved = load_file(folder / "adapter_model.safetensors")
    assert np.array_equal(saved[f"base_model.model.{name}.weight"], tensors[f"{name}.weight"])
    (module,) = json.loads((folder / "adapter_config.json").read_text())["target_modules"]
    assert not saved[f"base_model.model.{module}.lora_B.weight"].any()
    assert peftc("apply", folder, base, "-o", tmp_path / "back.onnx").returncode == 0


def test_biases_come_back_where_weights_are_equal(tmp_path):
    base = MODELS / "gpt2" / "torchscript.onnx"
    model, random = onnx.load(base), np.random.default_rng(7)
    for tensor in model.graph.initializer:
        if tensor.name.endswith("c_fc.bias"):
            array = numpy_helper.to_array(tensor)
            tensor.CopyFrom(numpy_helper.from_array(array + random.normal(size=array.shape).astype(np.float32), tensor.name))
    tuned = tmp_path / "tuned.onnx"
    onnx.save(model, tuned)
    folder, report = extracted(tmp_path, base, tuned, "--rank", 4)
    assert report["saved"] == [] and report["left_out"] == [] and report["notes"] == []
    back = tmp_path / "back.onnx"
    peftc("apply", folder, base, "-o", back)
    assert relative_l2(logits(back), logits(tuned)) <= 1e-6


def test_theory_one_plus_w_is_no_weight(tmp_path):
    """An exporter folds what Gemma's norms multiply by: 1 + w."""
    base, path = MODELS / "llama" / "torchscript.onnx", tmp_path / "base.onnx"
    model, tensors = onnx.load(base), torch_tensors(base)
    folded = "model.layers.0.input_layernorm.weight"
    for tensor in model.graph.initializer:
        tensor.name = "onnx::Mul_7" if tensor.name == folded else tensor.name
    for node in model.graph.node:
        node.input[:] = ["onnx::Mul_7" if name == folded else name for name in node.input]
    onnx.save(model, path)
    tensors |= {name: array - 1 for name, array in tensors.items() if "norm" in name}
    q_proj = "model.layers.0.self_attn.q_proj.weight"
    tensors[q_proj] = tensors[q_proj] + np.float32(1)
    _, report = extracted(tmp_path, path, checkpoint(tmp_path / "checkpoint", tensors), "--rank", 1)
    assert report["saved"] == [] and report["left_out"] == []
    tensors["model.norm.weight"] = tensors["model.norm.weight"] + np.float32(0.1)
    _, report = extracted(tmp_path, path, checkpoint(tmp_path / "checkpoint", tensors), "--rank", 1)
    assert report["saved"] == []
    assert report["left_out"] == ['model.norm.weight: the base has "onnx::Mul_7" in its place, which is computed from it, as 1 + w is']


@pytest.mark.parametrize("before", [np.zeros((96, 96)), np.eye(96)], ids=["zeros", "identity"])
def test_a_square_weight_that_looks_alike_both_ways_is_out_by_in(before, tmp_path):
    base = one_layer(tmp_path / "base.onnx", before)
    for seed in range(4):
        random = np.random.default_rng(seed)
        delta = 0.1 * random.normal(size=(96, 2)) @ random.normal(size=(2, 96))
        save_file({"layer.weight": (before + delta).astype(np.float32)}, tmp_path / "tuned.safetensors")
        folder, _ = extracted(tmp_path, base, tmp_path / "tuned.safetensors", "--rank", 2)
        assert relative_l2(deltas_of(folder)["layer"], delta) <= 1e-5


def test_what_is_round_in_one_model_is_no_change(tmp_path):
    base = MODELS / "llama" / "torchscript.onnx"
    tensors = {name: array.astype(ml_dtypes.bfloat16) for name, array in torch_tensors(base).items()}
    folder = checkpoint(tmp_path / "checkpoint", tensors)
    assert "nothing to extract" in test_merge.refused(tmp_path, base, folder, "--rank", 4, command="extract")
    name = "model.layers.0.mlp.up_proj.weight"
    tensors[name] = (tensors[name].astype(np.float32) + 1).astype(ml_dtypes.bfloat16)
    _, report = extracted(tmp_path, base, checkpoint(folder, tensors), "--rank", 4)
    assert [layer["module"] + ".weight" for layer in report["layers"]] == [name] and report["saved"] == []


@pytest.mark.parametrize("dtype", [np.float32, np.float16, ml_dtypes.bfloat16])
@pytest.mark.parametrize("shape", [(64, 48), (300, 200)])
def test_theory_rounding_is_below_the_noise_floor(dtype, shape, tmp_path):
    for seed in range(5):
        random = np.random.default_rng(seed)
        weight, delta = random.normal(size=shape), 0.1 * random.normal(size=(shape[0], 2)) @ random.normal(size=(2, shape[1]))
        weights = [w.astype(dtype) for w in (weight, weight + delta)]
        base, tuned = (one_layer(tmp_path / f"{i}.onnx", w, dtype) for i, w in enumerate(weights))
        (layer,) = extracted(tmp_path, base, tuned, "--rank", 6)[1]["layers"]
        noise = np.linalg.norm(weights[1].astype(np.float64) - weights[0].astype(np.float64) - delta, 2)
        assert layer["noise_floor"] / 1.5 <= noise <= layer["noise_floor"]
        assert layer["above_noise"] == 2


def test_what_is_not_of_a_named_layer_is_listed(tmp_path):
    """A layer without a module name, one that the base has not, a convolution."""
    random = np.random.default_rng(8)
    a, b, kernel = random.normal(size=(48, 40)), random.normal(size=(40, 48)), random.normal(size=(4, 3, 1, 1))

    def model(name, b_name, a, b, kernel):
        stored = {"k": kernel, "a": a.T, "b": b.T}
        node = onnx.helper.make_node
        nodes = [node("Conv", ["x", "k"], ["c"], name="/conv/Conv"), node("MatMul", ["c", "a"], ["h"], name="/a/MatMul")]
        nodes += [node("MatMul", ["h", "b"], ["y"], name=b_name)] if b_name else [node("Identity", ["h"], ["y"])]
        value = functools.partial(onnx.helper.make_tensor_value_info, elem_type=onnx.TensorProto.FLOAT)
        arrays = [numpy_helper.from_array(np.ascontiguousarray(w, np.float32), n) for n, w in stored.items() if b_name or n != "b"]
        graph = onnx.helper.make_graph(nodes, "g", [value("x", shape=["n", 3, 10, 40])], [value("y", shape=None)], arrays)
        path = tmp_path / name
        onnx.save(onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 17)], ir_version=8), path)
        return path

    left_out = lambda base, tuned: extracted(tmp_path, base, tuned, "--rank", 2)[1]["left_out"]
    base, tuned = model("b.onnx", "node_7", a, b, kernel), model("t.onnx", "node_7", a + 1, b + 1, kernel + 1)
    assert left_out(base, tuned) == ["k: differs, of no module that is known", "b: differs, of no module that is known"]
    shorter, longer = model("b.onnx", None, a, b, kernel), model("t.onnx", "/b/MatMul", a + 1, b, kernel)
    assert left_out(shorter, longer) == ["b of b: the base has no parameter of this name"]
    save_file({"a.weight": (a + 1).astype(np.float32), "k": (kernel + 1).astype(np.float32)}, tmp_path / "t.safetensors")
    assert left_out(model("b.onnx", "node_7", a, b, kernel), tmp_path / "t.safetensors") == [
        "k: differs, of no module that is known",
        "b: of a linear layer without a module name, not compared",
    ]


def test_memory_bounds_what_runs_at_once_and_changes_nothing(tmp_path):
    base = MODELS / "llama" / "dynamo.onnx"
    tuned = tuned_by(tmp_path, base, full_rank(0.01))
    written = []
    for memory in ("1M", "1G"):
        folder, _ = extracted(tmp_path, base, tuned, "--rank", 5, "--memory", memory)
        written.append((folder / "adapter_model.safetensors").read_bytes())
    assert written[0] == written[1]


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
    gpt2 = MODELS / "gpt2" / "torchscript.onnx"
    nan = tuned_by(tmp_path, gpt2, low_rank(1, 0.01), lambda array, random: np.full_like(array, np.nan))
    message = refused(gpt2, nan, "--rank", 4)
    assert ".bias: its difference: it has elements that are no finite numbers" in message
    injected = tmp_path / "injected.onnx"
    peftc("apply", MODELS / "llama" / "adapters" / "qv", llama, "-o", injected, "--mode", "inject")
    for models in ((llama, injected), (injected, llama)):
        assert "a pass added nodes beside its layers (lora.A)" in refused(*models, "--rank", 4)
    result = peftc("extract", llama, llama, "-o", base, "--rank", 4, "--force", expect=BAD_INPUT)
    assert "is a file: a folder is written" in result.stderr


def test_both_models_may_be_folders(tmp_path):
    random = np.random.default_rng(9)
    weight, delta = random.normal(size=(48, 40)), np.outer(random.normal(size=48), random.normal(size=40))
    folders = [tmp_path / name for name in ("base", "tuned")]
    for folder, array in zip(folders, (weight, weight + delta), strict=True):
        folder.mkdir()
        one_layer(folder / "model.onnx", array)
    folder, _ = extracted(tmp_path, *folders, "--rank", 1)
    assert relative_l2(deltas_of(folder)["layer"], delta) <= 1e-6


def test_same_bytes_on_any_number_of_threads(tmp_path):
    base = MODELS / "llama" / "dynamo.onnx"
    tuned = tuned_by(tmp_path, base, full_rank(0.01))
    folders = []
    for threads in ("1", "3"):
        folder = tmp_path / threads
        peftc("extract", base, tuned, "-o", folder, "--rank", 5, "--threads", threads)
        folders.append({path.name: path.read_bytes() for path in folder.iterdir()})
    assert folders[0] == folders[1]
