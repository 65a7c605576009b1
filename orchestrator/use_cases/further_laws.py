"""The laws of a sweep's further losses, one for each further validation set, beside that of the validation text."""

from __future__ import annotations

from dataclasses import dataclass

from analysis.law import Law
from analysis.records import LawError
from orchestrator.use_cases.sweep_answers import SweepAnswers


@dataclass(frozen=True, slots=True)
class FurtherLaw:
    """The law of one further loss, or why there is none."""

    key: str
    """The loss, as `loss.SET`."""
    law: Law | None
    """Its law; None where its runs cannot be fitted."""
    problem: str = ""
    """Why there is none; empty with a law."""


def further_laws(answers: SweepAnswers, variant: str = "") -> tuple[FurtherLaw, ...]:
    """The law of each further loss of a variant's runs, in the order of the sweep file; each is fitted once."""
    return tuple(_further_law(answers, key, variant) for key in answers.loss_keys if key)


def _further_law(answers: SweepAnswers, key: str, variant: str) -> FurtherLaw:
    """The law of one loss."""
    try:
        law = answers.on(key).law(variant)
    except LawError as error:
        return FurtherLaw(key, None, str(error))
    return FurtherLaw(key, law) if law.estimators else FurtherLaw(key, None, "no law could be fitted")
