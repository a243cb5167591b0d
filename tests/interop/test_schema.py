"""The tables in src/ know every message, field and data type that the onnx package does, and nothing else."""

import re

from google.protobuf.descriptor import FieldDescriptor
from onnx import TensorProto, onnx_ml_pb2

from support import ROOT

PROTO = ROOT / "src" / "onnx" / "proto.rs"
KNOWN_FIELDS = ROOT / "src" / "onnx" / "scan" / "fields.rs"
DATA_TYPES = ROOT / "src" / "ir" / "dtype.rs"

KINDS = {
    FieldDescriptor.TYPE_BOOL: "bool",
    FieldDescriptor.TYPE_BYTES: "bytes",
    FieldDescriptor.TYPE_DOUBLE: "double",
    FieldDescriptor.TYPE_ENUM: "int32",
    FieldDescriptor.TYPE_FLOAT: "float",
    FieldDescriptor.TYPE_INT32: "int32",
    FieldDescriptor.TYPE_INT64: "int64",
    FieldDescriptor.TYPE_MESSAGE: "message",
    FieldDescriptor.TYPE_STRING: "string",
    FieldDescriptor.TYPE_UINT32: "uint32",
    FieldDescriptor.TYPE_UINT64: "uint64",
}
NUMERIC = set(KINDS.values()) - {"bytes", "message", "string"}

STRUCT = re.compile(r"^pub(?:\(super\))? struct (\w+) \{(.*?)^\}", re.S | re.M)
FIELD = re.compile(r"#\[prost\(([^\]]*)\)\]\s*pub (?:r#)?(\w+): ([^\n]*),\n")
SCAN_FIELD = re.compile(r"\(\s*(\d+),\s*(?:None|Some\(\s*&(\w+),?\s*\)),?\s*\)")
OPTION = re.compile(r"(\w+)(?:\s*=\s*\"([^\"]*)\")?")


def messages():
    def walk(message):
        yield message
        for inner in message.nested_types:
            yield from walk(inner)

    for message in onnx_ml_pb2.DESCRIPTOR.message_types_by_name.values():
        yield from walk(message)


def path(message):
    return message.full_name.removeprefix("onnx.")


def wanted_struct(message):
    """A field as its name in Rust, then tag, kind, label, whether it is packed, and the message it holds.

    Members of a oneof are optional fields: the same on the wire.
    """
    for field in message.fields:
        kind = KINDS[field.type]
        label = "repeated" if field.is_repeated else "optional"
        packed = field.is_packed if field.is_repeated and kind in NUMERIC else None
        holds = path(field.message_type).replace(".", "") if field.message_type else None
        yield field.name, (str(field.number), kind, label, packed, holds)


def declared_struct(body):
    for attribute, name, rust_type in FIELD.findall(body):
        options = dict(OPTION.findall(attribute))
        (kind,) = options.keys() & set(KINDS.values())
        label = next(iter(options.keys() & {"repeated", "optional"}), "required")
        packed = options.get("packed") != "false" if label == "repeated" and kind in NUMERIC else None
        holds = re.findall(r"\w+", rust_type)[-1] if kind == "message" else None
        yield name, (options["tag"], kind, label, packed, holds)


def test_the_messages_are_those_of_the_onnx_package():
    wanted = {path(message).replace(".", ""): dict(wanted_struct(message)) for message in messages()}
    declared = {name: dict(declared_struct(body)) for name, body in STRUCT.findall(PROTO.read_text())}
    assert declared == wanted


def test_the_scan_knows_the_same_fields():
    source = re.sub(r"//[^\n]*", "", KNOWN_FIELDS.read_text())
    statics = re.findall(r"static (\w+): Message\s*=\s*Message \{(.*?)\};", source, re.S)
    names = {static: re.search(r'name: "([^"]*)"', body)[1] for static, body in statics}
    declared = {
        names[static]: {int(tag): names.get(held) for tag, held in SCAN_FIELD.findall(body)} for static, body in statics
    }
    wanted = {
        path(message): {
            field.number: path(field.message_type) if field.message_type else None for field in message.fields
        }
        for message in messages()
    }
    assert declared == wanted


def test_the_data_types_are_those_of_the_onnx_package():
    declared = {int(number) for number in re.findall(r'^\s*\w+ = (\d+), "', DATA_TYPES.read_text(), re.M)}
    assert declared == set(TensorProto.DataType.values()) - {TensorProto.UNDEFINED}
