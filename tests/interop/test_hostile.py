"""ONNX's own cases with one thing changed in each, mostly to what is wrong: peftc computes it, or says what is wrong."""

import concurrent.futures
import os
import random
import subprocess
import tempfile
from pathlib import Path

import numpy as np
import onnx
from onnx import numpy_helper

from conformance import cases, fetch
from support import binary

INTEGERS = [0, 1, -1, 2, -3, 7, 1 << 31, -(1 << 31), 1 << 40, 1 << 62, -(1 << 62), (1 << 63) - 1, -(1 << 63)]
FLOATS = [0.0, -1.0, 1e30, float("inf"), float("nan")]


def changed_attribute(draw, node):
    """One attribute with another value of its kind."""
    if not node.attribute:
        return False
    attribute = draw.choice(node.attribute)
    kind = onnx.AttributeProto.AttributeType.Name(attribute.type)
    if kind == "INT":
        attribute.i = draw.choice(INTEGERS)
    elif kind == "FLOAT":
        attribute.f = draw.choice(FLOATS)
    elif kind == "STRING":
        attribute.s = draw.choice([b"", b"none", b"a"])
    elif kind == "INTS":
        draw.choice([
            lambda: attribute.ints.append(draw.choice(INTEGERS)),
            lambda: attribute.ints.__delitem__(slice(-1, None)),
            lambda: attribute.ints.__setitem__(draw.randrange(len(attribute.ints)), draw.choice(INTEGERS)) if attribute.ints else None,
        ])()
    elif kind == "FLOATS":
        attribute.floats[:] = attribute.floats[: len(attribute.floats) // 2]
    else:
        return False
    return True


def changed_array(draw, array):
    """An array of another shape, type or content."""
    how = draw.randrange(6)
    if how == 0 and array.dtype.kind in "iu" and array.size:
        array = array.copy()
        info = np.iinfo(array.dtype)
        array.flat[draw.randrange(array.size)] = min(max(draw.choice(INTEGERS), info.min), info.max)
        return array
    if how == 1:
        return array[None]
    if how == 2 and array.ndim:
        return np.take(array, [], axis=draw.randrange(array.ndim))
    if how == 3 and array.ndim:
        return np.take(array, 0, axis=draw.randrange(array.ndim)) if 0 not in array.shape else array[None]
    if how == 4 and array.ndim:
        axis = draw.randrange(array.ndim)
        return np.concatenate([array, array], axis)
    if array.dtype.kind in "iub":
        return array.astype(draw.choice([np.float32, np.float64, np.int64, np.int32, np.uint8, np.bool_]))
    return array.T


def outcome(name, number):
    """What is wrong with how peftc takes a changed case; None where nothing is."""
    folder = fetch() / "node" / name
    draw = random.Random(f"{name} {number}")
    model = onnx.load(folder / "model.onnx")
    nodes = model.graph.node
    stored = sorted((folder / "test_data_set_0").glob("input_*.pb"), key=lambda p: int(p.stem[6:]))
    tensors = [at for at, i in enumerate(model.graph.input) if i.type.HasField("tensor_type") and at < len(stored)]
    how = draw.randrange(8)
    with tempfile.TemporaryDirectory() as made:
        made = Path(made)
        for at, path in enumerate(stored):
            (made / f"input_{at}.pb").write_bytes(path.read_bytes())
        if how == 0 and len(nodes[0].input) > 1:
            nodes[0].input[draw.randrange(len(nodes[0].input))] = ""
        elif how < 4 and changed_attribute(draw, draw.choice(nodes)):
            pass
        elif tensors:
            at = draw.choice(tensors)
            try:
                proto = onnx.TensorProto.FromString(stored[at].read_bytes())
                before = numpy_helper.to_array(proto)
                array = changed_array(draw, before)
                array = np.asarray(array, before.dtype if before.dtype == object else None)
                (made / f"input_{at}.pb").write_bytes(numpy_helper.from_array(array, proto.name).SerializeToString())
                model.graph.input[at].type.tensor_type.elem_type = onnx.helper.np_dtype_to_tensor_dtype(array.dtype)
            except (TypeError, ValueError):
                return None
        for each in model.graph.input:
            if each.type.HasField("tensor_type"):
                each.type.tensor_type.ClearField("shape")
        for each in model.graph.output:
            if each.type.HasField("tensor_type"):
                each.type.tensor_type.ClearField("shape")
        onnx.save(model, made / "model.onnx")
        command = f'ulimit -v 8000000; exec "{binary()}" run "{made}/model.onnx" -i "{made}" -o "{made}/out"'
        try:
            done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, timeout=60)
        except subprocess.TimeoutExpired:
            return "takes more than 60 seconds"
        said = done.stderr.strip()
        if done.returncode == 0 or (done.returncode == 2 and said.startswith("error: ")):
            return None
        return f"exit {done.returncode}: {said[:300]}"


def test_whatever_comes_in_is_computed_or_refused():
    rounds = int(os.environ.get("PEFTC_ROUNDS", "1"))
    # A loop runs as often as it says.
    names = [name for kind, name in cases() if kind == "node" and "loop" not in name]
    chosen = [(name, number) for name in names for number in range(rounds)]
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        found = dict(zip(chosen, pool.map(lambda case: outcome(*case), chosen)))
    assert {case: why for case, why in found.items() if why} == {}
