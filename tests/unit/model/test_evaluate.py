"""Scoring: the mean loss over the same first validation tokens, in nats per token and bits per byte."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest
import torch

from model.evaluate import EVALUATION_TOKENS, evaluate, evaluation_batch
from model.implementation import Implementation
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


@pytest.mark.parametrize("branches", ["handwritten", "autograd"])
def test_a_dataset_for_comparisons_is_scored_to_its_last_token(data: Shards, branches: str) -> None:
    """One long sequence and its short rest: whatever a tokenizer makes of the text, all of it is scored."""
    data = dataclasses.replace(data, validation=data.validation[:71])
    whole = dataclasses.replace(data, manifest=dataclasses.replace(data.manifest, scored_bytes=300))
    model = Transformer(SHAPE, implementation=Implementation(branches=branches))
    tokens = torch.from_numpy(data.validation.astype(np.int64))[None]
    pieces = [tokens[:, :33], tokens[:, 32:65], tokens[:, 64:]]
    nats = sum(model.loss(piece[:, :-1], piece[:, 1:]).item() * (piece.shape[1] - 1) for piece in pieces)
    score = evaluate(model, whole, CPU, "fp32")
    assert score.tokens == 70
    assert score.loss == pytest.approx(nats / 70, rel=1e-6)
    assert score.bits_per_byte == pytest.approx(nats / math.log(2) / 300, rel=1e-6)
    assert evaluate(model, data, CPU, "fp32").tokens == 64
    exact = dataclasses.replace(whole, validation=data.validation[:65])
    assert evaluate(model, exact, CPU, "fp32").tokens == 64


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
