"""The AdapterHub half of generate_blocks.py, which runs it in the environment of requirements-adapters.txt.

    generate_blocks_adapterhub.py WORK

WORK/FAMILY holds config.json, model.safetensors and the inputs in/CASE.npz that generate_blocks.py wrote; the adapter
folders go to blocks/FAMILY/adapterhub, the outputs to WORK/FAMILY/out-NAME-CASE.npz and what the library refuses to
WORK/adapterhub.json.
"""

import contextlib
import json
import logging
import os
import shutil
import sys
import warnings
import zlib
from pathlib import Path

os.environ["HF_HUB_OFFLINE"] = "1"

import adapters
import adapters.models.llama.modeling_llama as adapters_llama
import numpy as np
import torch
import transformers
from adapters import (
    AdapterPlusConfig,
    CompacterConfig,
    CompacterPlusPlusConfig,
    DoubleSeqBnConfig,
    IA3Config,
    LoRAConfig,
    ParBnConfig,
    PrefixTuningConfig,
    PromptTuningConfig,
    SeqBnConfig,
    SeqBnInvConfig,
)
from safetensors.torch import load_file

BLOCKS = Path(__file__).resolve().parent / "blocks"
MODELS = {
    "gpt2": (transformers.GPT2Config, transformers.GPT2LMHeadModel),
    "llama": (transformers.LlamaConfig, transformers.LlamaForCausalLM),
    "bert": (transformers.BertConfig, transformers.BertForSequenceClassification),
    "t5": (transformers.T5Config, transformers.T5ForConditionalGeneration),
    "vit": (transformers.ViTConfig, transformers.ViTForImageClassification),
}

# transformers 5 names the modules of ViT differently.
VIT_NAMES = (
    ("vit.layers.", "vit.encoder.layer."),
    (".attention.q_proj.", ".attention.attention.query."),
    (".attention.k_proj.", ".attention.attention.key."),
    (".attention.v_proj.", ".attention.attention.value."),
    (".attention.o_proj.", ".attention.output.dense."),
    (".mlp.fc1.", ".intermediate.dense."),
    (".mlp.fc2.", ".output.dense."),
)

# All that transformers 4.51 knows, and AdapterHub's own `leakyrelu`. `relu`, `swish` and `gelu` are in other adapters.
ACTIVATIONS = (
    "gelu_10", "gelu_accurate", "gelu_fast", "gelu_new", "gelu_python", "gelu_pytorch_tanh", "laplace", "leaky_relu",
    "leakyrelu", "linear", "mish", "prelu", "quick_gelu", "relu2", "relu6", "sigmoid", "silu", "tanh",
)


def configs_of(family):
    """Name → kind, configuration."""
    phm = 6 if family == "vit" else 8  # the bottleneck has to be a multiple of phm_dim
    bottleneck = {
        "seq_bn": SeqBnConfig(),
        "double_seq_bn": DoubleSeqBnConfig(),
        "par_bn": ParBnConfig(reduction_factor=8),
        "adapter_plus": AdapterPlusConfig(reduction_factor=12),
        "scaling-learned": SeqBnConfig(scaling="learned"),
        "scaling-constant": DoubleSeqBnConfig(scaling=2.5),
        "ln-before": SeqBnConfig(ln_before=True),
        "ln-after": SeqBnConfig(ln_after=True),
        "ln-both-inner-residual": DoubleSeqBnConfig(ln_before=True, ln_after=True, adapter_residual_before_ln=True),
        "original-ln-before-alone": DoubleSeqBnConfig(original_ln_before=True, original_ln_after=False),
        "original-ln-both": DoubleSeqBnConfig(original_ln_before=True),
        "residual-after-ln": DoubleSeqBnConfig(original_ln_before=True, residual_before_ln=False),
        "residual-post-add": DoubleSeqBnConfig(original_ln_before=True, residual_before_ln="post_add"),
        "gate": DoubleSeqBnConfig(use_gating=True),
        "par-double": ParBnConfig(
            mh_adapter=True, reduction_factor=16, scaling="channel", ln_before=True, ln_after=True, use_gating=True,
        ),
        "leave-out": DoubleSeqBnConfig(leave_out=[0]),
        "reduction-map": DoubleSeqBnConfig(reduction_factor={"0": 8, "default": 16}),
        "compacter": CompacterConfig(reduction_factor=phm),
        "compacter++": CompacterPlusPlusConfig(reduction_factor=phm, phm_rank=2),
    }
    if family in ("bert", "vit"):
        bottleneck["pickle"] = DoubleSeqBnConfig(non_linearity="gelu")
    if family == "t5":
        bottleneck["cross"] = DoubleSeqBnConfig(cross_adapter=True)
        bottleneck["cross-leave-out"] = DoubleSeqBnConfig(cross_adapter=True, leave_out=[1, 2])
    if family == "bert":
        bottleneck |= {
            "attention-alone": SeqBnConfig(mh_adapter=True, output_adapter=False),
            "original-ln-neither": DoubleSeqBnConfig(original_ln_after=False),
            "residual-both": SeqBnConfig(mh_adapter=True, residual_before_ln=False, original_ln_after=False),
            "compacter-own-rules": CompacterConfig(reduction_factor=8, shared_phm_rule=False),
            "compacter-factorized-rule": CompacterConfig(reduction_factor=8, factorized_phm_rule=True),
            "compacter-full": CompacterConfig(reduction_factor=8, factorized_phm_W=False),
            "compacter-shared": CompacterConfig(reduction_factor=8, shared_W_phm=True),
            "compacter-no-bias": CompacterConfig(reduction_factor=8, phm_bias=False),
        }
        for name in ACTIVATIONS:
            bottleneck[f"activation-{name}"] = SeqBnConfig(non_linearity=name)
    prefix = {
        "prefix-flat": PrefixTuningConfig(flat=True, prefix_length=3),
        "prefix-mlp": PrefixTuningConfig(flat=False, prefix_length=4, bottleneck_size=6),
        "prefix-leave-out": PrefixTuningConfig(flat=True, prefix_length=3, leave_out=[0]),
        "prefix-gate": PrefixTuningConfig(flat=True, prefix_length=3, use_gating=True, shared_gating=False),
    }
    if family == "t5":
        prefix["prefix-self-alone"] = PrefixTuningConfig(
            flat=True, prefix_length=3, encoder_prefix=False, cross_prefix=False
        )
        prefix["prefix-leave-out-gate"] = PrefixTuningConfig(
            flat=True, prefix_length=3, leave_out=[1, 2], use_gating=True
        )
    prompt = {
        "prompt": PromptTuningConfig(prompt_length=3),
        "prompt-after-bos": PromptTuningConfig(prompt_length=3, combine="prefix_after_bos"),
    }
    ia3 = {
        "ia3": IA3Config(),
        "ia3-all": IA3Config(attn_matrices=["q", "k", "v"], output_lora=True, leave_out=[1]),
    }
    lora = {}
    if family == "gpt2":
        ia3["ia3-alpha"] = IA3Config(attn_matrices=["k"], alpha=3)
    if family in ("gpt2", "t5"):
        lora["lora"] = LoRAConfig(r=2, alpha=6, intermediate_lora=True, output_lora=True)
    unsupported = {"inv": SeqBnInvConfig()}
    kinds = {
        "bottleneck": bottleneck, "prefix": prefix, "prompt": prompt, "ia3": ia3, "lora": lora,
        "unsupported": unsupported,
    }
    return {name: (kind, config) for kind, configs in kinds.items() for name, config in configs.items()}


def base_model(work, family, dtype=torch.float32):
    config_class, model_class = MODELS[family]
    config = config_class.from_dict(json.loads((work / family / "config.json").read_text()))
    if family == "llama" or (family == "gpt2" and dtype == torch.float64):
        config._attn_implementation = "eager"  # for Llama see below; GPT-2's mask for SDPA overflows in float64
    model = model_class(config)
    tensors = load_file(work / family / "model.safetensors")
    if family == "vit":
        tensors = {renamed(name): tensor for name, tensor in tensors.items()}
    missing, unexpected = model.load_state_dict(tensors, strict=False)
    tied = {"lm_head.weight", "encoder.embed_tokens.weight", "decoder.embed_tokens.weight"}
    assert not unexpected and set(missing) <= tied, (missing, unexpected)
    model.tie_weights()
    with quiet():
        adapters.init(model)
    return model.eval()


def untransposed_attention(*args, **kwargs):
    """adapters 1.2 transposes Llama's heads back although transformers 4.51 did: without this it is no Llama."""
    output, weights = EAGER_ATTENTION(*args, **kwargs)
    return output.transpose(1, 2), weights


EAGER_ATTENTION = adapters_llama.eager_attention_forward
adapters_llama.eager_attention_forward = untransposed_attention


def renamed(name):
    for new, old in VIT_NAMES:
        name = name.replace(new, old)
    return name


def make_adapter(model, family, name, config, folder):
    """A fresh adapter with every one of its tensors moved away from its first value."""
    torch.manual_seed(zlib.crc32(f"adapterhub/{family}/{name}".encode()))
    with quiet():
        model.add_adapter(name, config=config)
        model.train_adapter(name)
    for parameter in model.parameters():
        if parameter.requires_grad:
            parameter.data += 0.1 * torch.randn_like(parameter)
    folder.mkdir(parents=True)
    with quiet():
        model.save_adapter(str(folder), name, with_head=False, use_safetensors=not pickled(name, config))


def pickled(name, config):
    """safetensors refuses the configurations of which AdapterHub stores a tensor under two names."""
    shared = config.get("ln_before") or config.get("non_linearity") == "prelu"
    return name == "pickle" or shared or isinstance(config, PrefixTuningConfig)


def load_adapter(model, folder, dtype):
    """Another seed for each type: what is not in the folder differs between them."""
    torch.manual_seed(1 if dtype == torch.float32 else 2)
    safe = (folder / "adapter.safetensors").exists()
    with quiet():
        model.load_adapter(str(folder), with_head=False, set_active=True, use_safetensors=safe)
    return model.to(dtype).eval()


@torch.no_grad()
def outputs_of(model, family, inputs):
    """The logits of one pass, or of one pass per step with the past that the step before left.

    For the steps of T5 the encoder's keys and values as well, named cross/….
    """
    steps = sorted({key.split("/")[0] for key in inputs if "/" in key})
    if not steps:
        return {"adapted": model(**inputs).logits}
    past, encoded, found = None, None, {}
    for step in steps:
        values = {key.split("/")[1]: value for key, value in inputs.items() if key.startswith(step + "/")}
        if family == "t5" and past is not None:
            values["encoder_outputs"] = (encoded,)
        result = model(**values, past_key_values=past, use_cache=True)
        if family == "t5":
            encoded = result.encoder_last_hidden_state
        past, found[f"{step}/adapted"] = result.past_key_values, result.logits
    if family == "t5":
        for layer, (_, _, key, value) in enumerate(past):
            found[f"cross/past_key_values.{layer}.encoder.key"] = key
            found[f"cross/past_key_values.{layer}.encoder.value"] = value
    return found


def make_family(work, family):
    """Returns the refusals, by adapter name."""
    refused, kinds = {}, {}
    for case, inputs in cases_of(work, family, torch.float32):
        found = outputs_of(base_model(work, family), family, inputs)
        np.savez(work / family / f"base-{case}.npz", **found)
    for name, (kind, config) in configs_of(family).items():
        folder = BLOCKS / family / "adapterhub" / name
        if kind == "unsupported":
            folder = unsupported_folder(family, name)
        try:
            make_adapter(base_model(work, family), family, name, config, folder)
            if kind != "unsupported" and lacks_rule(config, folder):
                refused[name] = "the saved file has no phm_rule: read back, the adapter is another one"
                folder.rename(unsupported_folder(family, name))
            elif kind != "unsupported":
                answer(work, family, name, folder)
                kinds[name] = kind
        except Exception as error:
            refused[name] = f"{type(error).__name__}: {error}"
            shutil.rmtree(folder, ignore_errors=True)
    return {"refused": refused, "kinds": kinds}


def unsupported_folder(family, name):
    folder = BLOCKS / family / "unsupported" / f"adapterhub-{name}"
    folder.parent.mkdir(parents=True, exist_ok=True)
    return folder


def lacks_rule(config, folder):
    """The filter wants `.shared_parameters.`, with a dot before it: not so in T5, which has no base model prefix."""
    if not (config.get("phm_layer") and config.get("shared_phm_rule")):
        return False
    return not any("phm_rule" in name for name in load_file(folder / "adapter.safetensors"))


def answer(work, family, name, folder):
    arrays = {}
    for dtype in (torch.float32, torch.float64):
        model = load_adapter(base_model(work, family, dtype), folder, dtype)
        for case, inputs in cases_of(work, family, dtype):
            for key, value in outputs_of(model, family, inputs).items():
                if dtype == torch.float64:
                    key = key.replace("adapted", "double")
                if dtype == torch.float32 or not key.startswith("cross/"):
                    arrays.setdefault(case, {})[key] = value.numpy()
    for case, values in arrays.items():
        np.savez(work / family / f"out-{name}-{case}.npz", **values)


def cases_of(work, family, dtype):
    for path in sorted((work / family / "in").glob("*.npz")):
        inputs = {key: torch.from_numpy(value) for key, value in np.load(path).items()}
        yield path.stem, {
            key: value.to(dtype) if value.is_floating_point() else value for key, value in inputs.items()
        }


@contextlib.contextmanager
def quiet():
    with warnings.catch_warnings(), open(os.devnull, "w") as sink, contextlib.redirect_stdout(sink):
        warnings.simplefilter("ignore")
        yield


def main():
    logging.disable(logging.WARNING)
    transformers.logging.set_verbosity_error()
    torch.set_num_threads(1)
    work = Path(sys.argv[1])
    families = [path.name for path in sorted(work.iterdir()) if path.is_dir()]
    report = {family: make_family(work, family) for family in families}
    (work / "adapterhub.json").write_text(json.dumps(report, indent=2))


if __name__ == "__main__":
    main()
