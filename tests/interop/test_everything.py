"""One model that says everything ONNX can say survives a copy: every field of every message is set in it."""

import numpy as np
import onnx
import pytest
from onnx import AttributeProto, TensorProto, helper

from support import peftc
from test_copies import differences

# What no writer makes: ONNX has defined no reading of tensors in segments.
NEVER = {("TensorProto", "segment"), ("TensorProto.Segment", "begin"), ("TensorProto.Segment", "end")}
BITS = {"COMPLEX128": 128, "FLOAT6E2M3": 6, "FLOAT6E3M2": 6}
TYPED = {
    "float_data": ("FLOAT", "COMPLEX64"),
    "double_data": ("DOUBLE", "COMPLEX128"),
    "int64_data": ("INT64",),
    "uint64_data": ("UINT32", "UINT64"),
}
SIZE = 24


def bits_of(name):
    if name in BITS:
        return BITS[name]
    digits = "".join(c for c in name if c.isdigit())
    known = {"FLOAT": 32, "DOUBLE": 64, "BOOL": 8, "COMPLEX64": 64, "BFLOAT16": 16}
    if name in known:
        return known[name]
    return int(digits[0]) if name.startswith("FLOAT") and digits != "16" else int(digits)


def props(message):
    for index in range(2):
        message.metadata_props.add(key=f"key{index}", value=f"{message.DESCRIPTOR.name} {index}")


def described(message):
    message.doc_string = f"what {message.DESCRIPTOR.name} is"
    if "metadata_props" in message.DESCRIPTOR.fields_by_name:
        props(message)
    return message


def data_types():
    return [name for name in TensorProto.DataType.keys() if name not in ("UNDEFINED", "STRING")]


def raw(name, type_name):
    count = bits_of(type_name) * SIZE // 8
    data = np.random.default_rng(len(type_name)).integers(0, 2 if type_name == "BOOL" else 256, count)
    tensor = TensorProto(name=name, data_type=TensorProto.DataType.Value(type_name), dims=[2, SIZE // 2])
    tensor.raw_data = data.astype(np.uint8).tobytes()
    return tensor


def typed(name, type_name):
    """The same elements in the typed field."""
    tensor = raw(name, type_name)
    bytes_, bits = tensor.raw_data, bits_of(type_name)
    field = next((field for field, types in TYPED.items() if type_name in types), "int32_data")
    if field == "int32_data" and bits in (8, 16, 32):
        sign = "i" if type_name.startswith("INT") else "u"
        values = np.frombuffer(bytes_, f"<{sign}{bits // 8}").tolist()
    elif field == "int32_data" and bits == 6:
        stream = int.from_bytes(bytes_, "little")
        values = [stream >> (6 * index) & 63 for index in range(SIZE)]
    elif field == "int32_data":
        values = list(bytes_)
    else:
        kinds = {"float_data": "<f4", "double_data": "<f8", "int64_data": "<i8", "uint64_data": f"<u{bits // 8}"}
        values = np.frombuffer(bytes_, kinds[field])
        values = np.where(np.isnan(values), 1, values).tolist() if field in ("float_data", "double_data") else values.tolist()
    tensor.ClearField("raw_data")
    getattr(tensor, field).extend(values)
    return tensor


def external(folder, name, file, offset):
    data = np.random.default_rng(offset).integers(0, 256, 4096, dtype=np.uint8).tobytes()
    path = folder / file
    path.parent.mkdir(exist_ok=True)
    with open(path, "r+b" if path.exists() else "wb") as out:
        out.seek(offset)
        out.write(data)
    tensor = described(TensorProto(name=name, data_type=TensorProto.FLOAT, dims=[32, 32]))
    tensor.data_location = TensorProto.EXTERNAL
    for key, value in (("location", file), ("offset", offset), ("length", len(data))):
        tensor.external_data.add(key=key, value=str(value))
    return tensor


def sparse(name):
    values = TensorProto(name=name, data_type=TensorProto.FLOAT, dims=[2], float_data=[1.5, -2])
    indices = TensorProto(name=f"{name}_indices", data_type=TensorProto.INT64, dims=[2], int64_data=[1, 5])
    return onnx.SparseTensorProto(values=values, indices=indices, dims=[3, 4])


def dense_type():
    type_ = helper.make_tensor_type_proto(TensorProto.FLOAT, [3, "batch", None])
    type_.denotation = "TENSOR"
    type_.tensor_type.shape.dim[1].denotation = "DATA_BATCH"
    return type_


def types():
    opaque = onnx.TypeProto()
    opaque.opaque_type.domain, opaque.opaque_type.name = "my", "Blob"
    return {
        "dense": dense_type(),
        "no_shape": helper.make_tensor_type_proto(TensorProto.BFLOAT16, None),
        "scalar": helper.make_tensor_type_proto(TensorProto.INT2, []),
        "sparse": helper.make_sparse_tensor_type_proto(TensorProto.DOUBLE, [3, "n"]),
        "sequence": helper.make_sequence_type_proto(dense_type()),
        "optional": helper.make_optional_type_proto(helper.make_sequence_type_proto(dense_type())),
        "map": helper.make_map_type_proto(TensorProto.STRING, dense_type()),
        "opaque": opaque,
    }


def value(name, type_=None):
    info = described(onnx.ValueInfoProto(name=name))
    info.type.CopyFrom(type_ or dense_type())
    return info


def branch(folder, name):
    """A subgraph with an initializer of its own that captures `x` and, through a subgraph in it, `w_FLOAT`."""
    inner = helper.make_graph([helper.make_node("Neg", ["w_FLOAT"], [f"{name}_inner"])], "inner", [], [value(f"{name}_inner")])
    nodes = [
        helper.make_node("If", ["flag"], [f"{name}_if"], then_branch=inner, else_branch=inner),
        helper.make_node("Add", ["x", f"{name}_w"], [f"{name}_out"]),
    ]
    graph = helper.make_graph(nodes, name, [], [value(f"{name}_out"), value(f"{name}_if")])
    graph.initializer.append(external(folder, f"{name}_w", "sub/branches.data", 8192 if name == "then" else 0))
    return described(graph)


def attribute(name, **fields):
    return described(AttributeProto(name=name, **fields))


def odd_node(folder):
    node = described(onnx.NodeProto(op_type="Odd", domain="my", overload="v2", name="odd"))
    node.input.extend(["x", "", "w_FLOAT", "sparse0", "s0", "", ""])
    node.output.extend(["odd0", "", "odd2"])
    graph = branch(folder, "attr")
    node.attribute.extend([
        attribute("f", type="FLOAT", f=float("nan")),
        attribute("i", type="INT", i=-(2**63)),
        attribute("s", type="STRING", s=b"\xff\x00not text"),
        attribute("t", type="TENSOR", t=external(folder, "inside", "first.data", 4096)),
        attribute("g", type="GRAPH", g=graph),
        attribute("sparse", type="SPARSE_TENSOR", sparse_tensor=sparse("in_attribute")),
        attribute("tp", type="TYPE_PROTO", tp=types()["map"]),
        attribute("floats", type="FLOATS", floats=[0.1, float("-inf")]),
        attribute("ints", type="INTS", ints=[1, -2]),
        attribute("none", type="INTS"),
        attribute("strings", type="STRINGS", strings=[b"", b"\xfe"]),
        attribute("tensors", type="TENSORS", tensors=[raw("a", "INT4"), typed("b", "FLOAT16")]),
        attribute("graphs", type="GRAPHS", graphs=[helper.make_graph([], f"g{i}", [], []) for i in range(2)]),
        attribute("sparses", type="SPARSE_TENSORS", sparse_tensors=[sparse("p"), sparse("q")]),
        attribute("types", type="TYPE_PROTOS", type_protos=list(types().values())),
    ])
    devices = node.device_configurations.add(configuration_id="two", pipeline_stage=1)
    spec = devices.sharding_spec.add(tensor_name="x", device=[0, -1])
    spec.index_to_device_group_map.add(key=-1, value=[0, 1])
    for sharding in ({"dim_value": 4}, {"dim_param": "batch"}):
        spec.sharded_dim.add(axis=0).simple_sharding.add(num_shards=2, **sharding)
    return node


def functions():
    for overload in ("v1", "v2"):
        body = helper.make_node("Thresholded", ["a"], ["b"], name="inner", domain="my")
        reference = body.attribute.add(name="alpha", type=AttributeProto.FLOAT, ref_attr_name="alpha")
        described(reference)
        default = helper.make_attribute("beta", 0.5)
        function = onnx.FunctionProto(
            name="Odd", domain="my", overload=overload, input=["a"], output=["b"], attribute=["alpha"],
            attribute_proto=[default], node=[body], opset_import=[helper.make_opsetid("my", 1)], value_info=[value("b")],
        )
        yield described(function)


def everything(folder):
    names = data_types()
    stored = [raw(f"w_{name}", name) for name in names] + [typed(f"typed_{name}", name) for name in names]
    stored += [
        TensorProto(name="s0", data_type=TensorProto.STRING, dims=[2], string_data=[b"\xff", b""]),
        external(folder, "outside0", "first.data", 0),
        external(folder, "outside1", "second.data", 64),
        external(folder, "shared", "first.data", 0),
        raw("default0", "FLOAT"),
        raw("x_late", "FLOAT"),
    ]
    flag = helper.make_node("Ready", ["x_late"], ["flag"], domain="my")
    choice = helper.make_node("If", ["flag"], ["y", "z"], name="choice",
                              then_branch=branch(folder, "then"), else_branch=branch(folder, "else"))
    graph = described(onnx.GraphProto(name="everything"))
    graph.node.extend([flag, described(choice), odd_node(folder)])
    graph.initializer.extend(stored)
    graph.sparse_initializer.extend([sparse("sparse0")])
    default0 = helper.make_tensor_type_proto(TensorProto.FLOAT, [2, SIZE // 2])
    graph.input.extend([value("x_late", default0), value("default0", default0), value("x")])
    graph.input.extend(value(f"in_{name}", type_) for name, type_ in types().items())
    # An output that is an input and declares it otherwise.
    graph.output.extend([value("y"), value("odd2"), value("in_dense", types()["no_shape"])])
    # Not in the order of the nodes.
    graph.value_info.extend([value("odd0"), value("flag", helper.make_tensor_type_proto(TensorProto.BOOL, []))])
    # A declaration of an input that is repeated, and one of a value that nothing makes.
    graph.value_info.extend([value("x"), value("never_made")])
    annotation = graph.quantization_annotation.add(tensor_name="x")
    annotation.quant_parameter_tensor_names.add(key="SCALE_TENSOR", value="w_FLOAT")

    model = described(helper.make_model(graph, functions=list(functions()), producer_name="a", producer_version="b"))
    model.ir_version, model.domain, model.model_version = 14, "example.org", 7
    model.ClearField("opset_import")
    model.opset_import.extend([helper.make_opsetid("", 26), helper.make_opsetid("my", 1)])
    model.configuration.add(name="two", num_devices=2, device=["a", "b"])
    training = model.training_info.add()
    training.initialization.CopyFrom(branch(folder, "initialization"))
    training.algorithm.CopyFrom(branch(folder, "algorithm"))
    training.initialization_binding.add(key="a", value="b")
    training.update_binding.add(key="c", value="d")
    return model


def set_fields(message, found):
    for field, content in message.ListFields():
        name = message.DESCRIPTOR.full_name.removeprefix("onnx.")
        found.add((name, field.name))
        if field.message_type:
            for inner in content if field.is_repeated else [content]:
                set_fields(inner, found)


def all_fields():
    def walk(descriptor):
        name = descriptor.full_name.removeprefix("onnx.")
        yield from ((name, field.name) for field in descriptor.fields)
        for inner in descriptor.nested_types:
            yield from walk(inner)

    for descriptor in onnx.onnx_ml_pb2.DESCRIPTOR.message_types_by_name.values():
        yield from walk(descriptor)


@pytest.fixture
def model(tmp_path):
    folder = tmp_path / "input"
    folder.mkdir()
    model = everything(folder)
    (folder / "everything.onnx").write_bytes(model.SerializeToString())
    return folder / "everything.onnx"


def test_every_field_is_set(model):
    found = set()
    set_fields(onnx.load(model, load_external_data=False), found)
    assert set(all_fields()) - found == NEVER


@pytest.mark.parametrize("placement", ["auto", "never", "always"])
def test_everything_survives(model, placement, tmp_path):
    recipe = tmp_path / "copy.toml"
    recipe.write_text("pass = []\n")
    out = tmp_path / "out" / "copy.onnx"
    out.parent.mkdir()
    peftc("apply", recipe, model, "-o", out, "--external-data", placement)
    before, after = onnx.load(model), onnx.load(out)
    for proto in (before, after):
        bring_in_training(proto, model.parent)
    assert list(differences(before, after)) == []
    again = tmp_path / "again" / "copy.onnx"
    again.parent.mkdir()
    peftc("apply", recipe, out, "-o", again, "--external-data", placement)
    assert again.read_bytes() == out.read_bytes()


def bring_in_training(model, folder):
    """onnx.load leaves the external data of training graphs where it is."""
    for training in model.training_info:
        for graph in (training.initialization, training.algorithm):
            for tensor in graph.initializer:
                if tensor.external_data:
                    onnx.external_data_helper.load_external_data_for_tensor(tensor, str(folder))
                    tensor.ClearField("external_data")
                    tensor.ClearField("data_location")


def test_a_field_of_a_later_version_refuses_the_write(model, tmp_path):
    recipe = tmp_path / "copy.toml"
    recipe.write_text("pass = []\n")
    # Field 99 of the model, a varint.
    model.write_bytes(model.read_bytes() + b"\x98\x06\x05")
    out = tmp_path / "copy.onnx"
    refused = peftc("apply", recipe, model, "-o", out, expect=2)
    assert "ModelProto field 99, 1 times, first at byte" in refused.stderr
    assert not out.exists()
    assert "ModelProto field 99" in peftc("inspect", model).stdout
    peftc("apply", recipe, model, "-o", out, "--drop-unknown")
    assert out.exists()
