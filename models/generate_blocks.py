"""Makes models/blocks: bottleneck adapters, prefixes, prompts and IA3, and models to put them in. See README.md.

Wants a second environment, with requirements-adapters.txt, whose Python it gets as its argument. The GPT-2, Llama and
BERT models are those of generate.py.
"""

import json
import logging
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import generate
import numpy as np
import onnx
import onnxruntime
import peft
import torch
import transformers
from generate import ROOT, quiet, relative_l2, seed, write_json
from safetensors.torch import save_file
from transformers import DynamicCache, EncoderDecoderCache
from transformers.modeling_outputs import BaseModelOutput

BLOCKS = ROOT / "blocks"
FAMILIES = ("gpt2", "llama", "bert", "t5", "vit")
TOKEN_CASES = {"2x4": (2, 4), "3x6": (3, 6)}
STEPS = 3
VIRTUAL = 3
MAX_MODEL_BYTES = 530_000
MAX_BLOCKS_BYTES = 14_000_000


# Base models


def config_of(family):
    common = dict(use_cache=False, name_or_path=f"peftc-fixtures/{family}")
    if family == "t5":
        return transformers.T5Config(
            vocab_size=96, d_model=32, d_kv=12, d_ff=48, num_layers=2, num_decoder_layers=2, num_heads=4,
            relative_attention_num_buckets=8, relative_attention_max_distance=16, initializer_factor=0.7,
            decoder_start_token_id=0, **common,
        )
    if family == "vit":
        return transformers.ViTConfig(
            hidden_size=48, num_hidden_layers=2, num_attention_heads=4, intermediate_size=80, image_size=16,
            patch_size=4, num_labels=5, initializer_range=0.12, **common,
        )
    return generate.config_of(family)


MODEL_CLASSES = generate.MODEL_CLASSES | {
    "t5": transformers.T5ForConditionalGeneration,
    "vit": transformers.ViTForImageClassification,
}


def base_model(family):
    if family in generate.FAMILIES:
        return generate.base_model(family)
    seed("base", family)
    cls = MODEL_CLASSES[family]
    model = cls(config_of(family)).eval()
    model.config.architectures = [cls.__name__]
    for parameter in model.parameters():
        if parameter.dim() == 1 or (parameter.dim() == 3 and family == "vit"):
            parameter.data += 0.15 * torch.randn_like(parameter)
    return model


# Inputs


def plain_inputs(family, case):
    """One pass. Rows after the first are padded on the right."""
    seed("blocks", family, case)
    if family == "vit":
        return {"pixel_values": torch.randn(int(case[0]), 3, 16, 16)}
    shape = TOKEN_CASES[case]
    ids = torch.randint(5, config_of(family).vocab_size, shape)
    mask = torch.ones_like(ids)
    for row in range(1, shape[0]):
        ids[row, -row - 1 :] = 0
        mask[row, -row - 1 :] = 0
    inputs = {"input_ids": ids, "attention_mask": mask}
    if family == "bert":
        inputs["token_type_ids"] = (torch.arange(shape[1]) >= shape[1] // 2).long().expand(shape).contiguous()
    if family == "t5":
        inputs["decoder_input_ids"] = torch.randint(5, 96, (shape[0], shape[1] - 1))
        inputs["decoder_input_ids"][:, 0] = 0
    return inputs


def positions(mask):
    """Every row starts somewhere else."""
    return torch.arange(mask.shape[1]) + 2 * torch.arange(mask.shape[0]).unsqueeze(1) + 1


def step_inputs(family, case, with_positions=False):
    """The prompt and then a token at a time; the mask is that of all tokens so far."""
    inputs = plain_inputs(family, case)
    seed("blocks", family, case, "steps")
    ids, mask = inputs["input_ids"], inputs["attention_mask"]
    steps = {}
    for step in range(STEPS):
        if step:
            ids = torch.randint(5, config_of(family).vocab_size, (ids.shape[0], 1))
            mask = torch.cat([mask, torch.ones_like(mask[:, :1])], dim=1)
        steps[f"step{step}/input_ids"] = ids
        steps[f"step{step}/attention_mask"] = mask
        if with_positions:
            steps[f"step{step}/position_ids"] = positions(mask)[:, -ids.shape[1] :]
    return steps


def t5_step_inputs(case):
    """A decoder that goes on: as the libraries want it, not as the decoder's graph does."""
    inputs = plain_inputs("t5", case)
    seed("blocks", "t5", case, "steps")
    steps = {f"step0/{name}": value for name, value in inputs.items()}
    for step in range(1, STEPS):
        steps[f"step{step}/attention_mask"] = inputs["attention_mask"]
        steps[f"step{step}/decoder_input_ids"] = torch.randint(5, 96, (len(inputs["input_ids"]), 1))
    return steps


def cases_of(family):
    cases = {case: plain_inputs(family, case) for case in (("2", "3") if family == "vit" else TOKEN_CASES)}
    if family in ("gpt2", "llama"):
        cases |= {f"steps-{case}": step_inputs(family, case) for case in TOKEN_CASES}
    if family == "t5":
        cases |= {f"steps-{case}": t5_step_inputs(case) for case in TOKEN_CASES}
    if family == "llama":
        cases |= {f"positions-{case}": step_inputs(family, case, with_positions=True) for case in TOKEN_CASES}
    return cases


def by_step(arrays):
    """Arrays named STEP/NAME, by step; a case of one pass is the step ""."""
    steps = {}
    for key, value in arrays.items():
        step, _, name = key.rpartition("/")
        steps.setdefault(step, {})[name] = value
    return steps


def graph_inputs(family, case, cross):
    """The inputs of the graph. The decoder of T5 gets the encoder's keys and values, which an adapter may change."""
    inputs = cases_of(family)[case]
    if family != "t5" or "-" not in case:
        return {name: value.numpy() for name, value in inputs.items()}
    graph = {}
    for step, values in by_step(inputs).items():
        graph[f"{step}/input_ids"] = values["decoder_input_ids"].numpy()
        graph[f"{step}/encoder_attention_mask"] = values["attention_mask"].numpy()
        graph |= {f"{step}/{name}": value for name, value in cross.items()}
    return graph


# Exports


def exports_of(family):
    """File name → case it answers, options."""
    if family in ("gpt2", "llama"):
        exports = {"torchscript-past": ("steps", dict(past=True)), "dynamo-past": ("steps", dict(past=True))}
        if family == "gpt2":
            exports["attention-past"] = ("steps", dict(past=True, opset=23))
        else:
            # RotaryEmbedding gets tables of batch 1 where the positions are no input: ONNX Runtime refuses them.
            for kind in ("torchscript", "dynamo", "attention"):
                options = dict(past=True, positions=True, opset=23 if kind == "attention" else None)
                exports[f"{kind}-positions"] = ("positions", options)
        return exports
    if family == "bert":
        return {"attention": ("", dict(opset=23))}
    exports = {"torchscript": ("", {}), "dynamo": ("", {})}
    if family == "t5":
        exports["torchscript-past"] = exports["dynamo-past"] = ("steps", dict(past=True))
    return exports


def past_names(family, prefix):
    """As optimum names them; the encoder's are inputs only."""
    sides = ("",) if family != "t5" else (".decoder",) if prefix == "present" else (".decoder", ".encoder")
    return [f"{prefix}.{layer}{side}.{what}" for layer in range(2) for side in sides for what in ("key", "value")]


def example_past(family):
    config = config_of(family)
    if family == "t5":
        return [tuple(torch.zeros(2, 4, length, 12) for length in (3, 3, 5, 5)) for _ in range(2)]
    heads = getattr(config, "num_key_value_heads", config.num_attention_heads)
    width = config.hidden_size // config.num_attention_heads
    return [(torch.zeros(2, heads, 3, width), torch.zeros(2, heads, 3, width)) for _ in range(2)]


def exported_forward(model, has_positions):
    """The forward that is exported: tensors in, the logits and the present out."""
    forward = type(model).forward

    def with_past(past_key_values, **values):
        cache = DynamicCache()
        for layer, (key, value) in enumerate(past_key_values):
            cache.update(key, value, layer)
        result = forward(model, **values, past_key_values=cache, use_cache=True)
        return result.logits, *tensors_of(result.past_key_values)

    def narrow(input_ids, attention_mask, past_key_values):
        return with_past(past_key_values, input_ids=input_ids, attention_mask=attention_mask)

    def narrow_positions(input_ids, attention_mask, position_ids, past_key_values):
        return with_past(
            past_key_values, input_ids=input_ids, attention_mask=attention_mask, position_ids=position_ids
        )

    def decoder(input_ids, encoder_attention_mask, past_key_values):
        cache = EncoderDecoderCache(DynamicCache(), DynamicCache())
        for layer, (key, value, cross_key, cross_value) in enumerate(past_key_values):
            cache.self_attention_cache.update(key, value, layer)
            cache.cross_attention_cache.update(cross_key, cross_value, layer)
            cache.is_updated[layer] = True
        # Only its length is looked at: the keys and values are there already.
        unused = torch.zeros(input_ids.shape[0], encoder_attention_mask.shape[1], model.config.d_model)
        result = forward(
            model, decoder_input_ids=input_ids, attention_mask=encoder_attention_mask, past_key_values=cache,
            encoder_outputs=BaseModelOutput(last_hidden_state=unused), use_cache=True,
        )
        return result.logits, *tensors_of(result.past_key_values.self_attention_cache)

    if model.config.model_type == "t5":
        return decoder
    return narrow_positions if has_positions else narrow


def tensors_of(cache):
    return [tensor for layer in cache.layers for tensor in (layer.keys, layer.values)]


def export(family, name, path, past=False, positions=False, opset=None):
    model = base_model(family)
    # torch.export cannot decompose T5's attention with a mask that is a sum, unless it is transformers' own.
    model.set_attn_implementation("eager" if family == "t5" and not name.startswith("torchscript") else "sdpa")
    inputs = example_inputs(family, past)
    axes = {key: {0: "batch", 1: "sequence"} for key in inputs}
    if past:
        axes["attention_mask"] = {0: "batch", 1: "total_sequence"}
        if positions:
            inputs["position_ids"] = torch.arange(3, 8).expand(2, 5).contiguous()
            axes["position_ids"] = {0: "batch", 1: "sequence"}
    if family == "vit":
        axes = {"pixel_values": {0: "batch"}}
    if family == "t5":
        axes["input_ids" if past else "decoder_input_ids"] = {0: "batch", 1: "decoder_sequence"}
    if past:
        axes |= {
            name: {0: "batch", 2: "sequence" if ".encoder." in name else "past_sequence"}
            for name in past_names(family, "past_key_values")
        }
    input_names, output_names, values = list(inputs), ["logits"], dict(inputs)
    if past:
        values["past_key_values"] = example_past(family)
        model.forward = exported_forward(model, positions)
        input_names += past_names(family, "past_key_values")
        output_names += past_names(family, "present")
    with quiet():
        if name.startswith("torchscript"):
            export_torchscript(model, values, path, input_names, output_names, axes, past)
        else:
            export_dynamo(model, values, path, input_names, output_names, axes, past, opset)
    size = path.stat().st_size
    if size > MAX_MODEL_BYTES:
        sys.exit(f"{path} has {size} bytes, more than {MAX_MODEL_BYTES}")


def example_inputs(family, past):
    """Of another size than any case."""
    if family == "vit":
        return {"pixel_values": torch.zeros(2, 3, 16, 16)}
    ids = torch.arange(10).reshape(2, 5) + 5
    if family == "t5" and past:
        return {"input_ids": ids[:, :3], "encoder_attention_mask": torch.ones_like(ids)}
    inputs = {"input_ids": ids, "attention_mask": torch.ones(2, 8 if past else 5).long()}
    if family == "bert":
        inputs["token_type_ids"] = torch.zeros_like(ids)
    if family == "t5":
        inputs["decoder_input_ids"] = torch.arange(8).reshape(2, 4) + 5
    return inputs


def export_torchscript(model, values, path, input_names, output_names, axes, past):
    axes = dict(axes)
    family = model.config.model_type
    if family in ("gpt2", "llama"):
        axes["logits"] = {0: "batch", 1: "sequence"}
    else:
        axes["logits"] = {0: "batch", 1: "decoder_sequence"} if family == "t5" else {0: "batch"}
    if past:
        axes |= {name: {0: "batch", 2: "total_sequence"} for name in past_names(family, "present")}
    options = dict(
        dynamo=False, opset_version=generate.OPSET, input_names=input_names, output_names=output_names,
        dynamic_axes=axes,
    )
    if past:
        torch.onnx.export(model, tuple(values.values()), str(path), **options)
    else:
        with generate.forward_takes_only(model, tuple(values)):
            torch.onnx.export(model, tuple(values.values()), str(path), **options)


def export_dynamo(model, values, path, input_names, output_names, axes, past, opset):
    dims = {}
    dynamic = torch.export.Dim.DYNAMIC

    def dim(name):
        # The sum of two others has no name of its own.
        return dynamic if name == "total_sequence" else dims.setdefault(name, torch.export.Dim(name))

    shapes = {key: {axis: dim(name) for axis, name in axes[key].items()} for key in values if key in axes}
    if past:
        names = past_names(model.config.model_type, "past_key_values")
        tensors = [{axis: dim(name) for axis, name in axes[name].items()} for name in names]
        half = len(tensors) // 2
        shapes["past_key_values"] = [tuple(tensors[:half]), tuple(tensors[half:])]
    torch.onnx.export(
        model, (), str(path), kwargs=values, dynamo=True, external_data=False, verbose=False,
        input_names=input_names, output_names=output_names, dynamic_shapes=shapes,
        **({"opset_version": opset} if opset else {}),
    )
    drop_metadata(path)


def drop_metadata(path):
    """Stack traces, as in generate.py, and what repeats the rest: `namespace` names the classes too."""
    generate.drop_stack_traces(path)
    model = onnx.load(path)
    for node in model.graph.node:
        for index, entry in reversed(list(enumerate(node.metadata_props))):
            if entry.key in ("pkg.torch.onnx.fx_node", "pkg.torch.onnx.class_hierarchy"):
                del node.metadata_props[index]
    onnx.save(model, path)


def run_onnx(path, inputs):
    """The logits of each step, the present of one being the past of the next."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    shapes = {item.name: item.shape for item in session.get_inputs()}
    names = [item.name for item in session.get_outputs()]
    past, found = {}, {}
    for step, values in by_step(inputs).items():
        for name in shapes.keys() - values.keys() - past.keys():
            past[name] = np.zeros((len(values["input_ids"]), shapes[name][1], 0, shapes[name][3]), np.float32)
        results = dict(zip(names, session.run(names, values | past), strict=True))
        past = {name: results[name.replace("past_key_values", "present")] for name in past}
        found[step] = results["logits"]
    return found


def make_exports(family, base):
    """Returns the file names, each with the cases it answers."""
    made = {}
    for name, (kind, options) in exports_of(family).items():
        path = BLOCKS / family / f"{name}.onnx"
        path.parent.mkdir(parents=True, exist_ok=True)
        export(family, name, path, **options)
        onnx.checker.check_model(str(path), full_check=True)
        cases = [case for case in base if (case.rpartition("-")[0] or "") == kind]
        worst = max(check_export(path, family, case, base[case]) for case in cases)
        print(f"{path.relative_to(ROOT)}: {path.stat().st_size} bytes, relative error {worst:.1e}", flush=True)
        if not worst <= 1e-5:
            sys.exit(f"{path} does not compute what PyTorch does")
        made[f"blocks/{family}/{name}.onnx"] = cases
    if family in generate.FAMILIES:
        plain = [case for case in base if "-" not in case]
        made |= {f"{family}/{kind}.onnx": plain for kind in ("torchscript", "dynamo")}
        for kind in ("torchscript", "dynamo"):
            assert max(check_export(ROOT / family / f"{kind}.onnx", family, case, base[case]) for case in plain) < 1e-5
    return made


def check_export(path, family, case, base):
    logits, cross = base
    found = run_onnx(path, graph_inputs(family, case, cross))
    return max(relative_l2(found[step], logits[step]) for step in found)


# What PyTorch computes


@torch.no_grad()
def base_outputs(family, inputs):
    """The logits by step, and for the steps of T5 the encoder's keys and values."""
    model = base_model(family)
    return steps_of(model, inputs, lambda values, past: model(**values, past_key_values=past, use_cache=True))


def steps_of(model, inputs, run):
    past, encoded, found = None, None, {}
    for step, values in by_step(inputs).items():
        if encoded is not None and "input_ids" not in values:
            values["encoder_outputs"] = BaseModelOutput(last_hidden_state=encoded)
        if step:
            result = run(values, past)
            past = result.past_key_values
            encoded = getattr(result, "encoder_last_hidden_state", None)
        else:
            result = model(**values)
        found[step] = result.logits.numpy()
    return found, cross_of(past)


def cross_of(past):
    if not isinstance(past, EncoderDecoderCache):
        return {}
    return {
        f"past_key_values.{layer}.encoder.{what}": tensor.numpy()
        for layer, cached in enumerate(past.cross_attention_cache.layers)
        for what, tensor in (("key", cached.keys), ("value", cached.values))
    }


@torch.no_grad()
def decoder_outputs(inputs):
    """T5's decoder without an adapter, on the keys and values of an encoder that may have one."""
    decode, past, found = exported_forward(base_model("t5"), False), None, {}
    for step, values in by_step(inputs).items():
        values = {name: torch.from_numpy(value) for name, value in values.items()}
        names = past_names("t5", "past_key_values")
        if past is None:
            past = {name: torch.zeros(len(values["input_ids"]), 4, 0, 12) for name in names if name not in values}
        tensors = [(values | past)[name] for name in names]
        logits, *present = decode(
            values["input_ids"], values["encoder_attention_mask"], [tensors[:4], tensors[4:]]
        )
        past = dict(zip(past, present, strict=True))
        found[step] = logits.numpy()
    return found


# PEFT

TASKS = {"gpt2": "CAUSAL_LM", "llama": "CAUSAL_LM", "bert": "SEQ_CLS", "t5": "SEQ_2_SEQ_LM", "vit": None}
IA3 = {
    "gpt2": dict(target_modules=["c_attn", "mlp.c_proj"], feedforward_modules=["mlp.c_proj"]),
    "llama": dict(target_modules=["k_proj", "v_proj", "down_proj"], feedforward_modules=["down_proj"]),
    "bert": dict(target_modules=["key", "value", "output.dense"], feedforward_modules=["output.dense"]),
    "t5": dict(target_modules=["k", "v", "wo"], feedforward_modules=["wo"]),
    "vit": dict(target_modules=["k_proj", "v_proj", "fc2"], feedforward_modules=["fc2"]),
}
WANTS_TASK = ("multitask-prompt",)


def peft_configs(family):
    """Name → kind, configuration."""
    task = dict(task_type=TASKS[family])
    tokens = dict(task, num_virtual_tokens=VIRTUAL)
    # Left alone, PEFT takes T5's heads to be d_model / num_heads wide.
    tokens_of_prefix = tokens | (dict(token_dim=48, num_attention_heads=4) if family == "t5" else {})
    configs = {
        "ia3": ("ia3", peft.IA3Config(**task, **IA3[family])),
        "ia3-outputs": ("ia3", peft.IA3Config(**task, target_modules=IA3[family]["target_modules"],
                                              feedforward_modules=[])),
    }
    if family != "vit":
        configs |= {
            "prefix": ("prefix", peft.PrefixTuningConfig(**tokens_of_prefix)),
            "prefix-projection": (
                "prefix",
                peft.PrefixTuningConfig(**tokens_of_prefix, prefix_projection=True, encoder_hidden_size=10),
            ),
            "prompt": ("prompt", peft.PromptTuningConfig(**tokens)),
            "p-tuning": ("prompt", peft.PromptEncoderConfig(**tokens, encoder_hidden_size=10)),
            "multitask-prompt": (
                "prompt",
                peft.MultitaskPromptTuningConfig(**tokens, num_tasks=2, num_ranks=1),
            ),
        }
    return configs


def make_peft_adapter(family, name, config):
    folder = BLOCKS / family / "peft" / name
    seed("blocks", "peft", family, name)
    with quiet():
        model = peft.get_peft_model(base_model(family), config)
    for parameter in model.parameters():
        if parameter.requires_grad:
            parameter.data += 0.2 * torch.randn_like(parameter)
    generate.save_adapter(model, folder)
    return folder


@torch.no_grad()
def peft_outputs(family, kind, folder, inputs, dtype):
    with quiet():
        model = peft.PeftModel.from_pretrained(base_model(family).to(dtype), folder).eval()
    inputs = {name: value.to(dtype) if value.is_floating_point() else value for name, value in inputs.items()}
    if folder.name in WANTS_TASK:
        inputs["task_ids"] = torch.ones(len(next(iter(inputs.values()))), dtype=torch.long)
    with quiet():
        return steps_of(model, inputs, lambda values, past: peft_step(model, kind, values, past))


def peft_step(model, kind, values, past):
    """PEFT's own forward where it has one for this step: it makes no later steps, and it drops `position_ids`."""
    if kind == "ia3":
        return model(**values, past_key_values=past, use_cache=True)
    position_ids = values.pop("position_ids", None)
    if past is None and position_ids is None:
        return model(**values, use_cache=True)
    base = model.get_base_model()
    if "decoder_input_ids" in values:
        return base(**values, past_key_values=past, use_cache=True)
    ids = values.pop("input_ids")
    ones = torch.ones(len(ids), VIRTUAL, dtype=torch.long)
    values["attention_mask"] = torch.cat([ones, values["attention_mask"]], dim=1)
    if position_ids is not None:
        values["position_ids"] = position_ids + VIRTUAL
    if past is None and kind == "prompt":
        embeddings = torch.cat([model.get_prompt(len(ids)), base.get_input_embeddings()(ids)], dim=1)
        values["position_ids"] = torch.cat([torch.arange(VIRTUAL) * ones, values["position_ids"]], dim=1)
        return base(inputs_embeds=embeddings, **values, use_cache=True)
    if past is None:
        past = model.get_prompt(len(ids))
    return base(input_ids=ids, **values, past_key_values=past, use_cache=True)


# Cases


def make_case(family, library, name, case, base, adapted, double, cross):
    """Writes one .npz and returns by how much the library differs from itself in float64."""
    path = BLOCKS / family / "cases" / f"{library}-{name}-{case}.npz"
    path.parent.mkdir(parents=True, exist_ok=True)
    inputs, arrays = graph_inputs(family, case, cross), {}
    if cross:
        base = decoder_outputs(inputs)
    for step, values in by_step(inputs).items():
        lead = f"{step}/" if step else ""
        # The encoder's keys and values are the same in each step.
        kept = {key: value for key, value in values.items() if key not in cross or step == "step0"}
        arrays |= {f"{lead}in/{key}": value for key, value in kept.items()}
        arrays |= {f"{lead}base/logits": base[step], f"{lead}adapted/logits": adapted[step]}
    np.savez(path, **arrays)
    own = max(relative_l2(adapted[step], double[step]) for step in adapted)
    change = min(
        relative_l2(adapted[step], base[step]) if adapted[step].shape == base[step].shape else 1.0 for step in adapted
    )
    if change < 1e-2:
        print(f"  {path.relative_to(ROOT)}: the adapter changes the logits by {change:.1e} only")
    return own


def entries_of(family, library, name, kind, exports, own, virtual_kept):
    """One entry of the manifest per case, with the models that it is an answer for."""
    for case, difference in own.items():
        entry = {
            "family": family,
            "models": sorted(model for model, cases in exports.items() if case in cases),
            "library": library,
            "kind": kind,
            "adapter": f"blocks/{family}/{library}/{name}",
            "case": f"blocks/{family}/cases/{library}-{name}-{case}.npz",
            "own_difference": float(f"{difference:.1e}"),
        }
        if case.startswith(("steps", "positions")):
            entry["steps"] = STEPS
        if virtual_kept.get(case):
            entry["virtual_tokens_in_output"] = virtual_kept[case]
        if name in WANTS_TASK:
            entry["task_id"] = 1
        yield entry


def collect(family, library, name, kind, exports, base, results):
    """`results`: case → the logits by step in float32 and in float64, the encoder's keys and values."""
    own, virtual = {}, {}
    for case, (adapted, double, cross) in results.items():
        logits, _ = base[case]
        own[case] = make_case(family, library, name, case, logits, adapted, double, cross)
        first = next(iter(adapted))
        if adapted[first].ndim == 3:
            virtual[case] = adapted[first].shape[1] - logits[first].shape[1]
    return entries_of(family, library, name, kind, exports, own, virtual)


# The answers of several steps are large.
STEP_ADAPTERS = {
    "steps": ("double_seq_bn", "gate", "prefix-flat", "prefix-leave-out-gate", "ia3", "prefix", "prompt"),
    "positions": ("double_seq_bn", "prefix", "prompt"),
}


def answers(family, name, case):
    if family == "t5" and name == "prompt" and "-" in case:
        return False  # a prompt is in the encoder alone
    if family == "t5" and name == "lora":
        return True  # of an encoder–decoder, on the decoder
    return "-" not in case or name in STEP_ADAPTERS[case.rpartition("-")[0]]


def make_peft(family, exports, base, refused):
    entries = []
    for name, (kind, config) in peft_configs(family).items():
        results, folder = {}, BLOCKS / family / "peft" / name
        try:
            make_peft_adapter(family, name, config)
            for case, inputs in cases_of(family).items():
                if not answers(family, name, case):
                    continue
                adapted, cross = peft_outputs(family, kind, folder, inputs, torch.float32)
                double, _ = peft_outputs(family, kind, folder, inputs, torch.float64)
                results[case] = adapted, double, cross
        except Exception as error:
            refused[name] = f"{type(error).__name__}: {error}"
            shutil.rmtree(folder, ignore_errors=True)
            continue
        entries += collect(family, "peft", name, kind, exports, base, results)
    return entries


def make_adapterhub(work, family, exports, base, report):
    entries = []
    for name, kind in report["kinds"].items():
        results = {}
        for case in filter(lambda case: answers(family, name, case), base):
            steps = by_step(np.load(work / family / f"out-{name}-{case}.npz"))
            cross = steps.pop("cross", {})
            adapted, double = ({step: values[key] for step, values in steps.items()} for key in ("adapted", "double"))
            results[case] = adapted, double, cross
        entries += collect(family, "adapterhub", name, kind, exports, base, results)
    return entries


def write_work(work, family):
    folder = work / family
    (folder / "in").mkdir(parents=True)
    model = base_model(family)
    write_json(folder / "config.json", model.config.to_dict())
    state = {name: tensor.contiguous() for name, tensor in model.state_dict().items() if "embed_tokens" not in name
             or family == "llama"}
    if family in ("gpt2", "t5"):
        state.pop("lm_head.weight")
    save_file(state, folder / "model.safetensors")
    for case, inputs in cases_of(family).items():
        np.savez(folder / "in" / f"{case}.npz", **{key: value.numpy() for key, value in inputs.items()})


def check_other_transformers(work, family, base):
    """The older transformers computes the same without an adapter."""
    for case, (expected, _) in base.items():
        found = by_step(np.load(work / family / f"base-{case}.npz"))
        found.pop("cross", None)
        for step, values in found.items():
            error = relative_l2(values["adapted"], expected[step])
            assert error < 2e-6, (family, case, step, error)


def main():
    logging.disable(logging.WARNING)
    transformers.logging.set_verbosity_error()
    torch.set_num_threads(1)
    python = sys.argv[1]
    shutil.rmtree(BLOCKS, ignore_errors=True)
    entries, refused = [], {}
    with tempfile.TemporaryDirectory() as directory:
        work = Path(directory)
        for family in FAMILIES:
            write_work(work, family)
        script = Path(__file__).with_name("generate_blocks_adapterhub.py")
        subprocess.run([python, script, work], check=True)
        report = json.loads((work / "adapterhub.json").read_text())
        for family in FAMILIES:
            base = {case: base_outputs(family, inputs) for case, inputs in cases_of(family).items()}
            check_other_transformers(work, family, base)
            exports = make_exports(family, base)
            refused[family] = {"adapterhub": report[family]["refused"], "peft": {}}
            entries += make_adapterhub(work, family, exports, base, report[family])
            entries += make_peft(family, exports, base, refused[family]["peft"])
    write_json(ROOT / "blocks-cases.json", {"cases": entries, "refused": refused})
    total = sum(path.stat().st_size for path in BLOCKS.rglob("*") if path.is_file())
    print(f"blocks: {total} bytes")
    if total > MAX_BLOCKS_BYTES:
        sys.exit(f"more than {MAX_BLOCKS_BYTES} bytes")
    generate.write_checksums()


if __name__ == "__main__":
    # PEFT writes sets as lists, in an order that depends on the hash seed.
    if os.environ.get("PYTHONHASHSEED") != "0":
        os.execve(sys.executable, [sys.executable, *sys.argv], {**os.environ, "PYTHONHASHSEED": "0"})
    main()
