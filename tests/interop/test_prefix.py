"""Prefix tuning, prompt tuning and p-tuning compute what PyTorch + PEFT or adapters does, inside the graph."""

import json

import numpy as np
import onnx
import pytest
from safetensors.numpy import load_file, save_file

from blocks import entries, name_of, run_steps, session_of, steps_of, tolerance
from support import MODELS, peftc, refused, relative_l2

ENTRIES = entries("peft", "prefix", "prompt") + entries("adapterhub", "prefix")
PREFIXES = [e for e in ENTRIES if e["kind"] == "prefix"]
VIRTUAL = 3


def apply(entry, folder, *options):
    output = folder / "adapted.onnx"
    task = ("--set", f"prompt.task={entry['task_id']}") if "task_id" in entry else ()
    peftc("apply", MODELS / entry["adapter"], MODELS / entry["model"], "-o", output, *task, *options)
    return output


@pytest.mark.parametrize("entry", ENTRIES, ids=name_of)
def test_output_is_that_of_the_library(entry, tmp_path):
    model = apply(entry, tmp_path)
    onnx.checker.check_model(str(model), full_check=True)
    found = run_steps(session_of(model), entry["case"])
    for outputs, (_, expected) in zip(found, steps_of(entry["case"]), strict=True):
        assert relative_l2(outputs["logits"], expected["adapted"]) <= tolerance(entry)


@pytest.mark.parametrize("entry", [e for e in PREFIXES if "steps" in e], ids=name_of)
def test_present_has_no_prefix(entry, tmp_path):
    model = apply(entry, tmp_path)
    found = run_steps(session_of(model), entry["case"])
    lengths = [{array.shape[2] for name, array in outputs.items() if name != "logits"} for outputs in found]
    tokens = np.cumsum([inputs["input_ids"].shape[1] for inputs, _ in steps_of(entry["case"])])
    assert lengths == [{count} for count in tokens]


@pytest.mark.parametrize("entry", PREFIXES, ids=name_of)
def test_inputs_and_outputs_stay(entry, tmp_path):
    def signature(path):
        graph = onnx.load(path, load_external_data=False).graph
        return [value.SerializeToString() for value in (*graph.input, *graph.output)]

    assert signature(apply(entry, tmp_path)) == signature(MODELS / entry["model"])


@pytest.mark.parametrize("entry", PREFIXES, ids=name_of)
def test_one_concatenation_and_no_transposition(entry, tmp_path):
    """K and V of each layer get one Concat; what else is added handles rows, masks and positions."""

    def operators(path):
        nodes = onnx.load(path, load_external_data=False).graph.node
        return sorted(node.op_type for node in nodes)

    added = operators(apply(entry, tmp_path))
    for operator in operators(MODELS / entry["model"]):
        added.remove(operator)
    gate = {"MatMul", "Mul", "ReduceMean", "Reshape", "Sigmoid"} if "gate" in entry["adapter"] else set()
    without_bias = {"Where"} if "leave-out" in entry["adapter"] else set()
    assert set(added) <= {"Add", "Concat", "Expand", "Gather", "Pad", "Shape"} | gate | without_bias


def prompt_of(family, cut, tmp_path):
    entry = next(e for e in ENTRIES if e["family"] == family and e["adapter"].endswith("/prompt") and "steps" not in e)
    return entry, apply(entry, tmp_path, *(("--set", "prompt.outputs=cut") if cut else ()))


@pytest.mark.parametrize("family", ["gpt2", "llama"])
def test_outputs_of_learned_tokens_are_cut(family, tmp_path):
    entry, model = prompt_of(family, True, tmp_path)
    logits = run_steps(session_of(model), entry["case"])[0]["logits"]
    ((_, expected),) = steps_of(entry["case"])
    assert relative_l2(logits, expected["adapted"][:, VIRTUAL:]) <= 1e-5


@pytest.mark.parametrize("family", ["gpt2", "llama", "bert"])
def test_prefix_with_lora_and_nf4(family, tmp_path):
    """Each pass sees the graph that the one before left: the order does not matter."""
    entry = next(e for e in PREFIXES if e["family"] == family and "steps" not in e)
    lora = next(p for p in sorted((MODELS / family / "adapters").iterdir()) if p.name == "qv")
    passes = {
        "prefix": f'[[pass]]\nname = "prefix"\nadapter = "{MODELS / entry["adapter"]}"\n',
        "lora": f'[[pass]]\nname = "lora"\nmode = "inject"\nadapter = "{lora}"\n',
        "nf4": '[[pass]]\nname = "nf4"\nblock_size = 32\n',
    }
    outputs = []
    for order in (("prefix", "lora", "nf4"), ("lora", "nf4", "prefix"), ("nf4", "prefix", "lora")):
        recipe, model = tmp_path / f"{order[0]}.toml", tmp_path / f"{order[0]}.onnx"
        recipe.write_text("\n".join(passes[name] for name in order))
        peftc("apply", recipe, MODELS / entry["model"], "-o", model)
        outputs.append(run_steps(session_of(model), entry["case"])[0]["logits"])
    for logits in outputs[1:]:
        assert relative_l2(logits, outputs[0]) <= 1e-5


def attend(query, key, value, prefix_key, prefix_value):
    """softmax(Q·[P_K; K]ᵀ/√d)·[P_V; V], and the share of the prefix."""
    scores = query @ np.concatenate([prefix_key, key]).T / np.sqrt(query.shape[-1])
    weights = np.exp(scores - scores.max(-1, keepdims=True))
    weights /= weights.sum(-1, keepdims=True)
    return weights @ np.concatenate([prefix_value, value]), weights[:, : len(prefix_key)].sum(-1, keepdims=True)


def test_theory_prefix_is_a_mixture_with_attention_to_the_prefix():
    """h = (1 − λ)·Attn(Q, K, V) + λ·Attn(Q, P_K, P_V): what a prefix adds lies in the span of the rows of P_V."""
    random = np.random.default_rng(0)
    draw = lambda *shape: random.normal(size=shape)
    query, key, value, prefix_key, prefix_value = draw(7, 6), draw(5, 6), draw(5, 6), draw(2, 6), draw(2, 6)
    both, share = attend(query, key, value, prefix_key, prefix_value)
    alone, _ = attend(query, key, value, prefix_key[:0], prefix_value[:0])
    offset = both - (1 - share) * alone
    assert np.linalg.matrix_rank(offset, tol=1e-9) == len(prefix_value)
    coefficients, *_ = np.linalg.lstsq(prefix_value.T, offset.T, rcond=None)
    assert np.allclose(prefix_value.T @ coefficients, offset.T)


HEADS, FEATURES, ROWS = 2, 6, 3


def attention_model(path):
    """Self-attention with two heads over x [batch, n, 12], by what transformers exports; the weights by name."""
    random = np.random.default_rng(5)
    width = HEADS * FEATURES
    weights = {name: random.normal(size=(width, width)).astype(np.float32) for name in "qkv"}
    constants = {
        "split": np.array([0, 0, HEADS, FEATURES]), "join": np.array([0, 0, width]),
        "scale": np.array(FEATURES**-0.5, np.float32), **weights,
    }
    node = onnx.helper.make_node
    nodes = []
    for name in "qkv":
        nodes += [
            node("MatMul", ["x", name], [f"{name}_flat"], name=f"/attn/{name}/MatMul"),
            node("Reshape", [f"{name}_flat", "split"], [f"{name}_split"]),
            node("Transpose", [f"{name}_split"], [f"{name}_heads"], perm=[0, 2, 3, 1] if name == "k" else [0, 2, 1, 3]),
        ]
    nodes += [
        node("MatMul", ["q_heads", "k_heads"], ["products"]),
        node("Mul", ["products", "scale"], ["scores"]),
        node("Softmax", ["scores"], ["weights"], axis=-1, name="/attn/Softmax"),
        node("MatMul", ["weights", "v_heads"], ["context"]),
        node("Transpose", ["context"], ["context_split"], perm=[0, 2, 1, 3]),
        node("Reshape", ["context_split", "join"], ["y"]),
    ]
    value = lambda name: onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, ["batch", "n", width])
    stored = [onnx.numpy_helper.from_array(array, name) for name, array in constants.items()]
    graph = onnx.helper.make_graph(nodes, "g", [value("x")], [value("y")], stored)
    onnx.save(onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 17)], ir_version=8), path)
    return weights


def fresh_prefix(tmp_path):
    """The weights, and the model with a fresh prefix with its keys and values `[heads, rows, features]`."""
    weights = attention_model(tmp_path / "attention.onnx")
    recipe, output = tmp_path / "fresh.toml", tmp_path / "prefix.onnx"
    recipe.write_text(f'[[pass]]\nname = "prefix"\nlength = {ROWS}\nseed = 3\n')
    peftc("apply", recipe, tmp_path / "attention.onnx", "-o", output)
    stored = {t.name: onnx.numpy_helper.to_array(t) for t in onnx.load(output).graph.initializer}
    rows = [stored[f"attn.prefix.{part}"][0] for part in ("key", "value")]
    return weights, session_of(output), *(r if r.shape[0] == HEADS else r.swapaxes(0, 1) for r in rows)


def heads_of(x, weight):
    return (x @ weight).reshape(len(x), HEADS, FEATURES).swapaxes(0, 1)


def test_theory_prefix_equals_virtual_tokens_that_are_attended_to_and_do_not_attend(tmp_path):
    weights, session, prefix_key, prefix_value = fresh_prefix(tmp_path)
    x = np.random.default_rng(1).normal(size=(2, 5, HEADS * FEATURES)).astype(np.float32)
    (found,) = session.run(None, {"x": x})
    for batch, row in enumerate(x.astype(np.float64)):
        query, key, value = (heads_of(row, weights[name].astype(np.float64)) for name in "qkv")
        for head in range(HEADS):
            expected, _ = attend(query[head], key[head], value[head], prefix_key[head], prefix_value[head])
            actual = found[batch].reshape(-1, HEADS, FEATURES)[:, head]
            assert relative_l2(actual, expected) <= 1e-5


def test_theory_prefix_outputs_lie_in_the_span_of_values_and_prefix_values(tmp_path):
    """rank [V; P_V] = 2 + 3 < 6 features: whatever is asked, the answer has that many directions."""
    weights, session, _, prefix_value = fresh_prefix(tmp_path)
    x = np.random.default_rng(2).normal(size=(1, 2, HEADS * FEATURES)).astype(np.float32)
    (found,) = session.run(None, {"x": x})
    value = heads_of(x[0].astype(np.float64), weights["v"].astype(np.float64))
    for head in range(HEADS):
        span = np.concatenate([value[head], prefix_value[head]])
        assert np.linalg.matrix_rank(span) == 2 + ROWS
        answers = found[0].reshape(-1, HEADS, FEATURES)[:, head]
        coefficients, *_ = np.linalg.lstsq(span.T, answers.T, rcond=None)
        assert relative_l2(span.T @ coefficients, answers.T) <= 1e-5
        assert np.allclose(coefficients.sum(0), 1, atol=1e-4)


@pytest.mark.parametrize("model", ["gpt2/torchscript.onnx", "bert/dynamo.onnx", "llama/torchscript.onnx"])
def test_fresh_prefix_equals_peft_with_the_same_rows(model, tmp_path):
    """A fresh prefix, written back as PEFT's checkpoint, gives the same model."""
    recipe = tmp_path / "fresh.toml"
    recipe.write_text('[[pass]]\nname = "prefix"\nlength = 3\nseed = 7\n')
    fresh = tmp_path / "fresh.onnx"
    peftc("apply", recipe, MODELS / model, "-o", fresh)
    entry = next(e for e in PREFIXES if e["model"] == model)
    adapter = tmp_path / "adapter"
    adapter.mkdir()
    config = json.loads((MODELS / entry["adapter"] / "adapter_config.json").read_text())
    (adapter / "adapter_config.json").write_text(json.dumps(config))
    save_file({"prompt_embeddings": rows_of(fresh, config)}, adapter / "adapter_model.safetensors")
    applied = tmp_path / "applied.onnx"
    peftc("apply", adapter, MODELS / model, "-o", applied)
    inputs = steps_of(entry["case"])[0][0]
    (left,), (right,) = (session_of(path).run(["logits"], inputs) for path in (fresh, applied))
    assert np.array_equal(left, right)


def rows_of(model, config):
    """The rows of a prefix in a model, as PEFT stores them."""
    tensors = {t.name: onnx.numpy_helper.to_array(t) for t in onnx.load(model).graph.initializer if ".prefix." in t.name}
    assert len(tensors) == 2 * config["num_layers"]
    blocks = []
    for name in sorted(tensors, key=lambda n: (n.rpartition(".prefix.")[0], n.endswith("value"))):
        rows = tensors[name][0]
        blocks.append(rows if rows.shape[0] == config["num_virtual_tokens"] else rows.swapaxes(0, 1))
    return np.stack(blocks, axis=1).reshape(config["num_virtual_tokens"], -1).copy()


def changed(entry, folder, tensors=None, **config):
    """A copy of an adapter with another configuration or other tensors."""
    adapter = folder / "changed"
    adapter.mkdir()
    entries = json.loads((MODELS / entry["adapter"] / "adapter_config.json").read_text()) | config
    (adapter / "adapter_config.json").write_text(json.dumps(entries))
    stored = load_file(MODELS / entry["adapter"] / "adapter_model.safetensors")
    save_file(tensors(stored) if tensors else stored, adapter / "adapter_model.safetensors")
    return adapter


GPT2 = next(e for e in PREFIXES if e["model"] == "gpt2/torchscript.onnx")


@pytest.mark.parametrize("adapter, model, message", [
    ("t5/adapterhub/prefix-flat", "gpt2/dynamo.onnx", "for models of hidden size 32, this one has 64"),
    ("bert/adapterhub/prefix-gate", "blocks/t5/dynamo-past.onnx", "for models of hidden size 64, this one has 32"),
    ("gpt2/adapterhub/prefix-mlp", "llama/dynamo.onnx", "is [256, 6], expected [128, 6]"),
])
def test_adapter_of_another_model(adapter, model, message, tmp_path):
    assert message in refused(MODELS / "blocks" / adapter, MODELS / model, tmp_path)


def test_another_number_of_layers(tmp_path):
    double = lambda stored: {"prompt_embeddings": np.concatenate([stored["prompt_embeddings"]] * 6, axis=1)}
    message = refused(changed(GPT2, tmp_path, double, num_layers=12), MODELS / GPT2["model"], tmp_path)
    assert "12 layers" in message and "this one has 2" in message


def test_another_size_of_heads(tmp_path):
    half = lambda stored: {"prompt_embeddings": stored["prompt_embeddings"][:, ::2].copy()}
    message = refused(changed(GPT2, tmp_path, half, token_dim=32), MODELS / GPT2["model"], tmp_path)
    assert "4 heads of 8" in message and "4 of 16" in message


def test_a_tensor_that_is_not_what_the_configuration_says(tmp_path):
    message = refused(changed(GPT2, tmp_path, num_virtual_tokens=4), MODELS / GPT2["model"], tmp_path)
    assert "prompt_embeddings is [3, 256]" in message and "expected [4, 256]" in message


def test_a_model_without_attention(tmp_path):
    model = tmp_path / "linear.onnx"
    weight = onnx.numpy_helper.from_array(np.zeros((4, 4), np.float32), "w")
    node = onnx.helper.make_node("MatMul", ["x", "w"], ["y"])
    value = lambda name: onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, ["n", 4])
    graph = onnx.helper.make_graph([node], "g", [value("x")], [value("y")], [weight])
    onnx.save(onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 17)], ir_version=8), model)
    message = refused(MODELS / GPT2["adapter"], model, tmp_path)
    assert "no attention" in message and "looked for" in message
