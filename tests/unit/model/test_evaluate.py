"""Scoring: the mean loss over the same first validation tokens, in nats per token and bits per byte."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from model.evaluate import EVALUATION_TOKENS, evaluate, evaluation_batch
from model.transformer import Transformer
from tests.unit.model.model_data import CPU, SHAPE
from tokenizer.shards import Shards
from tokenizer.windows import gather


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


def test_bits_per_byte_are_nats_per_token_by_bytes(data: Shards) -> None:
    score = evaluate(Transformer(SHAPE), data, CPU, "fp32")
    assert score.bits_per_byte == pytest.approx(score.loss / math.log(2) / 2, rel=1e-12)


def test_at_least_one_sequence_is_scored(data: Shards, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("model.evaluate.EVALUATION_TOKENS", 31)
    assert evaluate(Transformer(SHAPE), data, CPU, "fp32").tokens == 32


@pytest.mark.parametrize(
    ("context", "kind", "sequences"), [(32, "cpu", 32), (2000, "cpu", 1), (1024, "cuda", 64), (1025, "cpu", 1)]
)
def test_sequences_that_are_scored_at_once(context: int, kind: str, sequences: int) -> None:
    assert evaluation_batch(context, torch.device(kind)) == sequences


def test_numerics_profile_is_that_of_the_run(data: Shards) -> None:
    model = Transformer(SHAPE)
    exact, fast = (evaluate(model, data, CPU, numerics).loss for numerics in ("fp32", "bf16"))
    assert exact != fast and fast == pytest.approx(exact, rel=0.01)
