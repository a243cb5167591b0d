"""The error that a report states is what numpy computes from the two files."""

import json

import numpy as np
import onnx
import pytest
from onnx import numpy_helper
from safetensors.numpy import save_file

from support import BAD_INPUT, MODELS, peftc

LLAMA = "llama/dynamo.onnx"
BASES = [LLAMA, "llama/torchscript.onnx", "gpt2/dynamo.onnx", "bert/torchscript.onnx", "llama-f16/dynamo.onnx"]
NF4 = {"portable": "", "portable-plain": "double_quant = false", "portable-fp4": 'quant_type = "fp4"\nblock_size = 4096'}
FLOAT32 = {
    "ort": 'format = "ort"\nblock_size = 32',
    "int4": 'format = "nbits"\nsymmetric = false\nblock_size = 128',
    "int8": 'format = "nbits"\nbits = 8\nblock_size = 16',
    "int8-asymmetric": 'format = "nbits"\nbits = 8\nsymmetric = false',
}
CASES = [(base, name, options) for base in BASES for name, options in {**NF4, **FLOAT32}.items()]
CASES = [case for case in CASES if "f16" not in case[0] or case[1] in NF4]


def report_of(base, options, folder, *before):
    recipe, out = folder / "recipe.toml", folder / "out.onnx"
    recipe.write_text("\n".join([*before, '[[pass]]\nname = "nf4"', options]))
    report = json.loads(peftc("apply", recipe, base, "-o", out, "--json", "--force").stdout)
    return report["passes"][-1], arrays(out)


def arrays(path):
    return {t.name: numpy_helper.to_array(t) for t in onnx.load(path).graph.initializer}


def nibbles(packed, high_first):
    halves = [packed >> 4, packed & 15] if high_first else [packed & 15, packed >> 4]
    return np.stack(halves, -1).reshape(*packed.shape[:-1], -1)


def decoded(stored, options, name, shape):
    """The weight that stands in a file, `[out, in]`."""
    codes = stored[f"{name}.codes"]
    if "nbits" in options:
        is_wide = "bits = 8" in options
        codes = codes if is_wide else nibbles(codes, False)
        scales, zero_points = stored[f"{name}.scales"][..., None], np.float32(128 if is_wide else 8)
        if f"{name}.zero_points" in stored:
            packed = stored[f"{name}.zero_points"]
            unpacked = packed if is_wide else nibbles(packed, False)
            zero_points = unpacked[:, : codes.shape[1]].astype(np.float32)[..., None]
        values = (codes.astype(np.float32) - zero_points) * scales
        values = values.reshape(values.shape[0], -1)[:, : shape[1]]
        return values if values.shape == shape else np.full(shape, np.inf)
    magnitudes = stored.get(f"{name}.absmax")
    if f"{name}.absmax_codes" in stored:
        of_codes = stored["nested_quant_map"][stored[f"{name}.absmax_codes"]]
        scales = np.repeat(stored[f"{name}.nested_absmax"], 256)[: of_codes.size]
        magnitudes = of_codes * scales + stored[f"{name}.nested_offset"]
    size = shape[0] * shape[1]
    block_size = next((int(line.split("=")[1]) for line in options.splitlines() if "block_size" in line), 64)
    quant_map = stored["quant_map"] if "quant_map" in stored else NF4_MAP
    values = quant_map[nibbles(codes, True)[:size]] * np.repeat(magnitudes, block_size)[:size]
    return values.reshape(shape)


NF4_MAP = np.array(
    [-1.0, -0.6961928009986877, -0.5250730514526367, -0.39491748809814453, -0.28444138169288635, -0.18477343022823334,
     -0.09105003625154495, 0.0, 0.07958029955625534, 0.16093020141124725, 0.24611230194568634, 0.33791524171829224,
     0.44070982933044434, 0.5626170039176941, 0.7229568362236023, 1.0], np.float32)  # fmt: skip


def expected_error(weight, approximation):
    weight, error = weight.astype(np.float64), weight.astype(np.float64) - approximation
    squares, error_squares = np.square(weight).sum(), np.square(error).sum()
    rms, largest = np.sqrt(error_squares / weight.size), np.abs(error).max()
    return {
        "elements": weight.size,
        "sigma": weight.std(),
        "rms": rms,
        "max": largest,
        "rms_in_sigma": rms / weight.std(),
        "max_in_sigma": largest / weight.std(),
        "snr_db": 10 * np.log10(squares / error_squares),
    }


def pairs(part, base, stored, options):
    """(report, weight, what stands for it), `[out, in]`, of every layer."""
    targets = {record["module"]: record["target"] for record in part["bound"]}
    for error in part["approximation"]["weights"]:
        name = error["weight"]
        weight = base[targets[name.removesuffix(".weight")]]
        straight = decoded(stored, options, name, weight.shape)
        turned = decoded(stored, options, name, weight.T.shape)
        both = [(weight, straight), (weight.T, turned)]
        yield error, *min(both, key=lambda pair: np.linalg.norm(pair[0].astype(np.float32) - pair[1]))


def agrees(error, expected):
    for key, value in expected.items():
        assert error[key] == pytest.approx(value, rel=1e-5), key


@pytest.mark.parametrize("model, name, options", CASES, ids=[f"{b.removesuffix('.onnx').replace('/', '-')}-{n}" for b, n, _ in CASES])
def test_errors_are_those_of_the_files(model, name, options, tmp_path):
    part, stored = report_of(MODELS / model, options, tmp_path)
    base = arrays(MODELS / model)
    weights, approximations, own = [], [], 0
    for error, weight, approximation in pairs(part, base, stored, options):
        agrees(error, expected_error(weight, approximation))
        of_weight = [a for key, a in stored.items() if key.startswith(f"{error['weight']}.")]
        tensors = sum(a.nbytes for a in of_weight if a.dtype != np.int64)
        assert error["bits_per_weight"] == pytest.approx(8 * tensors / weight.size)
        own += sum(a.nbytes for a in of_weight)
        weights.append(weight.ravel())
        approximations.append(approximation.ravel())
    assert len(weights) == len({record["target"] for record in part["bound"]}) > 3
    total, elements = part["approximation"]["total"], sum(w.size for w in weights)
    agrees(total, expected_error(np.concatenate(weights), np.concatenate(approximations)))
    own += sum(stored[key].nbytes for key in ("quant_map", "nested_quant_map") if key in stored)
    assert total["bits_per_weight"] == pytest.approx(8 * own / elements)
    assert total["outputs"] is None


def test_what_is_merged_before_is_what_is_measured_against(tmp_path):
    adapter = MODELS / "llama" / "adapters" / "qv"
    merge = f'[[pass]]\nname = "lora"\nadapter = "{adapter}"\nmode = "merge"'
    part, stored = report_of(MODELS / LLAMA, "", tmp_path, merge)
    peftc("apply", adapter, MODELS / LLAMA, "-o", tmp_path / "merged.onnx")
    errors = list(pairs(part, arrays(tmp_path / "merged.onnx"), stored, ""))
    assert len(errors) == 14
    for error, weight, approximation in errors:
        agrees(error, expected_error(weight, approximation))


@pytest.mark.parametrize("options", ["", 'format = "ort"', 'format = "nbits"\nbits = 8'], ids=["portable", "ort", "int8"])
def test_outputs_on_given_inputs_keep_the_bound(options, tmp_path):
    base = arrays(MODELS / LLAMA)
    plain, _ = report_of(MODELS / LLAMA, options, tmp_path)
    names = [error["weight"].removesuffix(".weight") for error in plain["approximation"]["weights"]]
    targets = {record["module"]: record["target"] for record in plain["bound"]}
    random = np.random.default_rng(0)
    inputs = {}
    for error, weight, _ in pairs(plain, base, report_of(MODELS / LLAMA, options, tmp_path)[1], options):
        inputs[error["weight"].removesuffix(".weight")] = random.standard_normal((2, 5, weight.shape[1]), np.float32)
    inputs[names[0]] *= 100
    save_file(inputs | {"lm_head": inputs[names[0]]}, tmp_path / "x.safetensors")
    part, stored = report_of(MODELS / LLAMA, f'{options}\ninputs = "x.safetensors"', tmp_path)
    assert any("lm_head" in note["message"] for note in part["notes"])
    squares = bounds = 0
    for error, weight, approximation in pairs(part, base, stored, options):
        x = inputs[error["weight"].removesuffix(".weight")].reshape(-1, weight.shape[1]).astype(np.float64)
        difference = weight.astype(np.float64) - approximation
        norm, bound = np.linalg.norm(x @ difference.T), np.linalg.norm(difference) * np.linalg.norm(x)
        assert 0 < norm <= bound
        assert error["outputs"]["norm"] == pytest.approx(norm, rel=1e-5)
        assert error["outputs"]["bound"] == pytest.approx(bound, rel=1e-5)
        assert error["outputs"]["relative"] == pytest.approx(norm / np.linalg.norm(x @ weight.T.astype(np.float64)), rel=1e-5)
        squares, bounds = squares + norm**2, bounds + bound**2
    total = part["approximation"]["total"]["outputs"]
    assert total["norm"] == pytest.approx(np.sqrt(squares), rel=1e-5)
    assert total["bound"] == pytest.approx(np.sqrt(bounds), rel=1e-5)
    assert all(targets[name] in base for name in names)


def test_wrong_inputs_are_refused(tmp_path):
    recipe = tmp_path / "recipe.toml"
    recipe.write_text('[[pass]]\nname = "nf4"\ninputs = "x.safetensors"')
    arguments = ("apply", recipe, MODELS / LLAMA, "-o", tmp_path / "out.onnx")
    assert "x.safetensors" in peftc(*arguments, expect=BAD_INPUT).stderr
    save_file({"model.layers.9.mlp.up_proj": np.zeros((1, 3), np.float32)}, tmp_path / "x.safetensors")
    assert "no inputs of a layer" in peftc(*arguments, expect=BAD_INPUT).stderr
    save_file({"model.layers.0.mlp.up_proj": np.zeros((1, 3), np.float32)}, tmp_path / "x.safetensors")
    assert "input features" in peftc(*arguments, "--dry-run", expect=BAD_INPUT).stderr
    for x, expected in [(np.zeros((1, 64), np.int64), "i64"), (np.full((1, 64), np.nan, np.float32), "NaN")]:
        save_file({"model.layers.0.mlp.up_proj": x}, tmp_path / "x.safetensors")
        stderr = peftc(*arguments, expect=BAD_INPUT).stderr
        assert "up_proj" in stderr and expected in stderr


def test_nothing_is_measured_that_is_not_asked_for(tmp_path):
    measured, _ = report_of(MODELS / LLAMA, "", tmp_path)
    with_it = (tmp_path / "out.onnx").read_bytes()
    plain, _ = report_of(MODELS / LLAMA, "measure = false", tmp_path)
    assert measured["approximation"] and plain["approximation"] is None
    assert (tmp_path / "out.onnx").read_bytes() == with_it


@pytest.mark.parametrize("options", ["", 'format = "ort"'], ids=["portable", "ort"])
@pytest.mark.parametrize("checkpoint", ["nf4", "double", "sharded", "bf16-storage"])
def test_errors_of_a_checkpoint_are_those_of_the_files(checkpoint, options, tmp_path):
    adapter = MODELS / "bnb" / "llama" / checkpoint
    part, stored = report_of(MODELS / LLAMA, f'adapter = "{adapter}"\n{options}', tmp_path)
    errors = list(pairs(part, arrays(MODELS / LLAMA), stored, ""))
    assert len(errors) == 14
    for error, weight, approximation in errors:
        agrees(error, expected_error(weight, approximation))
        assert 0.08 < error["rms_in_sigma"] < 0.1


@pytest.mark.parametrize("first", ["", "double_quant = false", 'format = "ort"'], ids=["double", "plain", "ort"])
def test_several_passes_measure_what_each_quantizes(first, tmp_path):
    alone, _ = report_of(MODELS / LLAMA, 'targets = ["v_proj"]', tmp_path)
    before = f'[[pass]]\nname = "nf4"\ntargets = ["q_proj"]\n{first}'
    part, stored = report_of(MODELS / LLAMA, 'targets = ["v_proj"]', tmp_path, before)
    assert part["approximation"] == alone["approximation"]
    for error, weight, approximation in pairs(part, arrays(MODELS / LLAMA), stored, ""):
        assert "v_proj" in error["weight"]
        agrees(error, expected_error(weight, approximation))


def test_a_quantized_model_can_be_quantized_further(tmp_path):
    _, first = report_of(MODELS / LLAMA, 'targets = ["q_proj"]', tmp_path)
    (tmp_path / "out.onnx").rename(tmp_path / "first.onnx")
    part, stored = report_of(tmp_path / "first.onnx", 'exclude = ["v_proj"]', tmp_path)
    of_first = {name for name in first if "q_proj" in name}
    assert of_first <= stored.keys() and len(part["approximation"]["weights"]) == 10
