"""Scoring: the mean loss over the same first validation tokens, in nats per token and bits per byte."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from model.evaluate import EVALUATION_TOKENS, evaluate
from model.transformer import Transformer
from tests.unit.model.model_data import CPU, SHAPE
from tokenizer.shards import Shards, gather


def test_evaluation_is_the_mean_over_the_first_tokens(data: Shards, monkeypatch: pytest.MonkeyPatch) -> None:
    model = Transformer(SHAPE)
    windows = torch.from_numpy(gather(data.validation, np.arange(93), 32))
    losses = [model.loss(row[None, :-1], row[None, 1:]).item() for row in windows]
    score = evaluate(model, data, CPU, "fp32")
    assert EVALUATION_TOKENS == 131_072
    assert score.tokens == 93 * 32
    assert score.loss == pytest.approx(np.mean(losses), rel=1e-5)
    monkeypatch.setattr("model.evaluate.EVALUATION_TOKENS", 40 * 32)
    assert evaluate(model, data, CPU, "fp32").loss == pytest.approx(np.mean(losses[:40]), rel=1e-5)
