"""The answer as values of OLMo-core: the configurations that a run of its ModelLadder records, as YAML."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import yaml

from model.config import ModelConfig, TrainConfig, phase_steps
from sweeps.programs.optimum import Optimum, comments, unshared

Section = dict[str, object]
"""A section of the YAML document, by OLMo-core's own names."""
CLASS: Final = "_CLASS_"
"""The key by which OLMo-core's Config.from_dict finds the class of a section."""
SHARED_MODEL: Final = frozenset(
    (
        *(
            "vocab",
            "context",
            "d_model",
            "n_layers",
            "n_heads",
            "kv_heads",
            "d_ff",
            "qk_norm",
            "norm_weights",
            "norm_eps",
        ),
        *("biases", "rope_base", "tied_head"),
    )
)
"""Fields of ModelConfig that its TransformerConfig follows."""
SHARED_TRAIN: Final = frozenset(
    (
        *("sequences", "batch", "lr", "embedding_lr", "schedule", "warmup", "warmup_steps", "cooldown", "final_lr"),
        *("weight_decay", "beta1", "beta2", "eps", "clip", "seed", "numerics"),
    )
)
"""Fields of TrainConfig that its optimizer, scheduler and train module follow."""
USE: Final = (
    "model, optim and scheduler are read by Config.from_dict of OLMo-core; max_grad_norm and autocast_precision belong "
    "to its TransformerTrainModuleConfig, duration to its TrainerConfig, global_batch_size to its data loader; ladder "
    "is what its ModelLadder would be given, which is in its repository and not in the package of PyPI"
)
LADDER_PARAMS: Final = 108_000_000
"""Non-embedding parameters at which the ladder's learning rate is LADDER_LR."""
LADDER_LR: Final = 0.0047 / 2
"""Peak rate of WSDSChinchillaRunConfigurator at LADDER_PARAMS; it falls with the cube root of the size."""
ONE_PERIOD: Final = 0.5
"""The multiple of Chinchilla's duration with which the ladder's schedule falls once, at the end."""


def olmo_core_file(optimum: Optimum) -> str:
    """The values as YAML with comments."""
    left_out = [
        *_not_carried(optimum),
        *unshared(optimum.model, "model", SHARED_MODEL),
        *unshared(optimum.train, "train", SHARED_TRAIN),
    ]
    text = yaml.safe_dump(values(optimum), sort_keys=False, allow_unicode=True, width=120)
    return f"{comments(optimum, left_out)}# {USE}\n{text}"


def values(optimum: Optimum) -> Section:
    """The values by section."""
    model, train = optimum.model, optimum.train
    return {
        "model": _model(model, train),
        "optim": _optimizer(train),
        "scheduler": _scheduler(train),
        "max_grad_norm": train.clip or None,
        "autocast_precision": "bfloat16" if train.numerics == "bf16" else None,
        "sequence_length": model.context,
        "global_batch_size": train.batch * model.context,
        "duration": {"value": train.steps, "unit": "steps"},
        "seed": train.seed,
        "ladder": _ladder(optimum),
    }


def _model(model: ModelConfig, train: TrainConfig) -> Section:
    """A TransformerConfig of pre-norm blocks."""
    norm = {
        CLASS: "olmo_core.nn.layer_norm.LayerNormConfig",
        "name": "rms",
        "eps": model.norm_eps,
        "elementwise_affine": model.norm_weights,
        "bias": False,
    }
    attention: Section = {
        CLASS: "olmo_core.nn.attention.AttentionConfig",
        "n_heads": model.n_heads,
        "bias": model.biases,
    }
    if model.kv_heads:
        attention["n_kv_heads"] = model.kv_heads
    if model.rope_base:
        attention["rope"] = {CLASS: "olmo_core.nn.rope.RoPEConfig", "theta": round(model.rope_base)}
    if model.qk_norm:
        attention |= {"qk_norm": dict(norm), "use_head_qk_norm": True}
    return {
        CLASS: "olmo_core.nn.transformer.config.TransformerConfig",
        "d_model": model.d_model,
        "vocab_size": model.vocab,
        "n_layers": model.n_layers,
        "block": {
            CLASS: "olmo_core.nn.transformer.config.TransformerBlockConfig",
            "sequence_mixer": attention,
            "layer_norm": dict(norm),
            "feed_forward": {
                CLASS: "olmo_core.nn.feed_forward.FeedForwardConfig",
                "hidden_size": model.d_ff,
                "bias": model.biases,
            },
        },
        "lm_head": {
            CLASS: "olmo_core.nn.lm_head.LMHeadConfig",
            "layer_norm": dict(norm),
            "bias": model.biases and not model.tied_head,
        },
        "init_method": "fan_in",
        "init_seed": train.seed,
        "tie_word_embeddings": model.tied_head,
    }


def _optimizer(train: TrainConfig) -> Section:
    """AdamW, with embedding and head in a group of their own."""
    return {
        CLASS: "olmo_core.optim.AdamWConfig",
        "lr": train.lr,
        "betas": [train.beta1, train.beta2],
        "eps": train.eps,
        "weight_decay": train.weight_decay,
        "group_overrides": [
            {
                CLASS: "olmo_core.optim.OptimGroupOverride",
                "params": ["embeddings.weight", "lm_head.w_out.weight"],
                "opts": {"lr": train.embedding_lr or train.lr, "weight_decay": 0.0},
            }
        ],
    }


def _scheduler(train: TrainConfig) -> Section:
    """The schedule in steps."""
    warmup, cooldown = phase_steps(train)
    if train.schedule == "wsd":
        rest = {"decay": cooldown, "decay_fraction": None, "decay_min_lr": train.final_lr * train.lr}
        return {CLASS: "olmo_core.optim.WSD", "warmup": warmup, **rest}
    return {CLASS: "olmo_core.optim.CosWithWarmup", "warmup": warmup, "alpha_f": train.final_lr}


def _ladder(optimum: Optimum) -> Section:
    """The ladder's own rule of a run, set so that D, the learning rate and the fall are those of the answer."""
    size, train = optimum.planned.params_nonembedding, optimum.train
    _, cooldown = phase_steps(train)
    return {
        "sequence_length": optimum.model.context,
        "seed": train.seed,
        "run_configurator": {
            CLASS: "olmo_core.model_ladder.WSDSChinchillaRunConfigurator",
            "chinchilla_multiple": ONE_PERIOD,
            "tokens_per_param": max(1, round(optimum.planned.tokens / size / ONE_PERIOD)),
            "decay_fraction": min(max(cooldown / train.steps, 0.01), 0.49),
            "lr_multiplier": train.lr / (LADDER_LR * (size / LADDER_PARAMS) ** (-1 / 3)),
        },
    }


def _not_carried(optimum: Optimum) -> Iterator[str]:
    """What OLMo-core has in another way, a sentence each."""
    model, train = optimum.model, optimum.train
    if train.final_lr and train.schedule == "wsd":
        yield "the last learning rate of embedding and head: decay_min_lr is that of the matrices"
    if model.tied_head:
        yield "the factor of a tied head's logits" + (", and its bias" if model.biases else "")
    if model.rope_base != round(model.rope_base):
        yield f"model.rope_base = {model.rope_base:g}, which is rounded"
    yield "the smaller first weights of residual outputs: fan_in draws them as all others"
    yield "in ladder: the shape, which its sizes from 190M up set; warmup and batch, which its rules set"
    yield "the text and its tokenizer"
