"""Prompts of AdapterHub, and fresh ones, inside the graph."""

import json
import shutil

import numpy as np
import onnx
import pytest
from safetensors.numpy import save_file

from blocks import entries, name_of, run_steps, session_of, steps_of, tolerance
from support import MODELS, peftc, refused, relative_l2

ENTRIES = entries("adapterhub", "prompt")
LEARNED = 3


def apply(source, model, folder, *options):
    output = folder / "adapted.onnx"
    peftc("apply", source, model, "-o", output, *options)
    return output


@pytest.mark.parametrize("entry", ENTRIES, ids=name_of)
def test_output_is_that_of_adapterhub(entry, tmp_path):
    model = apply(MODELS / entry["adapter"], MODELS / entry["model"], tmp_path)
    onnx.checker.check_model(str(model), full_check=True)
    (outputs,) = run_steps(session_of(model), entry["case"])
    ((_, expected),) = steps_of(entry["case"])
    assert relative_l2(outputs["logits"], expected["adapted"]) <= tolerance(entry)
    assert relative_l2(outputs["logits"], expected["base"]) >= 1e-3


def test_positions_are_those_of_the_real_tokens(tmp_path):
    """As many tokens as BERT has positions (64), and the learned ones besides."""
    model = apply(MODELS / "blocks/bert/adapterhub/prompt", MODELS / "bert/torchscript.onnx", tmp_path)
    tokens = np.arange(2 * 64).reshape(2, 64)
    inputs = {"input_ids": tokens, "attention_mask": np.ones_like(tokens), "token_type_ids": np.zeros_like(tokens)}
    (logits,) = session_of(model).run(["logits"], inputs)
    assert np.isfinite(logits).all()


@pytest.mark.parametrize("order", [("prompt", "lora", "nf4"), ("nf4", "lora", "prompt"), ("lora", "prompt", "nf4")], ids="-".join)
def test_prompt_with_lora_and_nf4(order, tmp_path):
    """Each pass sees the graph that the one before left: the order does not matter."""
    entry = ENTRIES[0]
    passes = {
        "prompt": f'[[pass]]\nname = "prompt"\nadapter = "{MODELS / entry["adapter"]}"\n',
        "lora": f'[[pass]]\nname = "lora"\nmode = "inject"\nadapter = "{MODELS / "bert/adapters/qv"}"\n',
        "nf4": '[[pass]]\nname = "nf4"\nblock_size = 32\n',
    }
    logits = []
    for names in (order, sorted(passes)):
        folder = tmp_path / "-".join(names)
        folder.mkdir()
        recipe = folder / "recipe.toml"
        recipe.write_text("\n".join(passes[name] for name in names))
        (outputs,) = run_steps(session_of(apply(recipe, MODELS / entry["model"], folder)), entry["case"])
        logits.append(outputs["logits"])
    assert relative_l2(*logits) <= 1e-5


FRESH = [e for e in entries("peft", "prompt") if e["adapter"].endswith("/prompt") and e["family"] != "t5"]
FRESH = list({e["model"]: e for e in FRESH}.values())


@pytest.mark.parametrize("entry", FRESH, ids=name_of)
def test_fresh_prompt_equals_peft_with_the_same_rows(entry, tmp_path):
    """A fresh prompt, written back as PEFT's checkpoint, gives the same model."""
    recipe = tmp_path / "fresh.toml"
    recipe.write_text(f'[[pass]]\nname = "prompt"\nlength = {LEARNED}\nseed = 7\n')
    fresh = apply(recipe, MODELS / entry["model"], tmp_path)
    stored = {t.name: onnx.numpy_helper.to_array(t) for t in onnx.load(fresh).graph.initializer}
    adapter = tmp_path / "adapter"
    adapter.mkdir()
    shutil.copy(MODELS / entry["adapter"] / "adapter_config.json", adapter)
    save_file({"prompt_embeddings": stored["prompt.embeddings"][0].copy()}, adapter / "adapter_model.safetensors")
    applied = tmp_path / "applied"
    applied.mkdir()
    models = (fresh, apply(adapter, MODELS / entry["model"], applied))
    left, right = (run_steps(session_of(model), entry["case"]) for model in models)
    assert all(np.array_equal(a["logits"], b["logits"]) for a, b in zip(left, right, strict=True))


def test_fresh_prompt_is_drawn_as_an_embedding_of_pytorch(tmp_path):
    """PEFT's prompt_tuning_init = "RANDOM" leaves what torch.nn.Embedding draws: N(0, 1)."""
    recipe = tmp_path / "fresh.toml"
    recipe.write_text('[[pass]]\nname = "prompt"\nlength = 1000\n')
    stored = onnx.load(apply(recipe, MODELS / "gpt2/torchscript.onnx", tmp_path)).graph.initializer
    (tokens,) = (onnx.numpy_helper.to_array(t) for t in stored if t.name == "prompt.embeddings")
    assert tokens.shape == (1, 1000, 64)
    assert abs(tokens.mean()) < 0.02 and abs(tokens.std() - 1) < 0.02


def test_another_hidden_size(tmp_path):
    message = refused(MODELS / "blocks/vit/adapterhub/prompt", MODELS / "bert/dynamo.onnx", tmp_path)
    assert "48 features" in message and "hidden size is 64" in message


def test_a_model_of_two_stacks(tmp_path):
    message = refused(MODELS / "blocks/vit/adapterhub/prompt", MODELS / "blocks/t5/torchscript.onnx", tmp_path)
    assert "is of an encoder and a decoder" in message


@pytest.mark.parametrize("adapter", ["blocks/bert/adapterhub/prompt", "blocks/gpt2/peft/prompt"])
def test_a_model_without_attention_and_embeddings(adapter, tmp_path):
    model = tmp_path / "linear.onnx"
    weight = onnx.numpy_helper.from_array(np.zeros((4, 4), np.float32), "w")
    node = onnx.helper.make_node("MatMul", ["x", "w"], ["y"])
    value = lambda name: onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, ["n", 4])
    graph = onnx.helper.make_graph([node], "g", [value("x")], [value("y")], [weight])
    onnx.save(onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 17)], ir_version=8), model)
    message = refused(MODELS / adapter, model, tmp_path)
    assert "no attention" in message or "no input input_ids" in message


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ({"combine": "add"}, '"combine" is "add", expected "prefix" or "prefix_after_bos"'),
        ({"prompt_length": 4}, "is [3, 64], but adapter_config.json says a prompt_length of 4"),
        ({"prompt_length": None}, 'has no "prompt_length"'),
        ({"model_type": "distilbert"}, 'accepted: bert, roberta'),
    ],
)
def test_another_configuration(entry, message, tmp_path):
    adapter = tmp_path / "changed"
    shutil.copytree(MODELS / "blocks/bert/adapterhub/prompt", adapter)
    config = json.loads((adapter / "adapter_config.json").read_text())
    for key, value in entry.items():
        (config["config"] if key in config["config"] else config)[key] = value
    (adapter / "adapter_config.json").write_text(json.dumps(config))
    assert message in refused(adapter, MODELS / "bert/torchscript.onnx", tmp_path)
