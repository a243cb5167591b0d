"""Adapters of other models are refused with the exact reason, and nothing is left behind."""

import json
import re

import numpy as np
import onnx
import pytest
from safetensors.numpy import load_file, save_file

from support import BAD_INPUT, MODELS, peftc

BERT = "bert/torchscript.onnx"
BOTTLENECK, IA3, IA3_HUB = "blocks/bert/adapterhub/double_seq_bn", "blocks/bert/peft/ia3", "blocks/bert/adapterhub/ia3"
PREFIX, PROMPT, LORA, LORA_HUB = "blocks/bert/peft/prefix", "blocks/bert/peft/prompt", "bert/adapters/qv", "blocks/gpt2/adapterhub/lora"


def of_12_layers(tensors):
    """The second of two layers ten times more; a prefix has them side by side."""
    if "prompt_embeddings" in tensors:
        return tensors | {"prompt_embeddings": np.tile(tensors["prompt_embeddings"], 6)}
    second = {name: tensor for name, tensor in tensors.items() if ".1." in name}
    copies = {re.sub(r"\.1\.", f".{layer}.", name, count=1): t for layer in range(2, 12) for name, t in second.items()}
    return tensors | copies


def of_hidden_size_32(tensors):
    def halved(array):
        for axis, size in enumerate(array.shape):
            array = array.take(range(size // 2), axis) if size in (64, 256) else array
        return array

    return {name: halved(tensor).copy() for name, tensor in tensors.items()}


def same(tensors):
    return tensors


# What is changed of which adapter, for which model, and what the error says.
CASES = {
    "bottleneck-layers": (BOTTLENECK, of_12_layers, {}, BERT, [
        "20 names match nothing in the model", "bert.encoder.layer.10.attention.output", "in layers 0 to 1"]),
    "ia3-layers": (IA3, of_12_layers, {}, BERT, ["40 names match nothing in the model", "bert.encoder.layer.10."]),
    "ia3-hub-layers": (IA3_HUB, of_12_layers, {}, BERT, ["30 names match nothing in the model", "bert.encoder.layer.10."]),
    "lora-layers": (LORA, of_12_layers, {}, BERT, ["20 names match nothing in the model", "bert.encoder.layer.10."]),
    "lora-hub-layers": (LORA_HUB, of_12_layers, {}, "gpt2/dynamo.onnx", ["30 names match nothing", "transformer.h.10."]),
    "prefix-layers": (PREFIX, of_12_layers, {"num_layers": 12}, BERT, ["a model of 12 layers", "this one has 2 layers of attention"]),
    "bottleneck-hidden": (BOTTLENECK, of_hidden_size_32, {"hidden_size": 32}, BERT, ["models of hidden size 32, this one has 64"]),
    "bottleneck-hidden-unsaid": (BOTTLENECK, of_hidden_size_32, {}, BERT, ["is [4, 32], expected [4, 64]"]),
    "ia3-hidden": (IA3, of_hidden_size_32, {}, BERT, ["ia3_l is [1, 32], expected [64, 1] for the outputs of the layer or [1, 64] for its inputs"]),
    "ia3-hub-hidden": (IA3_HUB, of_hidden_size_32, {}, BERT, ["lora_B is [32, 1], expected [64, 1] for the outputs"]),
    "lora-hidden": (LORA, of_hidden_size_32, {}, BERT, ["lora_A is [8, 32], expected [8, 64]"]),
    "prefix-hidden": (PREFIX, of_hidden_size_32, {"token_dim": 32}, BERT, ["4 heads of 8", "the model's keys have 4 of 16"]),
    "prompt-hidden": (PROMPT, of_hidden_size_32, {"token_dim": 32}, BERT, ["the learned tokens have 32 features", "[250, 64]"]),
    "activation": (BOTTLENECK, same, {"config": {"non_linearity": "swosh"}}, BERT, ['"non_linearity": unknown activation "swosh"']),
    "prefix-without-attention": (PREFIX, same, {}, None, ["the model has no attention that is recognized", "near: nothing"]),
    "bottleneck-without-sublayers": (BOTTLENECK, same, {}, None, ["4 names match nothing in the model", "of 1 linear layers none is such"]),
}


def changed(adapter, tensors, config, folder):
    """A copy of an adapter with other tensors and another configuration."""
    (path,) = (MODELS / adapter).glob("*.safetensors")
    entries = json.loads((MODELS / adapter / "adapter_config.json").read_text())
    inner = config.get("config", {})
    entries |= config | ({"config": entries["config"] | inner} if inner else {})
    copy = folder / "adapter"
    copy.mkdir()
    (copy / "adapter_config.json").write_text(json.dumps(entries))
    save_file(tensors(load_file(path)), copy / path.name)
    return copy


def linear_model(path):
    weight = onnx.numpy_helper.from_array(np.zeros((64, 64), np.float32), "w")
    node = onnx.helper.make_node("MatMul", ["x", "w"], ["y"])
    value = lambda name: onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, ["n", 64])
    graph = onnx.helper.make_graph([node], "g", [value("x")], [value("y")], [weight])
    onnx.save(onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 17)], ir_version=8), path)
    return path


@pytest.mark.parametrize("case", CASES)
def test_adapters_of_other_models_are_refused(case, tmp_path):
    adapter, tensors, config, model, parts = CASES[case]
    model = MODELS / model if model else linear_model(tmp_path / "linear.onnx")
    adapter = changed(adapter, tensors, config, tmp_path)
    before = sorted(tmp_path.iterdir())
    for output in (tmp_path / "out.onnx", f"{tmp_path / 'folder'}/"):
        result = peftc("apply", adapter, model, "-o", output, expect=BAD_INPUT)
        assert result.stdout == "" and all(part in result.stderr for part in parts), result.stderr
        assert sorted(tmp_path.iterdir()) == before
