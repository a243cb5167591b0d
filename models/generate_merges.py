"""Makes models/merges: adapters of other kinds, their changes of weights, and what PEFT makes of several. See README.md.

The models, and the adapters `qv` and `rslora`, are those of generate.py.
"""

import contextlib
import logging
import shutil

import numpy as np
import peft
import torch
import transformers

import generate
from generate import ROOT, base_model, load_adapters, make_adapter, quiet, write_json

FOLDER = ROOT / "merges"
FAMILY = "llama"
PAIR = ("qv", "rslora")
WEIGHTS = (0.7, -0.4)
DENSITY = 0.3
COMBINATIONS = (
    "linear", "cat", "svd", "ties", "ties_svd", "dare_linear", "dare_linear_svd", "dare_ties", "dare_ties_svd",
    "magnitude_prune", "magnitude_prune_svd",
)
TARGETS = dict(target_modules=["q_proj", "down_proj"])
KINDS = {
    "loha": peft.LoHaConfig(**TARGETS, r=3, alpha=6, rank_pattern={"down_proj": 2}, alpha_pattern={"down_proj": 5}),
    "lokr": peft.LoKrConfig(**TARGETS, r=2, alpha=4, decompose_factor=4),
    "lokr-both": peft.LoKrConfig(**TARGETS, r=1, alpha=2, decompose_both=True, decompose_factor=8),
    "adalora": peft.AdaLoraConfig(**TARGETS, init_r=4, target_r=4, lora_alpha=6, total_step=10),
    "dora": peft.LoraConfig(**TARGETS, r=3, lora_alpha=6, use_dora=True),
    "embedding": peft.LoraConfig(target_modules=["embed_tokens", "q_proj"], r=3, lora_alpha=6),
}


def layers(model, adapter):
    for name, module in model.named_modules():
        if hasattr(module, "get_delta_weight") and adapter in getattr(module, "scaling", {}):
            yield name.removeprefix("base_model.model."), module


def deltas_of(folder):
    """What the library's own merging adds to weights, computed in float64, rounded."""
    with quiet():
        model = peft.PeftModel.from_pretrained(base_model(FAMILY), folder).double()
    adapted = dict(layers(model, "default"))
    before = {name: module.get_base_layer().weight.detach().clone() for name, module in adapted.items()}
    model.merge_adapter()
    return {
        name: (module.get_base_layer().weight.detach() - before[name]).float().numpy() for name, module in adapted.items()
    }


@contextlib.contextmanager
def masks_recorded(masks):
    bernoulli = torch.bernoulli

    def recorded(probabilities):
        masks.append(bernoulli(probabilities))
        return masks[-1]

    torch.bernoulli = recorded
    yield
    torch.bernoulli = bernoulli


def combined(kind):
    """A and B of each module, and the masks that were drawn, in order."""
    generate.seed("merge", kind)
    model = load_adapters(base_model(FAMILY), FAMILY, PAIR)
    masks = []
    options = {} if kind in ("linear", "cat", "svd") else dict(density=DENSITY)
    with quiet(), masks_recorded(masks):
        model.add_weighted_adapter(list(PAIR), list(WEIGHTS), "merged", combination_type=kind, **options)
    arrays = {}
    for name, module in layers(model, "merged"):
        assert module.scaling["merged"] == 1
        arrays[f"{name}/A"] = module.lora_A["merged"].weight.detach().numpy()
        arrays[f"{name}/B"] = module.lora_B["merged"].weight.detach().numpy()
    arrays |= {f"mask{index}": mask.numpy().astype(bool) for index, mask in enumerate(masks)}
    return arrays


def main():
    logging.disable(logging.WARNING)
    transformers.logging.set_verbosity_error()
    torch.set_num_threads(1)
    shutil.rmtree(FOLDER, ignore_errors=True)
    for name, config in KINDS.items():
        folder = FOLDER / "adapters" / name
        make_adapter(FAMILY, folder, config)
        deltas = deltas_of(folder)
        assert deltas
        np.savez(FOLDER / f"{name}.npz", **deltas)
    for kind in COMBINATIONS:
        np.savez(FOLDER / f"peft-{kind}.npz", **combined(kind))
    pair = [f"{FAMILY}/adapters/{name}" for name in PAIR]
    write_json(FOLDER / "cases.json", {"adapters": pair, "weights": WEIGHTS, "density": DENSITY, "kinds": sorted(KINDS), "combinations": COMBINATIONS})


if __name__ == "__main__":
    main()
    generate.write_checksums()
