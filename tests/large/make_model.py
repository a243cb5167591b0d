"""Makes a large model with external data, and a LoRA over all its linear layers: random numbers, real shapes.

    python make_model.py FOLDER --gib 8
"""

import argparse
import json
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper
from safetensors.numpy import save_file

HIDDEN = 4096
INNER = 11008
RANK = 16
# The linear layers of a Llama block: module path, input and output features.
LAYERS = {
    "self_attn.q_proj": (HIDDEN, HIDDEN),
    "self_attn.k_proj": (HIDDEN, HIDDEN),
    "self_attn.v_proj": (HIDDEN, HIDDEN),
    "self_attn.o_proj": (HIDDEN, HIDDEN),
    "mlp.gate_proj": (HIDDEN, INNER),
    "mlp.up_proj": (HIDDEN, INNER),
    "mlp.down_proj": (INNER, HIDDEN),
}
BLOCK_BYTES = sum(4 * rows * columns for rows, columns in LAYERS.values())
DATA = "model.onnx.data"
ALIGN = 4096


def modules(blocks):
    for block in range(blocks):
        for path, shape in LAYERS.items():
            yield f"model.layers.{block}.{path}", shape


def external(name, shape, offset):
    tensor = TensorProto(name=name, data_type=TensorProto.FLOAT, dims=shape, data_location=TensorProto.EXTERNAL)
    length = 4 * shape[0] * shape[1]
    for key, value in (("location", DATA), ("offset", offset), ("length", length)):
        tensor.external_data.add(key=key, value=str(value))
    return tensor, length


def make_model(folder, blocks):
    """Weights [in, out] under names without meaning and nodes named by module, as TorchScript exports have them."""
    generator = np.random.default_rng(0)
    nodes, initializers = [], []
    value = "x"
    with open(folder / DATA, "wb") as data:
        for number, (module, shape) in enumerate(modules(blocks)):
            data.seek(-data.tell() % ALIGN, 1)
            weight, length = external(f"onnx::MatMul_{number}", shape, data.tell())
            data.write(generator.standard_normal(length // 4, dtype=np.float32).data)
            initializers.append(weight)
            node = "/" + module.replace("layers.", "layers#").replace(".", "/").replace("#", ".") + "/MatMul"
            source = "x" if shape[0] == HIDDEN else value
            nodes.append(helper.make_node("MatMul", [source, weight.name], [f"{node}_output_0"], name=node))
            value = nodes[-1].output[0]
    outputs = [node.output[0] for node in nodes if node.output[0] not in {i for n in nodes for i in n.input}]
    graph = helper.make_graph(
        nodes,
        "main_graph",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["tokens", HIDDEN])],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in outputs],
        initializers,
    )
    model = helper.make_model(graph, ir_version=8, opset_imports=[helper.make_opsetid("", 17)])
    (folder / "model.onnx").write_bytes(model.SerializeToString())


def make_adapter(folder, blocks):
    generator = np.random.default_rng(1)
    folder.mkdir(exist_ok=True)
    tensors = {}
    for module, (inputs, outputs) in modules(blocks):
        key = f"base_model.model.{module}"
        tensors[f"{key}.lora_A.weight"] = generator.standard_normal((RANK, inputs), dtype=np.float32)
        tensors[f"{key}.lora_B.weight"] = generator.standard_normal((outputs, RANK), dtype=np.float32)
    save_file(tensors, folder / "adapter_model.safetensors", metadata={"format": "pt"})
    targets = sorted({path.rpartition(".")[2] for path in LAYERS})
    config = {"peft_type": "LORA", "r": RANK, "lora_alpha": 2 * RANK, "target_modules": targets, "bias": "none"}
    (folder / "adapter_config.json").write_text(json.dumps(config, indent=2))


def make(folder, gib):
    blocks = max(1, round(gib * 1e9 / BLOCK_BYTES))
    folder.mkdir(parents=True, exist_ok=True)
    make_model(folder, blocks)
    make_adapter(folder / "adapter", blocks)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--gib", type=float, default=8, help="size of the weights in 10^9 bytes")
    arguments = parser.parse_args()
    make(arguments.folder, arguments.gib)
    onnx.load(arguments.folder / "model.onnx", load_external_data=False)
