"""The answer as a command of nanochat: the flags of its scripts/base_train.py."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Final

from model.config import ModelConfig, TrainConfig, phase_steps
from sweeps.programs.optimum import Optimum, comments, unshared

OWN_MODEL: Final = frozenset(
    ("context", "d_model", "n_layers", "n_heads", "vocab", "d_ff", "mlp", "qk_norm", "logit_cap", "norm_eps")
)
"""Fields of ModelConfig that the flags set or that a sentence below is about."""
OWN_TRAIN: Final = frozenset(
    (
        *("sequences", "batch", "schedule", "warmup", "warmup_steps", "cooldown", "final_lr", "embedding_lr", "lr"),
        *("weight_decay", "beta1", "beta2", "eps", "clip"),
    )
)
"""Fields of TrainConfig that the flags set or that a sentence below is about."""
REFERENCE_BATCH: Final = 2**19
"""Tokens of a step at which nanochat's learning rates hold (scripts/base_train.py)."""
REFERENCE_WIDTH: Final = 768
"""Width at which those of its AdamW hold (nanochat/gpt.py, setup_optimizer)."""
OWN_CAP: Final = 15.0
"""nanochat's soft cap of the logits (nanochat/gpt.py)."""
DEVICE_BATCH: Final = 32
"""Most sequences of one pass on a device, nanochat's default."""


def nanochat_command(optimum: Optimum) -> str:
    """A shell script that starts nanochat on one device."""
    left_out = [
        *_not_carried(optimum.model, optimum.train),
        *unshared(optimum.model, "model", OWN_MODEL),
        *unshared(optimum.train, "train", OWN_TRAIN),
    ]
    lines = ["python -m scripts.base_train", *flags(optimum.model, optimum.train)]
    return comments(optimum, left_out) + " \\\n    ".join(lines) + "\n"


def flags(model: ModelConfig, train: TrainConfig) -> Iterator[str]:
    """The flags; learning rates of AdamW such that they are the recipe's after nanochat has scaled them."""
    scale = math.sqrt(train.batch * model.context / REFERENCE_BATCH) * (model.d_model / REFERENCE_WIDTH) ** -0.5
    rate = (train.embedding_lr or train.lr) / scale
    warmup, cooldown = _shares(train)
    yield f"--depth={model.n_layers}"
    yield f"--aspect-ratio={model.d_model // model.n_layers}"
    yield f"--head-dim={model.head_size}"
    yield f"--max-seq-len={model.context}"
    yield "--window-pattern=L"
    yield f"--num-iterations={train.steps}"
    yield f"--device-batch-size={max(n for n in range(1, DEVICE_BATCH + 1) if train.batch % n == 0)}"
    yield f"--total-batch-size={train.batch * model.context}"
    yield f"--embedding-lr={rate:.6g}"
    yield f"--unembedding-lr={rate:.6g}"
    yield f"--warmup-steps={warmup}"
    yield f"--warmdown-ratio={cooldown:.6g}"
    yield f"--final-lr-frac={train.final_lr:g}"


def _shares(train: TrainConfig) -> tuple[int, float]:
    """Steps of warmup, and the share of the steps in the fall; all that is left for a cosine."""
    warmup, cooldown = phase_steps(train)
    fall = cooldown if train.schedule == "wsd" else train.steps - warmup
    return warmup, fall / train.steps


def built_width(model: ModelConfig) -> int:
    """d_model of what the flags build: depth · aspect ratio, raised to whole heads."""
    base = model.n_layers * (model.d_model // model.n_layers)
    return math.ceil(base / model.head_size) * model.head_size


def _not_carried(model: ModelConfig, train: TrainConfig) -> Iterator[str]:
    """What nanochat has in another way, a sentence each."""
    if built_width(model) != model.d_model:
        yield f"d_model = {model.d_model}: depth {model.n_layers} and the aspect ratio give {built_width(model)}"
    if model.head_size % 8:
        yield f"a head of {model.head_size} channels as it is: flash attention wants a multiple of 8"
    yield f"the MLP, {model.mlp} of width {model.d_ff}: nanochat's is ReLU² of width {4 * model.d_model}; its N differs"
    yield (
        f"AdamW of the matrices (lr {train.lr:.3g}, weight decay {train.weight_decay:.3g}, betas {train.beta1:g} and "
        f"{train.beta2:g}): nanochat trains them by Muon, at its own --matrix-lr and --weight-decay"
    )
    if train.schedule != "wsd":
        yield f"the {train.schedule} schedule: nanochat's falls linearly after its warmup"
    if train.clip:
        yield f"the gradient-norm limit {train.clip:g}: nanochat has none"
    if not model.qk_norm:
        yield "attention without QK-norm: nanochat normalises queries and keys"
    if model.logit_cap != OWN_CAP:
        yield f"the logits as they are: nanochat caps them at {OWN_CAP:g}"
    yield "value embeddings and residual scales, which are nanochat's alone"
    yield f"the text, its tokenizer and its vocabulary of {model.vocab:,}: nanochat takes its own"
