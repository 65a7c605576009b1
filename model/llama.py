"""A model's shape as the config.json of Hugging Face transformers: as a Llama, or with QK-norm a Qwen3. No torch."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from model.config import ModelConfig
from tokenizer.errors import ExpectedError


class ExportError(ExpectedError, ValueError):
    """A model cannot be written for another program; the message says which part of it and what to do."""

    kind = "export"


class Architecture(StrEnum):
    """The classes of transformers that a model of ours can be, by `model_type`."""

    LLAMA = "llama"
    QWEN3 = "qwen3"

    @property
    def model_class(self) -> str:
        """The class that loads the weights."""
        return {Architecture.LLAMA: "LlamaForCausalLM", Architecture.QWEN3: "Qwen3ForCausalLM"}[self]


SHARED: Final = frozenset(
    (
        *("vocab", "context", "d_model", "n_layers", "n_heads", "kv_heads", "d_ff"),
        *("norm_weights", "norm_eps", "rope_base", "tied_head"),
    )
)
"""Fields of ModelConfig that both classes can follow at any value; a rope_base of 0 excepted."""


@dataclass(frozen=True, slots=True)
class HuggingFaceConfig:
    """The fields of LlamaConfig and Qwen3Config, by their own names, that a shape sets. Both are read as they are."""

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
    return Architecture.QWEN3 if model.qk_norm else Architecture.LLAMA


def differences(model: ModelConfig, architecture: Architecture) -> tuple[str, ...]:
    """The parts of a model that an architecture lacks, one sentence each; none where it is the same function."""
    lacking = []
    for field in dataclasses.fields(model):
        value = getattr(model, field.name)
        if field.name in SHARED or field.name == "qk_norm" or value == field.default:
            continue
        lacking.append(f"model.{field.name} is {_shown(value)}, which {architecture.model_class} does not have")
    if model.rope_base == 0:
        lacking.append(f"model.rope_base is 0, but {architecture.model_class} always rotates by position")
    if model.qk_norm and architecture is Architecture.LLAMA:
        lacking.append("model.qk_norm is true: LlamaForCausalLM does not normalise queries and keys; Qwen3 does")
    return tuple(lacking)


def _shown(value: object) -> str:
    """A value as a sweep file has it."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def hugging_face_config(model: ModelConfig, architecture: Architecture, bos_id: int | None = None) -> HuggingFaceConfig:
    """The configuration of the shape; what the architecture lacks, `differences`, is left out."""
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
