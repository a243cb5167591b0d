"""A copy (`pass = []`) says what the original says: every model of onnx's backend data, and every fixture."""

import os
from concurrent.futures import ThreadPoolExecutor

import onnx
import pytest
from google.protobuf.descriptor import FieldDescriptor
from onnx import numpy_helper

from conformance import fetch
from support import MODELS, peftc

LEAST_MODELS = 1905

STORAGE = {
    "raw_data", "float_data", "int32_data", "string_data", "int64_data", "double_data", "uint64_data",
    "external_data", "data_location",
}


@pytest.fixture(scope="module")
def models():
    backend = sorted(fetch().rglob("*.onnx"))
    assert len(backend) >= LEAST_MODELS
    return backend + sorted(MODELS.rglob("*.onnx"))


def differences(before, after, place=""):
    """What one message says and another does not; a field that is not set is one with its default."""
    if isinstance(before, onnx.TensorProto):
        if elements(before) != elements(after):
            yield f"{place}: elements"
    for field in before.DESCRIPTOR.fields:
        if isinstance(before, onnx.TensorProto) and field.name in STORAGE:
            continue
        old, new = getattr(before, field.name), getattr(after, field.name)
        here = f"{place}.{field.name}"
        if field.is_repeated:
            if len(old) != len(new):
                yield f"{here}: {len(old)} and {len(new)} entries"
            elif field.type == FieldDescriptor.TYPE_MESSAGE:
                for index, (one, other) in enumerate(zip(old, new)):
                    yield from differences(one, other, f"{here}[{index}]")
            elif list(old) != list(new):
                yield f"{here}: {list(old)[:4]} and {list(new)[:4]}"
        elif field.type == FieldDescriptor.TYPE_MESSAGE:
            if before.HasField(field.name) != after.HasField(field.name):
                yield f"{here}: set in one of them"
            elif before.HasField(field.name):
                yield from differences(old, new, here)
        elif old != new and repr(old) != repr(new):
            yield f"{here}: {old!r} and {new!r}"


def elements(tensor):
    if tensor.data_type == onnx.TensorProto.STRING:
        return list(tensor.string_data)
    return numpy_helper.to_array(tensor).tobytes()


@pytest.mark.parametrize("placement", ["never", "always"])
def test_a_copy_is_equal_field_by_field(models, placement, tmp_path, capsys):
    recipe = tmp_path / "copy.toml"
    recipe.write_text("pass = []\n")

    def compare(numbered):
        index, model = numbered
        out = tmp_path / str(index) / "copy.onnx"
        out.parent.mkdir()
        peftc("apply", recipe, model, "-o", out, "--external-data", placement, "--threads", "1")
        return model, list(differences(onnx.load(model), onnx.load(out)))

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        results = list(pool.map(compare, enumerate(models)))
    wrong = [f"{model}: {'; '.join(found[:3])}" for model, found in results if found]
    with capsys.disabled():
        print(f"\ncopies ({placement}): {len(results) - len(wrong)} of {len(results)} models equal, field by field")
    assert wrong == []
