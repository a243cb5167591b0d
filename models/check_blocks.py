"""Computes AdapterHub's bottleneck cases of blocks-cases.json again, by formula, on the models of transformers 5.

generate_blocks.py stores what the library computes; this says which formula that is, and at which place of the model.
Prints the worst relative error of each family; wants the environment of requirements.txt.
"""

import json
import logging
import re

import numpy as np
import torch
import torch.nn.functional as F
import transformers
from generate import ROOT, relative_l2
from generate_blocks import base_model
from safetensors.torch import load_file

ACTIVATIONS = {
    "gelu": F.gelu,
    "gelu_accurate": lambda x: F.gelu(x, approximate="tanh"),
    "gelu_fast": lambda x: F.gelu(x, approximate="tanh"),
    "gelu_new": lambda x: F.gelu(x, approximate="tanh"),
    "gelu_python": F.gelu,
    "gelu_pytorch_tanh": lambda x: F.gelu(x, approximate="tanh"),
    "gelu_10": lambda x: F.gelu(x).clamp(-10, 10),
    "laplace": lambda x: 0.5 * (1 + torch.erf((x - 0.707107) / (0.282095 * 2**0.5))),
    "leaky_relu": lambda x: F.leaky_relu(x, 0.01),
    "leakyrelu": lambda x: F.leaky_relu(x, 0.01),
    "linear": lambda x: x,
    "mish": F.mish,
    "quick_gelu": lambda x: x * torch.sigmoid(1.702 * x),
    "relu": F.relu,
    "relu2": lambda x: F.relu(x) ** 2,
    "relu6": F.relu6,
    "sigmoid": torch.sigmoid,
    "silu": F.silu,
    "swish": F.silu,
    "tanh": torch.tanh,
}


class Adapter:
    """The adapter of one place: its tensors by the rest of their name."""

    def __init__(self, config, tensors, shared):
        self.config, self.tensors, self.shared = config, tensors, shared

    def linear(self, name, x):
        found = self.tensors
        if f"{name}.weight" in found:
            return x @ found[f"{name}.weight"].T + found[f"{name}.bias"]
        rule = self.phm(name, "phm_rule")
        if rule is None:
            left, right = self.phm(name, "phm_rule_left"), self.phm(name, "phm_rule_right")
            rule = left @ right
        weight = self.phm(name, "W")
        if weight is None:
            weight = self.phm(name, "W_left") @ self.phm(name, "W_right")
        y = x @ sum(torch.kron(rule[k], weight[k]) for k in range(len(rule)))
        return y + found[f"{name}.b"] if f"{name}.b" in found else y

    def phm(self, name, what):
        direction = "down" if "down" in name else "up"
        shared = what if what.startswith("phm") else what.replace("W", f"W_{direction}")
        return self.tensors.get(f"{name}.{what}", self.shared.get(shared))

    def norm(self, name, x):
        return F.layer_norm(x, x.shape[-1:], self.tensors[f"{name}.weight"], self.tensors[f"{name}.bias"])

    def branch(self, x):
        """What is added: act, up, scaling and gate."""
        config, found, first = self.config, self.tensors, "adapter_down.0"
        y = x
        if config["ln_before"]:
            y, first = self.norm("adapter_norm_before", y), "adapter_down.1"
        y = self.linear(first, y)
        if config["non_linearity"] == "prelu":
            y = F.prelu(y, found["non_linearity.f.weight"])
        else:
            y = ACTIVATIONS[config["non_linearity"]](y)
        y = self.linear("adapter_up", y) * (found["scaling"] if "scaling" in found else config["scaling"])
        if config["use_gating"]:
            y = y * torch.sigmoid(self.linear("gate", x)).mean(dim=1, keepdim=True)
        return y

    def __call__(self, x, r, norm):
        """x: the sublayer's output, r: the residual stream beside it, norm: the LayerNorm that follows, if one does."""
        config = self.config
        norm = norm or (lambda value: value)
        if config["is_parallel"]:
            y = self.branch(r)
            if config["ln_after"]:
                y = self.norm("adapter_norm_after", y)
            out = x + y
        else:
            residual, h = x, x
            if config["original_ln_before"]:
                h = norm(x + r)
                if config["residual_before_ln"] == "post_add":
                    residual = x + r
            if config["residual_before_ln"] is False:
                residual = h
            out = self.branch(h)
            if config["adapter_residual_before_ln"]:
                out = out + residual
            if config["ln_after"]:
                out = self.norm("adapter_norm_after", out)
            if not config["adapter_residual_before_ln"]:
                out = out + residual
        return norm(out + r) if config["original_ln_after"] else out


def load(folder):
    """Place → tensors, and those of no place."""
    path = folder / "adapter.safetensors"
    tensors = load_file(path) if path.exists() else torch.load(folder / "pytorch_adapter.bin")
    name = re.escape(json.loads((folder / "adapter_config.json").read_text())["name"])
    places, shared = {}, {}
    for key, tensor in tensors.items():
        match = re.fullmatch(rf"(.*)\.adapters\.{name}\.(.*)", key)
        if match:
            places.setdefault(match[1], {})[match[2]] = tensor
        else:
            shared[key.rpartition(".")[2]] = tensor
    return places, shared


def places_of(family, model):
    """AdapterHub's name → sublayer, the module whose input is the residual stream."""
    if family == "gpt2":
        for i, block in enumerate(model.transformer.h):
            yield f"transformer.h.{i}.attention_adapters", block.attn, block.ln_1
            yield f"transformer.h.{i}.output_adapters", block.mlp, block.ln_2
    if family == "llama":
        for i, block in enumerate(model.model.layers):
            yield f"model.layers.{i}.attention_adapters", block.self_attn, block.input_layernorm
            yield f"model.layers.{i}.output_adapters", block.mlp, block.post_attention_layernorm
    if family == "vit":
        for i, block in enumerate(model.vit.layers):
            yield f"vit.encoder.layer.{i}.attention_adapters", block.attention, block.layernorm_before
            yield f"vit.encoder.layer.{i}.output.output_adapters", block.mlp, block.layernorm_after
    if family == "t5":
        for side in ("encoder", "decoder"):
            for i, block in enumerate(getattr(model, side).block):
                for j, layer in enumerate(block.layer):
                    names = ("SelfAttention", "EncDecAttention", "DenseReluDense")
                    sublayer = next(getattr(layer, name) for name in names if hasattr(layer, name))
                    yield f"{side}.block.{i}.layer.{j}", sublayer, layer.layer_norm


def attach(sublayer, norm, adapter):
    """Makes the model's own `x + r` the adapter's result."""
    seen = {}
    norm.register_forward_pre_hook(lambda module, inputs: seen.update(r=inputs[0]))

    def replace(module, inputs, output):
        x = output[0] if isinstance(output, tuple) else output
        x = adapter(x, seen["r"], None) - seen["r"]
        return (x, *output[1:]) if isinstance(output, tuple) else x

    sublayer.register_forward_hook(replace)


def attach_bert(module, adapter):
    module.forward = lambda hidden, r: adapter(module.dense(hidden), r, module.LayerNorm)


def adapted(family, folder):
    model, (places, shared) = base_model(family), load(folder)
    config = json.loads((folder / "adapter_config.json").read_text())["config"]
    used = set()
    if family == "bert":
        for i, layer in enumerate(model.bert.encoder.layer):
            for name, module in ((".attention.output", layer.attention.output), (".output", layer.output)):
                place = f"bert.encoder.layer.{i}{name}"
                if place in places:
                    attach_bert(module, Adapter(config, places[place], shared))
                    used.add(place)
    for place, sublayer, norm in places_of(family, model):
        if place in places:
            attach(sublayer, norm, Adapter(config, places[place], shared))
            used.add(place)
    assert used == set(places), set(places) - used
    return model


@torch.no_grad()
def main():
    logging.disable(logging.WARNING)
    transformers.logging.set_verbosity_error()
    torch.set_num_threads(1)
    cases = json.loads((ROOT / "blocks-cases.json").read_text())["cases"]
    cases = [case for case in cases if case["library"] == "adapterhub" and case["kind"] == "bottleneck"]
    pairs = sorted((case["family"], case["adapter"], case["case"]) for case in cases if "steps" not in case)
    worst = {}
    for family, adapter, case in pairs:
        arrays = np.load(ROOT / case)
        inputs = {key[3:]: torch.from_numpy(arrays[key]) for key in arrays.files if key.startswith("in/")}
        error = relative_l2(adapted(family, ROOT / adapter)(**inputs).logits, arrays["adapted/logits"])
        if error > 5e-6:
            print(f"{case}: {error:.1e}")
        worst[family] = max(worst.get(family, 0), error)
    for family, error in worst.items():
        print(f"{family}: {error:.1e}")


if __name__ == "__main__":
    main()
