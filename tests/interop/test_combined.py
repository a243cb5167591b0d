"""Passes combine: each sees the graph that the one before left, whatever their order."""

import onnx
import pytest

from support import MODELS, ROOT, peftc, run, stored

EXAMPLE = (ROOT / "examples" / "combined.toml").read_text()
PASSES = [f"[[pass]]\n{part}" for part in EXAMPLE.split("[[pass]]\n")[1:]]
CASE = "llama/cases/qv.npz"


def output(model, passes, folder):
    recipe, out = folder / "recipe.toml", folder / "out.onnx"
    recipe.write_text("\n".join(passes).replace('"../', f'"{ROOT}/'))
    peftc("apply", recipe, MODELS / model, "-o", out, "--force")
    onnx.checker.check_model(str(out), full_check=True)
    return run(out, stored(CASE)[0])


@pytest.mark.parametrize("model", ["llama/torchscript.onnx", "llama/dynamo.onnx"])
def test_the_order_of_independent_passes_changes_nothing(model, tmp_path):
    assert len(PASSES) == 4
    expected = output(model, PASSES, tmp_path)
    for order in (PASSES[::-1], [PASSES[i] for i in (2, 0, 3, 1)]):
        assert output(model, order, tmp_path).tobytes() == expected.tobytes()
    for without in PASSES:
        others = [part for part in PASSES if part != without]
        assert output(model, others, tmp_path).tobytes() != expected.tobytes()
