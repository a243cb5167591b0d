"""Bottleneck adapters of AdapterHub on exports of transformers compute what PyTorch + adapters does."""

import collections
import json
import shutil

import numpy as np
import onnx
import onnxruntime
import pytest

from blocks import CASES, run_steps, session_of, steps_of, tolerance
from support import BAD_INPUT, MODELS, peftc, relative_l2

ENTRIES = [entry for entry in CASES if entry["library"] == "adapterhub" and entry["kind"] == "bottleneck"]
PAIRS = collections.defaultdict(list)
for entry in ENTRIES:
    for model in entry["models"]:
        PAIRS[model, entry["adapter"]].append(entry)
SECONDS = ("bert/torchscript.onnx", "gpt2/dynamo.onnx", "llama/torchscript.onnx", "blocks/t5/torchscript.onnx")


def name_of(pair):
    model, adapter = pair
    return f"{model.removesuffix('.onnx')}+{adapter.rsplit('/', 1)[1]}"


def errors(session, case, which="adapted"):
    """The relative error of each step."""
    for outputs, (_, logits) in zip(run_steps(session, case), steps_of(case), strict=True):
        yield relative_l2(outputs["logits"], logits[which])


def applied(model, adapter, folder, *options):
    output = folder / "adapted.onnx"
    peftc("apply", adapter, model, "-o", output, *options)
    return output


@pytest.mark.parametrize("pair", PAIRS, ids=name_of)
def test_output_is_that_of_adapterhub(pair, tmp_path):
    model, adapter = pair
    output = applied(MODELS / model, MODELS / adapter, tmp_path)
    onnx.checker.check_model(str(output), full_check=True)
    session = session_of(output)
    for entry in PAIRS[pair]:
        assert all(change >= 1e-3 for change in errors(session, entry["case"], "base"))
        for error in errors(session, entry["case"]):
            assert error <= tolerance(entry), (entry["case"], error)


@pytest.mark.parametrize("name", ["seq_bn", "double_seq_bn", "par_bn", "ln-after", "gate"])
@pytest.mark.parametrize("family", ["llama", "gpt2"])
def test_float16_models_run_the_adapter_in_float16(family, name, tmp_path):
    """ONNX Runtime's own error in float16 is the measure."""
    adapter = f"blocks/{family}/adapterhub/{name}"
    model = next((MODELS / f"{family}-f16").glob("*.onnx"))
    output = applied(model, MODELS / adapter, tmp_path)
    onnx.checker.check_model(str(output), full_check=True)
    case = next(e["case"] for e in ENTRIES if e["adapter"] == adapter and not e.get("steps"))
    (base,), (adapted,) = errors(session_of(model), case, "base"), errors(session_of(output), case)
    assert adapted <= 3 * base
    added = [t for t in onnx.load(output).graph.initializer if ".adapters." in t.name]
    assert added and all(t.data_type == onnx.TensorProto.FLOAT16 for t in added)


def test_every_fixture_is_answered():
    assert len(PAIRS) >= 100
    assert {entry["family"] for entry in ENTRIES} == {"gpt2", "llama", "bert", "t5", "vit"}


def stripped(model, path):
    """The model without what says which module a node is of."""
    loaded = onnx.load(MODELS / model)
    graph = loaded.graph
    kept = {value.name for value in (*graph.input, *graph.output)}
    names = {}

    def renamed(name):
        return name if name in kept or not name else names.setdefault(name, f"v{len(names)}")

    def strip(graph):
        for index, node in enumerate(graph.node):
            node.name = f"n{index}"
            del node.metadata_props[:]
            node.input[:] = [renamed(name) for name in node.input]
            node.output[:] = [renamed(name) for name in node.output]
            for attribute in node.attribute:
                if attribute.type == onnx.AttributeProto.GRAPH:
                    strip(attribute.g)
        for tensor in graph.initializer:
            tensor.name = renamed(tensor.name)
        del graph.value_info[:]

    strip(graph)
    onnx.save(loaded, path)
    return path


FOUND_BY_STRUCTURE = (
    "bert/dynamo.onnx", "blocks/bert/attention.onnx", "gpt2/torchscript.onnx", "blocks/gpt2/dynamo-past.onnx",
    "llama/dynamo.onnx", "blocks/llama/attention-positions.onnx", "blocks/t5/torchscript.onnx", "blocks/t5/dynamo.onnx",
    "blocks/vit/torchscript.onnx", "blocks/vit/dynamo.onnx", "blocks/t5/dynamo-past.onnx",
)


def blocks_of(model):
    found = json.loads(peftc("inspect", model, "--sites", "--json").stdout)["blocks"]
    keys = ("sublayer", "layer", "norm", "norm_kind", "hidden_size")
    return sorted([block[key] for key in keys] for block in found)


@pytest.mark.parametrize("model", FOUND_BY_STRUCTURE)
def test_sublayers_are_found_without_names(model, tmp_path):
    expected = blocks_of(MODELS / model)
    assert len(expected) == (4 if "t5" not in model else 6 if "past" in model else 10)
    assert blocks_of(stripped(model, tmp_path / "stripped.onnx")) == expected


@pytest.mark.parametrize("level", ["BASIC", "EXTENDED"])
@pytest.mark.parametrize("model", SECONDS)
def test_models_that_onnx_runtime_optimized_are_adapted(model, level, tmp_path):
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.graph_optimization_level = getattr(onnxruntime.GraphOptimizationLevel, f"ORT_ENABLE_{level}")
    options.optimized_model_filepath = str(tmp_path / "optimized.onnx")
    onnxruntime.InferenceSession(MODELS / model, options, providers=["CPUExecutionProvider"])
    entry = next(e for e in ENTRIES if model in e["models"] and e["adapter"].endswith("/double_seq_bn"))
    output = applied(tmp_path / "optimized.onnx", MODELS / entry["adapter"], tmp_path)
    assert all(error <= tolerance(entry) for error in errors(session_of(output), entry["case"]))


def fused(model, path):
    """BERT with each residual Add and its norm, and the bias before them, as one operator of ONNX Runtime."""
    loaded = onnx.load(MODELS / model)
    graph = loaded.graph
    makers = {name: node for node in graph.node for name in node.output}
    constants = {tensor.name for tensor in graph.initializer}
    for norm in [node for node in graph.node if node.op_type == "LayerNormalization"]:
        add = makers.get(norm.input[0])
        operands = [makers.get(name) for name in add.input]
        if not operands[0] or operands[0].op_type != "Add" or not constants & set(operands[0].input):
            continue
        bias, product = sorted(operands[0].input, key=lambda name: name not in constants)
        norm.op_type, norm.domain = "SkipLayerNormalization", "com.microsoft"
        norm.input[:] = [product, add.input[1], norm.input[1], norm.input[2], bias]
        epsilon = next(a.f for a in norm.attribute if a.name == "epsilon")
        del norm.attribute[:]
        norm.attribute.append(onnx.helper.make_attribute("epsilon", epsilon))
        graph.node.remove(add)
        graph.node.remove(operands[0])
    loaded.opset_import.append(onnx.helper.make_opsetid("com.microsoft", 1))
    onnx.save(loaded, path)
    return path


def of_opset_16(model, path):
    """The model with each layer norm as the operators that exporters made of it before opset 17."""
    loaded = onnx.load(MODELS / model)
    nodes = list(loaded.graph.node)
    del loaded.graph.node[:]
    for node in nodes:
        if node.op_type != "LayerNormalization":
            loaded.graph.node.append(node)
            continue
        x, weight, bias = node.input
        n = node.output[0]
        epsilon = next(a.f for a in node.attribute if a.name == "epsilon")
        constants = {f"{n}/two": 2.0, f"{n}/epsilon": epsilon}
        for name, value in constants.items():
            loaded.graph.initializer.append(onnx.numpy_helper.from_array(np.float32(value), name))
        steps = [
            ("ReduceMean", [x], f"{n}/mean"), ("Sub", [x, f"{n}/mean"], f"{n}/centered"),
            ("Pow", [f"{n}/centered", f"{n}/two"], f"{n}/square"), ("ReduceMean", [f"{n}/square"], f"{n}/variance"),
            ("Add", [f"{n}/variance", f"{n}/epsilon"], f"{n}/sum"), ("Sqrt", [f"{n}/sum"], f"{n}/deviation"),
            ("Div", [f"{n}/centered", f"{n}/deviation"], f"{n}/scaled"), ("Mul", [f"{n}/scaled", weight], f"{n}/weighted"),
            ("Add", [f"{n}/weighted", bias], n),
        ]
        for op_type, inputs, output in steps:
            attributes = {"axes": [-1]} if op_type == "ReduceMean" else {}
            loaded.graph.node.append(onnx.helper.make_node(op_type, inputs, [output], name=output, **attributes))
    next(entry for entry in loaded.opset_import if not entry.domain).version = 16
    onnx.save(loaded, path)
    return path


@pytest.mark.parametrize("name", ["seq_bn", "original-ln-both", "ln-both-inner-residual", "par-double", "gate"])
def test_older_opsets_are_adapted(name, tmp_path):
    model = of_opset_16("bert/torchscript.onnx", tmp_path / "old.onnx")
    adapter = f"blocks/bert/adapterhub/{name}"
    output = applied(model, MODELS / adapter, tmp_path)
    onnx.checker.check_model(str(output), full_check=True)
    for entry in PAIRS["bert/torchscript.onnx", adapter]:
        assert all(e <= tolerance(entry) for e in errors(session_of(output), entry["case"]))


FUSED = sorted({adapter for model, adapter in PAIRS if model == "bert/torchscript.onnx" and "activation" not in adapter})


@pytest.mark.parametrize("adapter", FUSED, ids=lambda adapter: adapter.rsplit("/", 1)[1])
def test_models_whose_norms_are_fused_with_the_add_are_adapted(adapter, tmp_path):
    model = fused("bert/torchscript.onnx", tmp_path / "fused.onnx")
    operators = [node.op_type for node in onnx.load(model).graph.node]
    assert operators.count("SkipLayerNormalization") == 4
    session = session_of(applied(model, MODELS / adapter, tmp_path))
    for entry in PAIRS["bert/torchscript.onnx", adapter]:
        assert all(e <= tolerance(entry) for e in errors(session, entry["case"]))


@pytest.mark.parametrize("config", ["seq_bn", "double_seq_bn", "par_bn"])
@pytest.mark.parametrize("model", SECONDS)
def test_theory_a_fresh_bottleneck_changes_no_bit(model, config, tmp_path):
    recipe = tmp_path / "fresh.toml"
    recipe.write_text(
        f'[[pass]]\nname = "bottleneck"\nconfig = "{config}"\nreduction_factor = 8\nactivation = "gelu"\nseed = 3\n'
    )
    output = applied(MODELS / model, recipe, tmp_path)
    onnx.checker.check_model(str(output), full_check=True)
    case = next(entry["case"] for entry in ENTRIES if model in entry["models"])
    (feed, _), *_ = steps_of(case)
    logits = [session_of(m, optimize=False).run(["logits"], feed)[0] for m in (MODELS / model, output)]
    assert logits[0].tobytes() == logits[1].tobytes()
    assert len(onnx.load(output).graph.node) > len(onnx.load(MODELS / model).graph.node)


@pytest.mark.parametrize("name", ["double_seq_bn", "original-ln-both", "par-double"])
def test_bottleneck_beside_lora_and_nf4(name, tmp_path):
    model = MODELS / "llama/torchscript.onnx"
    adapter = MODELS / "blocks/llama/adapterhub" / name
    lora = MODELS / "llama/adapters/qv"
    first, second, without = (tmp_path / f"{name}.toml" for name in ("first", "second", "without"))
    passes = {
        "lora": f'[[pass]]\nname = "lora"\nadapter = "{lora}"\nmode = "inject"\n',
        "bottleneck": f'[[pass]]\nname = "bottleneck"\nadapter = "{adapter}"\n',
        "nf4": '[[pass]]\nname = "nf4"\nblock_size = 32\n',
    }
    first.write_text("".join(passes[p] for p in ("lora", "bottleneck", "nf4")))
    second.write_text("".join(passes[p] for p in ("nf4", "bottleneck", "lora")))
    without.write_text("".join(passes[p] for p in ("nf4", "lora")))
    outputs = []
    for recipe in (first, second, without):
        (tmp_path / recipe.stem).mkdir()
        output = applied(model, recipe, tmp_path / recipe.stem)
        onnx.checker.check_model(str(output), full_check=True)
        feed = next(iter(steps_of(next(e["case"] for e in ENTRIES if e["family"] == "llama" and not e.get("steps")))))[0]
        outputs.append(session_of(output).run(["logits"], feed)[0])
    assert relative_l2(outputs[0], outputs[1]) <= 1e-5
    assert relative_l2(outputs[0], outputs[2]) >= 1e-2


def changed(adapter, folder, change):
    copy = folder / "adapter"
    shutil.copytree(MODELS / adapter, copy)
    config = json.loads((copy / "adapter_config.json").read_text())
    change(config)
    (copy / "adapter_config.json").write_text(json.dumps(config))
    return copy


BERT = "blocks/bert/adapterhub/double_seq_bn"
REFUSED = {
    "activation": (lambda c: c["config"].update(non_linearity="swosh"), 'unknown activation "swosh"'),
    "scaling": (lambda c: c["config"].update(scaling="both"), '"scaling" is "both"'),
    "residual": (lambda c: c["config"].update(residual_before_ln="pre"), "residual_before_ln"),
    "invertible": (lambda c: c["config"].update(inv_adapter="nice"), "invertible adapters"),
    "hidden": (lambda c: c.update(hidden_size=768), "hidden size 768, this one has 64"),
    "phm": (lambda c: c["config"].update(phm_layer=True), "phm_rule"),
    "gate": (lambda c: c["config"].update(use_gating=True), "no gate.weight"),
    "norm": (lambda c: c["config"].update(ln_after=True), "no adapter_norm_after.weight"),
    "kind": (lambda c: c["config"].update(architecture="union"), "adapterhub_union"),
    "name": (lambda c: c.update(name="other"), '"name" is "other"'),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_cannot_be_applied_is_refused(what, tmp_path):
    change, text = REFUSED[what]
    adapter = changed(BERT, tmp_path, change)
    output = tmp_path / "adapted.onnx"
    result = peftc("apply", adapter, MODELS / "bert/torchscript.onnx", "-o", output, expect=BAD_INPUT)
    assert text in result.stderr, result.stderr
    assert not output.exists()


def test_an_adapter_of_another_model_is_refused(tmp_path):
    output = tmp_path / "adapted.onnx"
    for adapter, text in [
        ("t5/adapterhub/double_seq_bn", "near: attention sublayer of layer 0 of the encoder"),
        ("bert/unsupported/adapterhub-inv", "invertible adapters"),
    ]:
        # A copy has no config.json beside it, which would say more.
        model = shutil.copy(MODELS / "bert/torchscript.onnx", tmp_path)
        result = peftc("apply", MODELS / "blocks" / adapter, model, "-o", output, expect=BAD_INPUT)
        assert text in result.stderr, result.stderr
        assert not output.exists()


@pytest.mark.parametrize("first", ["seq_bn", "par_bn", "residual-after-ln", "original-ln-neither", "ln-both-inner-residual"])
def test_a_second_adapter_on_a_sublayer_is_refused(first, tmp_path):
    once = applied(MODELS / "bert/torchscript.onnx", MODELS / "blocks/bert/adapterhub" / first, tmp_path)
    output = tmp_path / "twice.onnx"
    for second in ("adapter_plus", "par-double"):
        result = peftc("apply", MODELS / "blocks/bert/adapterhub" / second, once, "-o", output, expect=BAD_INPUT)
        assert "already" in result.stderr or "earlier passes" in result.stderr, result.stderr
        assert not output.exists()


def test_adapters_of_different_sublayers_combine(tmp_path):
    """Attention alone, then the feed-forward alone, is the same as in the other order."""
    names = ["attention-alone", "seq_bn"]
    outputs = []
    for order in (names, names[::-1]):
        model = MODELS / "bert/torchscript.onnx"
        for name in order:
            (tmp_path / "-".join(order) / name).mkdir(parents=True)
            model = applied(model, MODELS / "blocks/bert/adapterhub" / name, tmp_path / "-".join(order) / name)
        feed = steps_of(PAIRS["bert/torchscript.onnx", BERT][0]["case"])[0][0]
        outputs.append(session_of(model).run(["logits"], feed)[0])
    assert relative_l2(outputs[0], outputs[1]) <= 1e-6


def test_damaged_pickles_are_errors(tmp_path):
    adapter = tmp_path / "adapter"
    shutil.copytree(MODELS / "blocks/bert/adapterhub/pickle", adapter)
    path = adapter / "pytorch_adapter.bin"
    good = path.read_bytes()
    random = np.random.default_rng(1)
    for trial in range(40):
        damaged = bytearray(good)
        if trial % 2:
            del damaged[random.integers(len(good)) :]
        else:
            for at in random.integers(min(len(good), 4000), size=4):
                damaged[at] = random.integers(256)
        path.write_bytes(damaged)
        result = peftc("inspect", adapter, expect=BAD_INPUT if trial % 2 else None)
        assert "panicked" not in result.stderr
