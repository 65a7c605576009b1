"""nanochat's scaling from its 12-block model."""

from __future__ import annotations

import math

import pytest

from sweeps.recipes.ladder import build_shape
from sweeps.recipes.nanochat import NANOCHAT
from sweeps.recipes.recipe import train_config


def test_nanochat_scales_from_its_twelve_blocks() -> None:
    model = build_shape(NANOCHAT, 32_768, 2048, 768)
    assert (model.n_layers, model.n_heads, model.tied_head, model.qk_norm) == (12, 6, False, True)
    reference = train_config(NANOCHAT, model, round(NANOCHAT.reference_tokens / 2048))
    assert reference.batch * 2048 == 2**19
    assert reference.lr == pytest.approx(NANOCHAT.lr)
    assert reference.weight_decay == pytest.approx(NANOCHAT.weight_decay, rel=1e-3)
    assert (reference.clip, reference.warmup_steps) == (0, 40)
    # Ten times the tokens: 2^19 · 10^0.383 is nearest to 2^20; the weight decay falls by ten and gains the root of 2.
    longer = train_config(NANOCHAT, model, round(10 * NANOCHAT.reference_tokens / 2048))
    assert longer.batch * 2048 == 2**20
    assert longer.lr == pytest.approx(NANOCHAT.lr * math.sqrt(2))
    assert longer.weight_decay == pytest.approx(NANOCHAT.weight_decay * math.sqrt(2) / 10, rel=1e-3)
    wider = train_config(NANOCHAT, build_shape(NANOCHAT, 32_768, 2048, 1536), round(NANOCHAT.reference_tokens / 2048))
    assert wider.lr == pytest.approx(NANOCHAT.lr / math.sqrt(2))
