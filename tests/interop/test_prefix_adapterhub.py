"""Prefix tuning of AdapterHub computes what PyTorch + adapters does, inside the graph."""

import numpy as np
import onnx
import pytest

from blocks import entries, name_of, run_steps, session_of, steps_of, tolerance
from support import BAD_INPUT, MODELS, peftc, relative_l2

ENTRIES = entries("adapterhub", "prefix")


def apply(entry, folder):
    output = folder / "adapted.onnx"
    peftc("apply", MODELS / entry["adapter"], MODELS / entry["model"], "-o", output)
    return output


@pytest.mark.parametrize("entry", ENTRIES, ids=name_of)
def test_output_is_that_of_adapters(entry, tmp_path):
    model = apply(entry, tmp_path)
    onnx.checker.check_model(str(model), full_check=True)
    found = run_steps(session_of(model), entry["case"])
    for outputs, (_, expected) in zip(found, steps_of(entry["case"]), strict=True):
        assert relative_l2(outputs["logits"], expected["adapted"]) <= tolerance(entry)
