"""The answer as config.json of Hugging Face transformers: a Llama, or with experts a Mixtral; Trainer arguments too."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from typing import Final

from model.config import TrainConfig, phase_steps
from model.llama import Architecture, config_json, differences
from sweeps.programs.optimum import Optimum, unshared

TRAINER: Final = frozenset(
    (
        *("sequences", "batch", "lr", "schedule", "warmup", "warmup_steps", "cooldown", "final_lr", "weight_decay"),
        *("beta1", "beta2", "eps", "clip", "seed", "numerics"),
    )
)
"""Fields of TrainConfig that the Trainer follows."""
ALWAYS: Final = (
    "the first weights: matrices here begin at N(0, 1/fan_in), residual outputs at 1/√(2L) of that, and the embedding "
    "at N(0, 1); transformers draws all at initializer_range",
    "weight decay of the embedding, which is 0 here; the Trainer decays it",
    "the text and its tokenizer",
)
"""What never carries over."""
POOLED: Final = (
    "the balance loss of each block by itself: transformers takes one of all blocks together, whose "
    "router_aux_loss_coef is ours times blocks over active experts, so that it pulls as strongly"
)
"""What changes of an auxiliary balance loss."""


@dataclass(frozen=True, slots=True)
class TrainerArguments:
    """Fields of transformers' TrainingArguments, for one device."""

    max_steps: int
    """Optimizer steps."""
    per_device_train_batch_size: int
    """Sequences of a step; on several devices, divide it by their number."""
    learning_rate: float
    """Peak learning rate of the matrices."""
    lr_scheduler_type: str
    """warmup_stable_decay | cosine_with_min_lr."""
    lr_scheduler_kwargs: dict[str, str | float]
    """Its own arguments."""
    warmup_steps: int
    """Steps of warmup."""
    weight_decay: float
    """Decoupled weight decay."""
    adam_beta1: float
    """First-moment decay."""
    adam_beta2: float
    """Second-moment decay."""
    adam_epsilon: float
    """Epsilon."""
    max_grad_norm: float
    """Gradient-norm limit; 0 switches it off."""
    seed: int
    """Seed."""
    bf16: bool
    """Matrix products in bf16."""
    optim: str = "adamw_torch"
    """torch's AdamW."""


def llama_file(optimum: Optimum) -> str:
    """The JSON of a LlamaConfig, or of a MixtralConfig for a model of experts.

    `training_arguments` and `isoflop`, which those do not know, hold the rest.
    """
    model = optimum.model
    architecture = Architecture.MIXTRAL if model.experts > 1 else Architecture.LLAMA
    config, balanced = config_json(model, architecture), False
    if architecture.mixes:
        balanced = config["router_aux_loss_coef"] > 0
        config["output_router_logits"] = balanced  # without them, transformers trains without the balance loss
    left_out = [
        *differences(model, architecture),
        *([POOLED] if balanced else []),
        *unshared(optimum.train, "train", TRAINER),
        *ALWAYS,
    ]
    beside = {
        "training_arguments": dataclasses.asdict(trainer_arguments(optimum.train)),
        "isoflop": {"facts": list(optimum.facts()), "not_carried_over": left_out},
    }
    return json.dumps(config | beside, indent=2, ensure_ascii=False) + "\n"


def trainer_arguments(train: TrainConfig) -> TrainerArguments:
    """The optimisation as the Trainer takes it, whose fall begins at the last step of ours that has the full rate."""
    warmup, cooldown = phase_steps(train)
    if train.schedule == "wsd":
        kind = "warmup_stable_decay"
        details: dict[str, str | float] = {
            "num_decay_steps": min(cooldown + 1, train.steps - warmup),
            "decay_type": "linear",
            "min_lr_ratio": train.final_lr,
        }
    else:
        kind, details = "cosine_with_min_lr", {"min_lr_rate": train.final_lr}
    return TrainerArguments(
        max_steps=train.steps,
        per_device_train_batch_size=train.batch,
        learning_rate=train.lr,
        lr_scheduler_type=kind,
        lr_scheduler_kwargs=details,
        warmup_steps=warmup,
        weight_decay=train.weight_decay,
        adam_beta1=train.beta1,
        adam_beta2=train.beta2,
        adam_epsilon=train.eps,
        max_grad_norm=train.clip,
        seed=train.seed,
        bf16=train.numerics == "bf16",
    )
