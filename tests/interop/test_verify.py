"""`peftc verify` tells models that compute the same from those that do not, and says where they part."""

import json

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from support import BAD_INPUT, MODELS, peftc, relative_l2, run

DIFFERENT = 1
EXPORTS = ["llama/torchscript.onnx", "llama/dynamo.onnx", "gpt2/torchscript.onnx", "bert/dynamo.onnx", "llama-f16/dynamo.onnx"]


def verify(*arguments, expect=0):
    return json.loads(peftc("verify", *arguments, "--json", expect=expect).stdout)


def adapted(model, folder, mode):
    output = folder / f"{mode}.onnx"
    adapter = MODELS / model.partition("/")[0].removesuffix("-f16") / "adapters/qv"
    peftc("apply", adapter, MODELS / model, "-o", output, "--mode", mode, "--force")
    return output


def outputs_of(report):
    return [output for case in report["cases"] for output in case["outputs"]]


@pytest.mark.parametrize("model", EXPORTS)
def test_merged_and_injected(model, tmp_path):
    merged, injected = (adapted(model, tmp_path, mode) for mode in ("merge", "inject"))
    report = verify(merged, injected, "--base", MODELS / model)
    assert report["holds"]
    for output in outputs_of(report):
        assert output["wrong"] is None
        assert output["tolerance"] == (5e-3 if "f16" in model else 1e-4)
        assert output["distance"]["relative"] <= output["tolerance"]
        assert min(output["base"]) > 1e-3
    text = peftc("verify", merged, injected, "--base", MODELS / model).stdout
    assert text.endswith("the same\n") and "the base is" in text


@pytest.mark.parametrize("model", EXPORTS)
def test_base_and_adapted(model, tmp_path):
    report = verify(MODELS / model, adapted(model, tmp_path, "merge"), "--bisect", expect=DIFFERENT)
    assert not report["holds"]
    (case,) = report["cases"]
    assert "differ by more than" in case["outputs"][0]["wrong"]
    assert case["parts"]["relative"] > case["outputs"][0]["tolerance"]
    assert case["parts"]["value"] == first_apart(MODELS / model, tmp_path / "merge.onnx")


def first_apart(left, right):
    """The output of the first node that has another weight, by the weights alone."""
    models = [onnx.load(path).graph for path in (left, right)]
    weights = [{t.name: numpy_helper.to_array(t) for t in graph.initializer} for graph in models]
    changed = {name for name, array in weights[1].items() if not np.array_equal(weights[0].get(name), array)}
    return next(node.output[0] for node in models[1].node if changed.intersection(node.input))


def test_distances_are_those_of_numpy(tmp_path):
    model = "llama/torchscript.onnx"
    right = adapted(model, tmp_path, "merge")
    inputs = {"input_ids": np.arange(10).reshape(2, 5), "attention_mask": np.ones((2, 5), np.int64)}
    np.savez(tmp_path / "inputs.npz", **inputs)
    arguments = (MODELS / model, right, "-i", tmp_path / "inputs.npz")
    (output,) = outputs_of(verify(*arguments, expect=DIFFERENT))
    x, y = (run(path, inputs).astype(np.float64) for path in (MODELS / model, right))
    expected = {"max": abs(x - y).max(), "rms": np.sqrt(np.mean((x - y) ** 2)), "relative": relative_l2(y, x)}
    assert output["distance"] == pytest.approx(expected, rel=1e-3)
    assert output["ty"] == "f32[2, 5, 232]"
    assert verify(*arguments, "--rtol", expected["relative"] * 1.01)["holds"]
    assert verify(*arguments, "--atol", expected["max"] * 1.01)["holds"]
    assert not verify(*arguments, "--atol", expected["max"] * 0.99, expect=DIFFERENT)["holds"]


def test_models_with_a_past_are_tried_without_one_too():
    model = MODELS / "blocks/gpt2/torchscript-past.onnx"
    report = verify(model, model.with_name("dynamo-past.onnx"))
    pasts = [next(i for i in case["inputs"] if i.startswith("past_key_values.0.key")) for case in report["cases"]]
    assert pasts == [f"past_key_values.0.key: f32[1, 4, {past}, 16]" for past in (0, 3)]
    assert report["holds"]


def model_of(path, nodes, outputs, x="x"):
    info = helper.make_tensor_value_info
    values = [info(name, TensorProto.FLOAT, None) for name in outputs]
    constants = {"zero": np.float32(0), "one": np.float32(1)}
    tensors = [numpy_helper.from_array(np.asarray(array), name) for name, array in constants.items()]
    made = [helper.make_node(op, inputs, [output], name=f"/{output}") for op, inputs, output in nodes]
    graph = helper.make_graph(made, "g", [info(x, TensorProto.FLOAT, ["n", 4])], values, tensors)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=10), path)
    return path


TWICE = [("Add", ["x", "x"], "y")]
WRONG = {
    "constant": ([("Mul", ["x", "zero"], "y")], [("Mul", ["x", "zero"], "y")], "all elements are equal"),
    "nan": ([("Div", ["zero", "zero"], "z"), ("Add", ["x", "z"], "y")], TWICE, "not finite"),
    "infinite": (TWICE, [("Div", ["x", "zero"], "y")], "not finite"),
    "shape": (TWICE, [("Transpose", ["x"], "y")], "is f32[4, 1] in the other"),
    "dtype": (TWICE, [("Greater", ["x", "zero"], "y")], "is bool[1, 4] in the other"),
    "values": (TWICE, [("Mul", ["x", "one"], "y")], "differ by more than 1e-4"),
}


@pytest.mark.parametrize("left, right, why", WRONG.values(), ids=list(WRONG))
def test_why_an_output_is_wrong(left, right, why, tmp_path):
    left, right = (model_of(tmp_path / f"{n}.onnx", nodes, ["y"]) for n, nodes in (("a", left), ("b", right)))
    (output,) = outputs_of(verify(left, right, expect=DIFFERENT))
    assert why in output["wrong"]
    text = peftc("verify", left, right, expect=DIFFERENT).stdout
    assert why in text and text.endswith("not the same\n")


@pytest.mark.parametrize("swap", [False, True])
def test_an_output_that_one_model_has(swap, tmp_path):
    more = model_of(tmp_path / "more.onnx", [*TWICE, ("Neg", ["x"], "z")], ["y", "z"])
    less = model_of(tmp_path / "less.onnx", TWICE, ["y"])
    report = verify(*((less, more) if swap else (more, less)), expect=DIFFERENT)
    assert {o["name"]: o["wrong"] for o in outputs_of(report)} == {"y": None, "z": "only one of the models has it"}


def test_the_first_node_that_parts(tmp_path):
    before = [("Exp", ["x"], "a")]
    left = model_of(tmp_path / "a.onnx", [*before, ("Neg", ["a"], "b"), ("Sin", ["b"], "y")], ["y"])
    right = model_of(tmp_path / "b.onnx", [*before, ("Cos", ["a"], "b"), ("Sin", ["b"], "y")], ["y"])
    (case,) = verify(left, right, "--bisect", expect=DIFFERENT)["cases"]
    assert case["parts"]["value"] == "b" and "/b" in case["parts"]["node"] and "Cos" in case["parts"]["node"]
    assert verify(left, left, "--bisect")["cases"][0]["parts"] is None


def test_a_past_that_is_given_is_compared_once(tmp_path):
    model = model_of(tmp_path / "a.onnx", [("Exp", ["past_key"], "y")], ["y"], x="past_key")
    np.savez(tmp_path / "past.npz", past_key=np.arange(20, dtype=np.float32).reshape(5, 4))
    (case,) = verify(model, model, "-i", tmp_path / "past.npz")["cases"]
    assert case["inputs"] == ["past_key: f32[5, 4]"]
    assert len(verify(model, model)["cases"]) == 2


def test_bad_input(tmp_path):
    model = model_of(tmp_path / "a.onnx", TWICE, ["y"])
    other = model_of(tmp_path / "b.onnx", [("Add", ["w", "w"], "y")], ["y"], x="w")
    np.savez(tmp_path / "wrong.npz", maks=np.ones(3))
    for arguments, parts in (
        ((model, other), ["b.onnx", "input \"w\" is missing"]),
        ((model, model, "-i", tmp_path / "wrong.npz"), ["no input \"maks\""]),
        ((model, tmp_path / "none.onnx"), ["none.onnx", "No such file"]),
    ):
        result = peftc("verify", *arguments, expect=BAD_INPUT)
        assert result.stdout == "" and result.stderr.count("error: ") == 1
        assert all(part in result.stderr for part in parts), result.stderr
