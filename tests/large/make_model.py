"""Makes a large model with external data, and a LoRA over all its linear layers: random numbers, real shapes.

    python make_model.py FOLDER --gib 8 [--shape llama-7b | tinyllama-1.1b]
"""

import argparse
import json
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper
from safetensors.numpy import save_file

RANK = 16
# Hidden size, size of keys and values, and inner size of the feed-forward.
SHAPES = {"llama-7b": (4096, 4096, 11008), "tinyllama-1.1b": (2048, 256, 5632)}


def layers(shape):
    """The linear layers of a Llama block: module path, input and output features."""
    hidden, key_value, inner = SHAPES[shape]
    return {
        "self_attn.q_proj": (hidden, hidden),
        "self_attn.k_proj": (hidden, key_value),
        "self_attn.v_proj": (hidden, key_value),
        "self_attn.o_proj": (hidden, hidden),
        "mlp.gate_proj": (hidden, inner),
        "mlp.up_proj": (hidden, inner),
        "mlp.down_proj": (inner, hidden),
    }


def block_bytes(shape):
    return sum(4 * rows * columns for rows, columns in layers(shape).values())


DATA = "model.onnx.data"
ALIGN = 4096


def modules(blocks, shape):
    for block in range(blocks):
        for path, features in layers(shape).items():
            yield f"model.layers.{block}.{path}", features


def external(name, shape, offset):
    tensor = TensorProto(name=name, data_type=TensorProto.FLOAT, dims=shape, data_location=TensorProto.EXTERNAL)
    length = 4 * shape[0] * shape[1]
    for key, value in (("location", DATA), ("offset", offset), ("length", length)):
        tensor.external_data.add(key=key, value=str(value))
    return tensor, length


def make_model(folder, blocks, shape):
    """Weights [in, out] under names without meaning and nodes named by module, as TorchScript exports have them."""
    generator = np.random.default_rng(0)
    hidden, _, inner = SHAPES[shape]
    nodes, initializers = [], []
    values = {hidden: "x"}
    with open(folder / DATA, "wb") as data:
        for number, (module, features) in enumerate(modules(blocks, shape)):
            data.seek(-data.tell() % ALIGN, 1)
            weight, length = external(f"onnx::MatMul_{number}", features, data.tell())
            data.write(generator.standard_normal(length // 4, dtype=np.float32).data)
            initializers.append(weight)
            node = "/" + module.replace("layers.", "layers#").replace(".", "/").replace("#", ".") + "/MatMul"
            output = f"{node}_output_0"
            nodes.append(helper.make_node("MatMul", [values[features[0]], weight.name], [output], name=node))
            if features[1] == inner:
                values[inner] = output
    outputs = [node.output[0] for node in nodes if node.output[0] not in {i for n in nodes for i in n.input}]
    graph = helper.make_graph(
        nodes,
        "main_graph",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["tokens", hidden])],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in outputs],
        initializers,
    )
    model = helper.make_model(graph, ir_version=8, opset_imports=[helper.make_opsetid("", 17)])
    (folder / "model.onnx").write_bytes(model.SerializeToString())


def make_adapter(folder, blocks, shape, seed=1):
    generator = np.random.default_rng(seed)
    folder.mkdir(exist_ok=True)
    tensors = {}
    for module, (inputs, outputs) in modules(blocks, shape):
        key = f"base_model.model.{module}"
        tensors[f"{key}.lora_A.weight"] = generator.standard_normal((RANK, inputs), dtype=np.float32)
        tensors[f"{key}.lora_B.weight"] = generator.standard_normal((outputs, RANK), dtype=np.float32)
    save_file(tensors, folder / "adapter_model.safetensors", metadata={"format": "pt"})
    targets = sorted({path.rpartition(".")[2] for path in layers(shape)})
    config = {"peft_type": "LORA", "r": RANK, "lora_alpha": 2 * RANK, "target_modules": targets, "bias": "none"}
    (folder / "adapter_config.json").write_text(json.dumps(config, indent=2))


def make(folder, gib, shape="llama-7b"):
    blocks = max(1, round(gib * 1e9 / block_bytes(shape)))
    folder.mkdir(parents=True, exist_ok=True)
    make_model(folder, blocks, shape)
    make_adapter(folder / "adapter", blocks, shape)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--gib", type=float, default=8, help="size of the weights in 10^9 bytes")
    parser.add_argument("--shape", choices=SHAPES, default="llama-7b")
    arguments = parser.parse_args()
    make(arguments.folder, arguments.gib, arguments.shape)
