"""Makes models/nf4: what PyTorch computes on the weights that bitsandbytes quantizes. See README.md beside this file.

Wants bitsandbytes==0.50.2 besides requirements.txt. The models and adapters are those of generate.py.
"""

import json
import logging

import bitsandbytes.functional as bnb
import numpy as np
import torch
import transformers
from transformers.pytorch_utils import Conv1D

import generate
from generate import ROOT, base_model, inputs_of, load_adapters, relative_l2, write_json

FOLDER = ROOT / "nf4"
HEADS = ("lm_head", "classifier")
CASES = {
    "nf4": dict(block_size=64, double_quant=False, quant_type="nf4"),
    "nf4-double": dict(block_size=64, double_quant=True, quant_type="nf4"),
    "nf4-128": dict(block_size=128, double_quant=False, quant_type="nf4"),
    "fp4": dict(block_size=64, double_quant=False, quant_type="fp4"),
}
ADAPTERS = {"nf4-double": ("qv", "all-linear")}


def dequantized(weight, block_size, double_quant, quant_type):
    """The matrix [out, in] that bitsandbytes' codes and scales stand for.

    Decoded here, over the flattened matrix: bitsandbytes' own CPU code is wrong where the rows are no whole blocks.
    """
    packed, state = bnb.quantize_4bit(
        weight.contiguous(), blocksize=block_size, quant_type=quant_type, compress_statistics=double_quant
    )
    absmax = state.absmax.numpy()
    if double_quant:
        _, plain = bnb.quantize_4bit(weight.contiguous(), blocksize=block_size, quant_type=quant_type)
        nested = state.state2
        scales = np.repeat(nested.absmax.numpy(), nested.blocksize)[: absmax.size]
        codes = nearest((plain.absmax.numpy() - np.float32(state.offset)) / scales, nested.code.numpy(), absmax)
        absmax = nested.code.numpy()[codes] * scales + np.float32(state.offset)
    packed = packed.numpy().reshape(-1)
    codes = np.stack([packed >> 4, packed & 15], axis=1).reshape(-1)[: weight.numel()]
    scales = np.repeat(absmax.astype(np.float32), block_size)[: weight.numel()]
    return torch.from_numpy((state.code.numpy()[codes] * scales).reshape(weight.shape))


def nearest(values, code_book, codes):
    """The codes of the nearest values, as bitsandbytes' CUDA kernels choose them.

    Its CPU library chooses the other neighbour within 1.6e-5 of a midpoint: nowhere else may `codes`, which it chose,
    differ.
    """
    midpoints = (code_book[:-1] + code_book[1:]) / 2
    chosen = np.searchsorted(midpoints, values)
    for index in np.flatnonzero(chosen != codes):
        distance = np.abs(midpoints - values[index]).min()
        print(f"  nested code {codes[index]} is {chosen[index]}, {distance:.1e} from a midpoint")
        assert distance <= 1.6e-5
    return chosen


@torch.no_grad()
def quantize(model, options):
    """Every linear layer but the head, as transformers does: GPT-2's Conv1D is turned to [out, in] for it."""
    for name, module in model.named_modules():
        if name.rpartition(".")[2] in HEADS:
            continue
        if isinstance(module, torch.nn.Linear):
            module.weight.copy_(dequantized(module.weight, **options))
        elif isinstance(module, Conv1D):
            module.weight.copy_(dequantized(module.weight.T, **options).T)
    return model


@torch.no_grad()
def make_case(family, case, adapter):
    inputs = inputs_of(family, torch.float32)
    base = base_model(family)(**inputs).logits
    model = quantize(base_model(family), CASES[case])
    if adapter:
        model = load_adapters(model, family, [adapter])
    logits = model(**inputs).logits
    name = f"{family}-{case}" + (f"+{adapter}" if adapter else "")
    print(f"{name}: the logits change by {relative_l2(logits, base):.3f}")
    arrays = {f"in/{key}": value.numpy() for key, value in inputs.items()}
    np.savez(FOLDER / f"{name}.npz", **arrays, **{"base/logits": base.numpy(), "adapted/logits": logits.numpy()})
    for kind in generate.EXPORTS:
        yield {
            "model": f"{family}/{kind}.onnx",
            "case": f"nf4/{name}.npz",
            "adapters": [f"{family}/adapters/{adapter}"] if adapter else [],
            **CASES[case],
        }


def main():
    logging.disable(logging.WARNING)
    transformers.logging.set_verbosity_error()
    torch.set_num_threads(1)
    FOLDER.mkdir(exist_ok=True)
    entries = []
    for family in generate.FAMILIES:
        for case in CASES:
            for adapter in (None, *ADAPTERS.get(case, ())):
                entries += make_case(family, case, adapter)
    write_json(FOLDER / "cases.json", entries)
    generate.write_checksums()


if __name__ == "__main__":
    main()
