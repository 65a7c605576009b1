"""The windows of n-grams are those of a run: the ones that it reads, and the ones that it is scored on."""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path

import numpy as np
import pytest

from model.batches import Batches
from model.evaluate import evaluate
from model.ngrams.windows import windows_of
from model.transformer import Transformer
from tests.unit.model.model_data import CPU, SHAPE, small_run, write_mix
from tokenizer.shards import Shards


@pytest.fixture(params=["the first tokens", "all tokens", "whole windows"])
def scored(data: Shards, request: pytest.FixtureRequest) -> Shards:
    if request.param == "the first tokens":
        return data
    whole = dataclasses.replace(data.manifest, scored_bytes=300)
    return dataclasses.replace(data, manifest=whole, validation=data.validation[: 71 if "all" in request.param else 65])


def test_the_training_windows_are_those_of_a_run_in_its_order(data: Shards) -> None:
    batches = Batches(small_run(data, seed=3), data, CPU)
    read = np.concatenate([batches.at(step).numpy() for step in range(12)])
    assert windows_of(data, 32, 47, seed=3).train.tolist() == read.tolist()


def test_of_a_mix_they_are_read_in_its_order_until_a_domain_begins_again(tmp_path: Path) -> None:
    mix = write_mix(tmp_path)
    batches = Batches(small_run(mix, sequences=400, batch=20), mix, CPU)
    read = np.concatenate([batches.at(step).numpy() for step in range(20)])
    known = windows_of(mix, 32, 400, seed=0).train
    assert 0 < len(known) <= mix.manifest.unique_tokens // 32
    assert known.tolist() == read[: len(known)].tolist()


def test_no_more_windows_are_counted_than_there_are(data: Shards) -> None:
    epoch = windows_of(data, 32, 10_000, seed=0).train
    assert len(epoch) == 19_999 // 32


def test_the_scored_tokens_are_those_of_an_evaluation(scored: Shards) -> None:
    windows, score = windows_of(scored, 32, 1, 0), evaluate(Transformer(SHAPE), scored, CPU, "fp32")
    assert windows.scored.sum() == score.tokens
    assert score.loss / math.log(2) / windows.bytes_per_token == pytest.approx(score.bits_per_byte, rel=1e-12)
    targets = windows.validation[:, 1:][windows.scored]
    assert targets.tolist() == scored.validation[1 : score.tokens + 1].tolist()
