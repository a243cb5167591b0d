"""What `peftc inspect` says adapters do to weights, against whole matrices in float64; and the file of `--report`."""

import html.parser
import itertools
import json
import shutil
import xml.etree.ElementTree

import numpy as np
import onnx
import pytest
from onnx import numpy_helper
from safetensors.numpy import load_file, save_file

from support import BAD_INPUT, MODELS, peftc
from test_merge import scale_of

MERGES = MODELS / "merges" / "adapters"
LLAMA = MODELS / "llama" / "adapters"
PLAIN = [MODELS / family / "adapters" / name for family in ("llama", "gpt2", "bert") for name in ("qv", "all-linear", "rslora")]
OTHERS = [MERGES / name for name in ("adalora", "loha", "lokr", "lokr-both", "embedding")]
TRIO = [LLAMA / name for name in ("qv", "qv2", "all-linear")]
CLOSE = {"rtol": 1e-9, "atol": 0}


def inspected(*arguments):
    return json.loads(peftc("inspect", *arguments, "--json").stdout)


def pattern(config, key, module, default):
    found = [value for name, value in config.get(key, {}).items() if module == name or module.endswith("." + name)]
    return found[0] if found else default


def whole(config, module, parts):
    """ΔW as PEFT computes it, rows as the module's outputs, and how many elements were trained for it."""
    trained = sum(part.size for part in parts.values())
    parts = {name: part.astype(np.float64) for name, part in parts.items()}
    kind = config["peft_type"]
    if kind in ("LOHA", "LOKR"):
        scale = pattern(config, "alpha_pattern", module, config["alpha"]) / pattern(config, "rank_pattern", module, config["r"])
    if kind == "LOHA":
        return scale * (parts["hada_w1_a"] @ parts["hada_w1_b"]) * (parts["hada_w2_a"] @ parts["hada_w2_b"]), trained
    if kind == "LOKR":
        side = lambda n: parts[f"lokr_w{n}"] if f"lokr_w{n}" in parts else parts[f"lokr_w{n}_a"] @ parts[f"lokr_w{n}_b"]
        return scale * np.kron(side(1), side(2)), trained
    if kind == "ADALORA":
        a, b, e = parts["lora_A"], parts["lora_B"], parts["lora_E"]
        return config["lora_alpha"] / (len(a) + 1e-5) * b @ (a * e), trained
    if "lora_embedding_A" in parts:
        a, b = parts["lora_embedding_A"], parts["lora_embedding_B"]
        return scale_of(config, module, len(a)) * b @ a, trained
    a, b = parts["lora_A.weight"], parts["lora_B.weight"]
    return scale_of(config, module, len(a)) * b @ a, trained


def changes_of(folder):
    config = json.loads((folder / "adapter_config.json").read_text())
    modules = {}
    for name, tensor in load_file(folder / "adapter_model.safetensors").items():
        name = name.removeprefix("base_model.model.")
        for mark in (".lora_", ".hada_", ".lokr_"):
            module, found, part = name.partition(mark)
            if found:
                modules.setdefault(module, {})[found[1:] + part] = tensor
    return {module: whole(config, module, parts) for module, parts in modules.items()}


def deltas_of(folder):
    return {module: delta for module, (delta, _) in changes_of(folder).items()}


def numeric_rank(s, shape):
    return int((s > s[0] * max(shape) * np.finfo(float).eps).sum())


def assert_spectrum(layer, delta):
    s = np.linalg.svd(delta, compute_uv=False)
    rank = numeric_rank(s, delta.shape)
    found = np.array(layer["singular_values"])
    assert rank <= len(found) <= min(layer["rank"], *delta.shape)
    np.testing.assert_allclose(found[:rank], s[:rank], **CLOSE)
    assert (found[rank:] <= s[0] * 1e-12).all()
    s = s[:rank]
    shares = s / s.sum()
    np.testing.assert_allclose(layer["norm"], np.linalg.norm(delta), **CLOSE)
    np.testing.assert_allclose(layer["spectral_norm"], np.linalg.norm(delta, 2), **CLOSE)
    np.testing.assert_allclose(layer["effective_rank"], np.exp(-(shares * np.log(shares)).sum()), **CLOSE)
    np.testing.assert_allclose(layer["stable_rank"], np.linalg.norm(delta) ** 2 / s[0] ** 2, **CLOSE)
    np.testing.assert_allclose(layer["energy_by_rank"][:rank], np.cumsum(s**2) / (s**2).sum(), **CLOSE)


@pytest.mark.parametrize("adapter", PLAIN + OTHERS, ids=lambda path: f"{path.parents[1].name}-{path.name}")
def test_spectra_are_those_of_whole_matrices(adapter):
    report, expected = inspected(adapter), changes_of(adapter)
    changes = report["changes"]
    assert report["no_changes"] is None
    assert [layer["module"] for layer in changes["layers"]] == sorted(expected)
    for layer in changes["layers"]:
        delta, trained = expected[layer["module"]]
        is_embedding = layer["module"].endswith("embed_tokens")
        assert layer["layer"] == ("embedding" if is_embedding else "linear")
        assert tuple(layer["shape"]) == (delta.T if is_embedding else delta).shape
        assert layer["trained"] == trained and np.isclose(layer["ratio"], trained / delta.size, **CLOSE)
        assert_spectrum(layer, delta)


@pytest.mark.parametrize("adapter", PLAIN + OTHERS, ids=lambda path: f"{path.parents[1].name}-{path.name}")
def test_theory_forgetting(adapter):
    """‖θ − θ0‖² of the adapted model is reported, with the trainable count m."""
    report, expected = inspected(adapter), deltas_of(adapter)
    norm = np.sqrt(sum(np.linalg.norm(delta) ** 2 for delta in expected.values()))
    np.testing.assert_allclose(report["changes"]["norm"], norm, **CLOSE)
    assert report["parameters"] == sum(t.size for t in load_file(adapter / "adapter_model.safetensors").values())
    assert f"‖θ−θ0‖ {norm:.6f}" in peftc("inspect", adapter).stdout


def test_theory_forgetting_is_what_merging_changes(tmp_path):
    """The weights of the adapted model lie ‖θ − θ0‖ from those of the base, up to their rounding."""
    base, adapted = MODELS / "llama" / "torchscript.onnx", tmp_path / "adapted.onnx"
    peftc("apply", LLAMA / "all-linear", base, "-o", adapted, "--mode", "merge")
    before, after = ([numpy_helper.to_array(t) for t in onnx.load(path).graph.initializer] for path in (base, adapted))
    floats = [(a, b) for a, b in zip(after, before, strict=True) if a.dtype == np.float32]
    distance = np.sqrt(sum(np.linalg.norm(a.astype(np.float64) - b) ** 2 for a, b in floats))
    assert np.isclose(inspected(LLAMA / "all-linear")["changes"]["norm"], distance, rtol=1e-6)


def test_biases_are_in_the_norm_and_replaced_parameters_are_named():
    adapter = MODELS / "bert" / "adapters" / "lora-bias"
    changes = inspected(adapter)["changes"]
    squares = [layer["norm"] ** 2 + layer["bias_norm"] ** 2 for layer in changes["layers"]]
    assert np.isclose(changes["norm"], np.sqrt(sum(squares)), **CLOSE)
    config = json.loads((adapter / "adapter_config.json").read_text())
    tensors = load_file(adapter / "adapter_model.safetensors")
    for layer in changes["layers"]:
        own = {part: tensors[f"base_model.model.{layer['module']}.{part}"] for part in ("lora_A.weight", "lora_B.weight", "lora_B.bias")}
        scale = scale_of(config, layer["module"], layer["rank"])
        assert np.isclose(layer["bias_norm"], scale * np.linalg.norm(own["lora_B.bias"].astype(np.float64)), **CLOSE)
        assert layer["trained"] == own["lora_A.weight"].size + own["lora_B.weight"].size
    saved = inspected(LLAMA / "modules-to-save")["changes"]
    assert saved["replaced"] and "whose change depends on the base" in peftc("inspect", LLAMA / "modules-to-save").stdout


def lora(folder, modules, **entries):
    """A LoRA of A and B by module, α = r."""
    folder.mkdir()
    rank = min(next(iter(modules.values()))[0].shape)
    config = {"peft_type": "LORA", "r": rank, "lora_alpha": rank, "target_modules": list(modules), "alpha_pattern": {}, "use_rslora": False}
    (folder / "adapter_config.json").write_text(json.dumps(config | entries))
    tensors = {}
    for module, (a, b) in modules.items():
        tensors[f"base_model.model.{module}.lora_A.weight"] = np.ascontiguousarray(a)
        tensors[f"base_model.model.{module}.lora_B.weight"] = np.ascontiguousarray(b)
    save_file(tensors, folder / "adapter_model.safetensors")
    return folder


def test_theory_size_of_an_adapter(tmp_path):
    """r(d+k) against dk: d = k = 4096, r = 16 is 0.78%."""
    random = np.random.default_rng(1)
    a, b = random.normal(size=(16, 4096)).astype(np.float32), random.normal(size=(4096, 16)).astype(np.float32)
    adapter = lora(tmp_path / "adapter", {"model.layers.0.q_proj": (a, b)})
    changes = inspected(adapter)["changes"]
    assert changes["trained"] == 16 * (4096 + 4096) and changes["weights"] == 4096 * 4096
    assert changes["ratio"] == changes["layers"][0]["ratio"] == 16 * 8192 / 4096**2
    assert "r(d+k)/dk = 0.78%" in peftc("inspect", adapter).stdout


def test_convolutions_are_counted_with_their_kernels(tmp_path):
    random = np.random.default_rng(2)
    a, b = random.normal(size=(3, 5, 2, 4)), random.normal(size=(7, 3, 1, 1))
    adapter = lora(tmp_path / "adapter", {"conv": (a, b)}, r=3, lora_alpha=3)
    (layer,) = inspected(adapter)["changes"]["layers"]
    assert (layer["layer"], layer["shape"]) == ("convolution", [7, 5, 2, 4])
    assert layer["trained"] == 3 * (5 * 2 * 4) + 7 * 3
    assert layer["ratio"] == layer["trained"] / (7 * 5 * 2 * 4)
    assert_spectrum(layer, b.reshape(7, 3) @ a.reshape(3, 40))


def test_theory_low_rank_of_updates(tmp_path):
    """A sum of n updates of rank 1 has no more than rank n, in whatever rank it is stored; one that is mostly along
    one direction has a small effective rank."""
    random = np.random.default_rng(3)
    steps = [(random.normal(size=(40, 1)), random.normal(size=(1, 30))) for _ in range(4)]
    delta = sum(b @ a for b, a in steps)
    u, s, v = np.linalg.svd(delta)
    # Stored with rank 12, of which 8 are nothing new.
    mix = random.normal(size=(4, 12))
    b, a = np.hstack([step[0] for step in steps]) @ mix, np.linalg.pinv(mix) @ np.vstack([step[1] for step in steps])
    adapter = lora(tmp_path / "sum", {"layer": (a, b)}, r=12, lora_alpha=12)
    (layer,) = inspected(adapter)["changes"]["layers"]
    assert layer["rank"] == 12
    assert sum(value > 1e-12 * layer["spectral_norm"] for value in layer["singular_values"]) == 4
    assert layer["effective_rank"] <= 4 + 1e-6 and layer["stable_rank"] <= layer["effective_rank"]
    spiked = np.array([1, 1e-3, 1e-3, 1e-3])
    adapter = lora(tmp_path / "spiked", {"layer": (v[:4], u[:, :4] * spiked)})
    (layer,) = inspected(adapter)["changes"]["layers"]
    assert 1 < layer["effective_rank"] < 1.05
    flat = lora(tmp_path / "flat", {"layer": (v[:4], u[:, :4])})
    assert np.isclose(inspected(flat)["changes"]["layers"][0]["effective_rank"], 4, **CLOSE)


def bases(delta):
    u, s, v = np.linalg.svd(delta)
    rank = numeric_rank(s, delta.shape)
    return u[:, :rank], v[:rank].T


def overlap(left, right):
    return np.linalg.norm(left.T @ right) ** 2 / min(left.shape[1], right.shape[1])


@pytest.mark.parametrize("adapters", [TRIO, OTHERS, [MODELS / "gpt2" / "adapters" / name for name in ("qv", "all-linear")]], ids=["lora", "others", "gpt2"])
def test_pairs_are_those_of_whole_matrices(adapters):
    report = inspected(*adapters)
    assert report["schema"] == 1
    assert [a["path"] for a in report["adapters"]] == [str(path) for path in adapters]
    assert [a["changes"] for a in report["adapters"]] == [inspected(path)["changes"] for path in adapters]
    assert [(p["left"], p["right"]) for p in report["pairs"]] == list(itertools.combinations(range(len(adapters)), 2))
    deltas = [deltas_of(path) for path in adapters]
    for pair in report["pairs"]:
        left, right = deltas[pair["left"]], deltas[pair["right"]]
        both = sorted(left.keys() & right.keys())
        assert [layer["module"] for layer in pair["layers"]] == both
        assert pair["only_left"] == sorted(left.keys() - right.keys())
        assert pair["only_right"] == sorted(right.keys() - left.keys())
        against = changed = 0
        for layer in pair["layers"]:
            x, y = left[layer["module"]], right[layer["module"]]
            # What is left of two large sums may be small: their rounding is the measure.
            assert np.isclose(layer["cosine"], (x * y).sum() / np.linalg.norm(x) / np.linalg.norm(y), rtol=1e-9, atol=1e-14)
            (columns, rows), (other_columns, other_rows) = bases(x), bases(y)
            assert np.isclose(layer["column_overlap"], overlap(columns, other_columns), **CLOSE)
            assert np.isclose(layer["row_overlap"], overlap(rows, other_rows), **CLOSE)
            assert layer["sign_conflict"] == (x * y < 0).sum() / (x * y != 0).sum()
            against, changed = against + (x * y < 0).sum(), changed + (x * y != 0).sum()
        assert pair["sign_conflict"] == against / changed
        inner = sum((left[m] * right[m]).sum() for m in both)
        norms = [np.sqrt(sum(np.linalg.norm(deltas[m]) ** 2 for m in both)) for deltas in (left, right)]
        assert np.isclose(pair["cosine"], inner / norms[0] / norms[1], rtol=1e-9, atol=1e-14)
        for mean, part in (("mean_cosine", "cosine"), ("column_overlap", "column_overlap"), ("row_overlap", "row_overlap")):
            assert np.isclose(pair[mean], np.mean([layer[part] for layer in pair["layers"]]), **CLOSE)


def test_an_adapter_and_itself_and_its_opposite(tmp_path):
    negated = tmp_path / "negated"
    shutil.copytree(TRIO[0], negated)
    tensors = load_file(negated / "adapter_model.safetensors")
    save_file({name: -t if "lora_B" in name else t for name, t in tensors.items()}, negated / "adapter_model.safetensors")
    same, opposite, _ = inspected(TRIO[0], TRIO[0], negated)["pairs"]
    for pair, sign in ((same, 1), (opposite, -1)):
        assert np.isclose(pair["cosine"], sign, **CLOSE) and pair["sign_conflict"] == (0 if sign == 1 else 1)
        assert np.isclose([pair["column_overlap"], pair["row_overlap"]], 1, **CLOSE).all()


def test_adapters_that_share_no_weight():
    (pair,) = inspected(TRIO[0], MODELS / "gpt2" / "adapters" / "qv")["pairs"]
    assert pair["layers"] == [] and pair["cosine"] == 0 and pair["only_left"] and pair["only_right"]


@pytest.mark.parametrize("adapter", ["bert/peft/prefix", "bert/peft/ia3"])
def test_adapters_without_a_delta_say_why(adapter):
    report = inspected(MODELS / "blocks" / adapter)
    assert report["changes"] is None and "it has no delta" in report["no_changes"]
    assert "no spectrum" in peftc("inspect", MODELS / "blocks" / adapter).stdout


def test_the_same_for_any_number_of_threads(tmp_path):
    outputs = []
    for threads in ("1", "3"):
        page = tmp_path / f"{threads}.html"
        outputs.append((peftc("inspect", *TRIO, "--json", "--threads", threads, "--report", page).stdout, page.read_bytes()))
    assert outputs[0] == outputs[1]


class Page(html.parser.HTMLParser):
    """The tags that must be closed are, the rows of tables, and all references to elsewhere."""

    def __init__(self, text):
        super().__init__()
        self.open, self.rows, self.references = [], [], []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attributes):
        self.references += [value for name, value in attributes if name in ("src", "href", "xlink:href", "action")]
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")
        if tag != "meta":
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        pass

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] in ("td", "th"):
            self.rows[-1][-1] += data


def charts(text):
    parts = ["<svg" + part.partition("</svg>")[0] + "</svg>" for part in text.split("<svg")[1:]]
    return [xml.etree.ElementTree.fromstring(part) for part in parts]


def titles(text):
    return [element.text for chart in charts(text) for element in chart.iter("{http://www.w3.org/2000/svg}title")]


def reported(tmp_path, *adapters):
    path = tmp_path / "report.html"
    report = inspected(*adapters, "--report", path)
    text = path.read_text()
    rest = text.replace('xmlns="http://www.w3.org/2000/svg"', "")
    page = Page(text)
    assert page.references == [] and "://" not in rest and "<script" not in text and "url(" not in text and "@import" not in text
    return report, text, page


@pytest.mark.parametrize("adapter", [LLAMA / "all-linear", *OTHERS], ids=lambda path: path.name)
def test_the_report_of_an_adapter(adapter, tmp_path):
    report, text, page = reported(tmp_path, adapter)
    assert len(charts(text)) == 3
    said = titles(text)
    for layer in report["changes"]["layers"]:
        for name, value in (("‖ΔW‖_F", layer["norm"]), ("effective rank", layer["effective_rank"])):
            (title,) = (t for t in said if t.startswith(f"{layer['module']}: {name} "))
            assert np.isclose(float(title.split()[-1]), value, rtol=1e-5)
        (energy,) = (t for t in said if t.startswith(layer["module"] + ": ") and "% at rank" in t)
        rank = next(i for i, share in enumerate(layer["energy_by_rank"], 1) if share >= 0.9)
        assert f"90% at rank {rank}" in energy
        numbers, values, energies = (row[1:] for row in page.rows if row[0] == layer["module"])
        expected = [layer[key] for key in ("norm", "spectral_norm", "effective_rank", "stable_rank")]
        assert np.allclose([float(x) for x in numbers[2:6]], expected, rtol=1e-5)
        assert np.allclose([float(x) for x in values], layer["singular_values"][:32], rtol=1e-5)
        assert np.allclose([float(x) for x in energies], layer["energy_by_rank"][:32], rtol=1e-5)


def test_the_report_of_several_adapters(tmp_path):
    report, text, page = reported(tmp_path, *TRIO)
    assert len(charts(text)) == 1 + 3 * 3 + 3 * 3
    said = titles(text)
    for pair in report["pairs"]:
        left, right = (TRIO[pair[side]].name for side in ("left", "right"))
        title = next(t for t in said if t.startswith(f"{left} and {right}: cosine "))
        assert np.isclose(float(title.split()[-1]), pair["cosine"], rtol=1e-5)
        row = next(row for row in page.rows if row[0] == f"{left} and {right}")
        assert np.isclose(float(row[-1]), pair["sign_conflict"], rtol=1e-5)


def test_adapters_that_share_no_weight_have_no_cosine_in_the_report(tmp_path):
    _, text, page = reported(tmp_path, TRIO[0], MODELS / "gpt2" / "adapters" / "all-linear")
    assert not any("qv and all-linear: cosine" in title for title in titles(text))
    assert next(row for row in page.rows if row[0] == "qv and all-linear")[-5:] == ["–"] * 5


def test_names_are_text_in_the_report(tmp_path):
    name = 'a<b>&"x'
    a, b = np.ones((2, 3)), np.ones((4, 2))
    adapter = lora(tmp_path / "a<b>", {name: (a, b)}, base_model_name_or_path="<script>alert(1)</script>")
    _, text, page = reported(tmp_path, adapter)
    assert any(row[0] == name for row in page.rows)
    assert ["base", "<script>alert(1)</script>"] in page.rows


def test_a_large_report_stays_small(tmp_path):
    random = np.random.default_rng(5)
    names = [f"model.layers.{layer}.{kind}" for layer in range(40) for kind in ("q", "k", "v", "o", "gate", "up", "down")]
    modules = {name: (random.normal(size=(16, 24)), random.normal(size=(24, 16))) for name in names}
    adapter = lora(tmp_path / "adapter", modules)
    _, text, _ = reported(tmp_path, adapter)
    assert len(text.encode()) < 1e6
    lines = peftc("inspect", adapter).stdout.splitlines()
    assert len(lines) < 60 and any("model.layers.*.gate (40)" in line for line in lines)


def refused(*arguments):
    return peftc("inspect", *arguments, expect=BAD_INPUT).stderr


def test_errors(tmp_path):
    model, page = MODELS / "llama" / "dynamo.onnx", tmp_path / "report.html"
    prefix = MODELS / "blocks" / "bert" / "peft" / "prefix"
    assert "dynamo.onnx: is no adapter" in refused(TRIO[0], model, "--report", page)
    assert "dynamo.onnx: is no adapter" in refused(model, "--report", page)
    assert "it has no delta" in refused(TRIO[0], prefix)
    assert "nothing to chart" in refused(prefix, "--report", page)
    assert "--sites is for one model" in refused("--sites", *TRIO)
    assert "is no folder" in refused(TRIO[0], "--report", tmp_path / "missing" / "report.html")
    assert "is a folder" in refused(TRIO[0], "--report", tmp_path)
    a, b = np.ones((2, 3)), np.ones((4, 2))
    one, other = lora(tmp_path / "one", {"layer": (a, b)}), lora(tmp_path / "other", {"layer": (np.ones((2, 5)), b)})
    assert "layer is linear [4, 3]" in refused(one, other)
    broken = lora(tmp_path / "broken", {"layer": (a * np.nan, b)})
    assert "no finite number" in refused(one, broken) and "no finite number" in inspected(broken)["no_changes"]
    assert not page.exists()
    page.write_text("mine")
    assert "is there already" in refused(TRIO[0], "--report", page)
    assert page.read_text() == "mine"
    peftc("inspect", TRIO[0], "--report", page, "--force")
    assert page.read_text().startswith("<!DOCTYPE html>")
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == ["report.html"]


def test_cosines_keep_their_digits_where_factors_cancel(tmp_path):
    """B·A of two halves that are nearly each other's negative: float64 of the products keeps what r×r products lose."""
    random = np.random.default_rng(11)
    b, a = random.normal(size=(60, 4)).astype(np.float32), random.normal(size=(4, 50)).astype(np.float32)
    nearly = np.nextafter(b, np.float32(10))
    other = random.normal(size=(60, 4)).astype(np.float32)
    modules = {"cancels": (np.vstack([a, a]), np.hstack([b, -nearly])), "other": (a, other)}
    folders = [lora(tmp_path / name, {"layer": factors}) for name, factors in modules.items()]
    (pair,) = inspected(*(tmp_path / name for name in modules))["pairs"]
    left, right = ((y.astype(np.float64) @ x.astype(np.float64)) for x, y in modules.values())
    left = (b.astype(np.float64) - nearly) @ a.astype(np.float64)
    cosine = (left * right).sum() / np.linalg.norm(left) / np.linalg.norm(right)
    assert np.isclose(pair["cosine"], cosine, rtol=1e-5)
