"""One question to a law and the whole reply, the same for the command line, REST and Python.

A question fixes a budget (FLOPs, GPU-hours, a loss to reach, or a model with its tokens) and may add one thing: a
size that is given, a limit on tokens, or inference that follows.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np

from analysis.answers import inference, limited, questions
from analysis.answers.counts import COLUMNS, Counts
from analysis.answers.published import published_at
from analysis.answers.questions import Answer
from analysis.answers.serial import plain, prediction_json, record_json
from analysis.devices import Hardware
from analysis.law import Law
from analysis.limits import possible
from analysis.records import Interval, LawError, OutOfReachError, Prediction, QuestionError
from analysis.wording import format_count, format_hours, join_words

BUDGETS = ("flops", "gpu_hours", "loss")
"""Each alone fixes the budget; else `params` with `tokens` do."""
CONSTRAINTS = ("params", "times_too_small", "max_tokens", "inference_tokens")
"""At most one of these is asked about."""
INSTEAD = "Ask about another budget or model"
"""What to do where a model under a constraint is no answer."""


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked. `check` refuses combinations without a meaning."""

    flops: float | None = None
    """Training budget C, FLOPs."""
    gpu_hours: float | None = None
    """The budget as hours on `hardware`."""
    loss: float | None = None
    """Loss to reach: the budget is the least that does."""
    params: float | None = None
    """A model of N parameters instead of the optimum."""
    tokens: float | None = None
    """With `params` and without a budget: trained on D tokens."""
    times_too_small: float | None = None
    """A model smaller than the optimum by this factor."""
    max_tokens: float | None = None
    """Number of different tokens that exist."""
    inference_tokens: float | None = None
    """Tokens of inference that follow the training."""
    hardware: Hardware | None = None
    """Device in whose hours compute is given and shown."""

    def check(self) -> None:
        """Raise QuestionError where a value cannot be or a combination has no meaning."""
        given = {f.name: getattr(self, f.name) for f in fields(self) if f.name != "hardware"}
        given = {name: value for name, value in given.items() if value is not None}
        for name, value in given.items():
            if not (np.isfinite(value) and value > 0):
                raise QuestionError(f"{_words([name])} must be a positive number, not {value:g}")
        budgets = [name for name in (*BUDGETS, "tokens") if name in given]
        if not budgets:
            raise QuestionError(
                "give a budget with `flops` or `gpu_hours`, a loss to reach with `loss`, or a model with `params` and "
                "`tokens`"
            )
        if len(budgets) > 1:
            raise QuestionError(f"{_words(budgets)} each fix the budget: give one of them")
        asked = [name for name in CONSTRAINTS if name in given]
        if len(asked) > 1:
            raise QuestionError(f"ask one question at a time, not {_words(asked)}")
        if "tokens" in given and asked != ["params"]:
            raise QuestionError(
                "`tokens` need `params`: together they are one model; for limited data ask with `max_tokens`"
            )
        if "loss" in given and asked and asked[0] not in ("params", "inference_tokens"):
            raise QuestionError(f"{_words(asked)} needs a budget: give `flops` instead of `loss`")
        if "gpu_hours" in given and self.hardware is None:
            raise QuestionError("`gpu_hours` need a device: give `device`, or its peak as `device_tflops`")


def _words(names: list[str]) -> str:
    """Names of the question's parts as REST has them; the command line makes options of what stands in backticks."""
    return join_words(f"`{name.removeprefix('times_')}`" for name in names)


@dataclass(frozen=True, slots=True)
class Reply:
    """What a law answers to a question."""

    question: Question
    """As asked."""
    prediction: Prediction
    """The compute-optimal model of the budget."""
    flops_interval: Interval | None = None
    """Where a loss was asked for: the interval of the budget."""
    answer: Answer | None = None
    """The model under the constraint, where there is one."""
    counts: Counts | None = None
    """Other counts of parameters, where they are known."""
    unasked: bool = False
    """Whether the answer is to a limit on tokens that nobody asked about: the data's own."""


def within_data(law: Law, reply: Reply, unique_tokens: float) -> Reply:
    """The reply with the best model for the tokens that its data has, where the optimum needs more of them.

    A question with a constraint of its own stays as it is.
    """
    q, p = reply.question, reply.prediction
    if reply.answer is not None or q.tokens is not None or not 0 < unique_tokens < p.tokens:
        return reply
    short = f"The data has {format_count(unique_tokens)} different tokens, fewer than the {format_count(p.tokens)} of"
    try:
        answer = possible(limited.best_with_limited_data(law, p.flops, unique_tokens), INSTEAD, "max_tokens")
    except LawError:
        none = f"{short} the optimum, and the law tells no best model for so few."
        return replace(reply, prediction=replace(p, warnings=(*p.warnings, none)))
    said = f"{short} the optimum without a limit: this is the best model for them."
    return replace(reply, answer=replace(answer, warnings=(said, *answer.warnings)), unasked=True)


def ask(law: Law, question: Question, counts: Counts | None = None) -> Reply:
    """Answer a question. Raises QuestionError for one without a meaning, LawError where the law has no answer."""
    question.check()
    flops, interval = _budget(law, question)
    prediction = _prediction(law, question, flops)
    return Reply(question, prediction, interval, _answer(law, question, flops), counts)


def _prediction(law: Law, q: Question, flops: float) -> Prediction:
    """The optimum of the budget; a refusal names the hours that can be asked about where hours were."""
    try:
        return law.predict(flops)
    except OutOfReachError as error:
        if q.gpu_hours is None or q.hardware is None or error.lowest is None or error.highest is None:
            raise
        low, high = q.hardware.hours(error.lowest), q.hardware.hours(error.highest)
        hours = f"{format_hours(low)} to {format_hours(high)} GPU-hours of {q.hardware.device.name}"
        raise OutOfReachError(f"{error}, which are {hours}", "gpu_hours", low, high) from error


def _budget(law: Law, q: Question) -> tuple[float, Interval | None]:
    if q.loss is not None:
        return law.compute_for_loss(q.loss)
    if q.flops is not None:
        return q.flops, None
    if q.gpu_hours is not None:
        assert q.hardware is not None
        return _finite(q.hardware.flops(q.gpu_hours)), None
    assert q.params is not None and q.tokens is not None
    with np.errstate(over="ignore"):
        return _finite(float(q.tokens * law.cost.flops_per_token(q.params))), None


def _finite(flops: float) -> float:
    """A product of positive numbers where it is too large or too small to be written."""
    return min(max(flops, sys.float_info.min), sys.float_info.max)


def _answer(law: Law, q: Question, flops: float) -> Answer | None:
    if q.loss is not None and q.params is not None:
        return possible(questions.tokens_to_reach(law, q.loss, q.params), INSTEAD, "params")
    asked: dict[str, Callable[[Law, float, float], Answer]] = {
        "params": questions.given_size,
        "times_too_small": questions.too_small,
        "max_tokens": limited.best_with_limited_data,
        "inference_tokens": inference.cheapest_with_inference,
    }
    for name, function in asked.items():
        value = getattr(q, name)
        if value is not None:
            return possible(function(law, flops, value), INSTEAD, name)
    return None


def reply_json(reply: Reply) -> dict[str, Any]:
    """The contract's keys of `predict -o json`: the prediction's, the other counts, published laws, and the answer."""
    p, hardware = reply.prediction, reply.question.hardware
    document = (
        prediction_json(p)
        | _counted(reply, p.params)
        | {"published": [record_json(answer) for answer in published_at(p.flops)]}
    )
    if reply.question.loss is not None:
        ends = reply.flops_interval
        bounds = plain([ends.low, ends.high]) if ends else None
        document |= {"asked_loss": reply.question.loss, "flops_interval": bounds}
    if hardware is not None:
        document["hardware"] = {
            "device": hardware.device.name,
            "peak_flops": hardware.device.peak,
            "source": hardware.device.source,
            "utilisation": hardware.utilisation,
            "gpu_hours": hardware.hours(p.flops),
        }
    if reply.answer is not None:
        document["answer"] = record_json(reply.answer) | _counted(reply, reply.answer.params)
        if hardware is not None:
            document["answer"]["gpu_hours"] = hardware.hours(reply.answer.flops)
    return document


def _counted(reply: Reply, params: float) -> dict[str, float | None]:
    """N in the other counts, None where they are not known."""
    return dict(reply.counts.at(params)) if reply.counts else dict.fromkeys(COLUMNS)
