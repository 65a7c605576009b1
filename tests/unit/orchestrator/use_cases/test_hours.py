"""Plans with their verdict: on this machine by measured rates, by hours, and for a device not at hand."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import cast

import pytest

from analysis.devices import DEVICES
from model.config import RunConfig
from orchestrator.home import Home
from orchestrator.scheduling.durations import Durations
from orchestrator.scheduling.speed import SpeedModel
from orchestrator.settings import Settings
from orchestrator.use_cases import hours as hours_module
from orchestrator.use_cases.hours import plan_and_judge
from orchestrator.use_cases.planning import Planning
from orchestrator.use_cases.workspace import Workspace
from sweeps.file.spec import SweepSpec
from sweeps.plan.hours import wall_hours
from sweeps.plan.other_device import OtherDevice
from sweeps.plan.plan import make_plan
from sweeps.plan.records import DataFacts, PlanError
from tests.unit.orchestrator.scheduling.rates import rates_at
from tests.unit.sweeps.plans import FACTS, ROOT, facts
from tokenizer.corpus import CorpusError
from tokenizer.files import Reach

DEMO = ROOT / "sweeps/conf/demo.yaml"
GPU = ROOT / "sweeps/conf/gpu.yaml"


class Known(Planning):
    """Planning whose data and rates are known beforehand."""

    data: DataFacts | None = FACTS
    rate: float | None = 1e10
    calibrations = 0

    def facts(self, spec: SweepSpec, within: Reach | None = None) -> DataFacts:
        """The facts, or no corpus."""
        if self.data is None:
            raise CorpusError("data does not exist")
        return self.data

    def cost(self, runs: Sequence[RunConfig], spec: SweepSpec) -> SpeedModel | None:
        """The rate at the first shape that is asked for."""
        self.calibrations += 1
        if self.rate is None:
            return None
        return SpeedModel(rates_at((1e4 * self.calibrations, self.rate)), Durations.of(()))


@pytest.fixture
def planning(tmp_path: Path) -> Known:
    settings = Settings(f"sqlite:///{tmp_path / 'x.db'}", None, workers=2)
    return Known(Workspace(Home(tmp_path, "test"), settings))


def test_a_plan_here_comes_with_its_verdict(planning: Known) -> None:
    judged = plan_and_judge(planning, DEMO)
    assert judged.verdict.complete and judged.verdict.reach == judged.expected[0].reach == 5
    assert judged.filled is None and judged.planned.workers == 2
    assert judged.planned.plan == make_plan(judged.planned.spec, FACTS, judged.planned.cost, workers=2)


def test_a_plan_on_too_little_text_comes_with_its_remedy_on_these_workers(planning: Known) -> None:
    planning.data = facts(400_000)
    judged = plan_and_judge(planning, DEMO)
    remedy = judged.verdict.remedy
    assert not judged.verdict.gives_law and remedy is not None
    again = plan_and_judge(planning, DEMO, remedy.overrides)
    assert again.verdict.complete
    assert wall_hours(again.planned.plan, 2) == pytest.approx((remedy.seconds or 0) / 3600)


@pytest.mark.slow
def test_hours_choose_a_grid_by_rates_that_are_measured_on_its_own_shapes(planning: Known) -> None:
    judged = plan_and_judge(planning, DEMO, ["limits={}"], 0.2)
    assert judged.filled is not None and judged.filled.spec == judged.planned.spec
    assert wall_hours(judged.planned.plan, 2) == pytest.approx(judged.filled.hours) == pytest.approx(0.2, rel=0.02)
    assert judged.verdict.complete
    cost = judged.planned.cost
    assert planning.calibrations == hours_module.ROUNDS == 2
    assert cost is not None and planning.rate is not None
    assert cost.rates == rates_at((1e4, planning.rate), (2e4, planning.rate)), "both rounds' rates are kept"


def test_hours_need_a_known_speed_and_a_grid_with_runs(planning: Known) -> None:
    with pytest.raises(PlanError, match="no cell of the grid can run"):
        plan_and_judge(planning, DEMO, ["recipe_overrides.warmup=0.9"], 1.0)
    planning.rate = None
    with pytest.raises(PlanError, match="the speed of `device: auto` is not known: name a kind such as h100"):
        plan_and_judge(planning, DEMO, [], 1.0)


def test_a_device_that_is_not_at_hand_is_planned_without_its_corpus(planning: Known) -> None:
    planning.data = None
    other = OtherDevice(DEVICES["h100"])
    judged = plan_and_judge(planning, GPU, [], None, other)
    assert judged.verdict.complete and judged.filled is None and judged.planned.cost is None
    assert any("data does not exist" in note for note in judged.planned.notes)
    narrow = plan_and_judge(planning, GPU, ["sizes.count=4"], None, other).verdict
    assert narrow.remedy is not None and narrow.remedy.overrides == ("sizes.count=7",)
    assert narrow.remedy.seconds == pytest.approx(cast(float, judged.planned.plan.seconds), rel=0.05)
    filled = plan_and_judge(planning, GPU, [], 24.0, other)
    assert filled.filled is not None and filled.filled.hours == pytest.approx(24, rel=0.02)
