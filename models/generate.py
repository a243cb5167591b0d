"""Makes every fixture below models/. See README.md beside this file."""

import contextlib
import hashlib
import json
import logging
import os
import shutil
import sys
import warnings
import zlib
from pathlib import Path

os.environ["HF_HUB_OFFLINE"] = "1"

import numpy as np
import onnx
import onnxruntime
import peft
import torch
import transformers
from safetensors.torch import load_file, save_file

ROOT = Path(__file__).resolve().parent
FAMILIES = ("gpt2", "llama", "bert")
HALF_FAMILIES = ("gpt2", "llama")
HALF_ADAPTERS = ("qv", "qv-f16", "qv-bf16", "all-linear", "modules-to-save")
EXPORTS = ("torchscript", "dynamo", "dynamo-plain")
COMBINATION = ("qv", "qv2")
OPSET = 17
TOKENS = {torch.float32: (3, 11), torch.float16: (6, 24)}
MAX_MODEL_BYTES = 1 << 20
MAX_TOTAL_BYTES = 30 << 20


# Base models


def config_of(family):
    common = dict(initializer_range=0.12, use_cache=False, name_or_path=f"peftc-fixtures/{family}")
    if family == "gpt2":
        return transformers.GPT2Config(
            vocab_size=240, n_positions=64, n_embd=64, n_layer=2, n_head=4, n_inner=160,
            bos_token_id=0, eos_token_id=0, **common,
        )
    if family == "llama":
        return transformers.LlamaConfig(
            vocab_size=232, hidden_size=64, intermediate_size=96, num_hidden_layers=2,
            num_attention_heads=4, num_key_value_heads=2, max_position_embeddings=64,
            tie_word_embeddings=False, **common,
        )
    return transformers.BertConfig(
        vocab_size=250, hidden_size=64, intermediate_size=160, num_hidden_layers=2,
        num_attention_heads=4, max_position_embeddings=64, num_labels=3, **common,
    )


MODEL_CLASSES = {
    "gpt2": transformers.GPT2LMHeadModel,
    "llama": transformers.LlamaForCausalLM,
    "bert": transformers.BertForSequenceClassification,
}


def base_model(family, dtype=torch.float32):
    """The family's model in float32, with weights that are exact in `dtype`."""
    seed("base", family)
    cls = MODEL_CLASSES[family]
    model = cls(config_of(family)).eval()
    model.config.architectures = [cls.__name__]
    randomize_vectors(family, model)
    return model.to(dtype).float()


def randomize_vectors(family, model):
    """Non-trivial biases and LayerNorm weights, where a fresh model has zeros and ones.

    Left as they are: Llama's RMSNorm weights (all ones) and BERT's query/key/value biases (all zero),
    because exporters treat equal tensors in their own ways.
    """
    for name, parameter in model.named_parameters():
        untouched = family == "llama" or ".self." in name
        if parameter.dim() == 1 and not untouched:
            parameter.data += 0.15 * torch.randn_like(parameter)


def seed(*words):
    torch.manual_seed(zlib.crc32("/".join(words).encode()))


def inputs_of(family, dtype):
    """Token ids with the second row padded on the right, by ONNX input name.

    More of them for a float16 model: there the rounding errors themselves are measured.
    """
    seed("inputs", family)
    vocabulary = config_of(family).vocab_size
    ids = torch.randint(5, vocabulary, TOKENS[dtype])
    mask = torch.ones_like(ids)
    ids[1, -4:] = 0
    mask[1, -4:] = 0
    inputs = {"input_ids": ids, "attention_mask": mask}
    if family == "bert":
        segments = torch.zeros_like(ids)
        segments[:, ids.shape[1] // 2 :] = 1
        inputs["token_type_ids"] = segments
    return inputs


# Exports


def export(model, inputs, kind, path):
    with quiet():
        if kind == "torchscript":
            export_torchscript(model, inputs, path)
        else:
            export_dynamo(model, inputs, path, optimize=kind == "dynamo")
    if path.stat().st_size > MAX_MODEL_BYTES:
        sys.exit(f"{path} has {path.stat().st_size} bytes, more than {MAX_MODEL_BYTES}")


def export_torchscript(model, inputs, path):
    axes = {name: {0: "batch", 1: "sequence"} for name in inputs}
    per_token = not isinstance(model, transformers.BertForSequenceClassification)
    axes["logits"] = {0: "batch", 1: "sequence"} if per_token else {0: "batch"}
    # For a float16 model the exporter adds a float32 mask inside `scaled_dot_product_attention`.
    model.set_attn_implementation("eager" if model.dtype == torch.float16 else "sdpa")
    with forward_takes_only(model, tuple(inputs)):
        torch.onnx.export(
            model, tuple(inputs.values()), str(path), dynamo=False, opset_version=OPSET,
            input_names=list(inputs), output_names=["logits"], dynamic_axes=axes,
        )


@contextlib.contextmanager
def forward_takes_only(model, names):
    """Hides forward's other parameters: the TorchScript exporter makes an input of `logits_to_keep=0`."""
    forward = model.forward

    def narrow(*values):
        return forward(**dict(zip(names, values, strict=True))).logits

    model.forward = narrow
    try:
        yield
    finally:
        del model.forward


def export_dynamo(model, inputs, path, optimize):
    model.set_attn_implementation("sdpa")
    dims = {0: torch.export.Dim("batch"), 1: torch.export.Dim("sequence")}
    torch.onnx.export(
        model, (), str(path), kwargs=inputs, dynamo=True, optimize=optimize, external_data=False, verbose=False,
        input_names=list(inputs), output_names=["logits"], dynamic_shapes={name: dims for name in inputs},
    )
    drop_stack_traces(path)


def drop_stack_traces(path):
    """Stack traces hold absolute paths of this machine, and are a third of the file."""
    model = onnx.load(path)
    for node in model.graph.node:
        for index, entry in reversed(list(enumerate(node.metadata_props))):
            if entry.key == "pkg.torch.onnx.stack_trace":
                del node.metadata_props[index]
    onnx.save(model, path)
    if b"site-packages" in path.read_bytes():
        sys.exit(f"{path} holds local paths")


def onnx_logits(path, inputs):
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    return session.run(["logits"], {name: value.numpy() for name, value in inputs.items()})[0]


def write_companions(family, folder, dtype):
    """The small files that stand beside an exported model."""
    folder.mkdir(parents=True, exist_ok=True)
    config = base_model(family).config
    config.dtype = dtype
    config.save_pretrained(folder)
    specials = {
        "gpt2": {name: "<|endoftext|>" for name in ("bos_token", "eos_token", "unk_token")},
        "llama": {"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>"},
        "bert": {
            "cls_token": "[CLS]", "mask_token": "[MASK]", "pad_token": "[PAD]",
            "sep_token": "[SEP]", "unk_token": "[UNK]",
        },
    }[family]
    tokenizer = {"gpt2": "GPT2Tokenizer", "llama": "LlamaTokenizer", "bert": "BertTokenizer"}[family]
    write_json(folder / "special_tokens_map.json", specials)
    write_json(
        folder / "tokenizer_config.json",
        {**specials, "clean_up_tokenization_spaces": False, "model_max_length": 64, "tokenizer_class": tokenizer},
    )


# Adapters

QUERY_VALUE = {"gpt2": ["c_attn"], "llama": ["q_proj", "v_proj"], "bert": ["query", "value"]}

# The first pattern that matches wins, and PEFT saves them sorted: the narrower one has to sort first.
PATTERNS = {
    "gpt2": dict(
        target_modules=["c_attn", "c_proj", "c_fc"],
        rank_pattern={r".*\.1\.attn\.c_attn": 3, "c_attn": 6},
        alpha_pattern={r".*\.0\.mlp\.c_proj": 24, "c_fc": 5},
    ),
    "llama": dict(
        target_modules=["q_proj", "v_proj", "down_proj"],
        rank_pattern={r"layers\.1\..*q_proj": 3, "q_proj": 6},
        alpha_pattern={r".*\.0\.mlp\.down_proj": 24, "v_proj": 5},
    ),
    "bert": dict(
        target_modules=["query", "value", "output.dense"],
        rank_pattern={r".*\.1\..*query": 3, "query": 6},
        alpha_pattern={r".*layer\.0\.output\.dense": 24, "value": 5},
    ),
}

MODULES_TO_SAVE = {
    "gpt2": dict(task_type="CAUSAL_LM", modules_to_save=["lm_head", "ln_f"]),
    "llama": dict(task_type="CAUSAL_LM", modules_to_save=["lm_head"]),
    # The task type adds `classifier`.
    "bert": dict(task_type="SEQ_CLS", modules_to_save=["LayerNorm"]),
}


def lora_configs(family):
    qv = dict(target_modules=QUERY_VALUE[family], r=8, lora_alpha=16)
    configs = {
        "qv": qv,
        "qv2": {**qv, "r": 5, "lora_alpha": 12},
        "all-linear": dict(target_modules="all-linear", r=4, lora_alpha=8),
        "rslora": {**qv, "use_rslora": True},
        "patterns": dict(r=4, lora_alpha=8) | PATTERNS[family],
        "modules-to-save": qv | MODULES_TO_SAVE[family],
    }
    if family == "llama":
        configs["modules-to-save-norm"] = qv | dict(task_type="CAUSAL_LM", modules_to_save=["model.norm"])
    else:
        configs["bias-lora-only"] = {**qv, "bias": "lora_only"}
        configs["bias-all"] = {**qv, "bias": "all"}
        configs["lora-bias"] = {**qv, "lora_bias": True}
    return configs


def make_adapter(family, folder, config):
    """Trains nothing: a fresh adapter with every trainable tensor moved away from its first value."""
    seed("adapter", family, folder.name)
    with quiet():
        model = peft.get_peft_model(base_model(family), config)
    for parameter in model.parameters():
        if parameter.requires_grad:
            parameter.data += 0.04 * torch.randn_like(parameter)
    save_adapter(model, folder)


def save_adapter(model, folder):
    with quiet():
        model.save_pretrained(folder, save_embedding_layers=False)
    (folder / "README.md").unlink()


def make_adapters(family):
    for name, options in lora_configs(family).items():
        make_adapter(family, ROOT / family / "adapters" / name, peft.LoraConfig(**options))


def make_recast_adapters(family):
    source = ROOT / family / "adapters" / "qv"
    for suffix, dtype in (("f16", torch.float16), ("bf16", torch.bfloat16)):
        target = source.with_name(f"qv-{suffix}")
        shutil.copytree(source, target)
        weights = target / "adapter_model.safetensors"
        tensors = {name: tensor.to(dtype) for name, tensor in load_file(weights).items()}
        save_file(tensors, weights, metadata={"format": "pt"})


def make_unsupported_adapters():
    folder = ROOT / "llama" / "unsupported"
    targets = dict(target_modules=["q_proj"], r=2, lora_alpha=4)
    make_adapter("llama", folder / "pissa", peft.LoraConfig(**targets, init_lora_weights="pissa"))
    make_other_architecture(folder / "other-arch")


def make_other_architecture(folder):
    seed("adapter", folder.name)
    config = transformers.GPTNeoXConfig(
        vocab_size=64, hidden_size=32, num_hidden_layers=1, num_attention_heads=2, intermediate_size=64,
        max_position_embeddings=32, name_or_path="peftc-fixtures/gpt-neox",
    )
    with quiet():
        model = transformers.GPTNeoXForCausalLM(config)
        model = peft.get_peft_model(model, peft.LoraConfig(target_modules=["query_key_value"], r=2, lora_alpha=4))
    save_adapter(model, folder)


def load_adapters(model, family, names):
    folder = ROOT / family / "adapters"
    with quiet():
        model = peft.PeftModel.from_pretrained(model, folder / names[0], adapter_name=names[0]).eval()
        for name in names[1:]:
            model.load_adapter(folder / name, adapter_name=name)
        model.base_model.set_adapter(list(names))
    return model


# Reference outputs


def make_case(family, names, folder, dtype):
    """Stores what PyTorch + PEFT computes in float32, without merging."""
    inputs = inputs_of(family, dtype)
    with torch.no_grad():
        base = base_model(family, dtype)(**inputs).logits
        adapted = load_adapters(base_model(family, dtype), family, names)(**inputs).logits
    change = relative_l2(adapted, base)
    path = folder / "cases" / ("+".join(names) + ".npz")
    print(f"{path.relative_to(ROOT)}: the adapter changes the logits by {change:.3f}")
    if change < 1e-2:
        sys.exit(f"{path}: the adapter hardly changes the output")
    path.parent.mkdir(exist_ok=True)
    arrays = {f"in/{name}": value.numpy() for name, value in inputs.items()}
    np.savez(path, **arrays, **{"base/logits": base.numpy(), "adapted/logits": adapted.numpy()})
    return path


def make_exports(family, folder, dtype):
    model = base_model(family).to(dtype)
    inputs = inputs_of(family, dtype)
    example = {name: value[:2, :7] for name, value in inputs.items()}
    with torch.no_grad():
        expected = base_model(family, dtype)(**inputs).logits
    for kind in EXPORTS:
        path = folder / f"{kind}.onnx"
        export(model, example, kind, path)
        onnx.checker.check_model(str(path), full_check=True)
        error = relative_l2(onnx_logits(path, inputs), expected)
        print(f"{path.relative_to(ROOT)}: {path.stat().st_size} bytes, relative error {error:.1e}")
        if not error <= (1e-5 if dtype == torch.float32 else 1e-2):
            sys.exit(f"{path} does not compute what PyTorch does")


def make_family(family, dtype):
    """Writes one model folder and returns its entries of the manifest."""
    half = dtype == torch.float16
    folder = ROOT / (f"{family}-f16" if half else family)
    write_companions(family, folder, dtype)
    make_exports(family, folder, dtype)
    available = sorted(path.name for path in (ROOT / family / "adapters").iterdir())
    selected = [[name] for name in available if not half or name in HALF_ADAPTERS]
    if not half:
        selected.append(list(COMBINATION))
    entries = []
    for names in selected:
        case = make_case(family, names, folder, dtype)
        entries += [
            {
                "family": family,
                "model": f"{folder.name}/{kind}.onnx",
                "adapters": [f"{family}/adapters/{name}" for name in names],
                "case": str(case.relative_to(ROOT)),
                "dtype": "float16" if half else "float32",
                "modes": ["merge", "inject"],
            }
            for kind in EXPORTS
        ]
    return entries


def relative_l2(actual, expected):
    actual, expected = (np.asarray(value, dtype=np.float64) for value in (actual, expected))
    return float(np.linalg.norm(actual - expected) / np.linalg.norm(expected))


# The whole


def write_json(path, value):
    path.write_text(json.dumps(value, indent=2, sort_keys=True) + "\n")


def write_checksums():
    folders = [*generated_folders(), ROOT / "nf4", ROOT / "bnb", ROOT / "blocks", ROOT / "merges"]
    files = sorted(path for folder in folders for path in folder.rglob("*") if path.is_file())
    files += [ROOT / "cases.json", ROOT / "blocks-cases.json"]
    total = sum(path.stat().st_size for path in files)
    print(f"{len(files)} files, {total} bytes")
    if total > MAX_TOTAL_BYTES:
        sys.exit(f"more than {MAX_TOTAL_BYTES} bytes in all")
    lines = (f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.relative_to(ROOT)}\n" for path in files)
    (ROOT / "SHA256SUMS").write_text("".join(lines))


def generated_folders():
    return [ROOT / family for family in FAMILIES] + [ROOT / f"{family}-f16" for family in HALF_FAMILIES]


@contextlib.contextmanager
def quiet():
    with warnings.catch_warnings(), open(os.devnull, "w") as sink, contextlib.redirect_stdout(sink):
        warnings.simplefilter("ignore")
        yield


def main():
    logging.disable(logging.WARNING)
    transformers.logging.set_verbosity_error()
    torch.set_num_threads(1)
    for folder in generated_folders():
        shutil.rmtree(folder, ignore_errors=True)
    for family in FAMILIES:
        make_adapters(family)
    make_recast_adapters("llama")
    make_unsupported_adapters()
    entries = [entry for family in FAMILIES for entry in make_family(family, torch.float32)]
    entries += [entry for family in HALF_FAMILIES for entry in make_family(family, torch.float16)]
    write_json(ROOT / "cases.json", entries)
    write_checksums()


def fix_hash_seed():
    """PEFT writes sets as lists, in an order that depends on the hash seed."""
    if os.environ.get("PYTHONHASHSEED") != "0":
        os.execve(sys.executable, [sys.executable, *sys.argv], {**os.environ, "PYTHONHASHSEED": "0"})


if __name__ == "__main__":
    fix_hash_seed()
    main()
