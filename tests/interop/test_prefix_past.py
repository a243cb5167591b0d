"""A prefix as the past of the first step: what callers do with the archive gives what PyTorch + PEFT computes."""

import json
import zipfile

import numpy as np
import onnx
import pytest
from safetensors.numpy import load_file, save_file

from blocks import entries, name_of, run_steps, session_of, steps_of, tolerance
from support import BAD_INPUT, MODELS, peftc, relative_l2

WITH_PAST = ("-past.onnx", "-positions.onnx")
ENTRIES = [e for e in entries("peft", "prefix") if e["model"].endswith(WITH_PAST)]
GPT2, LLAMA, POSITIONS, T5 = (
    next(e for e in ENTRIES if e["model"] == f"blocks/{model}.onnx")
    for model in ("gpt2/torchscript-past", "llama/dynamo-past", "llama/torchscript-positions", "t5/dynamo-past")
)
VIRTUAL = 3
FORM = ("--set", "prefix.form=past")


def apply(entry, folder, *options):
    output = folder / "adapted.onnx"
    peftc("apply", MODELS / entry["adapter"], MODELS / entry["model"], "-o", output, *FORM, *options)
    return output, folder / "adapted.prefix.npz"


def caller(session, case, past, row=slice(None)):
    """Runs the steps of a case as docs/prefix.md says, and gives all outputs; without a past the first step leaves it out."""
    names = [output.name for output in session.get_outputs()]
    known = {i.name for i in (*session.get_inputs(), *session.get_overridable_initializers())}
    given, found = {}, []
    for inputs, _ in steps_of(case):
        inputs = {name: value[row] for name, value in inputs.items()}
        batch = len(inputs["input_ids"])
        if not found:
            given = {name: np.repeat(rows, batch, axis=0) for name, rows in past.items()}
        given |= {name: inputs.pop(name) for name in list(inputs) if name.startswith("past_key_values")}
        if "attention_mask" in inputs:
            mask = inputs["attention_mask"]
            inputs["attention_mask"] = np.concatenate([np.ones((batch, VIRTUAL), mask.dtype), mask], axis=1)
        if "position_ids" in inputs:
            inputs["position_ids"] = inputs["position_ids"] + VIRTUAL
        feed = {name: value for name, value in (inputs | given).items() if name in known}
        found.append(dict(zip(names, session.run(names, feed), strict=True)))
        given |= {n.replace("present", "past_key_values"): found[-1][n] for n in names if n.startswith("present")}
    return found


@pytest.mark.parametrize("entry", ENTRIES, ids=name_of)
def test_steps_are_those_of_peft(entry, tmp_path):
    model, archive = apply(entry, tmp_path)
    onnx.checker.check_model(str(model), full_check=True)
    found = caller(session_of(model), entry["case"], np.load(archive))
    tokens = VIRTUAL
    for outputs, (inputs, expected) in zip(found, steps_of(entry["case"]), strict=True):
        assert relative_l2(outputs["logits"], expected["adapted"]) <= tolerance(entry)
        tokens += inputs["input_ids"].shape[1]
        assert {array.shape[2] for name, array in outputs.items() if name != "logits"} == {tokens}


@pytest.mark.parametrize("entry", ENTRIES, ids=name_of)
def test_batch_one_may_leave_the_past_out(entry, tmp_path):
    model, _ = apply(entry, tmp_path)
    session = session_of(model)
    for row in range(len(steps_of(entry["case"])[0][0]["input_ids"])):
        found = caller(session, entry["case"], {}, slice(row, row + 1))
        for outputs, (_, expected) in zip(found, steps_of(entry["case"]), strict=True):
            assert relative_l2(outputs["logits"], expected["adapted"][row : row + 1]) <= tolerance(entry)


@pytest.mark.parametrize("entry", ENTRIES, ids=name_of)
def test_the_graph_stays(entry, tmp_path):
    """Nodes, inputs and outputs are those of the model; the arrays of the archive are the defaults of its past inputs."""
    model, archive = apply(entry, tmp_path)
    before, after = (onnx.load(path).graph for path in (MODELS / entry["model"], model))
    for part in ("node", "input", "output"):
        assert [v.SerializeToString() for v in getattr(after, part)] == [v.SerializeToString() for v in getattr(before, part)]
    stored = {tensor.name for tensor in before.initializer}
    added = {t.name: onnx.numpy_helper.to_array(t) for t in after.initializer if t.name not in stored}
    arrays = np.load(archive)
    assert sorted(added) == sorted(arrays) == sorted(i.name for i in after.input if i.name.startswith("past") and "encoder" not in i.name.split("."))
    declared = {i.name: i.type.tensor_type for i in after.input}
    for name, rows in arrays.items():
        assert np.array_equal(rows, added[name])
        assert rows.dtype == onnx.helper.tensor_dtype_to_np_dtype(declared[name].elem_type)
        sizes = [d.dim_value for d in declared[name].shape.dim]
        assert rows.shape == (1, sizes[1], VIRTUAL, sizes[3])


def test_the_archive_is_the_same_file_every_time(tmp_path):
    (tmp_path / "again").mkdir()
    _, first = apply(GPT2, tmp_path)
    _, second = apply(GPT2, tmp_path / "again", "--threads", "1", "--external-data", "always")
    assert first.read_bytes() == second.read_bytes()
    with zipfile.ZipFile(first) as archive:
        assert archive.testzip() is None
        assert {(i.compress_type, i.date_time[:3]) for i in archive.infolist()} == {(zipfile.ZIP_STORED, (1980, 1, 1))}


def test_defaults_in_a_data_file(tmp_path):
    """Longer prefixes go there, and stay inputs that may be given."""
    recipe, output = tmp_path / "fresh.toml", tmp_path / "out.onnx"
    recipe.write_text('[[pass]]\nname = "prefix"\nlength = 16\nform = "past"\n')
    peftc("apply", recipe, MODELS / GPT2["model"], "-o", output, "--external-data", "always")
    defaults = [t for t in onnx.load(output, load_external_data=False).graph.initializer if t.name.startswith("past")]
    assert all(t.data_location == onnx.TensorProto.EXTERNAL for t in defaults)
    session, past = session_of(output), np.load(tmp_path / "out.prefix.npz")
    inputs = {"input_ids": np.array([[5, 6]]), "attention_mask": np.ones((1, 18), np.int64)}
    (left_out,), (given,) = (session.run(["logits"], inputs | feed) for feed in ({}, dict(past)))
    assert np.array_equal(left_out, given)
    twice = {name: np.repeat(value, 2, axis=0) for name, value in (inputs | dict(past)).items()}
    (both,) = session.run(["logits"], twice)
    assert relative_l2(both, np.repeat(given, 2, axis=0)) <= 1e-6


@pytest.mark.parametrize("entry", [GPT2, LLAMA, POSITIONS, T5], ids=name_of)
def test_a_fresh_prefix_is_the_same_in_both_forms(entry, tmp_path):
    inside, past = tmp_path / "inside.onnx", tmp_path / "past.onnx"
    for output in (inside, past):
        recipe = tmp_path / f"{output.stem}.toml"
        recipe.write_text(f'[[pass]]\nname = "prefix"\nlength = {VIRTUAL}\nseed = 5\nform = "{output.stem}"\n')
        peftc("apply", recipe, MODELS / entry["model"], "-o", output)
    found = caller(session_of(past), entry["case"], np.load(tmp_path / "past.prefix.npz"))
    for left, right in zip(found, run_steps(session_of(inside), entry["case"]), strict=True):
        assert relative_l2(left["logits"], right["logits"]) <= 1e-5


def test_other_passes_follow(tmp_path):
    """The past is prefixed whatever is done to the weights: both forms agree with LoRA and NF4 on top."""
    lora = MODELS / "llama" / "adapters" / "qv"
    others = f'[[pass]]\nname = "lora"\nmode = "inject"\nadapter = "{lora}"\n[[pass]]\nname = "nf4"\nblock_size = 32\n'
    found = []
    for form in ("past", "inside"):
        recipe, model = tmp_path / f"{form}.toml", tmp_path / f"{form}.onnx"
        adapter = MODELS / LLAMA["adapter"]
        recipe.write_text(f'[[pass]]\nname = "prefix"\nadapter = "{adapter}"\nform = "{form}"\n{others}')
        peftc("apply", recipe, MODELS / LLAMA["model"], "-o", model)
        found.append(session_of(model))
    past = caller(found[0], LLAMA["case"], np.load(tmp_path / "past.prefix.npz"))
    for left, right in zip(past, run_steps(found[1], LLAMA["case"]), strict=True):
        assert relative_l2(left["logits"], right["logits"]) <= 1e-5


def test_the_report_says_what_callers_do(tmp_path):
    for entry, lines in (
        (GPT2, ["put 3 ones in front of attention_mask", "positions count from the length of the past"]),
        (POSITIONS, ["put 3 ones in front of attention_mask", "add 3 to position_ids"]),
        (T5, ["positions count from the length of the past"]),
    ):
        words = ("apply", MODELS / entry["adapter"], MODELS / entry["model"], "-o", tmp_path / "out.onnx", *FORM, "--dry-run")
        report = json.loads(peftc(*words, "--json").stdout)
        (step,), archive = report["passes"], str(tmp_path / "out.prefix.npz")
        assert step["archives"] == [archive] and archive in [file["path"] for file in report["files"]]
        text = peftc(*words).stdout
        notes = "\n".join(note["message"] for note in step["notes"])
        for line in [*lines, "present outputs have the 3 rows", "repeat to the batch"]:
            assert line in notes and line in text
        assert ("attention_mask" in notes) == (entry is not T5)
    assert list(tmp_path.iterdir()) == []


def test_the_snippet_of_the_documentation(tmp_path):
    """It decodes the tokens that the prefix inside the graph does."""
    section = (MODELS.parent / "docs" / "prefix.md").read_text().partition("### As a past")[2].partition("\n## ")[0]
    snippet = "\n".join(line[8:] for line in section.splitlines() if line.startswith(" " * 8))
    model, archive = apply(LLAMA, tmp_path)
    scope = {"np": np, "session": session_of(model), "ids": np.array([[5, 6, 7], [8, 9, 10]]), "steps": 3}
    exec(snippet.replace("adapted.prefix.npz", str(archive)), scope)
    peftc("apply", MODELS / LLAMA["adapter"], MODELS / LLAMA["model"], "-o", tmp_path / "inside.onnx")
    session = session_of(tmp_path / "inside.onnx")
    ids, past = np.array([[5, 6, 7], [8, 9, 10]]), {name: rows[:, :, :0] for name, rows in scope["past"].items()}
    for step in range(3):
        feed = {"input_ids": ids, "attention_mask": np.ones((2, 3 + step), np.int64)} | past
        outputs = dict(zip([o.name for o in session.get_outputs()], session.run(None, feed), strict=True))
        past = {name: outputs[name.replace("past_key_values", "present")] for name in past}
        ids = outputs["logits"][:, -1:].argmax(-1)
    assert np.array_equal(scope["ids"], ids)
    assert relative_l2(scope["outputs"]["logits"], outputs["logits"]) <= 1e-5
    assert scope["mask"].shape == (2, 3 + 3 + 3)


def refused(folder, *arguments):
    before = sorted(folder.iterdir())
    result = peftc("apply", *arguments, expect=BAD_INPUT)
    assert sorted(folder.iterdir()) == before
    return result.stderr


def test_a_model_without_past(tmp_path):
    message = refused(tmp_path, MODELS / GPT2["adapter"], MODELS / "gpt2/torchscript.onnx", "-o", tmp_path / "out.onnx", *FORM)
    assert "transformer.h.0.attn: no input of the model is the past of its keys" in message
    assert 'form = "inside"' in message


def test_two_prefixes(tmp_path):
    """A second one as the past has no place; inside the graph it stands in front of the past."""
    recipe = tmp_path / "two.toml"

    def words(*forms):
        recipe.write_text("".join(f'[[pass]]\nname = "prefix"\nlength = 3\nform = "{form}"\n' for form in forms))
        return recipe, MODELS / GPT2["model"], "-o", tmp_path / f"{len(forms)}.onnx"

    assert 'the input "past_key_values.0.key" has a default already' in refused(tmp_path, *words("past", "past"))
    assert "no input of the model is the past of its keys" in refused(tmp_path, *words("inside", "past"))
    peftc("apply", *words("past", "inside"))
    peftc("apply", *words("inside"))
    archive = np.load(tmp_path / "2.prefix.npz")
    both, inside = (caller(session_of(tmp_path / f"{count}.onnx"), GPT2["case"], archive) for count in (2, 1))
    for left, right in zip(both, inside, strict=True):
        assert np.array_equal(left["logits"], right["logits"])


def test_a_declared_size_that_does_not_fit(tmp_path):
    model = onnx.load(MODELS / GPT2["model"])
    for value in model.graph.input:
        if value.name == "past_key_values.1.value":
            value.type.tensor_type.shape.dim[0].dim_value = 2
    onnx.save(model, tmp_path / "model.onnx")
    message = refused(tmp_path, MODELS / GPT2["adapter"], tmp_path / "model.onnx", "-o", tmp_path / "out.onnx", *FORM)
    assert 'the prefix is [1, 4, 3, 16], but the model declares its input "past_key_values.1.value" as [2, 4, -1, 16]' in message


def test_an_archive_that_is_there(tmp_path):
    folder = tmp_path / "out"
    folder.mkdir()
    (folder / "torchscript-past.prefix.npz").write_text("mine")
    words = (MODELS / GPT2["adapter"], MODELS / GPT2["model"], "-o", f"{folder}/", *FORM)
    assert "torchscript-past.prefix.npz is there already" in refused(folder, *words)
    assert (folder / "torchscript-past.prefix.npz").read_text() == "mine"
    peftc("apply", *words, "--force")
    assert len(np.load(folder / "torchscript-past.prefix.npz")) == 4


def test_an_archive_goes_with_its_model(tmp_path):
    """It is replaced or removed with the model that refers to it, as its data is, unless another model does."""
    model, archive = apply(GPT2, tmp_path)
    peftc("apply", MODELS / GPT2["adapter"], MODELS / GPT2["model"], "-o", model, "--force")
    assert not archive.exists()
    apply(GPT2, tmp_path, "--force")
    recipe = tmp_path / "nf4.toml"
    recipe.write_text('[[pass]]\nname = "nf4"\nblock_size = 32\n')
    peftc("apply", recipe, model, "-o", tmp_path / "quantized.onnx")
    peftc("apply", MODELS / GPT2["adapter"], MODELS / GPT2["model"], "-o", model, "--force")
    assert archive.exists()


def test_a_trained_classifier_is_replaced(tmp_path):
    """What PEFT trains beside the prefix comes with either form."""
    adapter = tmp_path / "adapter"
    adapter.mkdir()
    (adapter / "adapter_config.json").write_text((MODELS / GPT2["adapter"] / "adapter_config.json").read_text())
    stored = load_file(MODELS / GPT2["adapter"] / "adapter_model.safetensors")
    bias = np.linspace(-1, 1, 64, dtype=np.float32)
    save_file(stored | {"base_model.transformer.ln_f.bias": bias}, adapter / "adapter_model.safetensors")
    peftc("apply", adapter, MODELS / GPT2["model"], "-o", tmp_path / "out.onnx", *FORM)
    graph = onnx.load(tmp_path / "out.onnx").graph
    assert any(np.array_equal(onnx.numpy_helper.to_array(t), bias) for t in graph.initializer)


def test_inspect_reads_the_output(tmp_path):
    model, _ = apply(LLAMA, tmp_path)
    for options in ((), ("--sites",), ("--json",)):
        assert peftc("inspect", model, *options).stdout
