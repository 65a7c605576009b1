"""A model's shape as config.json of Hugging Face transformers: Llama or Mixtral, with QK-norm Qwen3. No torch."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from model.config import ModelConfig
from model.values import AUXILIARY_WEIGHT
from tokenizer.errors import ExpectedError


class ExportError(ExpectedError, ValueError):
    """A model cannot be written for another program; the message says which part of it and what to do."""

    kind = "export"


class Architecture(StrEnum):
    """The classes of transformers that a model of ours can be, by `model_type`."""

    LLAMA = "llama"
    QWEN3 = "qwen3"
    MIXTRAL = "mixtral"
    QWEN3_MOE = "qwen3_moe"

    @property
    def model_class(self) -> str:
        """The class that loads the weights."""
        return f"{_CLASSES[self]}ForCausalLM"

    @property
    def normalises(self) -> bool:
        """Whether it normalises queries and keys."""
        return self in (Architecture.QWEN3, Architecture.QWEN3_MOE)

    @property
    def mixes(self) -> bool:
        """Whether each block has experts."""
        return self in (Architecture.MIXTRAL, Architecture.QWEN3_MOE)


_CLASSES: Final = {
    Architecture.LLAMA: "Llama",
    Architecture.QWEN3: "Qwen3",
    Architecture.MIXTRAL: "Mixtral",
    Architecture.QWEN3_MOE: "Qwen3Moe",
}
"""How the names of their classes begin."""


SHARED: Final = frozenset(
    (
        *("vocab", "context", "d_model", "n_layers", "n_heads", "kv_heads", "d_ff"),
        *("norm_weights", "norm_eps", "rope_base", "tied_head"),
    )
)
"""Fields of ModelConfig that all classes can follow at any value; a rope_base of 0 excepted."""
EXPERTS: Final = frozenset(("experts", "active", "balance", "balance_weight"))
"""Fields of which those with experts follow some values."""


@dataclass(frozen=True, slots=True)
class HuggingFaceConfig:
    """The fields of the configurations, by their own names, that a shape sets; `mixture` has those of experts alone."""

    architectures: tuple[str, ...]
    """The class of the weights."""
    model_type: str
    """Which configuration class it is."""
    vocab_size: int
    """Entries of the vocabulary."""
    hidden_size: int
    """d_model."""
    intermediate_size: int
    """d_ff."""
    num_hidden_layers: int
    """Blocks."""
    num_attention_heads: int
    """Query heads."""
    num_key_value_heads: int
    """Heads of keys and values."""
    head_dim: int
    """Channels of a head."""
    max_position_embeddings: int
    """Tokens of a training sequence."""
    rms_norm_eps: float
    """Added to the mean square inside RMSNorm."""
    rope_theta: float
    """Base of the rotary frequencies, where transformers 4 reads it."""
    rope_parameters: dict[str, str | float]
    """The same, where transformers 5 reads it."""
    tie_word_embeddings: bool
    """Whether the head's matrix is the embedding's."""
    hidden_act: str = "silu"
    """Activation of the gate."""
    attention_bias: bool = False
    """No biases."""
    attention_dropout: float = 0.0
    """No dropout."""
    initializer_range: float = 0.02
    """Standard deviation of new weights; transformers draws every matrix alike."""
    bos_token_id: int | None = None
    """Id of the token before each document, where it is known."""
    eos_token_id: int | None = None
    """The same token ends a document."""
    dtype: str = "float32"
    """Numbers of the weights."""


def architecture_of(model: ModelConfig) -> Architecture:
    """The class that computes what the model computes: QK-norm is Qwen3's alone."""
    if model.experts > 1:
        return Architecture.QWEN3_MOE if model.qk_norm else Architecture.MIXTRAL
    return Architecture.QWEN3 if model.qk_norm else Architecture.LLAMA


def differences(model: ModelConfig, architecture: Architecture) -> tuple[str, ...]:
    """The parts of a model that an architecture lacks, one sentence each; none where it is the same function."""
    lacking = []
    for field in dataclasses.fields(model):
        value = getattr(model, field.name)
        known = field.name in SHARED or field.name == "qk_norm" or (architecture.mixes and field.name in EXPERTS)
        if known or value == field.default:
            continue
        lacking.append(f"model.{field.name} is {_shown(value)}, which {architecture.model_class} does not have")
    if model.rope_base == 0:
        lacking.append(f"model.rope_base is 0, but {architecture.model_class} always rotates by position")
    if model.qk_norm and not architecture.normalises:
        other = "Qwen3Moe" if architecture.mixes else "Qwen3"
        name = architecture.model_class
        lacking.append(f"model.qk_norm is true: {name} does not normalise queries and keys; {other} does")
    if architecture.mixes:
        lacking += _lacking_of_experts(model, architecture)
    return tuple(lacking)


def _lacking_of_experts(model: ModelConfig, architecture: Architecture) -> list[str]:
    """The parts of a mixture of experts that an architecture with experts lacks."""
    lacking, name = [], architecture.model_class
    if model.active == 1 and architecture is Architecture.MIXTRAL:
        lacking.append(
            f"model.active is 1: {name} divides a token's gates by their sum, so that its only one is 1, and not the "
            "score as here"
        )
    if model.balance == "bias":
        lacking.append(f"model.balance is bias: {name} chooses experts by their scores alone, without a bias")
    return lacking


def _shown(value: object) -> str:
    """A value as a sweep file has it."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def config_json(model: ModelConfig, architecture: Architecture, bos_id: int | None = None) -> dict[str, Any]:
    """The configuration of the shape as JSON has it; what the architecture lacks, `differences`, is left out."""
    shape = dataclasses.asdict(hugging_face_config(model, architecture, bos_id))
    return shape | (mixture(model, architecture) if architecture.mixes else {})


def mixture(model: ModelConfig, architecture: Architecture) -> dict[str, int | float | bool]:
    """The fields of MixtralConfig or Qwen3MoeConfig that the experts set.

    Ours sums weight · E · Σ f_e · P_e over blocks, f_e the share of the rows that expert e gets. Theirs is one such
    term for all blocks together, and its f_e add up to `active`: weight · blocks ÷ active pulls as strongly.
    """
    weight = AUXILIARY_WEIGHT if model.balance_weight is None else model.balance_weight
    coefficient = weight * model.n_layers / model.active if model.balance == "auxiliary" else 0.0
    common = {"num_experts_per_tok": model.active, "router_aux_loss_coef": coefficient, "output_router_logits": False}
    if architecture is Architecture.MIXTRAL:
        return {"num_local_experts": model.experts, "router_jitter_noise": 0.0, **common}
    width, normalised = model.d_ff, model.active > 1
    own = {"num_experts": model.experts, "moe_intermediate_size": width, "norm_topk_prob": normalised}
    return {**own, "decoder_sparse_step": 1, **common}


def hugging_face_config(model: ModelConfig, architecture: Architecture, bos_id: int | None = None) -> HuggingFaceConfig:
    """The fields that all classes have."""
    return HuggingFaceConfig(
        architectures=(architecture.model_class,),
        model_type=architecture.value,
        vocab_size=model.vocab,
        hidden_size=model.d_model,
        intermediate_size=model.d_ff,
        num_hidden_layers=model.n_layers,
        num_attention_heads=model.n_heads,
        num_key_value_heads=key_value_heads(model),
        head_dim=model.head_size,
        max_position_embeddings=model.context,
        rms_norm_eps=model.norm_eps,
        rope_theta=model.rope_base,
        rope_parameters={"rope_type": "default", "rope_theta": model.rope_base},
        tie_word_embeddings=model.tied_head,
        bos_token_id=bos_id,
        eos_token_id=bos_id,
    )


def key_value_heads(model: ModelConfig) -> int:
    """Heads of keys and values: as many as of queries unless they are grouped."""
    return model.kv_heads or model.n_heads
