"""Every fixture × adapter × mode computes what PyTorch + PEFT does."""

import shutil

import onnx
import pytest
from safetensors.numpy import load_file, save_file

from support import (
    BAD_INPUT, CASES, MODELS, MODES, adapters_of, apply, base_logits, entries_of, error, name_of, peftc,
    relative_l2, stored, tolerance,
)


def signature(model):
    graph = onnx.load(model, load_external_data=False).graph
    return [value.SerializeToString() for value in (*graph.input, *graph.output)]


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("entry", CASES, ids=name_of)
def test_output_is_that_of_peft(entry, mode, tmp_path):
    if mode not in entry["modes"]:
        pytest.skip("not a mode of this case")
    model = apply(adapters_of(entry), MODELS / entry["model"], tmp_path, mode)

    onnx.checker.check_model(str(model), full_check=True)
    assert signature(model) == signature(MODELS / entry["model"])
    assert error(entry, model) <= tolerance(entry)
    _, _, adapted = stored(entry["case"])
    assert relative_l2(base_logits(entry["model"], entry["case"]), adapted) >= 1e-2


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("entry", entries_of("qv"), ids=name_of)
def test_a_missing_binding_is_seen(entry, mode, tmp_path):
    partial = tmp_path / "adapter"
    shutil.copytree(adapters_of(entry)[0], partial)
    drop_one_module(partial / "adapter_model.safetensors")
    model = apply([partial], MODELS / entry["model"], tmp_path, mode)
    assert error(entry, model) > 10 * tolerance(entry)


def drop_one_module(weights):
    tensors = load_file(weights)
    module = min(tensors).rsplit(".lora_", 1)[0]
    kept = {name: tensor for name, tensor in tensors.items() if not name.startswith(f"{module}.lora_")}
    assert len(kept) == len(tensors) - 2
    save_file(kept, weights, metadata={"format": "pt"})


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("entry", entries_of("qv"), ids=name_of)
def test_the_same_adapter_twice_is_refused(entry, mode, tmp_path):
    adapter = adapters_of(entry)[0]
    once = apply([adapter], MODELS / entry["model"], tmp_path, mode)
    twice = tmp_path / "twice.onnx"
    peftc("apply", adapter, once, "-o", twice, "--mode", mode, expect=BAD_INPUT)
    assert not twice.exists()
    peftc("apply", adapter, once, "-o", twice, "--mode", mode, "--force")
    assert twice.exists()


def test_an_existing_output_is_refused(tmp_path):
    entry = entries_of("qv")[0]
    output = tmp_path / "adapted.onnx"
    output.write_bytes(b"precious")
    arguments = ("apply", adapters_of(entry)[0], MODELS / entry["model"], "-o", output)
    peftc(*arguments, expect=BAD_INPUT)
    assert output.read_bytes() == b"precious"
    peftc(*arguments, "--force")
    assert error(entry, output) <= tolerance(entry)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(
    ("folder", "named"),
    [("pissa", "pissa"), ("other-arch", "query_key_value")],
)
def test_an_adapter_that_cannot_be_applied_is_refused(folder, named, mode, tmp_path):
    adapter = MODELS / "llama" / "unsupported" / folder
    model = MODELS / "llama" / "dynamo.onnx"
    refused = peftc("apply", adapter, model, "-o", tmp_path / "adapted.onnx", "--mode", mode, expect=BAD_INPUT)
    assert named in refused.stderr.replace(str(adapter), "").lower()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("entry", [entry for entry in CASES if len(entry["adapters"]) == 2], ids=name_of)
def test_external_data_is_written_and_read(entry, mode, tmp_path):
    model = apply(adapters_of(entry), MODELS / entry["model"], tmp_path, mode, "--external-data", "always")
    assert {path.suffix for path in tmp_path.iterdir()} == {".onnx", ".data"}
    onnx.checker.check_model(str(model), full_check=True)
    assert error(entry, model) <= tolerance(entry)


@pytest.mark.parametrize("placement", ["never", "always"])
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("entry", entries_of("all-linear"), ids=name_of)
def test_bytes_do_not_depend_on_threads_or_memory(entry, mode, placement, tmp_path):
    written = set()
    for index, options in enumerate(([], ["--threads", "1"], ["--threads", "4"], ["--memory", "16MiB"])):
        folder = tmp_path / str(index)
        folder.mkdir()
        apply(adapters_of(entry), MODELS / entry["model"], folder, mode, "--external-data", placement, *options)
        written.add(tuple((path.suffix, path.read_bytes()) for path in sorted(folder.iterdir())))
    assert len(written) == 1
