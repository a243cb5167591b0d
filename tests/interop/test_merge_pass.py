"""The pass `merge`: several adapters into a model at once compute what `peftc merge` and then one adapter compute."""

import json
import shutil

import numpy as np
import onnx
import pytest
from onnx import numpy_helper
from safetensors.numpy import load_file, save_file

from support import BAD_INPUT, MODELS, peftc, relative_l2, run
from test_merge import MERGES, PAIR, deltas_of, elected, merged, trimmed, weighted_sum

EXPORTS = ["torchscript", "dynamo"]
FAMILIES = ["llama", "gpt2", "bert"]


def adapters_of(family):
    return [MODELS / family / "adapters" / name for name in ("qv", "qv2", "all-linear")]


def applied(tmp_path, model, adapters, *lines, more="", expect=0):
    recipe, output = tmp_path / "merge.toml", tmp_path / "merged.onnx"
    paths = ", ".join(f'"{path}"' for path in adapters)
    text = "\n".join(['[[pass]]', 'name = "merge"', f"adapters = [{paths}]", *lines, more])
    recipe.write_text(text)
    result = peftc("apply", recipe, model, "-o", output, "--force", expect=expect)
    return output if expect == 0 else result.stderr


def inputs_of(family):
    with np.load(MODELS / family / "cases" / "qv.npz") as case:
        return {name.removeprefix("in/"): case[name] for name in case if name.startswith("in/")}


def sites_of(model):
    listing = json.loads(peftc("inspect", model, "--sites", "--json").stdout)
    return {site["module"]: site["weight"] for site in listing["linear"]}


def weight_changes(model, base):
    """ΔW of each changed module as it is stored, and how far rounding W + ΔW to float32 can move it."""
    tensors = [{t.name: numpy_helper.to_array(t) for t in onnx.load(path).graph.initializer} for path in (base, model)]
    before, after = sites_of(base), sites_of(model)
    changes = {}
    for module in before:
        weight = tensors[1][after[module]].astype(np.float64)
        change = weight - tensors[0][before[module]]
        if change.any():
            changes[module] = change, np.linalg.norm(weight) * 2.0**-24
    return changes


def assert_changes(found, expected):
    """Equal to 1e-6, but for rounding."""
    assert found.keys() == expected.keys()
    for module, delta in expected.items():
        change, rounding = found[module]
        distance = min(np.linalg.norm(change - d) for d in (delta, delta.T) if d.shape == change.shape)
        assert distance <= 1e-6 * np.linalg.norm(delta) + rounding, module


@pytest.mark.parametrize("export", EXPORTS)
@pytest.mark.parametrize("family", FAMILIES)
def test_theory_composition_into_the_weights(family, export, tmp_path):
    model, adapters = MODELS / family / f"{export}.onnx", adapters_of(family)
    weights = [0.5, 1.5, -0.7]
    output = applied(tmp_path, model, adapters, f"weights = {weights}")
    onnx.checker.check_model(str(output), full_check=True)
    assert_changes(weight_changes(output, model), weighted_sum(adapters, weights))


@pytest.mark.parametrize("family", FAMILIES)
def test_weights_of_1_and_1_kth(family, tmp_path):
    model, adapters = MODELS / family / "dynamo.onnx", adapters_of(family)
    for mode, weight in (("merge", 1 / 3), ("compose", 1)):
        output = applied(tmp_path, model, adapters, f'mode = "{mode}"')
        assert_changes(weight_changes(output, model), weighted_sum(adapters, [weight] * 3))


@pytest.mark.parametrize("export", EXPORTS)
@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("options", [(), ('method = "slerp"',), ("rank = 4",), ('method = "inverse-norm"',)], ids=str)
def test_injected_equals_merged_and_the_one_adapter(options, family, export, tmp_path):
    model, adapters = MODELS / family / f"{export}.onnx", adapters_of(family)[:2]
    inputs = inputs_of(family)
    into = run(applied(tmp_path, model, adapters, *options), inputs)
    beside = run(applied(tmp_path, model, adapters, 'mode = "inject"', *options), inputs)
    assert relative_l2(beside, into) <= 1e-5
    given = [f"--{option.replace(' = ', '=').replace(chr(34), '')}" for option in options]
    folder, _ = merged(tmp_path, adapters, *given)
    one = tmp_path / "one.onnx"
    peftc("apply", folder, model, "-o", one)
    assert relative_l2(run(one, inputs), into) <= 1e-5
    assert relative_l2(run(model, inputs), into) >= 1e-3


SPARSE = {
    "ties": ("density = 0.3",),
    "magnitude-prune": ("density = 0.3",),
    "breadcrumbs": ("density = 0.3", "gamma = 0.05"),
}


@pytest.mark.parametrize("export", EXPORTS)
@pytest.mark.parametrize("method", SPARSE)
def test_sparse_methods_are_exact_in_the_weights(method, export, tmp_path):
    model, weights = MODELS / "llama" / f"{export}.onnx", (1, 0.5)
    output = applied(tmp_path, model, PAIR, f'method = "{method}"', "weights = [1, 0.5]", *SPARSE[method])
    deltas = [deltas_of(adapter) for adapter in PAIR]
    expected = {}
    for module in deltas[0]:
        sparse = [trimmed(d[module], 0.3, 0.05 if method == "breadcrumbs" else 0) for d in deltas]
        expected[module] = elected(sparse, weights) if method == "ties" else sum(w * d for w, d in zip(weights, sparse))
    assert_changes(weight_changes(output, model), expected)


@pytest.mark.parametrize("export", EXPORTS)
@pytest.mark.parametrize("method", ["dare-linear", "dare-ties", "della"])
def test_random_methods_choose_as_the_command_does(method, export, tmp_path):
    model = MODELS / "llama" / f"{export}.onnx"
    output = applied(tmp_path, model, PAIR, f'method = "{method}"', "density = 0.5", "seed = 3")
    folder, _ = merged(tmp_path, PAIR, "--method", method, "--density", 0.5, "--seed", 3, "--rank", 64)
    assert_changes(weight_changes(output, model), deltas_of(folder))


@pytest.mark.parametrize("method", ["peft-linear", "peft-cat", "peft-svd", "peft-ties", "peft-ties-svd", "svd"])
def test_peft_forms(method, tmp_path):
    model = MODELS / "llama" / "torchscript.onnx"
    density = ("density = 0.3",) if "ties" in method else ()
    output = applied(tmp_path, model, PAIR, f'method = "{method}"', "weights = [0.7, -0.4]", *density)
    given = ("--density", 0.3) if density else ()
    folder, _ = merged(tmp_path, PAIR, "--method", method, "--weights=0.7,-0.4", *given)
    assert_changes(weight_changes(output, model), deltas_of(folder))


@pytest.mark.parametrize("export", EXPORTS)
@pytest.mark.parametrize("kind", ["loha", "lokr", "lokr-both", "adalora"])
def test_other_kinds_are_applied(kind, export, tmp_path):
    model, output = MODELS / "llama" / f"{export}.onnx", tmp_path / "out.onnx"
    peftc("apply", MERGES / "adapters" / kind, model, "-o", output)
    with np.load(MERGES / f"{kind}.npz") as stored:
        assert_changes(weight_changes(output, model), dict(stored))
    beside = tmp_path / "beside.onnx"
    peftc("apply", MERGES / "adapters" / kind, model, "-o", beside, "--mode", "inject")
    assert relative_l2(run(beside, inputs_of("llama")), run(output, inputs_of("llama"))) <= 1e-5


@pytest.mark.parametrize("export", EXPORTS)
@pytest.mark.parametrize("kind", ["lokr", "lokr-both"])
def test_a_kronecker_product_among_others(kind, export, tmp_path):
    model, adapters = MODELS / "llama" / f"{export}.onnx", [MERGES / "adapters" / kind, PAIR[0]]
    with np.load(MERGES / f"{kind}.npz") as stored:
        changes = dict(stored), deltas_of(PAIR[0])
    both = {m: [c[m] for c in changes if m in c] for m in changes[0].keys() | changes[1].keys()}
    total = {m: sum(deltas) for m, deltas in both.items()}
    assert_changes(weight_changes(applied(tmp_path, model, adapters, 'mode = "compose"'), model), total)
    ties = {m: elected([trimmed(d, 0.3, 0) for d in deltas], [1] * len(deltas)) for m, deltas in both.items()}
    output = applied(tmp_path, model, adapters, 'method = "ties"', "density = 0.3")
    assert_changes(weight_changes(output, model), ties)
    norms = [np.sqrt(sum(np.linalg.norm(d) ** 2 for d in c.values())) for c in changes]
    folder, report = merged(tmp_path, adapters, "--method", "inverse-norm", "--rank", 3)
    assert np.allclose([a["norm"] for a in report["adapters"]], norms, rtol=1e-6)
    weights = (1 / norms[0], 1 / norms[1]) / (1 / norms[0] + 1 / norms[1])
    for module, found in deltas_of(folder).items():
        weighted = sum(w * c[module] for w, c in zip(weights, changes) if module in c)
        rest = np.sqrt((np.linalg.svd(weighted, compute_uv=False)[3:] ** 2).sum())
        assert np.isclose(np.linalg.norm(weighted - found), rest, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("kind", ["lokr", "lokr-both"])
def test_the_nearest_to_a_kronecker_product_alone(kind, tmp_path):
    folder, report = merged(tmp_path, [MERGES / "adapters" / kind], "--rank", 3)
    with np.load(MERGES / f"{kind}.npz") as stored:
        for module, found in deltas_of(folder).items():
            rest = np.sqrt((np.linalg.svd(stored[module], compute_uv=False)[3:] ** 2).sum())
            assert np.isclose(np.linalg.norm(stored[module] - found), rest, rtol=1e-4, atol=1e-6)
    assert all(module["rank"] <= 3 for module in report["modules"])


def as_dora(tmp_path, adapter):
    """The same adapter with magnitudes that are not the weights' own."""
    folder = tmp_path / f"{adapter.name}-dora"
    shutil.copytree(adapter, folder)
    config = json.loads((folder / "adapter_config.json").read_text())
    (folder / "adapter_config.json").write_text(json.dumps(config | {"use_dora": True}))
    tensors = load_file(folder / "adapter_model.safetensors")
    random = np.random.default_rng(0)
    for name in [name for name in tensors if name.endswith("lora_B.weight")]:
        magnitudes = random.uniform(0.1, 2, len(tensors[name])).astype(np.float32)
        tensors[name.replace("lora_B.weight", "lora_magnitude_vector")] = magnitudes
    save_file(tensors, folder / "adapter_model.safetensors")
    return folder


def dora_of(folder, model):
    """m·V/‖V‖ − W by module, in float64."""
    tensors = load_file(folder / "adapter_model.safetensors")
    graph, sites = onnx.load(model).graph, sites_of(model)
    weights = {t.name: numpy_helper.to_array(t).astype(np.float64) for t in graph.initializer}
    changes = {}
    for module, delta in deltas_of(folder).items():
        own = weights[sites[module]]
        own = own if is_stored_by_outputs(graph, sites[module]) else own.T
        magnitudes = tensors[f"base_model.model.{module}.lora_magnitude_vector"].astype(np.float64)
        whole = own + delta
        changes[module] = (magnitudes / np.linalg.norm(whole, axis=1))[:, None] * whole - own
    return changes


def is_stored_by_outputs(graph, weight):
    user = next(node for node in graph.node if weight in node.input)
    return user.op_type == "Transpose" or any(a.name == "transB" and a.i for a in user.attribute)


@pytest.mark.parametrize("export", EXPORTS)
def test_dora_is_applied(export, tmp_path):
    model, output = MODELS / "llama" / f"{export}.onnx", tmp_path / "out.onnx"
    dora = MERGES / "adapters" / "dora"
    peftc("apply", dora, model, "-o", output)
    found = weight_changes(output, model)
    assert_changes(found, dora_of(dora, model))
    with np.load(MERGES / "dora.npz") as stored:
        assert found.keys() == set(stored)
        for module in stored:
            change = found[module][0]
            both = [relative_l2(change, d) for d in (stored[module], stored[module].T) if d.shape == change.shape]
            assert min(both) <= 1e-5, module


@pytest.mark.parametrize("export", EXPORTS)
@pytest.mark.parametrize("family", FAMILIES)
def test_dora_in_a_sum(family, export, tmp_path):
    model, adapters = MODELS / family / f"{export}.onnx", adapters_of(family)[:2]
    dora = as_dora(tmp_path, adapters[0])
    output = applied(tmp_path, model, [dora, adapters[1]], "weights = [0.7, -0.4]")
    expected = weighted_sum([adapters[1]], [-0.4])
    for module, change in dora_of(dora, model).items():
        expected[module] = expected.get(module, 0) + 0.7 * change
    assert_changes(weight_changes(output, model), expected)


@pytest.mark.parametrize("export", EXPORTS)
def test_dora_element_by_element_and_of_a_rank(export, tmp_path):
    model = MODELS / "llama" / f"{export}.onnx"
    dora = as_dora(tmp_path, PAIR[0])
    changes = [dora_of(dora, model), deltas_of(PAIR[1])]
    output = applied(tmp_path, model, [dora, PAIR[1]], 'method = "ties"', "density = 0.3")
    ties = {m: elected([trimmed(c[m], 0.3, 0) for c in changes], (1, 1)) for m in changes[0]}
    assert_changes(weight_changes(output, model), ties)
    total = {m: changes[0][m] + changes[1][m] for m in changes[0]}
    for line, rank_of in (("rank = 3", lambda s: 3), ("energy = 0.9", lambda s: least_rank(s, 0.9))):
        output = applied(tmp_path, model, [dora, PAIR[1]], 'mode = "compose"', line)
        nearest = {}
        for module, change in total.items():
            u, s, v = np.linalg.svd(change, full_matrices=False)
            rank = rank_of(s)
            nearest[module] = u[:, :rank] * s[:rank] @ v[:rank]
        assert_changes(weight_changes(output, model), nearest)


def least_rank(singular_values, share):
    energy = np.cumsum(singular_values**2)
    return int(np.argmax(energy >= share * energy[-1])) + 1


@pytest.mark.parametrize("method", ["linear", "ties"])
def test_energy_as_the_command_has_it(method, tmp_path):
    model, density = MODELS / "llama" / "dynamo.onnx", ("density = 0.3",) if method == "ties" else ()
    output = applied(tmp_path, model, PAIR, f'method = "{method}"', "energy = 0.8", *density)
    folder, _ = merged(tmp_path, PAIR, "--method", method, "--energy", 0.8, *(("--density", 0.3) if density else ()))
    assert_changes(weight_changes(output, model), deltas_of(folder))


@pytest.mark.parametrize("family", ["gpt2", "bert"])
def test_biases_and_parameters_that_all_replace(family, tmp_path):
    model = MODELS / family / "dynamo.onnx"
    adapter = MODELS / family / "adapters" / "lora-bias"
    halves = applied(tmp_path, model, [adapter, adapter], "weights = [0.5, 0.5]")
    # The second would be refused as applied twice were it a pass of its own.
    one = tmp_path / "one.onnx"
    peftc("apply", adapter, model, "-o", one)
    assert relative_l2(run(halves, inputs_of(family)), run(one, inputs_of(family))) <= 1e-5
    adapter = MODELS / family / "adapters" / "modules-to-save"
    both = applied(tmp_path, model, [adapter, adapter], "weights = [0.5, 0.5]")
    peftc("apply", adapter, model, "-o", one, "--force")
    assert relative_l2(run(both, inputs_of(family)), run(one, inputs_of(family))) <= 1e-5


def test_with_nf4_behind_it(tmp_path):
    model = MODELS / "llama" / "torchscript.onnx"
    nf4 = '[[pass]]\nname = "nf4"\nblock_size = 32\n'
    together = run(applied(tmp_path, model, PAIR, more=nf4), inputs_of("llama"))
    plain = tmp_path / "plain.onnx"
    (tmp_path / "nf4.toml").write_text(nf4)
    peftc("apply", tmp_path / "nf4.toml", applied(tmp_path, model, PAIR), "-o", plain)
    assert np.array_equal(together, run(plain, inputs_of("llama")))


@pytest.mark.parametrize("lines", [(), ('method = "dare-ties"', "density = 0.5"), ("rank = 3",), ('mode = "inject"',)], ids=str)
def test_same_bytes_on_any_number_of_threads(lines, tmp_path):
    written = []
    recipe = tmp_path / "merge.toml"
    paths = ", ".join(f'"{path}"' for path in PAIR)
    recipe.write_text("\n".join(['[[pass]]', 'name = "merge"', f"adapters = [{paths}]", *lines]))
    for threads in ("1", "2", "5"):
        output = tmp_path / "out.onnx"
        peftc("apply", recipe, MODELS / "llama" / "dynamo.onnx", "-o", output, "--force", "--threads", threads)
        written.append(output.read_bytes())
    assert written[0] == written[1] == written[2]


def test_errors(tmp_path):
    model = MODELS / "llama" / "dynamo.onnx"
    refused = lambda adapters, *lines, model=model: applied(tmp_path, model, adapters, *lines, expect=BAD_INPUT)
    assert "IA3 adds nothing to weights" in refused([PAIR[0], next((MODELS / "blocks/llama/peft").glob("ia3*"))])
    assert 'no method "mean"' in refused(PAIR, 'method = "mean"')
    assert "needs density" in refused(PAIR, 'method = "ties"')
    assert "1 numbers for 2 adapters" in refused(PAIR, "weights = [1]")
    assert "which is no number" in refused(PAIR, 'weights = ["a", "b"]')
    assert "equal has weights of its own" in refused(PAIR, 'method = "equal"', 'mode = "compose"')
    assert "match nothing in the model" in refused(PAIR, model=MODELS / "gpt2" / "dynamo.onnx")
    dora = MERGES / "adapters" / "dora"
    assert "no side branch" in refused([dora], 'mode = "inject"')
    for method in ("svd", "slerp", "karcher", "inverse-norm", "peft-linear"):
        assert f"{method} has to know all changes first" in refused([PAIR[0], dora], f'method = "{method}"')
    assert "give rank" in refused(PAIR, 'mode = "inject"', "energy = 0.9")
    assert "both given" in refused(PAIR, "rank = 2", "energy = 0.9")
    assert "pass \"lora\" takes one adapter" in lora_with_two(tmp_path, model)
    assert not (tmp_path / "merged.onnx").exists()


def test_an_adapter_is_not_applied_twice(tmp_path):
    model = applied(tmp_path, MODELS / "llama" / "dynamo.onnx", PAIR)
    once = tmp_path / "once.onnx"
    model.rename(once)
    message = peftc("apply", PAIR[0], once, "-o", tmp_path / "twice.onnx", expect=BAD_INPUT).stderr
    assert "already applied" in message and 'pass "merge"' in message
    recipe = tmp_path / "again.toml"
    recipe.write_text(f'[[pass]]\nname = "merge"\nadapters = ["{PAIR[1]}"]\n')
    assert "already applied" in peftc("apply", recipe, once, "-o", tmp_path / "twice.onnx", expect=BAD_INPUT).stderr


def lora_with_two(tmp_path, model):
    recipe = tmp_path / "two.toml"
    recipe.write_text(f'[[pass]]\nname = "lora"\nadapters = ["{PAIR[0]}", "{PAIR[1]}"]\n')
    return peftc("apply", recipe, model, "-o", tmp_path / "merged.onnx", expect=BAD_INPUT).stderr
