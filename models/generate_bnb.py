"""Makes models/bnb: checkpoints that transformers and bitsandbytes quantized to 4 bits, adapters that PEFT put onto
them, and what PyTorch computes on their weights. See README.md beside this file.

Wants bitsandbytes==0.50.2 and accelerate besides requirements.txt. The base models are those of generate.py.
"""

import json
import logging
import shutil
import tempfile

import numpy as np
import peft
import torch
import transformers
from safetensors import safe_open
from transformers.pytorch_utils import Conv1D

import generate
from generate import MODEL_CLASSES, ROOT, base_model, inputs_of, quiet, relative_l2, seed, write_json

FOLDER = ROOT / "bnb"
NF4 = dict(bnb_4bit_quant_type="nf4", bnb_4bit_use_double_quant=False)
DOUBLE = dict(bnb_4bit_quant_type="nf4", bnb_4bit_use_double_quant=True)
FP4 = dict(bnb_4bit_quant_type="fp4", bnb_4bit_use_double_quant=False)
CHECKPOINTS = {
    "llama": {
        "nf4": dict(NF4, dtype=torch.bfloat16),
        "double": dict(DOUBLE, dtype=torch.float32),
        "bf16-storage": dict(DOUBLE, dtype=torch.bfloat16, bnb_4bit_quant_storage=torch.bfloat16),
        "fp4": dict(FP4, dtype=torch.float16),
        "sharded": dict(DOUBLE, dtype=torch.bfloat16, shards="40KB"),
    },
    "gpt2": {"double": dict(DOUBLE, dtype=torch.bfloat16)},
    "bert": {"double": dict(DOUBLE, dtype=torch.bfloat16)},
}
# Stands for the same weights as another one, and has the same answer.
SAME = {("llama", "sharded"): "bf16-storage"}
QLORA = {("llama", "double"): "qlora", ("bert", "double"): "qlora"}
TARGETS = {"llama": "all-linear", "bert": ["query", "value", "dense"]}


def quantized_model(family, dtype, shards=None, **options):
    """The family's model as transformers loads it in 4 bits."""
    config = transformers.BitsAndBytesConfig(load_in_4bit=True, bnb_4bit_compute_dtype=torch.float32, **options)
    with tempfile.TemporaryDirectory() as source, quiet():
        base_model(family).save_pretrained(source)
        return MODEL_CLASSES[family].from_pretrained(
            source, quantization_config=config, dtype=dtype, device_map="cpu"
        ).eval()


def make_checkpoint(family, name):
    options = CHECKPOINTS[family][name]
    folder = FOLDER / family / name
    model = quantized_model(family, **options)
    with quiet():
        model.save_pretrained(folder, max_shard_size=options.get("shards", "5GB"))
    (folder / "generation_config.json").unlink(missing_ok=True)
    if (family, name) in QLORA:
        make_adapter(family, model, FOLDER / family / QLORA[family, name])
    return folder


def make_adapter(family, model, folder):
    """A QLoRA adapter: PEFT on the model in 4 bits, with B drawn at random."""
    seed("qlora", family)
    config = peft.LoraConfig(r=4, lora_alpha=8, target_modules=TARGETS[family], init_lora_weights=False)
    wrapped = peft.get_peft_model(model, config)
    wrapped.peft_config["default"].base_model_name_or_path = f"peftc-fixtures/{family}"
    wrapped.save_pretrained(folder)
    (folder / "README.md").unlink(missing_ok=True)


def tensors_of(folder):
    tensors = {}
    for path in sorted(folder.glob("*.safetensors")):
        with safe_open(path, "pt") as file:
            tensors |= {name: file.get_tensor(name) for name in file.keys()}
    return tensors


def dequantized(tensors, name):
    """The matrix [out, in] that the tensors of a weight stand for, in float32.

    Decoded here, over the flattened matrix: bitsandbytes' own CPU code is wrong where the rows are no whole blocks.
    """
    (state,) = [bytes(t.tolist()) for key, t in tensors.items() if key.startswith(f"{name}.quant_state.bitsandbytes__")]
    state = json.loads(state)
    absmax = tensors[f"{name}.absmax"].numpy()
    if "nested_offset" in state:
        scales = np.repeat(tensors[f"{name}.nested_absmax"].numpy(), state["nested_blocksize"])[: absmax.size]
        absmax = tensors[f"{name}.nested_quant_map"].numpy()[absmax] * scales + np.float32(state["nested_offset"])
    packed = tensors[name].view(torch.uint8).numpy().reshape(-1)
    count = int(np.prod(state["shape"]))
    codes = np.stack([packed >> 4, packed & 15], axis=1).reshape(-1)[:count]
    scales = np.repeat(absmax, state["blocksize"])[:count]
    return torch.from_numpy((tensors[f"{name}.quant_map"].numpy()[codes] * scales).reshape(state["shape"]))


@torch.no_grad()
def dequantized_model(family, tensors):
    """The base model in float32, with the weights that the checkpoint has quantized."""
    model = base_model(family)
    count = 0
    for name, module in model.named_modules():
        if any(key.startswith(f"{name}.weight.quant_state") for key in tensors):
            weight = dequantized(tensors, f"{name}.weight")
            module.weight.copy_(weight.T if isinstance(module, Conv1D) else weight)
            count += 1
    assert count == sum(".quant_state." in key for key in tensors)
    return model


@torch.no_grad()
def make_case(family, checkpoint, adapter):
    inputs = inputs_of(family, torch.float32)
    base = base_model(family)(**inputs).logits
    model = dequantized_model(family, tensors_of(FOLDER / family / checkpoint))
    if same := SAME.get((family, checkpoint)):
        with np.load(FOLDER / family / f"{same}.npz") as arrays:
            assert np.array_equal(model(**inputs).logits.numpy(), arrays["adapted/logits"])
        return entries_of(family, checkpoint, None, f"bnb/{family}/{same}.npz")
    if adapter:
        with quiet():
            model = peft.PeftModel.from_pretrained(model, FOLDER / family / adapter).eval()
    logits = model(**inputs).logits
    name = f"{checkpoint}+{adapter}" if adapter else checkpoint
    print(f"{family}/{name}: the logits change by {relative_l2(logits, base):.3f}")
    arrays = {f"in/{key}": value.numpy() for key, value in inputs.items()}
    case = f"bnb/{family}/{name}.npz"
    np.savez(ROOT / case, **arrays, **{"base/logits": base.numpy(), "adapted/logits": logits.numpy()})
    return entries_of(family, checkpoint, adapter, case)


def entries_of(family, checkpoint, adapter, case):
    return [
        {
            "model": f"{family}/{kind}.onnx",
            "case": case,
            "checkpoint": f"bnb/{family}/{checkpoint}",
            "adapters": [f"bnb/{family}/{adapter}"] if adapter else [],
        }
        for kind in generate.EXPORTS
    ]


def main():
    logging.disable(logging.WARNING)
    transformers.logging.set_verbosity_error()
    torch.set_num_threads(1)
    shutil.rmtree(FOLDER, ignore_errors=True)
    entries = []
    for family, checkpoints in CHECKPOINTS.items():
        for checkpoint in checkpoints:
            make_checkpoint(family, checkpoint)
            entries += make_case(family, checkpoint, None)
            if adapter := QLORA.get((family, checkpoint)):
                entries += make_case(family, checkpoint, adapter)
    write_json(FOLDER / "cases.json", entries)
    generate.write_checksums()


if __name__ == "__main__":
    generate.fix_hash_seed()
    main()
