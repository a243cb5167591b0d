"""What adapters hold that is merged: patterns, 16-bit factors, convolutions, biases, pruned ranks. The adapters are made
here, the sums are numpy's in float64."""

import json

import ml_dtypes
import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from support import BAD_INPUT, MODELS, peftc, relative_l2
from test_merge import LLAMA, MERGES, PAIR, factors_of, merged, refused, weighted_sum
from test_merge_pass import applied, assert_changes, weight_changes

A, B = "lora_A.weight", "lora_B.weight"
MODEL = MODELS / "llama" / "dynamo.onnx"
SUMS = ["linear", "cat", "svd", "equal", "inverse-norm", "inverse-variance"]
OTHERS = ["ties", "dare-linear", "dare-ties", "magnitude-prune", "della", "breadcrumbs", "slerp", "karcher"]
PEFT = ["peft-linear", "peft-cat", "peft-svd", "peft-ties", "peft-ties-svd", "peft-dare-linear", "peft-magnitude-prune-svd"]


def density(method):
    return ("--density", 0.3) if any(word in method for word in ("ties", "dare", "prune", "della", "crumbs")) else ()


def adapter(folder, tensors, **config):
    """A folder of PEFT's."""
    folder.mkdir()
    config = {"peft_type": "LORA", "r": 2, "lora_alpha": 2, "alpha_pattern": {}, "use_rslora": False, **config}
    (folder / "adapter_config.json").write_text(json.dumps(config))
    save_file({f"base_model.model.{name}": tensor for name, tensor in tensors.items()}, folder / "adapter_model.safetensors")
    return folder


def numbers(seed, *shape, dtype=np.float32):
    return np.random.default_rng(seed).standard_normal(shape).astype(dtype)


def tensors_of(folder):
    found = load_file(folder / "adapter_model.safetensors")
    return {name.removeprefix("base_model.model."): tensor for name, tensor in found.items()}


def as_float64(tensors, *names):
    return [tensors[name].astype(np.float64) for name in names]


def only_delta(folder):
    """s·B·A of the one module."""
    ((s, a, b),) = factors_of(folder).values()
    return s * b @ a


def test_patterns_give_each_module_its_rank_and_scale(tmp_path):
    """PEFT takes the first key that matches; α/√r for rsLoRA."""
    ranks = {"h.0.q": 6, "h.1.q": 3, "h.0.v": 2}
    alphas = {"h.0.q": 5, "h.1.q": 12, "h.0.v": 5}
    tensors = {}
    for seed, (module, rank) in enumerate(ranks.items()):
        tensors |= {f"{module}.{A}": numbers(seed, rank, 9), f"{module}.{B}": numbers(seed + 9, 8, rank)}
    patterns = {"rank_pattern": {"h.0.q": 6, "q": 3}, "alpha_pattern": {r"h\.1\..*": 12, "q": 5}}
    plain = adapter(tmp_path / "plain", tensors, lora_alpha=5, **patterns)
    rslora = adapter(tmp_path / "rslora", tensors, lora_alpha=5, use_rslora=True, **patterns)
    folder, report = merged(tmp_path, [plain, rslora], "--weights=0.5,-2")
    found = factors_of(folder)
    assert found.keys() == ranks.keys()
    for module, (s, a, b) in found.items():
        stored_a, stored_b = as_float64(tensors, f"{module}.{A}", f"{module}.{B}")
        scale = 0.5 * alphas[module] / ranks[module] - 2 * alphas[module] / np.sqrt(ranks[module])
        assert relative_l2(s * b @ a, scale * stored_b @ stored_a) <= 1e-6, module
    assert [module["ranks"] for module in report["modules"]] == [[ranks[m["module"]]] * 2 for m in report["modules"]]


@pytest.mark.parametrize("dtype", [np.float16, ml_dtypes.bfloat16, np.float64], ids=lambda dtype: np.dtype(dtype).name)
def test_factors_of_any_float(dtype, tmp_path):
    own = {f"q.{A}": numbers(1, 2, 9, dtype=dtype), f"q.{B}": numbers(2, 7, 2, dtype=dtype)}
    other = {f"q.{A}": numbers(3, 3, 9), f"q.{B}": numbers(4, 7, 3)}
    adapters = [adapter(tmp_path / "own", own), adapter(tmp_path / "other", other, r=3, lora_alpha=6)]
    folder, _ = merged(tmp_path, adapters, "--weights=0.7,-0.4")
    (a, b), (c, d) = as_float64(own, f"q.{A}", f"q.{B}"), as_float64(other, f"q.{A}", f"q.{B}")
    assert relative_l2(only_delta(folder), 0.7 * b @ a - 0.8 * d @ c) <= 1e-6


@pytest.mark.parametrize("dtype", [np.float16, ml_dtypes.bfloat16], ids=lambda dtype: np.dtype(dtype).name)
def test_factors_of_16_bits_into_a_model(dtype, tmp_path):
    config = json.loads((PAIR[0] / "adapter_config.json").read_text())
    tensors = {name: tensor.astype(dtype) for name, tensor in tensors_of(PAIR[0]).items()}
    half = adapter(tmp_path / "half", tensors, **config)
    output = applied(tmp_path, MODEL, [half, PAIR[1]], "weights = [0.7, -0.4]")
    assert_changes(weight_changes(output, MODEL), weighted_sum([half, PAIR[1]], [0.7, -0.4]))


@pytest.mark.parametrize("kernel", [(3, 2), (3,), (1, 1)], ids=str)
def test_convolutions_stay_convolutions(kernel, tmp_path):
    ones = (1,) * len(kernel)
    both = [{f"c.{A}": numbers(i, r, 4, *kernel), f"c.{B}": numbers(i + 9, 6, r, *ones)} for i, r in ((1, 2), (2, 1))]
    adapters = [adapter(tmp_path / f"conv{i}", t, r=2 - i, lora_alpha=3) for i, t in enumerate(both)]
    folder, _ = merged(tmp_path, adapters, "--weights=0.5,-2")
    a, b = as_float64(tensors_of(folder), f"c.{A}", f"c.{B}")
    assert a.shape == (3, 4, *kernel) and b.shape == (6, 3, *ones)
    expected = 0
    for tensors, scale in zip(both, (0.5 * 3 / 2, -2 * 3)):
        one, other = as_float64(tensors, f"c.{A}", f"c.{B}")
        expected = expected + scale * np.tensordot(other.reshape(6, -1), one, 1)
    assert relative_l2(np.tensordot(b.reshape(6, 3), a, 1), expected) <= 1e-6
    linear = adapter(tmp_path / "linear", {f"c.{A}": numbers(1, 2, 4 * int(np.prod(kernel))), f"c.{B}": numbers(2, 6, 2)})
    assert "c is" in refused(tmp_path, adapters[0], linear)


def test_lokr_of_a_convolution_whose_kernel_is_stored(tmp_path):
    w1, w2 = numbers(1, 2, 2), numbers(2, 3, 2, 3, 3)
    lokr = adapter(tmp_path / "lokr", {"c.lokr_w1": w1, "c.lokr_w2": w2}, peft_type="LOKR", r=2, alpha=3)
    folder, _ = merged(tmp_path, [lokr])
    a, b = as_float64(tensors_of(folder), f"c.{A}", f"c.{B}")
    assert a.shape[1:] == (4, 3, 3)
    expected = 1.5 * np.kron(w1.astype(np.float64)[:, :, None, None], w2.astype(np.float64))
    assert relative_l2(np.tensordot(b[..., 0, 0], a, 1), expected) <= 1e-6


def biased(folder, seed, alpha):
    tensors = {f"q.{A}": numbers(seed, 2, 9), f"q.{B}": numbers(seed + 1, 7, 2), "q.lora_B.bias": numbers(seed + 2, 7)}
    return adapter(folder, tensors, lora_alpha=alpha, lora_bias=True)


@pytest.mark.parametrize("method", SUMS)
def test_biases_are_summed_as_changes_are(method, tmp_path):
    adapters = [biased(tmp_path / "one", 1, 3), biased(tmp_path / "other", 5, 8)]
    folder, report = merged(tmp_path, adapters, "--method", method)
    weights = report["modules"][0]["weights"]
    biases = [tensors_of(path)["q.lora_B.bias"].astype(np.float64) for path in adapters]
    expected = weights[0] * 1.5 * biases[0] + weights[1] * 4 * biases[1]
    assert relative_l2(tensors_of(folder)["q.lora_B.bias"], expected) <= 1e-6
    assert json.loads((folder / "adapter_config.json").read_text())["lora_bias"]


@pytest.mark.parametrize("method", OTHERS + PEFT)
def test_biases_are_refused_by_methods_without_a_rule_for_them(method, tmp_path):
    adapters = [biased(tmp_path / "one", 1, 3), biased(tmp_path / "other", 5, 8)]
    message = refused(tmp_path, *adapters, "--method", method, *density(method))
    assert f"q: {method} " in message and "no rule for biases (lora_B.bias)" in message
    assert ", ".join(SUMS) in message
    given = [f"density = {density(method)[1]}"] if density(method) else []
    pair = [MODELS / "gpt2" / "adapters" / "lora-bias"] * 2
    model = MODELS / "gpt2" / "dynamo.onnx"
    message = applied(tmp_path, model, pair, f'method = "{method}"', *given, expect=BAD_INPUT)
    assert "no rule for biases (lora_B.bias)" in message


def test_biases_beside_an_embedding_are_refused(tmp_path):
    embedding = {"e.lora_embedding_A": numbers(1, 2, 20), "e.lora_embedding_B": numbers(2, 9, 2)}
    message = refused(tmp_path, biased(tmp_path / "one", 1, 3), adapter(tmp_path / "embedding", embedding))
    assert "changes the embedding e: PEFT loads no adapter with both" in message


def top(x, share):
    """The ⌊share·n⌋ of largest magnitude; of equal ones those that come first."""
    kept = np.argsort(-np.abs(x), axis=None, kind="stable")[: int(share * x.size)]
    out = np.zeros(x.size)
    out[kept] = x.reshape(-1)[kept]
    return out.reshape(x.shape)


def peft_fused(tensors, weights, ties):
    sparse = [top(t, 0.3) for t in tensors]
    if not ties:
        return sum(w * t for w, t in zip(weights, sparse))
    sign = np.where(sum(sparse) >= 0, 1, -1)
    agrees = [np.sign(t) == sign for t in sparse]
    return sum(w * t * a for w, t, a in zip(weights, sparse, agrees)) / np.maximum(sum(agrees), 1)


def with_equal_magnitudes(tmp_path, dtype, stored):
    """Two adapters, and s, A and B of each: numbers of 16 bits, or small integers, have many equal magnitudes."""
    adapters, parts = [], []
    for seed in (1, 3):
        a, b = ((2 * numbers(seed + i, *shape)).astype(dtype).astype(stored) for i, shape in enumerate([(4, 150), (90, 4)]))
        adapters.append(adapter(tmp_path / str(seed), {f"q.{A}": a, f"q.{B}": b}, r=4, lora_alpha=2 * seed))
        parts.append((seed / 2, a.astype(np.float64), b.astype(np.float64)))
    return adapters, parts


OPTIONS = ("--weights=0.7,-0.4", "--density", 0.3)


@pytest.mark.parametrize("dtype", [np.float16, ml_dtypes.bfloat16], ids=lambda dtype: np.dtype(dtype).name)
@pytest.mark.parametrize("kind", ["ties", "magnitude-prune"])
def test_peft_forms_keep_exactly_k_of_equal_magnitudes(kind, dtype, tmp_path):
    adapters, parts = with_equal_magnitudes(tmp_path, dtype, dtype)
    folder, _ = merged(tmp_path, adapters, "--method", f"peft-{kind}", *OPTIONS)
    ((_, a, b),) = factors_of(folder).values()
    roots = [np.sqrt(abs(w * s)) for w, (s, *_) in zip((0.7, -0.4), parts)]
    expected_a = peft_fused([a for _, a, _ in parts], [roots[0], -roots[1]], kind == "ties")
    expected_b = peft_fused([b for *_, b in parts], roots, kind == "ties")
    assert relative_l2(a, expected_a) <= 1e-6 and relative_l2(b, expected_b) <= 1e-6


@pytest.mark.parametrize("kind", ["ties", "magnitude-prune"])
def test_peft_forms_keep_exactly_k_of_equal_magnitudes_of_deltas(kind, tmp_path):
    adapters, parts = with_equal_magnitudes(tmp_path, np.int8, np.float32)
    folder, _ = merged(tmp_path, adapters, "--method", f"peft-{kind}-svd", *OPTIONS, "--rank", 90)
    expected = peft_fused([s * b @ a for s, a, b in parts], (0.7, -0.4), kind == "ties")
    assert relative_l2(only_delta(folder), expected) <= 1e-5


@pytest.mark.parametrize("method", PEFT)
def test_peft_makes_any_combination_of_one_adapter_linear(method, tmp_path):
    folder, _ = merged(tmp_path, PAIR[:1], "--method", method, "--weights=-0.7", *density(method))
    stored = factors_of(PAIR[0])
    found = factors_of(folder)
    assert found.keys() == stored.keys()
    for module, (scale, a, b) in found.items():
        s, stored_a, stored_b = stored[module]
        root = np.sqrt(0.7 * s)
        assert scale == 1 and relative_l2(a, -root * stored_a) <= 1e-6 and relative_l2(b, root * stored_b) <= 1e-6
    given = [f"density = {density(method)[1]}"] if density(method) else []
    output = applied(tmp_path, MODEL, PAIR[:1], f'method = "{method}"', "weights = [-0.7]", *given)
    assert_changes(weight_changes(output, MODEL), {m: -0.7 * s * b @ a for m, (s, a, b) in stored.items()})
    assert "has no rank" in refused(tmp_path, PAIR[0], "--method", method, "--rank", 2, *density(method))


def test_karcher_of_three_with_weights(tmp_path):
    """From plain steps on the sphere of whole matrices."""
    weights = np.array([0.5, 3, 1.5])
    adapters, deltas = [], []
    for seed, rank in ((1, 2), (2, 3), (3, 1)):
        tensors = {f"q.{A}": numbers(seed, rank, 9), f"q.{B}": numbers(seed + 9, 8, rank)}
        adapters.append(adapter(tmp_path / str(seed), tensors, r=rank, lora_alpha=2 * seed))
        deltas.append(only_delta(adapters[-1]).reshape(-1))
    folder, _ = merged(tmp_path, adapters, "--method", "karcher", "--weights", "0.5,3,1.5")
    norms, shares = np.array([np.linalg.norm(d) for d in deltas]), weights / weights.sum()
    units = [d / n for d, n in zip(deltas, norms)]
    mean = sum(w * u for w, u in zip(shares, units))
    for _ in range(200):
        mean = mean / np.linalg.norm(mean)
        away = [u - (u @ mean) * mean for u in units]
        step = sum(w * np.arccos(u @ mean) * v / np.linalg.norm(v) for w, u, v in zip(shares, units, away))
        length = max(np.linalg.norm(step), 1e-300)
        mean = np.cos(length) * mean + np.sin(length) * step / length
    assert relative_l2(only_delta(folder).reshape(-1), shares @ norms * mean) <= 1e-6
    karcher = "--method", "karcher"
    assert "no weight below 0" in refused(tmp_path, *adapters, *karcher, "--weights=3,-1,1")
    assert "sum of weights is 0" in refused(tmp_path, *adapters, *karcher, "--weights=0,0,0")
    assert "rounding error" in refused(tmp_path, *adapters, "--normalize", "--weights=.1,.2,-.3")


def pruned_adalora(folder, **config):
    """AdaLoRA of rank 4 of which one module kept 2 and another nothing."""
    source = MERGES / "adapters" / "adalora"
    tensors = tensors_of(source)
    kept = {"model.layers.0.self_attn.q_proj": [0, 3], "model.layers.1.mlp.down_proj": []}
    for module, rows in kept.items():
        for part in "AE":
            tensors[f"{module}.lora_{part}"] = tensors[f"{module}.lora_{part}"][rows]
        tensors[f"{module}.lora_B"] = np.ascontiguousarray(tensors[f"{module}.lora_B"][:, rows])
    stored = json.loads((source / "adapter_config.json").read_text())
    return adapter(folder, tensors, **(stored | config)), tensors


@pytest.mark.parametrize("alpha", [6, 0])
def test_adalora_is_scaled_by_the_rank_before_pruning(alpha, tmp_path):
    """PEFT keeps the rank that it divides by, has no alpha_pattern, and takes the rank that is left for an α of 0."""
    folder, tensors = pruned_adalora(tmp_path / "pruned", lora_alpha=alpha, alpha_pattern={"q_proj": 12})
    expected = {}
    for name in [name for name in tensors if name.endswith(".lora_A") and len(tensors[name])]:
        module = name.removesuffix(".lora_A")
        a, b, e = as_float64(tensors, *(f"{module}.lora_{part}" for part in "ABE"))
        expected[module] = (alpha or len(a)) / (4 + 1e-5) * b @ (a * e)
    assert len(expected) == 3
    result, _ = merged(tmp_path, [folder])
    found = factors_of(result)
    assert found.keys() == expected.keys()
    for module, (s, a, b) in found.items():
        assert relative_l2(s * b @ a, expected[module]) <= 1e-6, module
    output = tmp_path / "out.onnx"
    report = json.loads(peftc("apply", folder, MODEL, "-o", output, "--json").stdout)
    assert_changes(weight_changes(output, MODEL), expected)
    assert report["adapter_parameters"] == sum(tensor.size for tensor in tensors.values())


def test_adalora_that_does_not_fit_itself(tmp_path):
    folder, tensors = pruned_adalora(tmp_path / "less", init_r=2)
    assert "lora_A has 4 rows, init_r is 2" in refused(tmp_path, folder)
    config = json.loads((folder / "adapter_config.json").read_text())
    tensors["model.layers.1.self_attn.q_proj.lora_E"] = np.zeros((0, 1), np.float32)
    odd = adapter(tmp_path / "odd", tensors, **(config | {"init_r": 4}))
    assert "lora_E is [0, 1]: a matrix with elements" in refused(tmp_path, odd)


@pytest.mark.parametrize("kind", ["loha", "lokr", "lokr-both", "adalora", "dora"])
def test_parameters_are_those_stored(kind, tmp_path):
    folder = MERGES / "adapters" / kind
    report = json.loads(peftc("apply", folder, MODEL, "-o", tmp_path / "out.onnx", "--json").stdout)
    assert report["adapter_parameters"] == sum(tensor.size for tensor in tensors_of(folder).values())


@pytest.mark.parametrize(
    "entry",
    [
        {"use_qalora": True},
        {"use_bdlora": {"nblocks": 2}},
        {"kasa_config": {"beta": 1}},
        {"alora_invocation_tokens": [1]},
        {"arrow_config": {"top_k": 1}},
        {"velora_config": {"rank": 1}},
        {"monteclora_config": {"n": 1}},
        {"target_parameters": ["q"]},
        {"trainable_token_indices": [3, 5]},
        {"layer_replication": [[0, 1]]},
        {"init_lora_weights": "pissa"},
        {"init_lora_weights": "olora"},
        {"init_lora_weights": "lora_ga"},
    ],
    ids=str,
)
def test_what_is_no_plain_lora_is_refused_by_command_and_passes(entry, tmp_path):
    config = json.loads((LLAMA / "qv" / "adapter_config.json").read_text())
    folder = adapter(tmp_path / "other", tensors_of(LLAMA / "qv"), **(config | entry))
    ((key, value),) = entry.items()
    word = value if key == "init_lora_weights" else key
    assert word in refused(tmp_path, folder, LLAMA / "qv")
    assert word in applied(tmp_path, MODEL, [folder, LLAMA / "qv"], expect=BAD_INPUT)
    assert word in peftc("apply", folder, MODEL, "-o", tmp_path / "out.onnx", expect=BAD_INPUT).stderr


def test_mica_leaves_the_base_alone(tmp_path):
    config = json.loads((LLAMA / "qv" / "adapter_config.json").read_text())
    mica = adapter(tmp_path / "mica", tensors_of(LLAMA / "qv"), **(config | {"init_lora_weights": "mica"}))
    stored = {m: s * b @ a for m, (s, a, b) in factors_of(LLAMA / "qv").items()}
    folder, _ = merged(tmp_path, [mica])
    for module, (s, a, b) in factors_of(folder).items():
        assert relative_l2(s * b @ a, stored[module]) <= 1e-6
    output = tmp_path / "out.onnx"
    peftc("apply", mica, MODEL, "-o", output)
    assert_changes(weight_changes(output, MODEL), stored)


@pytest.mark.parametrize("shape", [(), (6,), (2, 0), (0, 6)], ids=str)
@pytest.mark.parametrize("name", [A, B])
def test_factors_without_elements_or_axes(name, shape, tmp_path):
    tensors = {f"q.{A}": numbers(1, 2, 6), f"q.{B}": numbers(2, 5, 2)} | {f"q.{name}": numbers(3, *shape)}
    folder = adapter(tmp_path / "odd", {name: np.asarray(tensor, np.float32) for name, tensor in tensors.items()})
    assert f"q.{name} is {list(shape)}: a matrix with elements is expected" in refused(tmp_path, folder)


def test_kinds_that_are_not_read(tmp_path):
    vera = adapter(tmp_path / "vera", {"q.vera_lambda_b": numbers(1, 6)}, peft_type="VERA")
    message = refused(tmp_path, vera)
    assert "VERA is a kind whose delta is not read" in message and "LORA, ADALORA, LOHA, LOKR" in message
    prompt = adapter(tmp_path / "prompt", {"prompt_embeddings": numbers(1, 2, 6)}, peft_type="PROMPT_TUNING")
    assert "PROMPT_TUNING adds nothing to weights" in refused(tmp_path, prompt)


def test_numbers_of_a_recipe(tmp_path):
    assert "rank is -1: at least 1" in applied(tmp_path, MODEL, PAIR, "rank = -1", expect=BAD_INPUT)
    message = applied(tmp_path, MODEL, PAIR, 'mode = "compose"', "weights = [1, 2]", expect=BAD_INPUT)
    assert "compose has a weight of 1 each" in message
