"""Marin's rule against its published figures."""

from __future__ import annotations

import math

import pytest

from sweeps.recipes.ladder import build_shape
from sweeps.recipes.marin import MARIN_2025
from sweeps.recipes.recipe import train_config


@pytest.mark.parametrize(("width", "layers"), [(512, 6), (1024, 11), (2048, 21), (4096, 40)])
def test_marin_depth_follows_its_published_rule(width: int, layers: int) -> None:
    # L = round(d / (64 + 4 log2 d - 9)), c_adamc.py.
    model = build_shape(MARIN_2025, 32_768, 4096, width)
    assert (model.n_layers, model.n_heads, model.d_ff) == (layers, width // 128, 4 * width)


def test_marin_batch_rate_and_beta2() -> None:
    model = build_shape(MARIN_2025, 32_768, 4096, 1024)
    # 2e10 tokens over 65,536 steps of 4,096 are 74.5 sequences, up to 128.
    train = train_config(MARIN_2025, model, round(2e10 / 4096))
    assert train.batch == 128
    assert train.lr == pytest.approx(0.33 * math.sqrt(128) / 1024)
    assert train.beta2 == pytest.approx(0.98)
    assert (train.beta1, train.eps, train.warmup, train.cooldown) == (0.95, 1e-15, 0.1, 0.2)
    large = train_config(MARIN_2025, model, round(1e12 / 4096))
    assert large.batch == 512, "4,096 sequences would want a rate above 0.01: halved until 512 give 0.0073"
    assert large.lr == pytest.approx(0.33 * math.sqrt(512) / 1024)
    assert large.beta2 == 0.95


@pytest.mark.parametrize("context", [256, 1024, 4096])
def test_marin_rules_are_of_tokens_whatever_the_context(context: int) -> None:
    model = build_shape(MARIN_2025, 32_768, context, 1024)
    train = train_config(MARIN_2025, model, round(2e10 / context))
    assert train.batch * context == 128 * 4096
    assert train.lr == pytest.approx(0.33 * math.sqrt(128) / 1024)
    tiny = train_config(MARIN_2025, model, 1000)
    assert tiny.batch >= 1
    assert tiny.lr == pytest.approx(0.33 * math.sqrt(tiny.batch * context / 4096) / 1024)
