"""Questions put to a law as a whole: what combinations mean, the tie of N, D and C in every answer, and the JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import fields
from typing import Any

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.answers import draws
from analysis.answers.ask import Question, Reply, ask, reply_json, within_data
from analysis.answers.counts import Counts
from analysis.devices import hardware
from analysis.fitting.valley.runs import OneRun
from analysis.law import Law, fit
from analysis.records import LawError, QuestionError
from analysis.scatter import one_run_interval
from tests.unit.analysis.law_tables import SMALL_COST, small, table


@pytest.fixture(scope="module")
def law() -> Law:
    """A law whose cost of a token is no multiple of N."""
    runs = table(truth=small, budgets=(1e11, 3e11, 1e12), span=3.4, noise=0.01, cost=SMALL_COST, repeats=3, seed=2)
    return fit(runs, cost=SMALL_COST, holdout=False)


CONSTRAINTS = {
    "params": st.floats(3.5, 6),
    "times_too_small": st.floats(-0.7, 1),
    "max_tokens": st.floats(5, 10),
    "inference_tokens": st.floats(4, 9),
}
"""Each with the range of its decimal logarithm."""


@pytest.fixture(autouse=True, scope="module")
def few_draws() -> Iterator[None]:
    """A quarter of the draws: what is tested here holds with any number of them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(draws, "DRAWS", 100)
        yield


@pytest.mark.slow
@settings(max_examples=12, deadline=None)
@given(data=st.data(), log_c=st.floats(10.5, 14))
def test_params_tokens_and_flops_are_tied_in_every_answer(law: Law, data: st.DataObject, log_c: float) -> None:
    name = data.draw(st.sampled_from([None, *CONSTRAINTS]))
    asked = {} if name is None else {name: 10 ** data.draw(CONSTRAINTS[name])}
    try:
        reply = ask(law, Question(flops=10**log_c, **asked))
    except LawError:
        return  # a size that no data brings to the loss: refused, not answered
    for answer in (reply.prediction, reply.answer or reply.prediction):
        assert answer.tokens * SMALL_COST.flops_per_token(answer.params) == pytest.approx(answer.flops, rel=1e-9)
        assert answer.params_interval.low <= answer.params <= answer.params_interval.high
        assert answer.tokens_interval.low <= answer.tokens <= answer.tokens_interval.high
        assert answer.loss_interval.low <= answer.loss <= answer.loss_interval.high
        assert answer.extrapolation == pytest.approx(answer.flops / law.largest_budget)


def test_a_model_and_its_tokens_are_a_budget(law: Law) -> None:
    reply = ask(law, Question(params=5e4, tokens=2e6))
    assert reply.answer is not None
    assert reply.prediction.flops == pytest.approx(2e6 * SMALL_COST.flops_per_token(5e4))
    assert (reply.answer.params, reply.answer.tokens) == (5e4, pytest.approx(2e6))


def test_a_constraint_without_effect_gives_the_headline(law: Law) -> None:
    best = law.predict(3e12)
    for question in (
        Question(flops=3e12, params=best.params),
        Question(flops=3e12, times_too_small=1),
        Question(flops=3e12, max_tokens=1e12),
        Question(flops=3e12, inference_tokens=1),
    ):
        answer = ask(law, question).answer
        assert answer is not None
        assert answer.params == pytest.approx(best.params, rel=1e-3)
        assert answer.loss == pytest.approx(best.loss, abs=1e-4)
        assert answer.loss_interval.high == pytest.approx(best.loss_interval.high, abs=2e-3)


def test_a_loss_is_reached_by_the_optimum_and_by_a_smaller_model_with_more(law: Law) -> None:
    target = law.predict(2e12).loss
    plain, given = ask(law, Question(loss=target)), ask(law, Question(loss=target, params=law.predict(2e12).params / 2))
    assert plain.prediction.flops == pytest.approx(2e12, rel=0.02)
    assert plain.flops_interval is not None and 2e12 in plain.flops_interval
    assert given.answer is not None and given.answer.flops > 2e12
    check = ask(law, Question(params=given.answer.params, tokens=given.answer.tokens)).answer
    assert check is not None and check.loss == pytest.approx(target, abs=0.005)
    with pytest.raises(LawError, match="does not reach"):
        ask(law, Question(loss=target, params=500))


def test_gpu_hours_are_flops_at_a_share_of_the_peak(law: Law) -> None:
    device = hardware("H100", utilisation=0.5)
    reply = ask(law, Question(gpu_hours=1e-9, hardware=device))
    assert reply.prediction.flops == pytest.approx(1e-9 * 3600 * 989.4e12 * 0.5)
    shown = reply_json(reply)["hardware"]
    assert shown["gpu_hours"] == pytest.approx(1e-9)
    assert (shown["device"], shown["utilisation"]) == ("h100", 0.5) and "NVIDIA" in shown["source"]


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({}, "give a budget"),
        ({"params": 1e5}, "give a budget"),
        ({"flops": 1e12, "loss": 3.0}, "`flops` and `loss` each fix the budget"),
        ({"flops": 1e12, "params": 1e5, "tokens": 1e6}, "each fix the budget"),
        ({"tokens": 1e6}, "`tokens` need `params`"),
        ({"flops": 1e12, "params": 1e5, "max_tokens": 1e6}, "one question at a time, not `params` and `max_tokens`"),
        ({"loss": 3.0, "max_tokens": 1e6}, "`max_tokens` needs a budget"),
        ({"gpu_hours": 1.0}, "give `device`"),
        ({"flops": -1.0}, "`flops` must be a positive number, not -1"),
        ({"flops": 1e12, "max_tokens": float("nan")}, "`max_tokens` must be"),
    ],
)
def test_questions_without_a_meaning_are_refused(law: Law, asked: dict[str, float], words: str) -> None:
    with pytest.raises(QuestionError, match=words):
        ask(law, Question(**asked))


def test_the_json_names_what_n_counts_and_what_others_published(law: Law) -> None:
    frame = pd.DataFrame({"params": [1e4, 1e5], "params_total": [2e4, 1.5e5], "params_nonembedding": [5e3, 8e4]})
    counts = Counts.from_frame(frame)
    assert counts is not None
    document = reply_json(ask(law, Question(flops=3e12, max_tokens=1e5), counts))
    json.dumps(document, allow_nan=False)
    for part in (document, document["answer"]):
        assert part["params_nonembedding"] < part["params"] < part["params_total"]
        assert all(len(part[key]) == 2 for key in ("params_interval", "tokens_interval", "loss_interval"))
    assert counts.at(1e5) == {"params_total": pytest.approx(1.5e5), "params_nonembedding": pytest.approx(8e4)}
    assert counts.at(1e7)["params_total"] == pytest.approx(1.5e7)
    published = {entry["name"]: entry for entry in document["published"]}
    assert {"kaplan2020", "hoffmann2022", "besiroglu2024", "llama3", "deepseek2024"} <= set(published)
    assert all(entry["convention"] and entry["source"] for entry in published.values())
    assert published["hoffmann2022"]["extrapolation"] == pytest.approx(6e18 / 3e12)
    assert reply_json(ask(law, Question(flops=3e12)))["params_total"] is None
    assert Counts.from_frame(frame.drop(columns="params_total")) is None


def _reply(law: Law, **asked: Any) -> Reply:
    return ask(law, Question(**asked))


def test_a_size_that_no_run_comes_near_is_warned_about(law: Law) -> None:
    far = _reply(law, flops=1e12, times_too_small=30).answer
    near = _reply(law, flops=1e12, times_too_small=2).answer
    assert far is not None and any("further than any run" in warning for warning in far.warnings)
    assert near is not None and not any("further" in warning for warning in near.warnings)
    assert near.details["times_too_small"] == pytest.approx(2)
    assert 0 < near.details["wasted_compute_low"] <= near.details["wasted_compute"] < 1


@pytest.mark.parametrize(
    ("asked", "question"),
    [
        ({"params": 1e5}, "given_size"),
        ({"times_too_small": 2.0}, "given_size"),
        ({"max_tokens": 1e6}, "optimum_with_limited_data"),
        ({"inference_tokens": 1e7}, "cheapest_with_inference"),
    ],
)
def test_each_constraint_has_its_question(law: Law, asked: dict[str, float], question: str) -> None:
    answer = ask(law, Question(flops=1e12, **asked)).answer
    assert answer is not None and answer.question == question
    assert reply_json(ask(law, Question(flops=1e12, **asked)))["answer"]["question"] == question


def test_without_a_constraint_there_is_no_answer_and_no_hours(law: Law) -> None:
    document = reply_json(ask(law, Question(flops=1e12)))
    assert not {"answer", "hardware", "asked_loss", "flops_interval"} & set(document)
    assert document["params_nonembedding"] is None


def test_a_loss_that_was_asked_for_comes_back_with_the_interval_of_its_budget(law: Law) -> None:
    target = law.predict(2e12).loss
    reply = ask(law, Question(loss=target, hardware=hardware("h100")))
    document = reply_json(reply)
    assert document["asked_loss"] == target and document["hardware"]["peak_flops"] == 989.4e12
    low, high = document["flops_interval"]
    assert low < document["flops"] and (high is None or high > document["flops"])
    with_model = reply_json(ask(law, Question(loss=target, params=5e4, hardware=hardware("h100"))))
    hours = with_model["answer"]["flops"] / (3600 * 989.4e12 * 0.4)
    assert with_model["answer"]["gpu_hours"] == pytest.approx(hours)


def test_the_interval_of_one_run_is_wider_than_the_laws_and_needs_its_scatter(law: Law) -> None:
    documents = [reply_json(ask(law, Question(flops=1e12))), reply_json(ask(law, Question(flops=1e12, params=1e5)))]
    for document in (documents[0], documents[1]["answer"]):
        (low, high), mean = document["run_interval"], document["loss_interval"]
        assert low < mean[0] < document["loss"] < mean[1] < high


class Scattering(Law):
    """A law whose runs scatter the more, the larger they are."""

    def one_run(self, flops: float, params: float) -> OneRun:
        """A hundredth of the FLOPs of a millionth of a millionth, and of the size of a millionth."""
        return OneRun(off=0.0, known=False, half=0.01 * flops / 1e12, scatter=0.01 * params / 1e6)


@pytest.mark.parametrize(
    "question",
    [
        Question(flops=1e12, params=4e4),
        Question(flops=1e12, times_too_small=2),
        Question(flops=1e12, max_tokens=5e5),
        Question(flops=1e12, inference_tokens=1e7),
        Question(loss=3.4, params=1e5),
        Question(params=6e4, tokens=2e6),
    ],
)
def test_each_answer_has_the_interval_of_one_run_with_the_scatter_of_its_own_model(
    law: Law, question: Question
) -> None:
    other = Scattering(**{entry.name: getattr(law, entry.name) for entry in fields(law)})
    reply = ask(other, question)
    assert reply.answer is not None
    for one in (reply.prediction, reply.answer):
        expected = one_run_interval(one.loss, one.loss_interval, other.one_run(one.flops, one.params), other.worst_loss)
        assert one.run_interval == expected


def test_data_that_are_the_limit_answer_unasked(law: Law) -> None:
    reply = ask(law, Question(flops=3e12))
    few = reply.prediction.tokens / 3
    found = within_data(law, reply, few)
    assert found.unasked and found.answer is not None and found.prediction == reply.prediction
    assert found.answer.params == ask(law, Question(flops=3e12, max_tokens=few)).answer.params  # type: ignore[union-attr]
    assert "different tokens, fewer than the" in found.answer.warnings[0]
    assert within_data(law, reply, 2 * reply.prediction.tokens) is reply
    asked = ask(law, Question(flops=3e12, times_too_small=2))
    assert within_data(law, asked, few) is asked, "who asks something else is answered that"
    hardly = within_data(law, reply, 1.0)
    assert hardly.answer is None and "tells no best model for so few" in hardly.prediction.warnings[-1]
