"""Quantized layers compute what PyTorch computes on the weights that bitsandbytes quantizes."""

import json

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from support import BAD_INPUT, MODELS, base_logits, peftc, relative_l2, run, stored

ENTRIES = json.loads((MODELS / "nf4" / "cases.json").read_text())
PLAIN = [entry for entry in ENTRIES if not entry["adapters"]]
QLORA = [entry for entry in ENTRIES if entry["adapters"]]
FORMATS = ("portable", "ort")


def name_of(entry):
    case = entry["case"].removeprefix("nf4/").removesuffix(".npz")
    return f"{entry['model'].removesuffix('.onnx').replace('/', '-')}-{case.partition('-')[2]}"


def recipe_of(entry, format, folder):
    lines = ["[[pass]]", 'name = "nf4"', f'format = "{format}"', f'quant_type = "{entry["quant_type"]}"']
    lines += [f"block_size = {entry['block_size']}", f"double_quant = {str(entry['double_quant']).lower()}"]
    for adapter in entry["adapters"]:
        lines += ["[[pass]]", 'name = "lora"', f'adapter = "{MODELS / adapter}"', 'mode = "inject"']
    recipe = folder / "recipe.toml"
    recipe.write_text("\n".join(lines))
    return recipe


def apply(entry, format, folder):
    out = folder / "out.onnx"
    peftc("apply", recipe_of(entry, format, folder), MODELS / entry["model"], "-o", out)
    return out


def logits_of_torch(entry):
    inputs, _, expected = stored(entry["case"])
    return inputs, expected


def holds(entry, format):
    """MatMulBnb4 has plain magnitudes: what is double quantized is another weight there."""
    return format == "portable" or not entry["double_quant"]


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("entry", PLAIN, ids=name_of)
def test_output_is_that_of_the_dequantized_weights(entry, format, tmp_path):
    if not holds(entry, format):
        pytest.skip("the format has no double quantization")
    out = apply(entry, format, tmp_path)
    onnx.checker.check_model(str(out), full_check=format == "portable")
    inputs, expected = logits_of_torch(entry)
    for optimize in (True, False):
        assert relative_l2(run(out, inputs, optimize), expected) <= 1e-5
    assert relative_l2(base_logits(entry["model"], entry["case"]), expected) >= 1e-2


@pytest.mark.parametrize("entry", QLORA, ids=name_of)
def test_an_adapter_goes_on_top(entry, tmp_path):
    out = apply(entry, "portable", tmp_path)
    onnx.checker.check_model(str(out), full_check=True)
    inputs, expected = logits_of_torch(entry)
    assert relative_l2(run(out, inputs), expected) <= 1e-4


@pytest.mark.parametrize("entry", QLORA[:3], ids=name_of)
def test_passes_one_after_the_other_are_the_same(entry, tmp_path):
    at_once = apply(entry, "portable", tmp_path)
    quantized, adapted = tmp_path / "quantized.onnx", tmp_path / "adapted.onnx"
    plain = {**entry, "adapters": []}
    peftc("apply", recipe_of(plain, "portable", tmp_path), MODELS / entry["model"], "-o", quantized)
    (adapter,) = entry["adapters"]
    peftc("apply", MODELS / adapter, quantized, "-o", adapted, "--mode", "inject")
    inputs, _ = logits_of_torch(entry)
    assert run(adapted, inputs).tobytes() == run(at_once, inputs).tobytes()
    refused = peftc("apply", MODELS / adapter, quantized, "-o", tmp_path / "merged.onnx", expect=BAD_INPUT)
    assert "is quantized" in refused.stderr and "inject" in refused.stderr


@pytest.mark.parametrize("entry", [e for e in PLAIN if e["case"] == "nf4/llama-nf4.npz"], ids=name_of)
def test_a_merged_matrix_is_quantized_as_one_that_was_stored(entry, tmp_path):
    adapter = MODELS / "llama" / "adapters" / "qv"
    merged, after, at_once = (tmp_path / name for name in ("merged.onnx", "after.onnx", "at_once.onnx"))
    nf4 = recipe_of(entry, "portable", tmp_path)
    both = tmp_path / "both.toml"
    both.write_text(f'[[pass]]\nname = "lora"\nadapter = "{adapter}"\nmode = "merge"\n{nf4.read_text()}')
    peftc("apply", adapter, MODELS / entry["model"], "-o", merged, "--mode", "merge")
    peftc("apply", nf4, merged, "-o", after)
    peftc("apply", both, MODELS / entry["model"], "-o", at_once)
    assert initializers(after) == initializers(at_once)
    assert matrices(at_once) == matrices(quantized_alone(nf4, entry, tmp_path)) < matrices(merged)


def quantized_alone(nf4, entry, folder):
    out = folder / "alone.onnx"
    peftc("apply", nf4, MODELS / entry["model"], "-o", out)
    return out


def matrices(path):
    """How many float matrices a model stores."""
    return sum(len(t.dims) == 2 and t.data_type == 1 for t in onnx.load(path).graph.initializer)


def initializers(path):
    return {t.name: numpy_helper.to_array(t).tobytes() for t in onnx.load(path).graph.initializer}


def test_the_file_is_four_bits(tmp_path):
    entry = PLAIN[0]
    recipe = recipe_of({**entry, "double_quant": True}, "portable", tmp_path)
    out = tmp_path / "out.onnx"
    peftc("apply", recipe, MODELS / entry["model"], "-o", out)
    report = json.loads(peftc("inspect", out, "--json").stdout)
    bits = [site["bits_per_weight"] for site in report["sites"] if site["quantized"]]
    assert len(bits) == 8 and all(4.127 <= b <= 4.2 for b in bits)
    tensors = {t.name: t for t in onnx.load(out).graph.initializer}
    codes = [t for name, t in tensors.items() if name.endswith(".codes")]
    assert codes and all(t.data_type == onnx.TensorProto.UINT8 for t in codes)
    assert not [t for t in tensors.values() if np.prod(t.dims) >= 4096 and t.data_type == 1 and "h.0." in t.name]
