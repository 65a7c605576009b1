"""The table of the laws by loss."""

from __future__ import annotations

from dataclasses import replace

import pytest

from analysis.wording import format_count, format_interval, format_loss
from orchestrator.use_cases.further_laws import FurtherLaw
from orchestrator.web.losses import loss_table
from tests.unit.orchestrator.report_fixtures import law

WIKI = FurtherLaw("loss.wiki", law())
NONE = FurtherLaw("loss.code", None, "no run has a loss")


def test_each_loss_is_answered_at_the_largest_budget_and_beyond() -> None:
    made = loss_table(law(), (WIKI, NONE))
    assert made is not None
    assert made.titles == ("N* at 3×10¹²", "L* at 3×10¹²", "N* at ×3", "L* at ×3", "N* at ×10", "L* at ×10")
    main, wiki, code = made.rows
    assert (main.key, wiki.key, code.key) == ("loss", "loss.wiki", "loss.code")
    assert main.answers == wiki.answers and (code.answers, code.problem) == ((), "no run has a loss")
    predictions = law().band([3e12, 9e12, 3e13])
    assert main.answers[::2] == tuple(
        (format_count(p.params), format_interval(p.params_interval, format_count)) for p in predictions
    )
    assert main.answers[1::2] == tuple((format_loss(p.loss), format_interval(p.loss_interval)) for p in predictions)


def test_a_budget_beyond_what_a_law_can_tell_has_no_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("analysis.limits.WIDEST_SIZE", 1.0)
    made = loss_table(replace(law()), (NONE,))
    assert made is not None
    assert made.rows[0].answers[-2:] == (("no answer", ""), ("no answer", ""))


def test_the_validation_text_may_be_without_a_law() -> None:
    made = loss_table(replace(law(), estimators=()), (WIKI,))
    assert made is not None
    assert made.rows[0].problem == "no law could be fitted" and made.rows[1].answers


def test_one_loss_or_no_law_is_no_table() -> None:
    assert loss_table(law(), ()) is None
    assert loss_table(replace(law(), estimators=()), (NONE,)) is None
