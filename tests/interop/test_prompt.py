"""Prompts of AdapterHub, and fresh ones, inside the graph."""

import json
import shutil

import numpy as np
import onnx
import pytest
from safetensors.numpy import load_file, save_file

from blocks import entries, name_of, run_steps, session_of, steps_of, tolerance
from support import BAD_INPUT, MODELS, peftc, relative_l2

ENTRIES = entries("adapterhub", "prompt")


def apply(source, model, folder, *options):
    output = folder / "adapted.onnx"
    peftc("apply", source, model, "-o", output, *options)
    return output


@pytest.mark.parametrize("entry", ENTRIES, ids=name_of)
def test_output_is_that_of_adapterhub(entry, tmp_path):
    model = apply(MODELS / entry["adapter"], MODELS / entry["model"], tmp_path)
    onnx.checker.check_model(str(model), full_check=True)
    session = session_of(model)
    ((_, expected),) = steps_of(entry["case"])
    logits = run_steps(session, entry["case"])[0]["logits"]
    assert relative_l2(logits, expected["adapted"]) <= tolerance(entry)
    assert relative_l2(logits, expected["base"]) >= 1e-3
