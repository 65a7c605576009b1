"""Recipes whose batch and learning rate are power laws of N and D, with a fixed depth or a fixed width per block."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from model.config import ModelConfig, TrainConfig
from model.flops import count_parameters
from sweeps.recipes.recipe import Recipe

LONGEST_WARMUP = 0.1
"""Share of a run that warmup by tokens per parameter may take: OLMo's one token would outlast short runs."""


@dataclass(frozen=True, kw_only=True)
class PowerLaws(Recipe):
    """Power laws in N without embedding and head, and in D."""

    layers: int
    """Blocks L of every size; 0 lets depth grow as d_model / width_per_layer, with at least 4."""
    width_per_layer: int
    """d_model per block where `layers` is 0."""
    heads: int
    """Attention heads of every size; 0 uses d_model / head_size."""
    head_size: int
    """Channels of one head where `heads` is 0."""
    batch_tokens: float
    """Tokens of one optimizer step at N = reference_params and D = reference_tokens."""
    batch_exponent: float
    """Exponent of N in the batch."""
    batch_length_exponent: float
    """Exponent of D in the batch."""
    lr: float
    """Peak learning rate at N = reference_params."""
    lr_exponent: float
    """Exponent of N in the learning rate."""
    lr_cap: float
    """Ceiling of the learning rate."""
    embedding_lr: float
    """Peak learning rate of embedding and head up to N = reference_params; 0 uses that of the matrices."""
    embedding_lr_exponent: float
    """Exponent of N in embedding_lr above reference_params."""
    reference_params: float
    """N at which batch_tokens and lr hold."""
    reference_tokens: float
    """D at which batch_tokens holds."""
    warmup: float
    """Share of the steps in warmup."""
    warmup_per_param: float
    """Tokens of warmup per parameter instead, never more than 10 % of the run; 0 uses `warmup`."""
    beta2: float
    """AdamW's second-moment decay below large_batch tokens."""
    beta2_large: float
    """AdamW's second-moment decay from large_batch tokens on."""
    large_batch: float
    """Batch in tokens from which beta2_large holds."""

    def depth_of(self, width: int) -> int:
        """`layers`, or one block for each width_per_layer, at least 4."""
        return self.layers or max(4, round(width / self.width_per_layer))

    def heads_of(self, width: int) -> int:
        """`heads`, or one for each head_size."""
        return self.heads or max(1, width // self.head_size)

    def contradictions(self) -> Iterator[tuple[tuple[str, ...], str]]:
        """Neither a depth nor a rule for it, and the same of the heads."""
        if not (self.layers or self.width_per_layer):
            yield ("layers", "width_per_layer"), "layers and width_per_layer are both 0: set one of them"
        if not (self.heads or self.head_size):
            yield ("heads", "head_size"), "heads and head_size are both 0: set one of them"

    def optimise(self, model: ModelConfig, sequences: int) -> TrainConfig:
        """Batch by N and D; learning rate by N; warmup by N and D, or as a share of the run."""
        nonembedding = count_parameters(model).nonembedding
        scale = max(1, nonembedding) / self.reference_params
        length = sequences * model.context / self.reference_tokens
        wanted = self.batch_tokens * scale**self.batch_exponent * length**self.batch_length_exponent
        batch = max(1, round(wanted / model.context))
        warmup = self.warmup
        if self.warmup_per_param:
            warmup = min(LONGEST_WARMUP, self.warmup_per_param * nonembedding / (sequences * model.context))
        return self.settings(
            sequences,
            batch=batch,
            lr=min(self.lr_cap, self.lr * scale**self.lr_exponent),
            embedding_lr=self.embedding_lr * max(1.0, scale) ** self.embedding_lr_exponent or None,
            warmup=warmup,
            beta2=self.beta2 if batch * model.context < self.large_batch else self.beta2_large,
        )
