"""`peftc run` computes what ONNX Runtime and PyTorch compute, from files and from inputs that it makes."""

import functools

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator

import blocks
import support
from support import BAD_INPUT, MODELS, peftc, relative_l2, stored

LLAMA = MODELS / "llama/torchscript.onnx"
LLAMA_CASE = "llama/cases/qv.npz"
FIXTURES = sorted(str(p.relative_to(MODELS)) for p in MODELS.rglob("*.onnx") if "unsupported" not in p.parts)
ENTRIES = {(e["model"], m): e for e in reversed(support.CASES) for m in e["modes"] if len(e["adapters"]) == 1}
ENTRIES = {key: e for key, e in ENTRIES.items() if "plain" not in key[0] and key != (f"{e['family']}/dynamo.onnx", "merge")}
MODELS_OF_CASES = {e["model"]: e for e in support.CASES}
ALL_BLOCKS = [{**e, "model": m} for e in reversed(blocks.CASES) for m in e["models"]]
# Every model once, and every kind of adapter in every family.
BLOCKS = {e["model"]: e for e in ALL_BLOCKS} | {(e["family"], e["kind"]): e for e in ALL_BLOCKS}


def run(model, *inputs, folder, options=()):
    output = folder / "outputs.npz"
    peftc("run", model, *(f"-i{path}" for path in inputs), "-o", output, "--force", *options)
    return dict(np.load(output))


def saved(folder, arrays, name="inputs.npz"):
    np.savez(folder / name, **arrays)
    return folder / name


@functools.cache
def session(model):
    return blocks.session_of(model)


def reference(model, inputs):
    """What ONNX Runtime computes, by name."""
    names = [output.name for output in session(model).get_outputs()]
    return dict(zip(names, session(model).run(names, inputs), strict=True))


def agree(found, expected, tolerance=1e-5):
    assert list(found) and set(found) == set(expected)
    for name, value in found.items():
        assert value.dtype == expected[name].dtype and value.shape == expected[name].shape
        assert relative_l2(value, expected[name]) <= tolerance, name


def limit(model, inputs, exact, is_half):
    """In float16 ONNX's own reference is the measure: it too rounds what each operator makes, where ONNX Runtime stays in float32 between them."""
    if not is_half:
        return 1e-5
    return relative_l2(ReferenceEvaluator(onnx.load(model)).run(["logits"], inputs)[0], exact)


def computes(model, inputs, exact, is_half, folder):
    found, own = run(model, saved(folder, inputs), folder=folder)["logits"], support.run(model, inputs)
    assert found.dtype == own.dtype
    assert relative_l2(found, exact) <= limit(model, inputs, exact, is_half)
    assert is_half or relative_l2(found, own) <= 1e-5


@pytest.mark.parametrize("model", MODELS_OF_CASES)
def test_models(model, tmp_path):
    entry = MODELS_OF_CASES[model]
    inputs, base, _ = stored(entry["case"])
    computes(MODELS / model, inputs, base, "f16" in model, tmp_path)


@pytest.mark.parametrize("model", [model for model in FIXTURES if model.partition("/")[0].endswith("-f16")])
def test_float16_is_as_exact_as_in_onnx_runtime(model, tmp_path):
    inputs, _, _ = stored(f"{model.partition('/')[0].removesuffix('-f16')}/cases/qv.npz")
    exact = reference(MODELS / model.replace("-f16", "", 1), inputs)["logits"]
    found = run(MODELS / model, saved(tmp_path, inputs), folder=tmp_path)["logits"]
    assert relative_l2(found, exact) <= 1.5 * relative_l2(reference(MODELS / model, inputs)["logits"], exact)


@pytest.mark.parametrize("model, mode", ENTRIES)
def test_adapted_models(model, mode, tmp_path):
    entry = ENTRIES[model, mode]
    inputs, _, adapted = stored(entry["case"])
    with_adapter = support.apply(support.adapters_of(entry), MODELS / model, tmp_path, mode)
    computes(with_adapter, inputs, adapted, "f16" in model, tmp_path)


class Peftc:
    """Looks like ONNX Runtime's session, runs peftc, and holds each run against ONNX Runtime."""

    def __init__(self, model, folder):
        self.model, self.folder, self.other = model, folder, blocks.session_of(model)
        self.get_inputs, self.get_outputs = self.other.get_inputs, self.other.get_outputs

    def run(self, names, inputs):
        found = run(self.model, saved(self.folder, inputs), folder=self.folder)
        agree(found, dict(zip(names, self.other.run(names, inputs), strict=True)))
        return [found[name] for name in names]


@pytest.mark.parametrize("entry", BLOCKS.values(), ids=blocks.name_of)
def test_blocks(entry, tmp_path):
    """With an adapter of each kind, step by step: the present of one is the past of the next."""
    output = tmp_path / "adapted.onnx"
    task = ("--set", f"prompt.task={entry['task_id']}") if "task_id" in entry else ()
    peftc("apply", MODELS / entry["adapter"], MODELS / entry["model"], "-o", output, *task)
    found = blocks.run_steps(Peftc(output, tmp_path), entry["case"])
    for outputs, (_, expected) in zip(found, blocks.steps_of(entry["case"]), strict=True):
        assert relative_l2(outputs["logits"], expected["adapted"]) <= blocks.tolerance(entry)


WITH_PAST = [model for model in FIXTURES if model.endswith(("-past.onnx", "-positions.onnx"))]


@pytest.mark.parametrize("model, past", [*((m, 3) for m in FIXTURES), *((m, 0) for m in WITH_PAST)])
def test_random_inputs(model, past, tmp_path):
    shapes = {item.name: item.shape for item in session(MODELS / model).get_inputs()}
    has_past = any("past_sequence" in shape for shape in shapes.values())
    assert has_past == (model in WITH_PAST)
    options = ["--random", "--save-inputs", tmp_path / "made.npz"] + (["--dim", "past_sequence=0"] if past == 0 else [])
    found = run(MODELS / model, folder=tmp_path, options=options)
    inputs = dict(np.load(tmp_path / "made.npz"))
    for name, value in inputs.items():
        if "past_sequence" in shapes[name]:
            assert value.shape[shapes[name].index("past_sequence")] == past
        if name.endswith("input_ids"):
            assert value.min() >= 0 and value.max() < vocabulary(model) and len(np.unique(value)) > 1
        if name == "position_ids":
            assert value.tolist() == [list(range(past, past + 8))]
        if name == "attention_mask":
            assert value.shape == (1, 8 + (past if has_past else 0)) and value.all()
    expected = reference(MODELS / model, inputs)
    if "-f16" not in model:
        return agree(found, expected)
    exact = reference(MODELS / model.replace("-f16", ""), inputs)["logits"]
    assert relative_l2(found["logits"], exact) <= limit(MODELS / model, inputs, exact, True)


@functools.cache
def vocabulary(model):
    """The rows of the largest table that something is looked up in."""
    graph = onnx.load(MODELS / model).graph
    tables = {node.input[0] for node in graph.node if node.op_type == "Gather"}
    return max(t.dims[0] for t in graph.initializer if t.name in tables and len(t.dims) == 2)


def test_the_seed_decides(tmp_path):
    def made(*options):
        run(LLAMA, folder=tmp_path, options=["--random", "--save-inputs", tmp_path / "made.npz", *options])
        return dict(np.load(tmp_path / "made.npz"))

    first, again, other = made("--dim", "batch=2"), made("--dim", "batch=2"), made("--dim", "batch=2", "--seed", "1")
    assert first["input_ids"].shape == (2, 8)
    assert all(np.array_equal(first[name], again[name]) for name in first)
    assert not np.array_equal(first["input_ids"], other["input_ids"])


@pytest.mark.parametrize("form", ["npy", "pb", "both"])
def test_forms_of_inputs_and_outputs(form, tmp_path):
    inputs, base, _ = stored(LLAMA_CASE)
    names = [item.name for item in session(LLAMA).get_inputs()]
    paths = []
    for number, name in enumerate(names):
        if form == "pb" or (form == "both" and number == 0):
            (tmp_path / f"input_{number}.pb").write_bytes(numpy_helper.from_array(inputs[name], name).SerializeToString())
            paths.append(tmp_path)
        else:
            np.save(tmp_path / f"{name}.npy", inputs[name])
            paths.append(tmp_path / f"{name}.npy")
    options = [option for path in dict.fromkeys(paths) for option in ("-i", path)]
    peftc("run", LLAMA, *options, "-o", tmp_path / "out")
    found = numpy_helper.to_array(onnx.load_tensor(tmp_path / "out/output_0.pb"))
    assert relative_l2(found, base) <= 1e-5


def unsupported(path):
    node = helper.make_node("Frobnicate", ["x"], ["y"], name="/layer/Frobnicate", domain="example")
    value = functools.partial(helper.make_tensor_value_info, elem_type=TensorProto.FLOAT, shape=[2])
    graph = helper.make_graph([node], "g", [value("x")], [value("y")])
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("example", 1)]
    onnx.save(helper.make_model(graph, opset_imports=opsets), path)


IDS, MASK = np.ones((2, 5), np.int64), np.ones((2, 5), np.int64)
WRONG = {
    "missing": ({"input_ids": IDS}, ["input \"attention_mask\" is missing", "input_ids: i64"]),
    "unknown": ({"input_ids": IDS, "attention_mask": MASK, "maks": MASK}, ["no input \"maks\"", "attention_mask: i64"]),
    "dtype": ({"input_ids": IDS.astype(np.int32), "attention_mask": MASK}, ["\"input_ids\" is i32[2, 5], the model takes i64"]),
    "rank": ({"input_ids": IDS[0], "attention_mask": MASK}, ["\"input_ids\" is i64[5], the model takes i64[batch, sequence]"]),
    "symbol": ({"input_ids": IDS, "attention_mask": MASK[:, :4]}, ["\"attention_mask\" is i64[2, 4]", "sequence is 5 in \"input_ids\""]),
}


def refused(*arguments, folder, parts):
    """One message, with these parts; nothing is written."""
    before = sorted(folder.iterdir())
    result = peftc("run", *arguments, "-o", folder / "out.npz", expect=BAD_INPUT)
    assert result.stdout == "" and result.stderr.count("error: ") == 1
    for part in parts:
        assert part in result.stderr, result.stderr
    assert sorted(folder.iterdir()) == before


@pytest.mark.parametrize("arrays, parts", WRONG.values(), ids=list(WRONG))
def test_wrong_inputs(arrays, parts, tmp_path):
    refused(LLAMA, "-i", saved(tmp_path, arrays), folder=tmp_path, parts=parts)


def test_an_operator_that_is_not_supported(tmp_path):
    unsupported(tmp_path / "model.onnx")
    parts = ["/layer/Frobnicate", "operator example.Frobnicate is not supported"]
    refused(tmp_path / "model.onnx", "--random", folder=tmp_path, parts=parts)


def test_sizes_that_exporters_do_not_know_may_differ(tmp_path):
    """Paddle writes them as −1 and "?"."""
    x, y = (helper.make_tensor_value_info(name, TensorProto.FLOAT, [-1, "?", "?"]) for name in "xy")
    graph = helper.make_graph([helper.make_node("Relu", ["x"], ["y"])], "relu", [x], [y])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), tmp_path / "model.onnx")
    given = np.arange(-12, 12, dtype=np.float32).reshape(2, 3, 4)
    found = run(tmp_path / "model.onnx", saved(tmp_path, {"x": given}), folder=tmp_path)
    assert np.array_equal(found["y"], np.maximum(given, 0))
    assert "f32[1, 1, 1]" in peftc("run", tmp_path / "model.onnx", "--random").stdout


def test_archives_that_cannot_be_read(tmp_path):
    path = saved(tmp_path, {"input_ids": IDS, "attention_mask": MASK})
    whole = path.read_bytes()
    for length in (0, 30, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:length])
        refused(LLAMA, "-i", path, folder=tmp_path, parts=["inputs.npz", "truncated"])
    np.savez_compressed(path, input_ids=IDS, attention_mask=MASK)
    refused(LLAMA, "-i", path, folder=tmp_path, parts=["inputs.npz", "is compressed", "numpy.savez"])
    refused(LLAMA, "-i", tmp_path / "none.npz", folder=tmp_path, parts=["none.npz", "No such file"])
    refused(LLAMA, "-i", tmp_path, folder=tmp_path, parts=["has no input_0.pb"])
    (tmp_path / "input_2.pb").write_bytes(b"")
    refused(LLAMA, "-i", tmp_path, folder=tmp_path, parts=["input_2.pb", "has 2 inputs"])


def test_options_that_fit_nothing(tmp_path):
    path = saved(tmp_path, {"input_ids": IDS, "attention_mask": MASK})
    refused(LLAMA, "--random", "--dim", "bacth=2", folder=tmp_path, parts=["\"bacth\"", "batch, sequence"])
    refused(LLAMA, "--seed", "3", folder=tmp_path, parts=["--random"])
    refused(LLAMA, "-i", path, "-i", path, folder=tmp_path, parts=["stands twice"])
    refused(LLAMA, "--random", "--save-inputs", tmp_path / "x.npy", folder=tmp_path, parts=["x.npy", ".npz"])
    refused(LLAMA, "--random", "--save-inputs", tmp_path / "out.npz", folder=tmp_path, parts=["out.npz would be written twice"])
    (tmp_path / "file").touch()
    assert "file is no folder" in peftc("run", LLAMA, "-i", path, "-o", tmp_path / "file", expect=BAD_INPUT).stderr
    (tmp_path / "out.npz").write_text("precious")
    refused(LLAMA, "-i", path, folder=tmp_path, parts=["out.npz", "is there already"])
    assert (tmp_path / "out.npz").read_text() == "precious"
