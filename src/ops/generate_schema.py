"""Writes schema.tsv: what onnx and ONNX Runtime say of their operators, all versions.

    pip install onnx==1.23.2 onnxruntime==1.32.0
    python generate_schema.py

A line has: domain, operator, the first operator set that has it so, inputs, outputs, attributes, types.
An input or output is NAME:TYPE, with ? where it is optional and * where there are any number. An attribute is
NAME:KIND, with ! where it is required and =DEFAULT where it has one. A type is NAME=TYPE|TYPE….
"""

import json
import re
from pathlib import Path

import onnx
import onnxruntime.capi.onnxruntime_pybind11_state as ort
from onnx import helper

KINDS = {
    "FLOAT": "f", "INT": "i", "STRING": "s", "TENSOR": "t", "GRAPH": "g", "SPARSE_TENSOR": "st", "TYPE_PROTO": "tp",
    "FLOATS": "fs", "INTS": "is", "STRINGS": "ss", "TENSORS": "ts", "GRAPHS": "gs", "SPARSE_TENSORS": "sts", "TYPE_PROTOS": "tps",
}
TYPES = {
    "float": "f32", "double": "f64", "float16": "f16", "bfloat16": "bf16", "bool": "bool", "string": "string", "complex64": "c64",
    "complex128": "c128", "float8e4m3fn": "f8e4m3fn", "float8e4m3fnuz": "f8e4m3fnuz", "float8e5m2": "f8e5m2",
    "float8e5m2fnuz": "f8e5m2fnuz", "float8e8m0": "f8e8m0", "float4e2m1": "f4e2m1", "float6e2m3": "f6e2m3", "float6e3m2": "f6e3m2",
    **{f"{sign}int{bits}": f"{short}{bits}" for sign, short in (("", "i"), ("u", "u")) for bits in (2, 4, 8, 16, 32, 64)},
}
# Those of ONNX Runtime that adapted models use.
CONTRIB = {
    "Attention", "BiasGelu", "FastGelu", "FusedMatMul", "Gelu", "GroupQueryAttention", "MatMulBnb4", "MatMulNBits",
    "MultiHeadAttention", "QuickGelu", "RotaryEmbedding", "SkipLayerNormalization", "SkipSimplifiedLayerNormalization",
    "EmbedLayerNormalization", "DynamicQuantizeMatMul", "MatMulIntegerToFloat", "QLinearAdd", "QLinearMul", "FusedGemm", "FusedConv",
}


def short(text):
    text = text.replace(", ", ",")
    return re.sub(r"tensor\(([a-z0-9]+)\)", lambda m: TYPES[m[1]], text)


def parameter(p):
    mark = {"Single": "", "Optional": "?", "Variadic": "*"}[str(p.option).rpartition(".")[2]]
    return f"{p.name}{mark}:{short(getattr(p, 'type_str', None) or p.typeStr)}"


def default(attribute):
    value = getattr(attribute, "default_value", None)
    if value is None:
        value = onnx.AttributeProto.FromString(attribute._default_value)
    if not getattr(value, "type", 0):
        return ""
    value = helper.get_attribute_value(value)
    plain = lambda v: v.decode() if isinstance(v, bytes) else v
    return "=" + json.dumps([plain(v) for v in value] if isinstance(value, (list, tuple)) else plain(value), separators=(",", ":"))


def attribute(a):
    kind = KINDS[str(a.type).rpartition(".")[2]]
    return f"{a.name}:{kind}{'!' if a.required else ''}{default(a)}"


def constraint(c):
    return f"{c.type_param_str}={'|'.join(sorted(map(short, c.allowed_type_strs)))}"


def line(domain, s):
    return "\t".join(
        [
            domain, s.name, str(s.since_version),
            " ".join(map(parameter, s.inputs)),
            " ".join(map(parameter, s.outputs)),
            " ".join(attribute(s.attributes[name]) for name in sorted(s.attributes)),
            " ".join(sorted(map(constraint, s.type_constraints))),
        ]
    )




def table():
    """The lines of schema.tsv."""
    lines = []
    for s in onnx.defs.get_all_schemas_with_history():
        # Only its version 18 is deprecated, for what the scales are of.
        is_known = not s.deprecated or s.name == "GroupNormalization"
        if s.domain in ("", "ai.onnx.ml", "ai.onnx.preview", "ai.onnx.preview.training") and is_known:
            lines.append(line(s.domain, s))
    for s in ort.get_all_operator_schema():
        own = s.domain == "com.microsoft" and s.name in CONTRIB
        if own or (s.domain == "" and s.name in ("SimplifiedLayerNormalization",)):
            lines.append(line(s.domain, s))
    return "".join(f"{each}\n" for each in sorted(lines, key=lambda l: (l.split("\t")[0], l.split("\t")[1], int(l.split("\t")[2]))))


if __name__ == "__main__":
    Path(__file__).with_name("schema.tsv").write_text(table())
