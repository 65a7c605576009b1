"""Plans as JSON: every key that was promised, with the verdict."""

from __future__ import annotations

import json

import pytest

from orchestrator.use_cases.hours import Judged
from orchestrator.use_cases.plan_json import judged_json
from orchestrator.use_cases.planning import Planned
from sweeps.file.spec import SeedsSpec
from sweeps.plan.expected_width import KnownNoise, expect
from sweeps.plan.plan import make_plan
from sweeps.plan.verdict import judge
from tests.unit.sweeps.plans import FACTS, Steady, spec_of


def judged(**changes: object) -> Judged:
    plan = make_plan(spec_of(**changes), FACTS, Steady())
    expected = expect(plan)
    planned = Planned(plan, FACTS, "cpu", 2, ("assumed",))
    return Judged(planned, KnownNoise(0.02, "measured"), expected, judge(plan, expected))


def test_json_has_the_verdict_and_what_it_had_before() -> None:
    document = json.loads(json.dumps(judged_json(judged(seeds=SeedsSpec(1, 3, 2), recipe_check=True))))
    assert list(document) == [
        *("sweep", "verdict", "runs", "dropped", "recipe_check", "noise", "warnings", "totals", "expected", "hours")
    ]
    assert document["verdict"]["gives_law"] is True and document["verdict"]["remedy"] is None
    assert document["noise"]["expected"] == {"sigma": 0.02, "source": "measured"}
    assert document["noise"]["degrees_of_freedom"] == 3
    assert [cell["seeds"] for cell in document["noise"]["repeats"]] == [3, 2]
    assert [width["multiple"] for width in document["expected"][0]["widths"]] == [10, 100]
    assert document["totals"]["runs"] == len(document["runs"]) + len(document["recipe_check"]["runs"])
    assert document["recipe_check"]["flops"] == sum(run["flops"] for run in document["recipe_check"]["runs"])
    hours = document["hours"]
    assert (hours["device"], hours["devices"], hours["filled"], hours["notes"]) == ("cpu", 2, None, ["assumed"])
    assert hours["device_hours"] == pytest.approx(document["totals"]["seconds"] / 3600)
