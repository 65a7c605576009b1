"""OLMo-core's values: the keys of its configuration classes, and rates that are the recipe's."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from model.config import ModelConfig, TrainConfig
from sweeps.programs.olmo_core import _model, olmo_core_file
from tests.unit.sweeps.programs.optima import optimum

NORM = {"_CLASS_", "name", "eps", "elementwise_affine", "bias"}


def _read(**changes: Any) -> dict[str, Any]:
    document: dict[str, Any] = yaml.safe_load(olmo_core_file(optimum(**changes)))
    return document


def test_the_model_is_a_transformer_config() -> None:
    found = optimum(model={"rope_base": 5e5})
    model = yaml.safe_load(olmo_core_file(found))["model"]
    shape = found.model
    assert model["_CLASS_"] == "olmo_core.nn.transformer.config.TransformerConfig"
    assert [model[name] for name in ("d_model", "vocab_size", "n_layers")] == [shape.d_model, shape.vocab, 2]
    attention, mlp = model["block"]["sequence_mixer"], model["block"]["feed_forward"]
    assert attention["rope"]["theta"] == 500_000 and attention["n_heads"] == 1
    assert attention["use_head_qk_norm"] is True and set(attention["qk_norm"]) == NORM
    assert mlp["hidden_size"] == shape.d_ff and set(model["block"]["layer_norm"]) == NORM
    plain = _read(model={"qk_norm": False, "rope_base": 0})["model"]["block"]["sequence_mixer"]
    assert set(plain) == {"_CLASS_", "n_heads", "bias"}


def test_grouped_heads_are_named_where_there_are_any() -> None:
    train = TrainConfig(8, 8, 0.01)
    for kv_heads, named in ((0, None), (2, 2)):
        made: Any = _model(ModelConfig(64, 32, 32, 2, 4, 64, kv_heads=kv_heads), train)
        assert made["block"]["sequence_mixer"].get("n_kv_heads") == named


def test_the_optimisation_is_the_recipes() -> None:
    found = optimum(numerics="bf16")
    read, train = yaml.safe_load(olmo_core_file(found)), found.train
    assert (read["optim"]["lr"], read["optim"]["betas"]) == (train.lr, [train.beta1, train.beta2])
    (group,) = read["optim"]["group_overrides"]
    assert group["opts"] == {"lr": train.embedding_lr, "weight_decay": 0.0}
    assert read["duration"] == {"value": train.steps, "unit": "steps"}
    assert read["global_batch_size"] == found.planned.batch_tokens and read["autocast_precision"] == "bfloat16"
    assert read["scheduler"]["decay"] == round(0.2 * train.steps) and read["scheduler"]["decay_fraction"] is None
    cosine = _read(recipe_overrides={"schedule": "cosine", "final_lr": 0.1})["scheduler"]
    assert (cosine["_CLASS_"], cosine["alpha_f"]) == ("olmo_core.optim.CosWithWarmup", 0.1)


def test_the_ladders_rule_gives_our_tokens_and_rate() -> None:
    found = optimum()
    rule = yaml.safe_load(olmo_core_file(found))["ladder"]["run_configurator"]
    size = found.planned.params_nonembedding
    tokens = rule["chinchilla_multiple"] * rule["tokens_per_param"] * size
    assert tokens == pytest.approx(found.planned.tokens, rel=0.02)
    rate = 0.0047 * (size / 108e6) ** (-1 / 3) / 2 * rule["lr_multiplier"]
    assert rate == pytest.approx(found.train.lr)
    assert rule["decay_fraction"] == pytest.approx(0.2, abs=0.01)


def test_what_olmo_core_has_otherwise_is_said() -> None:
    changes: dict[str, Any] = {"mlp": "gelu", "tied_head": True, "logit_cap": 30.0, "rope_base": 100.5}
    text = olmo_core_file(optimum(model=changes, recipe_overrides={"final_lr": 0.1}))
    said = [line for line in text.splitlines() if line.startswith("# not carried over: ")]
    for words in ("model.mlp = gelu", "model.logit_cap = 30", "tied head", "rope_base = 100.5", "last learning rate"):
        assert any(words in line for line in said), words
    both = olmo_core_file(optimum(model={"biases": True, "tied_head": True}))
    assert "logits, and its bias" in both and yaml.safe_load(both)["model"]["lm_head"]["bias"] is False
    assert _read(model={"biases": True})["model"]["lm_head"]["bias"] is True
    assert "read by Config.from_dict" in text
    assert not any("last learning" in line for line in olmo_core_file(optimum()).splitlines())
