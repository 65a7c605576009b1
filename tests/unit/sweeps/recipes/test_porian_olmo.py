"""OLMo's ladder rule against its published figures."""

from __future__ import annotations

import pytest

from model.config import ModelConfig
from model.flops import count_parameters
from sweeps.recipes.porian_olmo import PORIAN_OLMO
from sweeps.recipes.recipe import train_config


@pytest.mark.parametrize(("params", "batch"), [(1e6, 14_500), (5e6, 42_000), (17e6, 96_000), (50e6, 196_000)])
def test_olmo_batch_rule_gives_the_published_figures(params: float, batch: float) -> None:
    # B = 2048 · 160 · (N / 108e6)^(2/3), core figures of the ladder's code.
    exact = PORIAN_OLMO.batch_tokens * (params / PORIAN_OLMO.reference_params) ** PORIAN_OLMO.batch_exponent
    assert exact == pytest.approx(batch, rel=0.01)


def test_olmo_rule_at_its_reference_size() -> None:
    model = ModelConfig(vocab=32_768, context=2048, d_model=768, n_layers=12, n_heads=12, d_ff=2048)
    nonembedding = count_parameters(model).nonembedding
    tokens = 20 * nonembedding
    train = train_config(PORIAN_OLMO, model, tokens // 2048)
    assert train.lr == pytest.approx(0.0047 / 2 * (nonembedding / 108e6) ** (-1 / 3))
    assert train.warmup == pytest.approx(1 / 20, rel=1e-3)
    assert train.batch * 2048 == pytest.approx(2048 * 160 * (nonembedding / 108e6) ** (2 / 3), rel=0.01)
    assert train.beta2 == 0.99
    assert train.embedding_lr is None
