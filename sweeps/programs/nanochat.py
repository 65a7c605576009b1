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
        *("weight_decay", "beta1", "beta2", "eps", "clip", "optimizer", "momentum"),
    )
)
"""Fields of TrainConfig that the flags set or that a sentence below is about."""
WINDOW: Final = frozenset(("window", "window_pattern"))
"""Fields of ModelConfig that --window-pattern sets where the window is nanochat's."""
REFERENCE_BATCH: Final = 2**19
"""Tokens of a step at which nanochat's learning rates hold (scripts/base_train.py)."""
REFERENCE_WIDTH: Final = 768
"""Width at which those of its AdamW hold (nanochat/gpt.py, setup_optimizer)."""
OWN_CAP: Final = 15.0
"""nanochat's soft cap of the logits (nanochat/gpt.py)."""
MUON_RMS: Final = 0.2
"""Root mean square of a step of our Muon at a learning rate of 1, see `model.muon`; nanochat's has 1 / √d there."""
WINDOW_PARTS: Final = 4
"""nanochat's window is the context over this, in whole tiles of WINDOW_TILE tokens (nanochat/gpt.py)."""
WINDOW_TILE: Final = 128
"""Tokens of a tile of its attention."""
DEVICE_BATCH: Final = 32
"""Most sequences of one pass on a device, nanochat's default."""


def nanochat_command(optimum: Optimum) -> str:
    """A shell script that starts nanochat on one device."""
    left_out = [
        *_not_carried(optimum.model, optimum.train),
        *unshared(optimum.model, "model", OWN_MODEL | (WINDOW if _has_window(optimum.model) else frozenset())),
        *unshared(optimum.train, "train", OWN_TRAIN),
    ]
    lines = ["python -m scripts.base_train", *flags(optimum.model, optimum.train)]
    return comments(optimum, left_out) + " \\\n    ".join(lines) + "\n"


def flags(model: ModelConfig, train: TrainConfig) -> Iterator[str]:
    """The flags; learning rates such that they are the recipe's after nanochat has scaled them."""
    by_batch = math.sqrt(train.batch * model.context / REFERENCE_BATCH)
    rate = (train.embedding_lr or train.lr) / (by_batch * (model.d_model / REFERENCE_WIDTH) ** -0.5)
    warmup, cooldown = _shares(train)
    yield f"--depth={model.n_layers}"
    yield f"--aspect-ratio={model.d_model // model.n_layers}"
    yield f"--head-dim={model.head_size}"
    yield f"--max-seq-len={model.context}"
    yield f"--window-pattern={model.window_pattern if _has_window(model) else 'L'}"
    yield f"--num-iterations={train.steps}"
    yield f"--device-batch-size={max(n for n in range(1, DEVICE_BATCH + 1) if train.batch % n == 0)}"
    yield f"--total-batch-size={train.batch * model.context}"
    yield f"--embedding-lr={rate:.6g}"
    yield f"--unembedding-lr={rate:.6g}"
    if train.optimizer == "muon":
        yield f"--matrix-lr={MUON_RMS * math.sqrt(model.d_model) * train.lr / by_batch:.6g}"
    yield f"--warmup-steps={warmup}"
    yield f"--warmdown-ratio={cooldown:.6g}"
    yield f"--final-lr-frac={train.final_lr:g}"


def _has_window(model: ModelConfig) -> bool:
    """Whether its window is one that nanochat builds, whose last block attends to all positions."""
    whole = model.window % WINDOW_TILE == 0 and model.window * WINDOW_PARTS == model.context
    return whole and "L" in model.window_pattern


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
    if (model.mlp, model.d_ff) != ("relu2", 4 * model.d_model):
        width = 4 * model.d_model
        yield f"the MLP, {model.mlp} of width {model.d_ff}: nanochat's is ReLU² of width {width}; its N differs"
    yield from _matrices(train)
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


def _matrices(train: TrainConfig) -> Iterator[str]:
    """How the matrices of the blocks are trained there instead."""
    if train.optimizer == "muon":
        yield (
            "twice the step of the MLP's second matrix: --matrix-lr gives all others steps as large as here, but "
            "nanochat's Muon scales by √(rows / columns) where that is above 1"
        )
        yield (
            f"Muon's momentum {train.momentum:g} and weight decay {train.weight_decay:.3g}: nanochat changes its own "
            "over the run, and evens out the rows of its steps"
        )
        yield f"AdamW's betas {train.beta1:g} and {train.beta2:g} of embedding and head: nanochat has its own"
    else:
        yield (
            f"AdamW of the matrices (lr {train.lr:.3g}, weight decay {train.weight_decay:.3g}, betas {train.beta1:g} "
            f"and {train.beta2:g}): nanochat trains them by Muon, at its own --matrix-lr and --weight-decay"
        )
