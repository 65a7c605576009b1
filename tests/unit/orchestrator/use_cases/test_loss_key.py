"""Answers about another loss of the same runs: which keys there are, and that everything follows the chosen one."""

from __future__ import annotations

import json
import math
import pickle
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from analysis.records import QuestionError
from orchestrator.api.documents import json_text
from orchestrator.store import StoredForecast
from orchestrator.use_cases.export import COLUMNS
from orchestrator.use_cases.loss_key import LossKey
from orchestrator.use_cases.records_json import answers_of_json, records_json
from orchestrator.use_cases.sweep_answers import SweepAnswers
from tests.unit.orchestrator.use_cases.simulated import simulated_answers
from tokenizer.corpus import CorpusSpec
from tokenizer.domain_spec import DomainSpec

SETS = ("python", "wiki")
MIX = CorpusSpec(mix=(DomainSpec(),), validation={"wiki": "w.txt"})


def forecast(number: int, **prediction: str) -> StoredForecast:
    return StoredForecast(number, 1, "r", f"law{number}", 1e13, 0.0, dict(prediction))


@pytest.fixture(scope="module")
def answers() -> SweepAnswers:
    """Each run's loss on wiki is higher by a tenth, of tokens of 2 bytes; one run has a loss that is not finite."""
    plain = simulated_answers(corpus=MIX)
    runs = []
    for number, run in enumerate(plain.runs):
        assert run.loss is not None
        wiki = None if number == 0 else 1.1 * run.loss
        bits = None if wiki is None else wiki / math.log(2) / 2
        scores = {
            "python": {"loss": run.loss - 0.1, "bits_per_byte": 1.0, "tokens": 9},
            "wiki": {"loss": wiki, "bits_per_byte": bits, "tokens": 9},
        }
        runs.append(replace(run, result={"sets": scores}))
    forecasts = [forecast(1), forecast(2, loss_key="loss.wiki")]
    texts = {plain.sweep.dataset: "all", f"{plain.sweep.dataset} wiki": "w"}
    return SweepAnswers(plain.sweep, runs, Path("/nonexistent"), forecasts, texts=texts)


@pytest.mark.parametrize(
    ("typed", "text", "unit"),
    [
        ("", "", "nats/token"),
        ("loss", "", "nats/token"),
        ("wiki", "loss.wiki", "nats/token"),
        ("loss.wiki", "loss.wiki", "nats/token"),
        ("bits_per_byte", "bits_per_byte", "bits/byte"),
        ("bits_per_byte.python", "bits_per_byte.python", "bits/byte"),
    ],
)
def test_a_key_names_a_loss(typed: str, text: str, unit: str) -> None:
    key = LossKey.of(typed, SETS)
    assert (key.text, key.unit) == (text, unit)
    assert LossKey.of(text, SETS) == key


@pytest.mark.parametrize("typed", ["loss.", "loss.prose", "prose", "eval/loss", "wiki.loss", "."])
def test_an_unknown_key_is_refused_with_those_there_are(typed: str) -> None:
    known = "loss, bits_per_byte, loss.python, bits_per_byte.python, loss.wiki, bits_per_byte.wiki"
    with pytest.raises(QuestionError, match=known):
        LossKey.of(typed, SETS)


def test_what_is_answered_follows_the_loss(answers: SweepAnswers) -> None:
    wiki = answers.on("loss.wiki")
    (main,), (other,) = answers.variants, wiki.variants
    assert (main.table.loss_unit, other.table.loss_unit) == ("nats/token", "nats/token")
    assert other.table.loss == pytest.approx(1.1 * main.table.loss[1:])
    assert len(other.table.excluded) == len(main.table.excluded) + 1, "the run without that loss"
    assert ([f.id for f in answers.forecasts], [f.id for f in wiki.forecasts]) == ([1], [2])
    assert wiki.on("loss.wiki") is wiki and answers.on("wiki") is wiki and answers.on("loss") is answers
    assert list(wiki.on("").runs) == list(answers.runs)
    bits = answers.on("bits_per_byte.wiki").variants[0].table
    assert bits.loss_unit == "bits/byte"
    assert bits.loss == pytest.approx(other.table.loss / np.log(2) / 2)
    side = wiki.side()
    assert (side.text, side.bytes_per_token) == ("w", pytest.approx(2.0))
    assert pickle.loads(pickle.dumps(answers)).on("wiki").loss_key == wiki.loss_key


def test_every_loss_has_a_column_that_no_fit_mistakes_for_a_setting(answers: SweepAnswers) -> None:
    sets = ["loss.python", "bits_per_byte.python", "loss.wiki", "bits_per_byte.wiki"]
    assert list(answers.table.columns) == [*COLUMNS, *sets]
    assert answers.table["loss.wiki"].isna().sum() == 1
    plain = simulated_answers()
    assert list(plain.table.columns) == list(COLUMNS) and plain.variants[0].table == answers.variants[0].table


def test_a_service_hands_out_every_loss(answers: SweepAnswers) -> None:
    there = answers_of_json(json.loads(json_text(records_json(answers))))
    assert there.on("wiki").table.equals(answers.on("wiki").table)
    assert [f.id for f in there.on("wiki").forecasts] == [2] and there.texts == answers.texts
