"""Recipes whose batch and rates are power laws."""

from __future__ import annotations

import pytest

from model.flops import count_parameters
from sweeps.recipes.ladder import build_shape
from sweeps.recipes.porian_olmo import PORIAN_OLMO
from sweeps.recipes.recipe import train_config
from sweeps.recipes.registry import get_recipe


def test_olmo_rule_is_capped_where_it_would_outlast_the_run() -> None:
    model = build_shape(PORIAN_OLMO, 1024, 128, 256)
    train = train_config(PORIAN_OLMO, model, 100)
    assert train.warmup == 0.1
    assert train.lr <= PORIAN_OLMO.lr_cap


def test_large_batches_use_the_lower_beta2() -> None:
    recipe = get_recipe("porian-olmo", {"batch_tokens": 1e6, "batch_exponent": 0})
    assert train_config(recipe, build_shape(recipe, 1024, 128, 256), 100).beta2 == 0.95


@pytest.mark.parametrize(("sequences", "share"), [(100, 0.1), (10**4, 0.1), (10**7, None)])
def test_warmup_by_tokens_is_never_more_than_a_tenth_of_the_run(sequences: int, share: float | None) -> None:
    model = build_shape(PORIAN_OLMO, 1024, 128, 256)
    rule = count_parameters(model).nonembedding / (sequences * 128)
    assert (share is None) == (rule < 0.1)
    assert train_config(PORIAN_OLMO, model, sequences).warmup == pytest.approx(rule if share is None else share)


def test_warmup_as_a_share_is_the_recipe_s_own() -> None:
    recipe = get_recipe("cpu-small", {"warmup": 0.3})
    assert train_config(recipe, build_shape(recipe, 1024, 128, 64), 1000).warmup == 0.3
