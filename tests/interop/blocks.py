"""The cases of models/blocks: what goes in, step by step, and what has to come out."""

import collections
import functools
import json

import numpy as np
import onnxruntime

from support import MODELS

CASES = json.loads((MODELS / "blocks-cases.json").read_text())["cases"]


def entries(library, *kinds):
    """The cases of a library and kinds of adapters, one for each model."""
    wanted = [entry for entry in CASES if entry["library"] == library and entry["kind"] in kinds]
    return [{**entry, "model": model} for entry in wanted for model in entry["models"]]


def name_of(entry):
    model = entry["model"].removeprefix("blocks/").removesuffix(".onnx").replace("/", "-")
    return f"{model}-{entry['case'].rpartition('/')[2].removesuffix('.npz')}"


def tolerance(entry):
    """The library's own difference between equivalent forms is the measure where it is large."""
    return max(1e-5, 2 * entry["own_difference"])


def session_of(model, optimize=True):
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.intra_op_num_threads = 1
    if not optimize:
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


@functools.cache
def steps_of(case):
    """By step the inputs, and PyTorch's logits: `base` without and `adapted` with the adapter. A case of one pass is one step."""
    steps = collections.defaultdict(lambda: ({}, {}))
    with np.load(MODELS / case) as arrays:
        for key in arrays:
            step, is_input, name = key.rpartition("in/")
            if is_input:
                steps[step][0][name] = arrays[key]
            else:
                *step, which, _ = key.split("/")
                steps["".join(f"{part}/" for part in step)][1][which] = arrays[key]
    return [steps[step] for step in sorted(steps) if steps[step][0]]


def run_steps(session, case):
    """All outputs of each step; the present of one is the past of the next, and what an encoder made is given once."""
    names = [output.name for output in session.get_outputs()]
    shapes = {item.name: item.shape for item in session.get_inputs()}
    past, found = {}, []
    for inputs, _ in steps_of(case):
        past |= {name: value for name, value in inputs.items() if name.startswith("past_key_values")}
        feed = {name: value for name, value in (inputs | past).items() if name in shapes}
        batch = len(next(iter(feed.values())))
        for name in shapes.keys() - feed.keys():
            feed[name] = np.zeros((batch, shapes[name][1], 0, shapes[name][3]), np.float32)
        found.append(dict(zip(names, session.run(names, feed), strict=True)))
        past |= {name.replace("present", "past_key_values"): found[-1][name] for name in names if name.startswith("present")}
    return found
