"""The variants of a sweep in the order of their worth: the compute multiplier of each over the first."""

from __future__ import annotations

from dataclasses import dataclass, replace
from urllib.parse import quote, urlencode

from analysis.answers.compare import compare
from analysis.records import LawError
from analysis.wording import format_count, format_interval, format_loss, format_multiplier
from orchestrator.use_cases.sweep_answers import SweepAnswers


@dataclass(frozen=True, slots=True)
class Ranked:
    """One variant, every number already formatted."""

    label: str
    """Its varied values."""
    href: str
    """Address of its page."""
    params: str
    """N* at its largest budget."""
    loss: str
    """Loss there, with the interval."""
    multiplier: str
    """How much more compute the first variant needs for the same loss, with the interval."""
    note: str
    """Why it cannot be ranked, or what to know; empty for nothing."""


def ranking(answers: SweepAnswers, name: str) -> list[Ranked]:
    """The variants, the best first and those that cannot be ranked last. Raises LawError where nothing can be fitted.

    Args:
        answers: what the sweep's runs answer.
        name: what addresses call the sweep.
    """
    first = answers.variants[0].label
    made = [_ranked(answers, variant.label, first, name) for variant in answers.variants]
    return [row for _, row in sorted(made, key=lambda each: each[0])]


def _ranked(answers: SweepAnswers, label: str, first: str, name: str) -> tuple[float, Ranked]:
    """A variant with what it is sorted by."""
    href = f"/sweeps/{quote(name, safe='')}?{urlencode({'variant': label})}"
    params = loss = "–"
    try:
        side = replace(answers.side(label), name=label)
        top = side.law.predict(side.law.largest_budget)
        params, loss = format_count(top.params), f"{format_loss(top.loss)} ({format_interval(top.loss_interval)})"
        if label == first:
            return -1.0, Ranked(label, href, params, loss, "×1", "the first: what the others are compared with")
        at = compare(replace(answers.side(first), name=first), side).at_largest
    except LawError as error:
        return 0.0, Ranked(label, href, params, loss, "–", f"{error}".rstrip(".") + ".")
    interval = format_interval(at.interval, format_multiplier)
    clear = "" if at.interval.low > 1 or at.interval.high < 1 else "no clear difference from the first"
    return -at.multiplier, Ranked(label, href, params, loss, f"{format_multiplier(at.multiplier)} ({interval})", clear)
