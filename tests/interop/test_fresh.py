"""A fresh adapter, with B = 0, changes nothing."""

import numpy as np
import pytest

from support import MODELS, MODES, base_logits, entries_of, name_of, peftc, relative_l2, run, stored

RECIPE = """\
[[pass]]
name = "lora"
rank = 4
alpha = 8
targets = "all-linear"
init = "{init}"
seed = 1
mode = "{mode}"
"""


@pytest.mark.parametrize("init", ["kaiming", "gaussian"])
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("entry", entries_of("qv"), ids=name_of)
def test_a_fresh_adapter_changes_nothing(entry, mode, init, tmp_path):
    recipe = tmp_path / "fresh.toml"
    recipe.write_text(RECIPE.format(init=init, mode=mode))
    output = tmp_path / "fresh.onnx"
    peftc("apply", recipe, MODELS / entry["model"], "-o", output)

    inputs, _, _ = stored(entry["case"])
    exact = run(output, inputs, optimize=False)
    assert exact.tobytes() == base_logits(entry["model"], entry["case"], optimize=False).tobytes()
    optimized = run(output, inputs)
    assert np.isfinite(optimized).all()
    assert relative_l2(optimized, base_logits(entry["model"], entry["case"])) <= 1e-6
