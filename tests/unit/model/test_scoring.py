"""What is said of a run after its last step."""

from __future__ import annotations

import dataclasses
import json
import math
from pathlib import Path

import pytest

from model import scoring
from model.batches import Batches
from model.endings import Diverged
from model.evaluate import Evaluation
from model.implementation import Implementation
from model.training import Training
from tests.unit.model.model_data import CPU, small_run, write_mix
from tokenizer.shards import Shards


def trained(data: Shards) -> Training:
    run = small_run(data, sequences=12)
    training, batches = Training(run, Implementation(), CPU), Batches(run, data, CPU)
    for step in range(3):
        training.take_step(batches.at(step))
    return training


def test_a_result_adds_up(data: Shards) -> None:
    training = trained(data)
    training.branched_from, training.seconds = 1, 3.5
    result = scoring.score(training, data, 2)
    assert (result.steps, result.tokens, result.train_seconds, result.resumed_from_step) == (3, 12 * 32, 3.5, 2)
    assert result.flops_spent == pytest.approx(result.flops * 2 / 3)
    assert result.train_loss == pytest.approx(training.losses[:3].mean().item())
    assert result.mfu is None and result.memory_bytes is None
    assert json.loads(json.dumps(result.to_dict()))["implementation"]["device"] == "cpu"


def test_of_a_part_of_a_device_a_part_of_the_seconds_counts(data: Shards) -> None:
    training = trained(data)
    training.seconds = 3.5
    result = dataclasses.replace(scoring.score(training, data, 0), mfu=0.1)
    part = result.on_part(0.25)
    assert part.train_seconds == result.train_seconds / 4 > 0
    assert part.evaluation_seconds == result.evaluation_seconds / 4 > 0
    assert part.mfu == 0.4, "the device does as much for its other parts"
    assert dataclasses.replace(result, mfu=None).on_part(0.25).mfu is None
    assert result.on_part(1.0) == result


def test_a_validation_loss_that_is_no_number_is_a_divergence(data: Shards, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scoring, "evaluate", lambda *_: Evaluation(math.inf, math.inf, 1))
    with pytest.raises(Diverged, match="validation loss is inf"):
        scoring.score(trained(data), data, 0)


def test_a_run_is_scored_on_every_set(tmp_path: Path) -> None:
    mix = write_mix(tmp_path)
    result = scoring.score(trained(mix), mix, 0)
    score = result.sets["a"]
    assert score.tokens == 672 and score.loss != result.loss
    assert score.bits_per_byte == pytest.approx(score.loss / math.log(2) / 3)
    plain = json.loads(json.dumps(result.to_dict()))
    assert plain["sets"] == {"a": {"loss": score.loss, "bits_per_byte": score.bits_per_byte, "tokens": 672}}


def test_a_result_without_sets_is_as_before(data: Shards) -> None:
    assert "sets" not in scoring.score(trained(data), data, 0).to_dict()
