"""What `peftc merge` writes, against sums over whole deltas in float64, plain numpy forms of the papers, and PEFT."""

import itertools
import json

import numpy as np
import pytest
from safetensors.numpy import load_file

from support import BAD_INPUT, MODELS, peftc, relative_l2

MERGES = MODELS / "merges"
CASES = json.loads((MERGES / "cases.json").read_text())
LLAMA = MODELS / "llama" / "adapters"
TRIO = [LLAMA / name for name in ("qv", "qv2", "all-linear")]
PAIR = [MODELS / name for name in CASES["adapters"]]


def merged(tmp_path, adapters, *options):
    """The written folder, and the report."""
    folder = tmp_path / "merged"
    report = json.loads(peftc("merge", *adapters, "-o", folder, "--force", "--json", *options).stdout)
    return folder, report


def scale_of(config, module, rank):
    """α of the module over its rank: for adapters without patterns, or written by peftc."""
    alpha = config["alpha_pattern"].get("^" + module.replace(".", "\\."), config["lora_alpha"])
    return alpha / (np.sqrt(rank) if config["use_rslora"] else rank)


def factors_of(folder):
    """s, A and B by module, in float64."""
    config = json.loads((folder / "adapter_config.json").read_text())
    tensors = load_file(folder / "adapter_model.safetensors")
    found = {}
    for name in tensors:
        module, is_a, _ = name.removeprefix("base_model.model.").partition(".lora_A.weight")
        if is_a:
            a, b = (tensors[name.replace("lora_A", part)].astype(np.float64) for part in ("lora_A", "lora_B"))
            found[module] = scale_of(config, module, len(a)), a, b
    return found


def deltas_of(folder):
    return {module: s * b @ a for module, (s, a, b) in factors_of(folder).items()}


def weighted_sum(adapters, weights):
    total = {}
    for adapter, weight in zip(adapters, weights, strict=True):
        for module, delta in deltas_of(adapter).items():
            total[module] = total.get(module, 0) + weight * delta
    return total


def assert_equal(found, expected, tolerance):
    assert found.keys() == expected.keys()
    for module, delta in expected.items():
        assert relative_l2(found[module], delta) <= tolerance, module


@pytest.mark.parametrize("method", ["linear", "cat"])
@pytest.mark.parametrize("weights", [None, (0.5, 1.5, -0.7)])
def test_theory_merging_without_truncation_is_the_sum_of_deltas(method, weights, tmp_path):
    options = ("--weights=" + ",".join(map(str, weights)),) if weights else ()
    folder, report = merged(tmp_path, TRIO, "--method", method, *options)
    assert_equal(deltas_of(folder), weighted_sum(TRIO, weights or [1 / 3] * 3), 1e-6)
    assert report["frobenius_error"] == 0
    for module in report["modules"]:
        assert module["rank"] <= sum(module["ranks"])


def test_weights_are_divided_by_their_sum(tmp_path):
    folder, report = merged(tmp_path, TRIO, "--weights", "1,2,5", "--normalize")
    assert_equal(deltas_of(folder), weighted_sum(TRIO, [1 / 8, 2 / 8, 5 / 8]), 1e-6)
    assert [adapter["weight"] for adapter in report["adapters"]] == [1 / 8, 2 / 8, 5 / 8]


@pytest.mark.parametrize("method, power", [("equal", 0), ("inverse-norm", 1), ("inverse-variance", 2)])
def test_theory_merging_weights_from_norms(method, power, tmp_path):
    norms = [np.sqrt(sum(np.linalg.norm(d) ** 2 for d in deltas_of(adapter).values())) for adapter in TRIO]
    weights = np.array(norms) ** -power
    folder, _ = merged(tmp_path, TRIO, "--method", method)
    assert_equal(deltas_of(folder), weighted_sum(TRIO, weights / weights.sum()), 1e-6)


def test_weights_from_norms_of_each_module(tmp_path):
    folder, report = merged(tmp_path, TRIO[:2], "--method", "inverse-norm", "--per-module")
    left, right = map(deltas_of, TRIO[:2])
    expected = {}
    for module in left:
        norms = np.linalg.norm(left[module]), np.linalg.norm(right[module])
        share = 1 / norms[0] / (1 / norms[0] + 1 / norms[1])
        expected[module] = share * left[module] + (1 - share) * right[module]
    assert_equal(deltas_of(folder), expected, 1e-6)
    assert {adapter["weight"] for adapter in report["adapters"]} == {None}


@pytest.mark.parametrize("method", ["linear", "svd", "equal"])
@pytest.mark.parametrize("rank", [1, 3, 8])
def test_theory_eckart_young_of_merged_adapters(method, rank, tmp_path):
    folder, report = merged(tmp_path, TRIO[:2], "--method", method, "--rank", rank)
    found = deltas_of(folder)
    total = weighted_sum(TRIO[:2], [0.5, 0.5])
    for module in report["modules"]:
        name, s = module["module"], np.linalg.svd(total[module["module"]], compute_uv=False)
        left = total[name] - found[name]
        assert np.linalg.matrix_rank(found[name]) <= rank
        assert np.isclose(np.linalg.norm(left, 2), s[rank], rtol=1e-4)
        assert np.isclose(np.linalg.norm(left), np.sqrt((s[rank:] ** 2).sum()), rtol=1e-4)
        assert np.isclose(module["spectral_error"], s[rank], rtol=1e-6)
        assert np.isclose(module["frobenius_error"], np.sqrt((s[rank:] ** 2).sum()), rtol=1e-6)


def test_the_least_rank_with_an_energy(tmp_path):
    _, report = merged(tmp_path, TRIO[:2], "--energy", 0.9)
    for module in report["modules"]:
        s = np.linalg.svd(weighted_sum(TRIO[:2], [0.5, 0.5])[module["module"]], compute_uv=False)
        kept = np.cumsum(s**2) / (s**2).sum()
        assert kept[module["rank"] - 1] >= 0.9 > (0 if module["rank"] == 1 else kept[module["rank"] - 2])


def trimmed(delta, density, skip=0.0):
    """Without ⌊skip·n⌋ the next ⌊density·n⌋ of largest magnitude."""
    order = np.argsort(-np.abs(delta), axis=None)
    first, count = int(skip * delta.size), int(density * delta.size)
    kept = np.zeros(delta.size)
    kept[order[first : first + count]] = delta.reshape(-1)[order[first : first + count]]
    return kept.reshape(delta.shape)


def elected(deltas, weights):
    """TIES-Merging: the sign of the sum, and the mean over those that have it."""
    weighted = np.stack([w * d for w, d in zip(weights, deltas, strict=True)])
    sign = np.where(weighted.sum(0) >= 0, 1, -1)
    agrees = np.sign(weighted) == sign
    return (weighted * agrees).sum(0) / np.maximum(agrees.sum(0), 1)


def sparse_masks(tmp_path, adapters, method, *options):
    """Which elements of each adapter's deltas the method keeps: those that are there when the others weigh nothing."""
    masks = []
    for index in range(len(adapters)):
        weights = ",".join("1" if i == index else "0" for i in range(len(adapters)))
        folder, _ = merged(tmp_path, adapters, "--method", method, "--rank", 64, "--weights", weights, *options)
        masks.append({module: np.abs(delta) > 1e-5 for module, delta in deltas_of(folder).items()})
    return masks


# A rank at which nothing is left out.
WHOLE = ("--rank", 64)


@pytest.mark.parametrize("weights", [(1, 1), (0.3, -1.2)])
@pytest.mark.parametrize("method", ["ties", "magnitude-prune", "breadcrumbs"])
def test_sparse_methods_are_those_of_their_papers(method, weights, tmp_path):
    options = ("--density", 0.3, "--weights=" + ",".join(map(str, weights)))
    options += ("--gamma", 0.05) if method == "breadcrumbs" else ()
    folder, _ = merged(tmp_path, PAIR, "--method", method, *WHOLE, *options)
    deltas = [deltas_of(adapter) for adapter in PAIR]
    expected = {}
    for module in deltas[0]:
        sparse = [trimmed(d[module], 0.3, 0.05 if method == "breadcrumbs" else 0) for d in deltas]
        fused = elected(sparse, weights) if method == "ties" else sum(w * d for w, d in zip(weights, sparse))
        expected[module] = fused
    assert_equal(deltas_of(folder), expected, 1e-5)


@pytest.mark.parametrize("weights", [(1, 1), (0.3, -1.2)])
@pytest.mark.parametrize("method", ["dare-linear", "dare-ties"])
def test_dare_given_its_masks(method, weights, tmp_path):
    options = ("--density", 0.4, "--seed", 3)
    masks = sparse_masks(tmp_path, PAIR, "dare-linear", *options)
    kept = [np.mean(np.concatenate([m.reshape(-1) for m in mask.values()])) for mask in masks]
    assert all(abs(share - 0.4) < 0.02 for share in kept)
    assert any((masks[0][module] != masks[1][module]).any() for module in masks[0])
    folder, _ = merged(tmp_path, PAIR, "--method", method, *WHOLE, *options, "--weights=" + ",".join(map(str, weights)))
    deltas = [deltas_of(adapter) for adapter in PAIR]
    expected = {}
    for module in deltas[0]:
        sparse = [d[module] * mask[module] / 0.4 for d, mask in zip(deltas, masks)]
        fused = elected(sparse, weights) if method == "dare-ties" else sum(w * d for w, d in zip(weights, sparse))
        expected[module] = fused
    assert_equal(deltas_of(folder), expected, 1e-5)


def test_della_divides_by_the_probability_of_the_rank(tmp_path):
    options = ("--method", "della", "--density", 0.5, "--epsilon", 0.2, "--seed", 1)
    folder, _ = merged(tmp_path, PAIR[:1], *WHOLE, *options)
    found, deltas = deltas_of(folder), deltas_of(PAIR[0])
    for module, delta in deltas.items():
        ranks = np.abs(delta).argsort(axis=1).argsort(axis=1)
        probability = 0.3 + 0.4 * ranks / (delta.shape[1] - 1)
        mask = np.abs(found[module]) > 1e-5
        assert relative_l2(found[module], delta * mask / probability) <= 1e-5
        assert abs(mask.mean() - 0.5) < 0.05


def test_slerp_and_karcher_of_two_meet_in_the_middle(tmp_path):
    left, right = map(deltas_of, TRIO[:2])
    folder, _ = merged(tmp_path, TRIO[:2], "--method", "slerp", "--weights", "3,1")
    expected = {}
    for module in left:
        x, y = left[module], right[module]
        angle = np.arccos((x * y).sum() / np.linalg.norm(x) / np.linalg.norm(y))
        expected[module] = (np.sin(0.75 * angle) * x + np.sin(0.25 * angle) * y) / np.sin(angle)
    assert_equal(deltas_of(folder), expected, 1e-6)
    folder, _ = merged(tmp_path, TRIO[:2], "--method", "karcher")
    for module, delta in deltas_of(folder).items():
        x, y = left[module], right[module]
        middle = x / np.linalg.norm(x) + y / np.linalg.norm(y)
        middle *= (np.linalg.norm(x) + np.linalg.norm(y)) / 2 / np.linalg.norm(middle)
        assert relative_l2(delta, middle) <= 1e-6


PEFT_KINDS = [kind for kind in CASES["combinations"] if not kind.startswith("dare")]


def peft_options(kind):
    weights = "--weights=" + ",".join(map(str, CASES["weights"]))
    density = ("--density", CASES["density"]) if kind not in ("linear", "cat", "svd") else ()
    return ("--method", "peft-" + kind.replace("_", "-"), weights, *density)


@pytest.mark.parametrize("kind", PEFT_KINDS)
def test_peft_forms_are_those_of_add_weighted_adapter(kind, tmp_path):
    folder, _ = merged(tmp_path, PAIR, *peft_options(kind))
    with np.load(MERGES / f"peft-{kind}.npz") as stored:
        found = factors_of(folder)
        assert len(found) == 4
        for module, (scale, a, b) in found.items():
            assert scale == 1
            expected = stored[f"{module}/A"].astype(np.float64), stored[f"{module}/B"].astype(np.float64)
            assert relative_l2(b @ a, expected[1] @ expected[0]) <= 1e-5
            assert a.shape == expected[0].shape and b.shape == expected[1].shape
            if not kind.endswith("svd"):
                assert relative_l2(a, expected[0]) <= 1e-5 and relative_l2(b, expected[1]) <= 1e-5


def peft_dare(tensors, weights, masks, ties):
    """PEFT's arithmetic with given masks: signs are elected without weights."""
    sparse = [t * m / CASES["density"] for t, m in zip(tensors, masks, strict=True)]
    if not ties:
        return sum(w * t for w, t in zip(weights, sparse))
    sign = np.where(sum(sparse) >= 0, 1, -1)
    agrees = [np.sign(t) == sign for t in sparse]
    return sum(w * t * a for w, t, a in zip(weights, sparse, agrees)) / np.maximum(sum(agrees), 1)


def peft_dare_combined(parts, masks, kind):
    """`parts`: (λ, s, A, B) of each adapter; `masks` of A and of B, or of the deltas."""
    ties = "ties" in kind
    if kind.endswith("svd"):
        total = peft_dare([s * b @ a for _, s, a, b in parts], [w for w, *_ in parts], masks, ties)
        u, s, v = np.linalg.svd(total)
        return u[:, :8] * s[:8] @ v[:8]
    root = [np.sqrt(abs(w * s)) for w, s, *_ in parts]
    signs = [np.sign(w * s) for w, s, *_ in parts]
    a = peft_dare([a for *_, a, _ in parts], np.multiply(root, signs), masks[:2], ties)
    return peft_dare([b for *_, b in parts], root, masks[2:], ties) @ a


@pytest.mark.parametrize("kind", [kind for kind in CASES["combinations"] if kind.startswith("dare")])
def test_peft_dare_is_that_of_add_weighted_adapter_given_the_masks(kind, tmp_path):
    """The form in this file is PEFT's with the masks that torch drew, and ours with the masks that we drew."""
    adapters = [factors_of(adapter) for adapter in PAIR]
    parts = {m: [(w, *f[m]) for w, f in zip(CASES["weights"], adapters)] for m in adapters[0]}
    count = 2 if kind.endswith("svd") else 4
    with np.load(MERGES / f"peft-{kind}.npz") as stored:
        modules = [name.removesuffix("/A") for name in stored if name.endswith("/A")]
        for index, module in enumerate(modules):
            masks = [stored[f"mask{count * index + i}"] for i in range(count)]
            expected = stored[f"{module}/B"].astype(np.float64) @ stored[f"{module}/A"].astype(np.float64)
            assert relative_l2(peft_dare_combined(parts[module], masks, kind), expected) <= 1e-5
    options = peft_options(kind)
    masks = our_masks(tmp_path, kind, options)
    folder, _ = merged(tmp_path, PAIR, *options)
    for module, delta in deltas_of(folder).items():
        assert relative_l2(delta, peft_dare_combined(parts[module], masks[module], kind)) <= 1e-5


def our_masks(tmp_path, kind, options):
    whole = kind.endswith("svd")
    linear = ("--method", "peft-dare-linear" + ("-svd" if whole else ""), *options[3:])
    found = {}
    for index in range(2):
        alone = "1,0" if index == 0 else "0,1"
        folder, _ = merged(tmp_path, PAIR, *linear, "--weights", alone, *(WHOLE if whole else ()))
        for module, (s, a, b) in factors_of(folder).items():
            parts = [np.abs(b @ a) > 1e-5] if whole else [a != 0, b != 0]
            found.setdefault(module, []).append(parts)
    return {module: list(itertools.chain(*zip(*parts))) for module, parts in found.items()}


@pytest.mark.parametrize("kind", [kind for kind in CASES["kinds"] if kind not in ("dora", "embedding")])
def test_other_kinds_become_a_lora(kind, tmp_path):
    folder, report = merged(tmp_path, [MERGES / "adapters" / kind])
    with np.load(MERGES / f"{kind}.npz") as stored:
        assert_equal(deltas_of(folder), dict(stored), 1e-6)
    other, _ = merged(tmp_path, [MERGES / "adapters" / kind, LLAMA / "all-linear"], "--weights", "0.5,2")
    expected = {module: 2 * delta for module, delta in deltas_of(LLAMA / "all-linear").items()}
    with np.load(MERGES / f"{kind}.npz") as stored:
        for module in stored:
            expected[module] = expected[module] + 0.5 * stored[module]
    assert_equal(deltas_of(other), expected, 1e-6)


@pytest.mark.parametrize("export", ["torchscript", "dynamo"])
def test_dora_with_its_base(export, tmp_path):
    """DoRA's change has full rank: the best of a rank is what can be had, and all of it of the full one."""
    dora, base = MERGES / "adapters" / "dora", MODELS / "llama" / f"{export}.onnx"
    with np.load(MERGES / "dora.npz") as stored:
        expected = dict(stored)
    folder, _ = merged(tmp_path, [dora], "--base", base, "--rank", 64)
    # What is small against W cancels in W + Δ, in PyTorch's float32 weights too.
    assert_equal(deltas_of(folder), expected, 1e-5)
    folder, report = merged(tmp_path, [dora, LLAMA / "all-linear"], "--base", base, "--weights", "1,0.5", "--rank", 9)
    total = {module: 0.5 * delta for module, delta in deltas_of(LLAMA / "all-linear").items()}
    for module, delta in expected.items():
        total[module] = total[module] + delta
    found = deltas_of(folder)
    for module in expected:
        s = np.linalg.svd(total[module], compute_uv=False)
        assert np.isclose(np.linalg.norm(total[module] - found[module]), np.sqrt((s[9:] ** 2).sum()), rtol=1e-4)


def test_embeddings_stay_embeddings(tmp_path):
    adapter = MERGES / "adapters" / "embedding"
    folder, _ = merged(tmp_path, [adapter, adapter], "--weights", "1,0.5")
    tensors = load_file(folder / "adapter_model.safetensors")
    a, b = (tensors[f"base_model.model.model.embed_tokens.lora_embedding_{part}"] for part in "AB")
    with np.load(MERGES / "embedding.npz") as stored:
        assert relative_l2((b @ a).T, 1.5 * stored["model.embed_tokens"]) <= 1e-6


def refused(tmp_path, *arguments, command="merge"):
    folder = tmp_path / "refused"
    result = peftc(command, *arguments, "-o", folder, expect=BAD_INPUT)
    assert not folder.exists()
    return result.stderr


def test_what_cannot_be_combined(tmp_path):
    qv = LLAMA / "qv"
    dora = MERGES / "adapters" / "dora"
    assert "DoRA" in refused(tmp_path, qv, dora) and "--base MODEL.onnx" in refused(tmp_path, qv, dora)
    assert "full rank" in refused(tmp_path, qv, dora, "--base", MODELS / "llama" / "dynamo.onnx")
    assert "no linear layer of the model matches" in refused(tmp_path, dora, "--rank", 4, "--base", MODELS / "gpt2" / "dynamo.onnx")
    assert "pissa" in refused(tmp_path, qv, MODELS / "llama" / "unsupported" / "pissa")
    ia3 = next((MODELS / "blocks" / "llama" / "peft").glob("ia3*"))
    assert "IA3 adds nothing to weights" in refused(tmp_path, qv, ia3)
    prefix = next((MODELS / "blocks" / "llama" / "peft").glob("prefix*"))
    assert "PREFIX_TUNING adds nothing to weights" in refused(tmp_path, qv, prefix)
    message = refused(tmp_path, qv, LLAMA / "modules-to-save")
    assert "lm_head.weight replaces a parameter" in message and "cannot be added up" in message
    message = refused(tmp_path, qv, MODELS / "gpt2" / "adapters" / "qv")
    assert "fan_in_fan_out is false" in message and "different bases" in message
    message = refused(tmp_path, qv, MODELS / "bert" / "adapters" / "qv")
    assert "peftc-fixtures/bert" in message and "no module in common" in message
    message = refused(tmp_path, *PAIR, LLAMA / "qv2", "--method", "peft-linear")
    assert "one rank alone" in message and "[8, 8, 5]" in message


@pytest.mark.parametrize(
    "options, words",
    [
        (("--method", "mean"), 'no method "mean"'),
        (("--method", "ties"), "needs density"),
        (("--method", "ties", "--density", "1.5"), "density is 1.5"),
        (("--density", "0.5"), "linear has no density"),
        (("--method", "ties", "--density", "0.5", "--seed", "1"), "ties has no seed"),
        (("--method", "cat", "--rank", "4"), "cat has no rank"),
        (("--rank", "0"), "rank is 0"),
        (("--energy", "1.5"), "energy is 1.5"),
        (("--weights", "1"), "1 numbers for 2 adapters"),
        (("--weights", "1,-1", "--normalize"), "sum of weights is 0"),
        (("--method", "equal", "--weights", "1,2"), "equal has weights of its own"),
        (("--method", "della", "--density", "0.95"), "density ± epsilon"),
        (("--per-module",), "linear has no per-module"),
    ],
)
def test_options_that_do_not_fit(options, words, tmp_path):
    assert words in refused(tmp_path, *PAIR, *options)


def test_existing_output_is_kept(tmp_path):
    folder, _ = merged(tmp_path, PAIR)
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    message = peftc("merge", *TRIO, "-o", folder, expect=BAD_INPUT).stderr
    assert "is there already" in message and "--force" in message
    assert before == {path.name: path.read_bytes() for path in folder.iterdir()}


def test_same_bytes_on_any_number_of_threads(tmp_path):
    folders = []
    for threads in ("1", "2", "5"):
        folder = tmp_path / threads
        peftc("merge", *PAIR, "-o", folder, "--method", "dare-ties", "--density", "0.5", "--threads", threads)
        folders.append({path.name: path.read_bytes() for path in folder.iterdir()})
    assert folders[0] == folders[1] == folders[2]
