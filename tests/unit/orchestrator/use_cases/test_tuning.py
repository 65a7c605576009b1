"""Tunings in a home: rounds stored before they start, the same after any kill, and the recipe that they end with."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
import yaml

from analysis.records import LawError
from orchestrator.attempts import Outcome
from orchestrator.states import Cause, RunState
from orchestrator.store import SweepRecord
from orchestrator.use_cases.adapting import Adapting, sentence
from orchestrator.use_cases.answering import Answering
from orchestrator.use_cases.planning import Planned, Planning
from orchestrator.use_cases.submission import submit
from orchestrator.use_cases.tuning import Tuning, cells_of, tuning_name, unfinished
from orchestrator.use_cases.workspace import Workspace
from sweeps.plan.adaptive import Decision
from sweeps.plan.records import PlanError
from sweeps.plan.rounds import Round, Stop
from sweeps.recipes.recipe import RecipeError
from tests.unit.orchestrator.use_cases.homes import end, finish, open_home
from tests.unit.sweeps.plans import FACTS
from tests.unit.sweeps.tune.tuning import START, loss_of

FILE = f"""name: t
budgets: [1e11, 3e11, 1e12]
centre: {{params_at: {{3e11: 5e4}}}}
sizes: {{span: 3.0}}
recipe_overrides: {START}
tune: {{search: [batch, lr], rounds: 2}}
"""


@pytest.fixture(autouse=True)
def without_a_corpus(monkeypatch: pytest.MonkeyPatch) -> None:
    """No dataset is published, and nothing is known of any device."""
    monkeypatch.setattr("orchestrator.use_cases.submission.publish", lambda *_: None)
    monkeypatch.setattr(Planning, "facts", lambda *_: FACTS)
    monkeypatch.setattr(Planning, "cost", lambda *_: None)


@pytest.fixture
def workspace(tmp_path: Path) -> Iterator[Workspace]:
    opened = open_home(tmp_path)
    (tmp_path / "t.yaml").write_text(FILE)
    yield opened
    opened.close()


def _planned(workspace: Workspace, spend: float | None = 1.3e13) -> Planned:
    return Tuning(workspace).plan(workspace.home.root / "t.yaml", (), spend)


class _Run:
    """What `loss_of` reads of a run."""

    def __init__(self, workspace: Workspace, run_id: str) -> None:
        record = workspace.store.run(run_id)
        self.run_id, train, context = record.id, record.config["train"], record.config["model"]["context"]
        self.batch_tokens, self.tokens = train["batch"] * context, train["sequences"] * context
        self.run = self
        self.train = self
        self.lr = train["lr"]


def _train(workspace: Workspace, sweep: SweepRecord, most: int = 10_000) -> None:
    """End queued runs with the loss that their configuration decides."""
    for run in workspace.store.runs_of(sweep.id, None, RunState.QUEUED)[:most]:
        finish(workspace, run.id, loss_of(_Run(workspace, run.id)))  # type: ignore[arg-type]


def _ended(workspace: Workspace, sweep: SweepRecord) -> SweepRecord:
    """The tuning, trained to its end."""
    _train(workspace, sweep)
    while Adapting(workspace).advance(sweep):
        _train(workspace, sweep)
    return workspace.store.sweep_by_id(sweep.id)


@pytest.mark.slow
def test_a_killed_tuning_goes_on_and_gives_the_same_recipe(workspace: Workspace, tmp_path: Path) -> None:
    sweep = submit(workspace, _planned(workspace))
    assert sweep.name == "t-tune" and sweep.open_ended
    twin = tmp_path / "twin"
    shutil.copytree(tmp_path, twin, ignore=shutil.ignore_patterns("twin"))
    ended = _ended(workspace, sweep)
    whole = Tuning(workspace).recipe(ended, "mine")
    assert whole is not None and ended.rounds[-1].stop is Stop.TUNED
    number = 0
    while True:  # every other process that looks at it ends after three runs, or after a decision
        other = open_home(twin)
        again = submit(other, _planned(other))
        _train(other, again, most=3)
        more = Adapting(other).advance(again)
        number += 1
        rounds = other.store.sweep_by_id(again.id).rounds
        if rounds[-1].stop is not None:
            break
        assert number < 100 and (more or other.store.runs_of(again.id, None, RunState.QUEUED))
        other.close()
    assert number > 10 and rounds == ended.rounds
    resumed = Tuning(other).recipe(again, "mine")
    assert resumed is not None and resumed.path.read_bytes() == whole.path.read_bytes()
    other.close()


def test_the_recipe_is_one_that_a_sweep_can_name(workspace: Workspace) -> None:
    ended = _ended(workspace, submit(workspace, _planned(workspace)))
    tuned = Tuning(workspace).recipe(ended, "mine")
    assert tuned is not None and tuned.path == workspace.home.recipes / "mine.yaml"
    assert yaml.safe_load(tuned.path.read_text())["source"] == f"tuned by sweep t-tune@{ended.revision}"
    spec = Planning(workspace).load(FILE.encode(), ["recipe=mine", "recipe_overrides={}"])
    assert spec.recipes["mine"]["base"] == "cpu-small"
    started = Tuning(workspace).plan(workspace.home.root / "t.yaml", ["recipe=mine", "recipe_overrides={}"], 1.3e13)
    rates = [cell.start.lr for cell in cells_of(started)]
    assert rates == pytest.approx([0.01] * 7, rel=0.5), "a tuning may start from a tuned recipe"
    with pytest.raises(LawError, match="sweep t-tune searches settings and gives no law"):
        Answering(workspace).of("t-tune").laws()


def test_a_tuning_that_has_not_ended_gives_no_recipe_and_says_why(workspace: Workspace) -> None:
    sweep = submit(workspace, _planned(workspace))
    first, *_ = workspace.store.runs_of(sweep.id)
    end(workspace, first.id, Outcome(Cause.CONFIGURATION, detail="Traceback\nno such field"))
    assert Tuning(workspace).recipe(sweep, "mine") is None
    assert not Adapting(workspace).advance(sweep), "a failed trial may still be retried"
    assert list(unfinished(workspace, sweep)) == [
        f"trial {first.id} is failed: no such field",
        "the search has not ended: type the command again to continue",
    ]


def test_trials_that_all_diverge_end_it(workspace: Workspace) -> None:
    sweep = submit(workspace, _planned(workspace))
    for run in workspace.store.runs_of(sweep.id):
        end(workspace, run.id, Outcome(Cause.DIVERGED, detail="the loss is not finite"))
    assert not Adapting(workspace).advance(sweep)
    assert list(unfinished(workspace, sweep)) == [
        "sweep t-tune: it ends: every trial diverged: start from lower learning rates"
    ]
    assert Tuning(workspace).recipe(sweep, "mine") is None


def test_a_round_whose_trials_are_all_known_is_followed_by_the_next(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    sweep = submit(workspace, _planned(workspace))
    _train(workspace, sweep)
    decisions = iter([Decision(Round((), 1.0)), Decision(Round((), 1.0, stop=Stop.TUNED))])
    monkeypatch.setattr("orchestrator.use_cases.adapting.next_trials", lambda *_: next(decisions))
    assert not Adapting(workspace).advance(sweep)
    assert [each.stop for each in workspace.store.sweep_by_id(sweep.id).rounds] == [None, None, Stop.TUNED]


def test_the_end_of_a_tuning_in_words() -> None:
    assert sentence(3, Round((), 1e12, stop=Stop.TUNED)) == "it ends: the settings are searched and the rules tested"


def test_without_a_spend_a_dozen_trials_of_each_cell_are_paid_for(workspace: Workspace) -> None:
    planned = _planned(workspace, None)
    assert planned.spec.tune.spend == pytest.approx(12 * 1.2e12 + 5 * 1e12, rel=0.01)
    assert planned.plan.runs == () and {run.role for run in planned.plan.checks} == {"check"}
    with pytest.raises(PlanError, match=r"tune\.spend = 1e11 FLOPs is too little"):
        _planned(workspace, 1e11)
    source, override = workspace.home.root / "t.yaml", ["tune.spend=1.4e13"]
    asked = [Tuning(workspace).plan(source, override, spend).spec.tune.spend for spend in (None, 1.5e13)]
    assert asked == [1.4e13, 1.5e13], "what is asked for comes before what the file says"


def test_no_grid_is_planned_of_a_tuning(workspace: Workspace) -> None:
    with pytest.raises(PlanError, match="isoflop tune trains these trials"):
        Planning(workspace).plan(FILE.encode(), ["tune.spend=1e13"])


def test_names(workspace: Workspace) -> None:
    source = workspace.home.root / "t.yaml"
    name = partial(Tuning(workspace).recipe_name, source)
    assert tuning_name("a" * 64) == "a" * 59 + "-tune" and tuning_name("t") == "t-tune"
    assert name([], None) == "t" and name([], "mine") == "mine" and name(["name=u"], None) == "u"
    with pytest.raises(RecipeError, match="'cpu-small' is built in or installed: choose another name"):
        name(["name=cpu-small"], None)
    with pytest.raises(RecipeError, match="'My recipe' is no name of a recipe"):
        name([], "My recipe")
