"""Checkpoints that bitsandbytes quantized go into the ONNX export of their base model as they are."""

import json
import shutil

import numpy as np
import onnx
import pytest
from onnx import numpy_helper
from safetensors import safe_open
from safetensors.numpy import save_file

from support import BAD_INPUT, MODELS, base_logits, peftc, relative_l2, run, stored

ENTRIES = json.loads((MODELS / "bnb" / "cases.json").read_text())
PLAIN = [entry for entry in ENTRIES if not entry["adapters"]]
QLORA = [entry for entry in ENTRIES if entry["adapters"]]
LLAMA = MODELS / "llama" / "torchscript.onnx"
DOUBLE = MODELS / "bnb" / "llama" / "double"
Q_PROJ = "model.layers.0.self_attn.q_proj.weight"


def name_of(entry):
    return f"{entry['model'].removesuffix('.onnx').replace('/', '-')}-{entry['checkpoint'].rpartition('/')[2]}"


def tensors_of(checkpoint):
    """The tensors by name: (type, shape, bytes)."""
    tensors = {}
    for path in sorted(checkpoint.glob("*.safetensors")):
        raw = path.read_bytes()
        size = int.from_bytes(raw[:8], "little")
        header = json.loads(raw[8 : 8 + size])
        header.pop("__metadata__", None)
        for name, entry in header.items():
            start, end = entry["data_offsets"]
            tensors[name] = entry["dtype"], entry["shape"], raw[8 + size + start : 8 + size + end]
    return tensors


def quantized_of(tensors):
    """The names of quantized weights, with what their state says."""
    mark = ".quant_state.bitsandbytes__"
    return {name.partition(mark)[0]: json.loads(data) for name, (_, _, data) in tensors.items() if mark in name}


def initializers(path):
    return {t.name: numpy_helper.to_array(t) for t in onnx.load(path).graph.initializer}


def apply(entry, format, folder):
    out = folder / "out.onnx"
    peftc("apply", MODELS / entry["checkpoint"], MODELS / entry["model"], "-o", out, "--set", f"nf4.format={format}")
    return out


@pytest.mark.parametrize("format", ("portable", "ort"))
@pytest.mark.parametrize("entry", PLAIN, ids=name_of)
def test_output_is_that_of_the_dequantized_weights(entry, format, tmp_path):
    out = apply(entry, format, tmp_path)
    onnx.checker.check_model(str(out), full_check=format == "portable")
    inputs, _, expected = stored(entry["case"])
    for optimize in (True, False):
        assert relative_l2(run(out, inputs, optimize), expected) <= 1e-5
    assert relative_l2(base_logits(entry["model"], entry["case"]), expected) >= 1e-2


@pytest.mark.parametrize("format", ("portable", "ort"))
@pytest.mark.parametrize("entry", PLAIN, ids=name_of)
def test_codes_and_magnitudes_are_the_bytes_of_the_checkpoint(entry, format, tmp_path):
    model = initializers(apply(entry, format, tmp_path))
    tensors = tensors_of(MODELS / entry["checkpoint"])
    quantized = quantized_of(tensors)
    assert quantized
    for name, state in quantized.items():
        (codes,) = [array for key, array in model.items() if key.endswith(f"{name}.codes")]
        assert codes.dtype == np.uint8 and codes.tobytes() == tensors[name][2]
        part = lambda part: next(array for key, array in model.items() if key.endswith(f"{name}.{part}"))
        if "nested_offset" not in state:
            assert part("absmax").tobytes() == tensors[f"{name}.absmax"][2]
        elif format == "portable":
            assert part("absmax_codes").tobytes() == tensors[f"{name}.absmax"][2]
            assert part("nested_absmax").tobytes() == tensors[f"{name}.nested_absmax"][2]
            assert part("nested_offset") == np.float32(state["nested_offset"])
        else:
            array = lambda part, dtype: np.frombuffer(tensors[f"{name}.{part}"][2], dtype)
            codes = array("absmax", np.uint8)
            scales = np.repeat(array("nested_absmax", np.float32), 256)[: codes.size]
            absmax = array("nested_quant_map", np.float32)[codes] * scales + np.float32(state["nested_offset"])
            assert part("absmax").tobytes() == absmax.tobytes()
    if format == "portable":
        maps = {tensors[f"{name}.quant_map"][2] for name in quantized}
        assert {model["quant_map"].tobytes()} == maps


@pytest.mark.parametrize("entry", QLORA, ids=name_of)
def test_an_adapter_that_was_trained_on_it_goes_on_top(entry, tmp_path):
    (adapter,) = entry["adapters"]
    recipe = tmp_path / "qlora.toml"
    recipe.write_text(
        f'[[pass]]\nname = "nf4"\nadapter = "{MODELS / entry["checkpoint"]}"\n'
        f'[[pass]]\nname = "lora"\nadapter = "{MODELS / adapter}"\nmode = "inject"\n'
    )
    at_once, adapted = tmp_path / "at_once.onnx", tmp_path / "adapted.onnx"
    peftc("apply", recipe, MODELS / entry["model"], "-o", at_once)
    onnx.checker.check_model(str(at_once), full_check=True)
    inputs, _, expected = stored(entry["case"])
    assert relative_l2(run(at_once, inputs), expected) <= 1e-4
    imported = apply(entry, "portable", tmp_path)
    peftc("apply", MODELS / adapter, imported, "-o", adapted, "--mode", "inject")
    assert run(adapted, inputs).tobytes() == run(at_once, inputs).tobytes()
    refused = peftc("apply", MODELS / adapter, imported, "-o", tmp_path / "merged.onnx", expect=BAD_INPUT)
    assert "is quantized" in refused.stderr


def test_a_single_file_is_a_checkpoint_too(tmp_path):
    folder, file = tmp_path / "folder.onnx", tmp_path / "file.onnx"
    peftc("apply", DOUBLE, LLAMA, "-o", folder)
    peftc("apply", DOUBLE / "model.safetensors", LLAMA, "-o", file)
    of = {path: {name: array.tobytes() for name, array in initializers(path).items()} for path in (folder, file)}
    assert of[folder] == of[file]


def test_the_bytes_do_not_depend_on_threads_and_memory(tmp_path):
    one, two = tmp_path / "one.onnx", tmp_path / "two.onnx"
    peftc("apply", DOUBLE, LLAMA, "-o", one, "--threads", 1, "--memory", "1MiB")
    peftc("apply", DOUBLE, LLAMA, "-o", two, "--threads", 4)
    assert one.read_bytes() == two.read_bytes()


def test_the_report_says_what_was_taken_over(tmp_path):
    report = json.loads(peftc("apply", DOUBLE, LLAMA, "--dry-run", "--json", "-o", tmp_path / "x.onnx").stdout)
    (only,) = report["passes"]
    assert only["pass"] == "nf4" and only["adapter"]["peft_type"] == "bitsandbytes_4bit"
    assert {record["what"] for record in only["bound"]} == {"nf4 blocks of 64, double quantized, imported"}
    assert len(only["bound"]) == 14
    (note,) = only["notes"]
    assert note["level"] == "info" and "7 tensors that are not quantized, 7168 of 7168 sampled codes" in note["message"]


def test_a_half_precision_model_takes_it_too(tmp_path):
    model = MODELS / "llama-f16" / "torchscript.onnx"
    report = json.loads(peftc("apply", DOUBLE, model, "--json", "-o", tmp_path / "out.onnx").stdout)
    (note,) = report["passes"][0]["notes"]
    assert note["level"] == "info" and "7 tensors that are" in note["message"]
    onnx.checker.check_model(str(tmp_path / "out.onnx"), full_check=True)
    inputs, _, expected = stored("bnb/llama/double.npz")
    assert relative_l2(run(tmp_path / "out.onnx", inputs).astype(np.float32), expected) <= 3e-3


# Damaged checkpoints


def numpy_checkpoint(folder):
    """A copy of the checkpoint, whose tensors numpy can hold, to be damaged."""
    copy = folder / "checkpoint"
    copy.mkdir()
    shutil.copy(DOUBLE / "config.json", copy)
    with safe_open(DOUBLE / "model.safetensors", "np") as file:
        return copy, {name: file.get_tensor(name) for name in file.keys()}


def refused(folder, tensors, *options, model=LLAMA):
    save_file(tensors, folder / "model.safetensors")
    result = peftc("apply", folder, model, "-o", folder / "out.onnx", *options, expect=BAD_INPUT)
    assert not (folder / "out.onnx").exists()
    return result.stderr


def test_a_missing_part_is_named(tmp_path):
    for part in ("absmax", "quant_map", "nested_absmax", "nested_quant_map"):
        shutil.rmtree(tmp_path / "checkpoint", ignore_errors=True)
        folder, tensors = numpy_checkpoint(tmp_path)
        del tensors[f"{Q_PROJ}.{part}"]
        assert f'"{Q_PROJ}.{part}"' in refused(folder, tensors)


def test_parts_of_other_sizes_are_named(tmp_path):
    folder, tensors = numpy_checkpoint(tmp_path)
    good = tensors[Q_PROJ]
    tensors[Q_PROJ] = good[:-1]
    assert f"{Q_PROJ} is u8[2047, 1], 2047 bytes: the codes of [64, 64] are 2048" in refused(folder, tensors)
    tensors[Q_PROJ] = good
    tensors[f"{Q_PROJ}.absmax"] = tensors[f"{Q_PROJ}.absmax"][:-1]
    assert f"{Q_PROJ}.absmax is u8[63], expected u8[64]" in refused(folder, tensors)


def with_state(tensors, **changes):
    name = f"{Q_PROJ}.quant_state.bitsandbytes__nf4"
    state = json.loads(tensors[name].tobytes()) | changes
    return tensors | {name: np.frombuffer(json.dumps(state).encode(), np.uint8)}


def test_states_that_do_not_fit_are_named(tmp_path):
    folder, tensors = numpy_checkpoint(tmp_path)
    for changes, expected in (
        ({"blocksize": 128}, f"{Q_PROJ}.absmax is u8[64], expected u8[32]"),
        ({"blocksize": 48}, f"{Q_PROJ} has blocks of 48 elements"),
        ({"shape": [32, 128]}, f"{Q_PROJ} is [32, 128] in the checkpoint, [64, 64] in the model"),
        ({"shape": [64, 32, 2]}, 'has "shape": [64,32,2]'),
        ({"quant_type": "fp4"}, 'says quant_type "fp4"'),
        ({"nested_blocksize": 512}, '"nested_blocksize": 512, expected 256'),
    ):
        assert expected in refused(folder, with_state(tensors, **changes))


def test_another_code_book_is_refused(tmp_path):
    folder, tensors = numpy_checkpoint(tmp_path)
    tensors[f"{Q_PROJ}.quant_map"] = tensors[f"{Q_PROJ}.quant_map"][::-1].copy()
    assert f"{Q_PROJ}.quant_map gives code 0 the value 1, nf4 has -1" in refused(folder, tensors)


def test_damaged_magnitudes_are_refused(tmp_path):
    folder, tensors = numpy_checkpoint(tmp_path)
    absmax, book = f"{Q_PROJ}.nested_absmax", f"{Q_PROJ}.nested_quant_map"
    of_others = refused(folder, tensors | {absmax: tensors[absmax] * 1000})
    assert f"0 of 512 sampled codes of {Q_PROJ}, where magnitudes are alike" in of_others
    assert f"0 of 512 sampled codes of {Q_PROJ}" in refused(folder, with_state(tensors, nested_offset=1e3))
    assert '"nested_offset": 1e+300' in refused(folder, with_state(tensors, nested_offset=1e300))
    infinite = np.where(np.arange(256) == 3, np.inf, tensors[book]).astype(np.float32)
    assert f"{book} gives code 3 the value inf" in refused(folder, tensors | {book: infinite})
    nothing = np.full_like(tensors[absmax], np.nan)
    for options in ([], ["--set", "nf4.format=ort"], ["--set", "nf4.measure=false"]):
        message = refused(folder, tensors | {absmax: nothing}, "--set", "nf4.check_base=false", *options)
        assert Q_PROJ in message and "a magnitude that is NaN" in message


def test_another_model_is_refused(tmp_path):
    assert "match nothing in the model" in refused(*numpy_checkpoint(tmp_path), model=MODELS / "gpt2" / "dynamo.onnx")


def test_other_weights_are_refused_unless_it_is_said(tmp_path):
    folder, tensors = numpy_checkpoint(tmp_path)
    for name, place in (
        ("model.norm.weight", (7,)),
        ("model.embed_tokens.weight", (231, 63)),
        ("lm_head.weight", (3, 5)),
    ):
        changed = tensors[name].copy()
        changed[place] += 0.25
        message = refused(folder, tensors | {name: changed})
        assert f"{name} has" in message and f"at {list(place)}" in message and "of another model" in message
    last = "model.layers.1.mlp.down_proj.weight"
    codes = np.random.default_rng(0).integers(0, 256, tensors[last].shape, np.uint8)
    message = refused(folder, tensors | {last: codes})
    assert f"sampled codes of {last}" in message and "of another model" in message
    out = tmp_path / "out.onnx"
    done = peftc("apply", folder, LLAMA, "-o", out, "--set", "nf4.check_base=false")
    assert f"sampled codes of {last}" in done.stdout and "warning" in done.stdout


def test_what_the_model_has_not_is_a_note(tmp_path):
    folder, tensors = numpy_checkpoint(tmp_path)
    tensors["model.layers.0.self_attn.rotary_emb.inv_freq"] = np.ones(8, np.float32)
    save_file(tensors, folder / "model.safetensors")
    done = peftc("apply", folder, LLAMA, "-o", tmp_path / "out.onnx")
    assert "left out, since the model has none of them: model.layers.0.self_attn.rotary_emb.inv_freq" in done.stdout


def test_an_output_head_of_another_size_is_refused(tmp_path):
    folder, tensors = numpy_checkpoint(tmp_path)
    tensors["lm_head.weight"] = np.zeros((240, 64), np.float32)
    assert "lm_head.weight is [240, 64] in the checkpoint, [232, 64] in the model" in refused(folder, tensors)


@pytest.mark.parametrize(
    ("option", "expected"),
    (
        ("block_size=128", f"block_size = 128, but model.layers.0.mlp.down_proj.weight has blocks of 64"),
        ("double_quant=false", "double_quant = false, but"),
        ("quant_type=fp4", 'is "nf4"'),
        ('exclude=["q_proj"]', "exclude is for weights that the pass quantizes"),
        ("min_size=5", "min_size is for weights"),
        ("format=nbits", "has integers"),
    ),
)
def test_options_that_contradict_it_are_refused(option, expected, tmp_path):
    arguments = ("apply", DOUBLE, LLAMA, "-o", tmp_path / "out.onnx", "--set", f"nf4.{option}")
    assert expected in peftc(*arguments, expect=BAD_INPUT).stderr


def test_options_that_say_what_it_is_are_accepted(tmp_path):
    options = ("--set", "nf4.block_size=64", "--set", "nf4.double_quant=true", "--set", "nf4.quant_type=nf4")
    peftc("apply", DOUBLE, LLAMA, "-o", tmp_path / "out.onnx", *options)


def test_it_comes_before_what_changes_the_weights(tmp_path):
    for mode, adapter, expected in (("merge", "qv", "an earlier pass changed the weight"),):
        recipe = tmp_path / "recipe.toml"
        recipe.write_text(
            f'[[pass]]\nname = "lora"\nadapter = "{MODELS / "llama" / "adapters" / adapter}"\nmode = "{mode}"\n'
            f'[[pass]]\nname = "nf4"\nadapter = "{DOUBLE}"\n'
        )
        assert expected in peftc("apply", recipe, LLAMA, "-o", tmp_path / "out.onnx", expect=BAD_INPUT).stderr
    peftc("apply", DOUBLE, LLAMA, "-o", tmp_path / "once.onnx")
    again = peftc(
        "apply", DOUBLE, tmp_path / "once.onnx", "-o", tmp_path / "twice.onnx", "--force", expect=BAD_INPUT
    )
    assert "quantized already" in again.stderr


# Other checkpoints


@pytest.mark.parametrize(
    ("config", "expected"),
    (
        ({"quant_method": "gptq", "bits": 4}, 'quantized by "gptq"'),
        ({"quant_method": "awq", "bits": 4}, 'quantized by "awq"'),
        ({"quant_method": "bitsandbytes", "load_in_8bit": True}, "in 8 bits"),
        (None, 'has no "quantization_config"'),
    ),
)
def test_other_quantizations_are_refused_by_name(config, expected, tmp_path):
    folder, tensors = numpy_checkpoint(tmp_path)
    (folder / "config.json").write_text(json.dumps({"quantization_config": config} if config else {}))
    message = refused(folder, tensors)
    assert expected in message and "accepted: a checkpoint of bitsandbytes in 4 bits" in message


def test_pickles_and_unquantized_weights_are_refused(tmp_path):
    folder, tensors = numpy_checkpoint(tmp_path)
    plain = {"model.norm.weight": tensors["model.norm.weight"]}
    assert "no weight of it is quantized" in refused(folder, plain)
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    assert "is a pickle" in peftc("apply", folder, LLAMA, "-o", tmp_path / "x.onnx", expect=BAD_INPUT).stderr


def test_shards_must_be_there_and_in_their_folder(tmp_path):
    folder = tmp_path / "sharded"
    shutil.copytree(MODELS / "bnb" / "llama" / "sharded", folder)
    shard = folder / "model-00002-of-00004.safetensors"
    shard.rename(tmp_path / shard.name)
    apply = ("apply", folder, LLAMA, "-o", tmp_path / "x.onnx")
    assert shard.name in peftc(*apply, expect=BAD_INPUT).stderr
    index = folder / "model.safetensors.index.json"
    index.write_text(index.read_text().replace(shard.name, f"../{shard.name}"))
    assert "is no name of a file in its folder" in peftc(*apply, expect=BAD_INPUT).stderr


def test_inspect_says_what_a_checkpoint_is():
    report = json.loads(peftc("inspect", DOUBLE, "--json").stdout)
    assert report["peft_type"] == "bitsandbytes_4bit"
    assert report["parameters"] == 91456 and len(report["quantized"]) == 14
    text = peftc("inspect", DOUBLE).stdout
    assert "14 weights in nf4, blocks of 64, double quantized" in text and "quant_state" not in text
    refused = peftc("inspect", MODELS / "bnb" / "nothing", expect=BAD_INPUT).stderr
    assert "bnb/nothing" in refused
