"""The ranking of variants: by the compute multiplier over the first, the best on top."""

from __future__ import annotations

import pytest

from analysis.records import LawError
from orchestrator.web.ranking import ranking
from tests.unit.orchestrator.use_cases.simulated import simulated_answers


def test_the_better_variant_is_first_and_one_that_cannot_be_compared_last(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = simulated_answers(vary={"context": [64, 128]})
    best, base = ranking(answers, "my sweep")
    assert (best.label, base.label) == ("context=128", "context=64")
    assert best.href == "/sweeps/my%20sweep?variant=context%3D128"
    assert best.multiplier.startswith("×") and best.note == "" and base.multiplier == "×1"

    def refuse(*_: object) -> None:
        raise LawError("the losses never meet")

    monkeypatch.setattr("orchestrator.web.ranking.compare", refuse)
    first, refused = ranking(answers, "s")
    assert (first.label, refused.label, refused.note) == ("context=64", "context=128", "the losses never meet.")
