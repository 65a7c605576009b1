"""A shape by the names of transformers, and the parts that its classes lack."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from model.llama import Architecture, architecture_of, config_json, differences, hugging_face_config
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


@pytest.mark.parametrize(("qk_norm", "architecture"), [(False, Architecture.MIXTRAL), (True, Architecture.QWEN3_MOE)])
def test_experts_by_the_names_of_transformers(qk_norm: bool, architecture: Architecture) -> None:
    model = dataclasses.replace(SHAPE, qk_norm=qk_norm, experts=4, active=2, balance_weight=0.03)
    assert architecture_of(model) is architecture and differences(model, architecture) == ()
    config = config_json(model, architecture, 3)
    assert (config["num_experts_per_tok"], config["router_aux_loss_coef"]) == (2, pytest.approx(0.03 * 2 / 2))
    assert config["bos_token_id"] == 3 and config["output_router_logits"] is False
    if architecture is Architecture.MIXTRAL:
        assert config["num_local_experts"] == 4 and config["intermediate_size"] == 32
    else:
        assert (config["num_experts"], config["moe_intermediate_size"], config["norm_topk_prob"]) == (4, 32, True)
    unweighted = dataclasses.replace(model, balance_weight=None)
    assert config_json(unweighted, architecture)["router_aux_loss_coef"] == pytest.approx(0.01)
    assert config_json(dataclasses.replace(model, balance="none"), architecture)["router_aux_loss_coef"] == 0.0


def test_what_a_router_of_theirs_lacks_is_named() -> None:
    switch = dataclasses.replace(SHAPE, qk_norm=False, experts=4)
    (lacking,) = differences(switch, Architecture.MIXTRAL)
    assert lacking.startswith("model.active is 1: MixtralForCausalLM divides a token's gates by their sum")
    assert differences(dataclasses.replace(switch, qk_norm=True), Architecture.QWEN3_MOE) == ()
    biased = dataclasses.replace(switch, active=2, balance="bias")
    assert "without a bias" in differences(biased, Architecture.MIXTRAL)[0]
    normed = dataclasses.replace(switch, active=2, qk_norm=True)
    assert differences(normed, Architecture.MIXTRAL)[0].endswith("queries and keys; Qwen3Moe does")
    assert [each.split()[0] for each in differences(normed, Architecture.QWEN3)] == ["model.experts", "model.active"]
