"""Makes the models that engines are compared on: real architectures and exports, random weights.

    python models.py FOLDER        # wants models/requirements.txt; 12 GB of memory, 6 GB of disk

TorchScript exports of transformers' models at opset 17, in float32, batch and sequence of any size. A model that is there is kept.
"""

import os
import sys
import tempfile
import warnings
from pathlib import Path

os.environ["HF_HUB_OFFLINE"] = "1"

import onnx
import torch
import transformers
from transformers import DynamicCache

OPSET = 17
PAST = 8


def minilm():
    config = transformers.BertConfig(
        vocab_size=30522, hidden_size=384, num_hidden_layers=6, num_attention_heads=12, intermediate_size=1536
    )
    return transformers.BertModel(config, add_pooling_layer=False)


def gpt2():
    return transformers.GPT2LMHeadModel(transformers.GPT2Config())


def vit():
    return transformers.ViTForImageClassification(transformers.ViTConfig(num_labels=1000))


def llama():
    config = transformers.LlamaConfig(
        vocab_size=32000, hidden_size=2048, intermediate_size=5632, num_hidden_layers=22, num_attention_heads=32,
        num_key_value_heads=4, max_position_embeddings=2048,
    )
    return transformers.LlamaForCausalLM(config)


def tokens(*more):
    ids = torch.arange(10).reshape(2, 5) + 5
    return {"input_ids": ids, "attention_mask": torch.ones_like(ids)} | {name: torch.zeros_like(ids) for name in more}


MODELS = {
    "minilm": (minilm, lambda: tokens("token_type_ids")),
    "gpt2": (gpt2, tokens),
    "gpt2-past": (gpt2, tokens),
    "vit-base": (vit, lambda: {"pixel_values": torch.zeros(2, 3, 224, 224)}),
    "llama-1.1b": (llama, tokens),
}


def randomize(model):
    """Biases and norms that are neither 0 nor 1, where a fresh model has those."""
    for parameter in model.parameters():
        if parameter.ndim == 1:
            parameter.data += 0.1 * torch.randn_like(parameter)


def forward_of(model, names, with_past):
    """The forward that is exported: tensors in, tensors out."""
    forward = type(model).forward

    def plain(*values):
        return forward(model, **dict(zip(names, values, strict=True)), use_cache=False)[0]

    def image(pixel_values):
        return forward(model, pixel_values)[0]

    def past(input_ids, attention_mask, past_key_values):
        cache = DynamicCache()
        for layer, (key, value) in enumerate(past_key_values):
            cache.update(key, value, layer)
        result = forward(model, input_ids=input_ids, attention_mask=attention_mask, past_key_values=cache, use_cache=True)
        return result.logits, *(tensor for layer in result.past_key_values.layers for tensor in (layer.keys, layer.values))

    return past if with_past else image if names == ["pixel_values"] else plain


def export(make, inputs, with_past, path):
    torch.manual_seed(0)
    with torch.no_grad():
        model = make().eval()
        randomize(model)
    model.set_attn_implementation("sdpa")
    model.forward = forward_of(model, list(inputs), with_past)
    is_image = "pixel_values" in inputs
    axes = {name: {0: "batch"} if is_image else {0: "batch", 1: "sequence"} for name in inputs}
    inputs, names = dict(inputs), list(inputs)
    outputs = ["last_hidden_state" if isinstance(model, transformers.BertModel) else "logits"]
    axes[outputs[0]] = {0: "batch"} if is_image else {0: "batch", 1: "sequence"}
    if with_past:
        heads, width = model.config.n_head, model.config.n_embd // model.config.n_head
        layers = range(model.config.n_layer)
        inputs["attention_mask"] = torch.ones(2, PAST + 5).long()
        inputs["past_key_values"] = [(torch.randn(2, heads, PAST, width), torch.randn(2, heads, PAST, width)) for _ in layers]
        pasts = [f"past_key_values.{layer}.{what}" for layer in layers for what in ("key", "value")]
        presents = [name.replace("past_key_values", "present") for name in pasts]
        axes["attention_mask"] = {0: "batch", 1: "total_sequence"}
        axes |= {name: {0: "batch", 2: "past_sequence"} for name in pasts}
        axes |= {name: {0: "batch", 2: "total_sequence"} for name in presents}
        names, outputs = names + pasts, outputs + presents
    torch.onnx.export(
        model, tuple(inputs.values()), str(path), dynamo=False, opset_version=OPSET, input_names=names,
        output_names=outputs, dynamic_axes=axes,
    )


def save(exported, path):
    """One file, or a file and its data: the exporter writes a file for each tensor of a large model."""
    is_large = len(list(exported.parent.iterdir())) > 1
    where = {"save_as_external_data": True, "location": f"{path.name}.data"} if is_large else {}
    onnx.save(onnx.load(exported), path, **where)


def main():
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    warnings.simplefilter("ignore")
    transformers.logging.set_verbosity_error()
    for name, (make, inputs) in MODELS.items():
        path = folder / f"{name}.onnx"
        if path.exists():
            continue
        print(f"making {path}", flush=True)
        with tempfile.TemporaryDirectory(dir=folder) as made:
            export(make, inputs(), name.endswith("-past"), Path(made) / "model.onnx")
            save(Path(made) / "model.onnx", path)


if __name__ == "__main__":
    main()
