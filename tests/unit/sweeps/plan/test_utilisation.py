"""The share of a device's peak that is assumed by size."""

from __future__ import annotations

import math

import pytest

from analysis.devices import DEVICES
from model.config import ModelConfig
from model.flops import flops_per_token_by
from sweeps.plan.utilisation import REACHED, assumed_mfu

H100 = DEVICES["h100"]


def test_assumed_utilisation_passes_through_its_figures_and_never_exceeds_them() -> None:
    for point in REACHED:
        assert assumed_mfu(point.params) == pytest.approx(point.mfu)
        assert point.source
    sizes = [10 ** (4 + step / 5) for step in range(40)]
    shares = [assumed_mfu(size) for size in sizes]
    assert shares == sorted(shares)
    assert shares[0] < 0.01
    assert shares[-1] == REACHED[-1].mfu
    assert assumed_mfu(math.sqrt(17e6 * 124e6)) == pytest.approx(math.sqrt(0.19 * 0.38))


def test_published_figures_follow_from_their_tokens_a_second() -> None:
    # llm.c: 524,288 tokens in 140 ms on 8 H100, GPT-2 of 12 blocks, 768 wide, context 1,024, tied head.
    gpt2 = ModelConfig(50_257, 1024, 768, 12, 12, 3072, mlp="gelu", tied_head=True)
    rate = 524_288 / 0.140 / 8 * flops_per_token_by(gpt2)["full_attention"]
    assert rate / H100.peak == pytest.approx(0.38, abs=0.03)
