"""A shape by the names of transformers, and the parts that its classes lack."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from model.llama import Architecture, architecture_of, differences, hugging_face_config
from tests.unit.model.model_data import SHAPE


def test_a_shape_by_the_names_of_transformers() -> None:
    model = dataclasses.replace(SHAPE, norm_eps=1e-5, rope_base=500.0, tied_head=True)
    config = hugging_face_config(model, Architecture.QWEN3, 7)
    assert (config.architectures, config.model_type) == (("Qwen3ForCausalLM",), "qwen3")
    assert (config.vocab_size, config.hidden_size, config.intermediate_size, config.head_dim) == (64, 16, 32, 8)
    assert (config.num_hidden_layers, config.num_attention_heads, config.num_key_value_heads) == (2, 2, 2)
    assert config.rope_parameters == {"rope_type": "default", "rope_theta": 500.0} and config.rope_theta == 500.0
    assert (config.rms_norm_eps, config.tie_word_embeddings, config.max_position_embeddings) == (1e-5, True, 32)
    assert (config.bos_token_id, config.eos_token_id) == (7, 7)


def test_qk_norm_is_that_of_qwen3() -> None:
    plain = dataclasses.replace(SHAPE, qk_norm=False)
    assert (architecture_of(SHAPE), architecture_of(plain)) == (Architecture.QWEN3, Architecture.LLAMA)
    assert differences(SHAPE, Architecture.QWEN3) == differences(plain, Architecture.LLAMA) == ()
    (lacking,) = differences(SHAPE, Architecture.LLAMA)
    assert lacking.startswith("model.qk_norm is true: LlamaForCausalLM does not normalise")


@pytest.mark.parametrize(("name", "value"), [("mlp", "gelu"), ("qk_norm", True), ("biases", True), ("logit_cap", 15.0)])
def test_a_part_that_is_not_shared_is_named_where_it_is_set(name: str, value: object) -> None:
    changes: dict[str, Any] = {"qk_norm": False, name: value}
    model = dataclasses.replace(SHAPE, **changes)
    (lacking,) = differences(model, Architecture.LLAMA)
    assert lacking.startswith(f"model.{name} is ")


def test_a_model_without_positions_is_none_of_theirs() -> None:
    (lacking,) = differences(dataclasses.replace(SHAPE, rope_base=0.0), Architecture.QWEN3)
    assert lacking == "model.rope_base is 0, but Qwen3ForCausalLM always rotates by position"
