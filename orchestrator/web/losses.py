"""The table of a sweep's laws by loss: what each says at the largest budget and beyond, every number formatted."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from analysis.law import Law
from analysis.records import LawError
from analysis.wording import format_count, format_factor, format_flops, format_interval, format_loss
from orchestrator.use_cases.further_laws import FurtherLaw

MULTIPLES: Final = (1.0, 3.0, 10.0)
"""Budgets that are answered, in multiples of the largest, which is the first."""


@dataclass(frozen=True, slots=True)
class LossRow:
    """The law of one loss."""

    key: str
    """The loss, as `loss` or `loss.SET`."""
    answers: tuple[tuple[str, str], ...]
    """Each answer with its 95 % interval: N* and the loss in turn at each budget; none without a law."""
    problem: str
    """Why there is no law; empty with one."""


@dataclass(frozen=True, slots=True)
class LossTable:
    """The laws by loss."""

    titles: tuple[str, ...]
    """Headings of the answers."""
    rows: tuple[LossRow, ...]
    """The loss of the validation text, then the further ones."""


def loss_table(law: Law, further: Sequence[FurtherLaw]) -> LossTable | None:
    """The law of the validation text beside those of further losses; None where there are none, or no law."""
    found = [law, *(one.law for one in further if one.law is not None)]
    fitted = [one for one in found if one.estimators]
    if not further or not fitted:
        return None
    largest = max(one.largest_budget for one in fitted)
    budgets = [largest * multiple for multiple in MULTIPLES]
    places = [format_flops(largest), *(format_factor(multiple) for multiple in MULTIPLES[1:])]
    main = FurtherLaw("loss", law) if law.estimators else FurtherLaw("loss", None, "no law could be fitted")
    return LossTable(
        tuple(f"{quantity} at {place}" for place in places for quantity in ("N*", "L*")),
        tuple(
            LossRow(one.key, tuple(_answers(one.law, budgets)) if one.law is not None else (), one.problem)
            for one in (main, *further)
        ),
    )


def _answers(law: Law, budgets: Sequence[float]) -> Iterator[tuple[str, str]]:
    """N* and the loss in turn at each budget, each with its interval."""
    for flops in budgets:
        try:
            made = law.predict(flops)
        except LawError:
            yield from (("no answer", ""), ("no answer", ""))
        else:
            yield format_count(made.params), format_interval(made.params_interval, format_count)
            yield format_loss(made.loss), format_interval(made.loss_interval)
