"""Adapters of a whole encoder–decoder on one half of it: what is for the other half is left out, and nothing else is."""

import json
import shutil

import numpy as np
import onnx
import pytest
from safetensors.numpy import load_file, save_file

from blocks import session_of, steps_of
from support import BAD_INPUT, MODELS, peftc, relative_l2

T5 = MODELS / "blocks/t5"
DECODER = T5 / "torchscript-past.onnx"
# How many tensors are for the decoder; for the encoder; for what makes K and V of the cross-attention.
ADAPTERS = {
    "peft/ia3": (10, 6, 4),
    "adapterhub/ia3": (10, 6, 4),
    "adapterhub/lora": (24, 16, 4),
    "adapterhub/double_seq_bn": (16, 16, 0),
}
ENCODED = "/encoder/final_layer_norm/Mul_1_output_0"


def notes(adapter, model, out):
    report = json.loads(peftc("apply", T5 / adapter, model, "-o", out, "--json").stdout)
    return [note["message"] for note in report["passes"][0]["notes"]]


def encoder_of(model, path):
    """What computes the encoder's states in a model."""
    loaded = onnx.load(model)
    graph, wanted, nodes = loaded.graph, {ENCODED}, []
    for node in reversed(graph.node):
        if wanted & set(node.output):
            nodes.insert(0, node)
            wanted |= set(node.input)
    inputs = [value for value in graph.input if value.name in wanted]
    tensors = [tensor for tensor in graph.initializer if tensor.name in wanted]
    states = onnx.helper.make_tensor_value_info(ENCODED, onnx.TensorProto.FLOAT, None)
    loaded.graph.CopyFrom(onnx.helper.make_graph(nodes, graph.name, inputs, [states], tensors))
    onnx.save(loaded, path)
    return path


@pytest.mark.parametrize("adapter", ADAPTERS)
def test_the_encoder_alone_computes_what_it_does_in_the_whole(adapter, tmp_path):
    of_decoder, _, _ = ADAPTERS[adapter]
    whole, half = tmp_path / "whole.onnx", tmp_path / "half.onnx"
    assert notes(adapter, T5 / "torchscript.onnx", whole) == []
    (note,) = notes(adapter, encoder_of(T5 / "torchscript.onnx", tmp_path / "encoder.onnx"), half)
    assert f"encoder alone: the adapter's tensors for the decoder are left out ({of_decoder})" in note
    inputs, _ = steps_of("blocks/t5/cases/adapterhub-ia3-2x4.npz")[0]
    inputs = {name: inputs[name] for name in ("input_ids", "attention_mask")}
    models = (encoder_of(whole, tmp_path / "of-whole.onnx"), half, tmp_path / "encoder.onnx")
    (expected,), (found,), (base,) = (session_of(model).run(None, inputs) for model in models)
    assert relative_l2(found, expected) <= 1e-6 and relative_l2(base, expected) >= 1e-3


@pytest.mark.parametrize("adapter", ADAPTERS)
def test_what_is_left_out_on_the_decoder_alone_is_said(adapter, tmp_path):
    _, of_encoder, of_cross = ADAPTERS[adapter]
    said = notes(adapter, DECODER, tmp_path / "out.onnx")
    assert f"decoder alone: the adapter's tensors for the encoder are left out ({of_encoder})" in said[0]
    assert len(said) == (2 if of_cross else 1)
    assert of_cross == 0 or f"as inputs: the adapter's tensors for the layers that make them are left out ({of_cross})" in said[1]


@pytest.mark.parametrize("old, new", [
    ("decoder.block.0.layer.0.SelfAttention.k.", "decoder.block.0.layer.0.SelfAttention.r."),
    ("decoder.block.1", "decoder.block.7"),
    ("EncDecAttention.k.", "EncDecAttention.q2."),
    ("encoder.block", "tower.block"),
])  # fmt: skip
def test_a_layer_of_no_half_is_an_error(old, new, tmp_path):
    adapter, out = tmp_path / "adapter", tmp_path / "out.onnx"
    shutil.copytree(T5 / "adapterhub/ia3", adapter)
    weights = adapter / "adapter.safetensors"
    save_file({name.replace(old, new): tensor for name, tensor in load_file(weights).items()}, weights)
    stderr = peftc("apply", adapter, DECODER, "-o", out, expect=BAD_INPUT).stderr
    assert new.rstrip(".") in stderr and not out.exists(), stderr


def test_several_adapters_on_the_decoder_alone(tmp_path):
    """What one merged adapter of the whole is for the decoder; the attention of both halves and their values is adapted."""
    names = json.loads(peftc("inspect", T5 / "torchscript.onnx", "--sites", "--json").stdout)["linear"]
    modules = [site["module"] for site in names if site["module"].endswith(("SelfAttention.q", "EncDecAttention.k"))]
    adapters = [lora(tmp_path / str(seed), modules, seed) for seed in (1, 2)]
    one, recipe = tmp_path / "one", tmp_path / "recipe.toml"
    peftc("merge", *adapters, "-o", one)
    peftc("apply", one, DECODER, "-o", tmp_path / "one.onnx")
    recipe.write_text(f'[[pass]]\nname = "merge"\nadapters = {[str(adapter) for adapter in adapters]}\n')
    report = json.loads(peftc("apply", recipe, DECODER, "-o", tmp_path / "several.onnx", "--json").stdout)
    said = [note["message"] for note in report["passes"][0]["notes"]]
    assert "for the encoder are left out (8)" in said[0] and "that make them are left out (8)" in said[1]
    weights = [{t.name: onnx.numpy_helper.to_array(t) for t in onnx.load(tmp_path / f"{name}.onnx").graph.initializer}
               for name in ("one", "several")]  # fmt: skip
    for left, right in zip(*(sorted(w.values(), key=lambda t: (t.shape, t.tobytes())) for w in weights), strict=True):
        assert left.dtype != np.float32 or np.allclose(left, right, rtol=1e-5, atol=1e-6)
    encoder = lora(tmp_path / "encoder", [m for m in modules if m.startswith("encoder")], 3)
    recipe.write_text(f'[[pass]]\nname = "merge"\nadapters = ["{adapters[0]}", "{encoder}"]\n')
    stderr = peftc("apply", recipe, DECODER, "-o", tmp_path / "refused.onnx", expect=BAD_INPUT).stderr
    assert "names match nothing in the model" in stderr and not (tmp_path / "refused.onnx").exists()


def lora(folder, modules, seed):
    """A LoRA of these layers, all `[48, 32]`."""
    random, tensors = np.random.default_rng(seed), {}
    for module in modules:
        for part, shape in (("lora_A", (2, 32)), ("lora_B", (48, 2))):
            tensors[f"base_model.model.{module}.{part}.weight"] = random.standard_normal(shape).astype(np.float32)
    folder.mkdir()
    (folder / "adapter_config.json").write_text(json.dumps({"peft_type": "LORA", "r": 2, "lora_alpha": 2, "target_modules": ["q", "k"]}))
    save_file(tensors, folder / "adapter_model.safetensors")
    return folder


def test_an_adapter_of_the_other_half_alone_is_an_error(tmp_path):
    adapter, out = tmp_path / "adapter", tmp_path / "out.onnx"
    shutil.copytree(T5 / "adapterhub/ia3", adapter)
    weights = adapter / "adapter.safetensors"
    save_file({name: tensor for name, tensor in load_file(weights).items() if name.startswith("encoder")}, weights)
    stderr = peftc("apply", adapter, DECODER, "-o", out, expect=BAD_INPUT).stderr
    assert "6 names match nothing in the model" in stderr and not out.exists(), stderr
