"""Adaptive sweeps in a home: rounds are stored before they start, decided once, and go on where they ended."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from orchestrator.attempts import Outcome
from orchestrator.settings import Ceilings
from orchestrator.states import Cause, Hold, RunState
from orchestrator.store import CeilingExceeded, SweepRecord
from orchestrator.use_cases import adapting
from orchestrator.use_cases.adapting import Adapting, sentence
from orchestrator.use_cases.execution import Execution
from orchestrator.use_cases.planning import Planned, Planning
from orchestrator.use_cases.submission import submit
from orchestrator.use_cases.workspace import Workspace
from sweeps.file.spec import LimitsSpec, SweepSpec
from sweeps.plan.adaptive import first_round
from sweeps.plan.plan import plan_of_runs
from sweeps.plan.records import DataFacts, PlanError
from sweeps.plan.rounds import Round, Stop
from tests.unit.orchestrator.use_cases.homes import end, finish, open_home
from tests.unit.sweeps.plan.adaptive_sweep import adaptive_spec, loss_of
from tests.unit.sweeps.plans import FACTS
from tokenizer.shards import ShardError

SPEC = adaptive_spec(rounds=3)


def _planned(spec: SweepSpec) -> Planned:
    """The plan of an adaptive sweep without a corpus."""
    first = first_round(spec, FACTS)
    return Planned(plan_of_runs(spec, first.planned, FACTS), FACTS, "cpu", 2, rounds=(first.round,))


@pytest.fixture(autouse=True)
def without_a_corpus(monkeypatch: pytest.MonkeyPatch) -> None:
    """No dataset is published, and nothing is known of any device."""
    monkeypatch.setattr("orchestrator.use_cases.submission.publish", lambda *_: None)
    monkeypatch.setattr(Planning, "facts", lambda *_: FACTS)
    monkeypatch.setattr(Planning, "cost", lambda *_: None)


@pytest.fixture(scope="module")
def begun(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Planned]:
    """A home with a submitted adaptive sweep whose first design is trained."""
    folder = tmp_path_factory.mktemp("begun")
    planned = _planned(SPEC)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("orchestrator.use_cases.submission.publish", lambda *_: None)
        workspace = open_home(folder)
        _train(workspace, submit(workspace, planned))
        workspace.close()
    return folder, planned


@pytest.fixture
def workspace(begun: tuple[Path, Planned], tmp_path: Path) -> Iterator[Workspace]:
    """A copy of that home."""
    shutil.copytree(begun[0], tmp_path, dirs_exist_ok=True)
    opened = open_home(tmp_path)
    yield opened
    opened.close()


class _Run:
    """What `loss_of` reads of a run."""

    def __init__(self, record: Any) -> None:
        self.run_id, self.params, self.tokens = record.id, record.cell.params, record.cell.tokens


def _train(workspace: Workspace, sweep: SweepRecord) -> None:
    """End every queued run with the loss that its identity decides."""
    for run in workspace.store.runs_of(sweep.id, None, RunState.QUEUED):
        finish(workspace, run.id, loss_of(_Run(run)))  # type: ignore[arg-type]


def _sweep(workspace: Workspace) -> SweepRecord:
    return workspace.store.sweep("t")


def _queued(workspace: Workspace) -> list[str]:
    return [run.id for run in workspace.store.runs_of(_sweep(workspace).id, None, RunState.QUEUED)]


def test_a_round_is_stored_with_its_runs_once_whoever_decides_it(workspace: Workspace) -> None:
    sweep = _sweep(workspace)
    progress = Execution(workspace).progress(sweep)
    assert progress.ended and not progress.finished and progress.state == "queued"
    said: list[str] = []
    workspace.say = said.append
    assert Adapting(workspace).advance(sweep)
    second = _sweep(workspace).rounds[1]
    assert [*second.runs, *second.ahead] == _queued(workspace) and second.known is not None
    assert said[-1].startswith("sweep t: N* to ×") and f"round 2 has {len(second.runs)} run" in said[-1]
    assert not Adapting(workspace).advance(sweep), "its runs are not trained yet"
    late = workspace.store.add_round(sweep.id, 1, replace(second, note="another"), [])
    assert not late and _sweep(workspace).rounds[1] == second


def test_a_kill_between_two_rounds_changes_nothing(workspace: Workspace, tmp_path: Path) -> None:
    twin = tmp_path / "twin"
    shutil.copytree(tmp_path, twin, ignore=shutil.ignore_patterns("twin"))
    other = open_home(twin)
    for home in (workspace, other):
        while Adapting(home).advance(_sweep(home)):
            _train(home, _sweep(home))
    assert _sweep(workspace).rounds == _sweep(other).rounds
    ended = _sweep(workspace)
    assert ended.rounds[-1].stop is not None and len(ended.rounds) > 2 and ended.rounds[-1].runs == ()
    progress = Execution(workspace).progress(ended)
    assert progress.finished and progress.state == "done"
    assert workspace.store.open_ended() == []
    other.close()

    changed = replace(SPEC.adaptive, rounds=5)
    first = _sweep(workspace).rounds[0]
    runs = workspace.store.runs_of(ended.id)
    plan = Planned(plan_of_runs(SPEC, first_round(SPEC, FACTS).planned, FACTS), FACTS, "cpu", 2, rounds=(first,))
    larger = submit(workspace, replace(plan, plan=replace(plan.plan, spec=replace(SPEC, adaptive=changed))))
    assert larger.id != ended.id and larger.rounds == ended.rounds[:-1], "it goes on from the rounds there are"
    assert [run.id for run in workspace.store.runs_of(larger.id)] == [run.id for run in runs]


def test_runs_ahead_are_trained_meanwhile_and_change_no_decision(workspace: Workspace, tmp_path: Path) -> None:
    sweep = _sweep(workspace)
    said: list[str] = []
    Adapting(workspace).advance(sweep)
    own, ahead = _sweep(workspace).rounds[-1].runs, _sweep(workspace).ahead
    assert ahead and _queued(workspace) == [*own, *ahead]
    twin = tmp_path / "twin"
    shutil.copytree(tmp_path, twin, ignore=shutil.ignore_patterns("twin"))
    other = open_home(twin)
    for run in other.store.runs_of(sweep.id, None, RunState.QUEUED):
        if run.id in own:
            finish(other, run.id, loss_of(_Run(run)))  # type: ignore[arg-type]
    _train(workspace, sweep)
    for home in (workspace, other):
        home.say = said.append
        assert Adapting(home).advance(_sweep(home)), "what goes ahead need not have ended"
    assert _sweep(workspace).rounds == _sweep(other).rounds
    third = _sweep(other).rounds[-1]
    assert third.runs[: len(ahead)] == ahead and said[0] == said[1]
    assert f"idle workers go ahead with {len(ahead)} of the next" in sentence(1, _sweep(other).rounds[1])
    while Adapting(other).advance(_sweep(other)) or _queued(other):
        _train(other, _sweep(other))
    ended = _sweep(other).rounds[-1]
    assert ended.stop is not None and ended.spent == pytest.approx(sum(r.flops for r in other.store.runs_of(sweep.id)))
    other.close()


def test_a_revision_that_asks_for_more_ends_the_one_it_goes_on_from(
    workspace: Workspace, begun: tuple[Path, Planned]
) -> None:
    earlier, planned = _sweep(workspace), begun[1]
    spec = replace(SPEC, adaptive=replace(SPEC.adaptive, spend=3e13))
    later = submit(workspace, replace(planned, plan=replace(planned.plan, spec=spec)))
    assert [each.id for each in workspace.store.open_ended()] == [later.id]
    assert workspace.store.sweep_by_id(earlier.id).rounds[-1].stop is Stop.CONTINUED
    assert Execution(workspace).progress(earlier).finished and later.rounds == earlier.rounds
    assert submit(workspace, planned).id == earlier.id, "to submit the earlier one again changes neither"
    assert [each.id for each in workspace.store.open_ended()] == [later.id]


def test_a_revision_ends_an_earlier_one_that_is_paused_or_decides_in_that_moment(
    workspace: Workspace, begun: tuple[Path, Planned], monkeypatch: pytest.MonkeyPatch
) -> None:
    earlier, planned, store = _sweep(workspace), begun[1], workspace.store
    add_round = store.add_round

    def decided_before(*args: Any) -> bool:
        monkeypatch.setattr(store, "add_round", add_round)
        assert store.add_round(earlier.id, 1, Round((), 1e12), [])
        store.hold(earlier.id, Hold.PAUSED)
        return store.add_round(*args)

    monkeypatch.setattr(store, "add_round", decided_before)
    spec = replace(SPEC, adaptive=replace(SPEC.adaptive, spend=3e13))
    submit(workspace, replace(planned, plan=replace(planned.plan, spec=spec)))
    ended = store.sweep_by_id(earlier.id)
    assert [each.stop for each in ended.rounds] == [None, None, Stop.CONTINUED] and ended.held is Hold.PAUSED
    store.release(earlier.id)
    assert earlier.id not in [each.id for each in store.open_ended()]


def test_failed_runs_wait_for_a_retry_and_diverged_ones_do_not(workspace: Workspace) -> None:
    sweep = _sweep(workspace)
    Adapting(workspace).advance(sweep)
    lost, *others = _queued(workspace)
    end(workspace, lost, Outcome(Cause.CONFIGURATION, detail="no such field"))
    for run_id in others:
        end(workspace, run_id, Outcome(Cause.DIVERGED, detail="NaN"))
    assert not Adapting(workspace).advance(sweep)
    progress = Execution(workspace).progress(_sweep(workspace))
    assert progress.finished and progress.state == "incomplete"
    workspace.store.retry([sweep.id], Ceilings())
    end(workspace, lost, Outcome(Cause.DIVERGED, detail="NaN"))
    Adapting(workspace).advance(sweep)
    assert len(_sweep(workspace).rounds) == 3


def test_a_held_sweep_is_not_decided_and_goes_on_when_it_is_released(workspace: Workspace) -> None:
    sweep = _sweep(workspace)
    workspace.store.hold(sweep.id, Hold.PAUSED)
    assert not Adapting(workspace).advance(sweep) and len(_sweep(workspace).rounds) == 1
    assert workspace.store.open_ended() == []
    workspace.store.release(sweep.id)
    Adapting(workspace).advance_all()
    assert len(_sweep(workspace).rounds) == 2


def test_a_defect_in_one_sweep_keeps_no_other_from_being_decided(
    workspace: Workspace, begun: tuple[Path, Planned], monkeypatch: pytest.MonkeyPatch
) -> None:
    first, planned = _sweep(workspace), begun[1]
    second = submit(workspace, replace(planned, plan=replace(planned.plan, spec=replace(SPEC, name="u"))))
    advance = Adapting.advance

    def broken_for_one(self: Adapting, sweep: SweepRecord) -> bool:
        if sweep.id == first.id:
            raise ZeroDivisionError
        return advance(self, sweep)

    monkeypatch.setattr(Adapting, "advance", broken_for_one)
    with pytest.raises(ExceptionGroup) as caught:
        Adapting(workspace).advance_all()
    assert [error.__notes__ for error in caught.value.exceptions] == [["sweep t"]]
    assert len(workspace.store.sweep_by_id(second.id).rounds) == 2 and _sweep(workspace).held is None


def test_a_round_above_a_ceiling_is_not_stored_and_the_service_pauses_the_sweep(workspace: Workspace) -> None:
    sweep = _sweep(workspace)
    object.__setattr__(workspace.settings, "user_flops", 1.0)
    with pytest.raises(CeilingExceeded):
        Adapting(workspace).advance(sweep)
    assert len(_sweep(workspace).rounds) == 1 and _queued(workspace) == []
    Adapting(workspace).advance_all()
    assert _sweep(workspace).on_hold == "paused: the next round cannot be decided: a ceiling of its owner is reached"


def test_another_corpus_is_no_ground_for_a_round(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Planning, "facts", lambda *_: replace(FACTS, dataset="e" * 64))
    with pytest.raises(PlanError, match="the corpus has changed since its first runs"):
        Adapting(workspace).advance(_sweep(workspace))
    assert len(_sweep(workspace).rounds) == 1


def test_data_that_were_prepared_in_another_home_are_found_in_the_store(
    workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def read(folder: Path) -> DataFacts:
        if folder.parent != tmp_path:
            raise ShardError("there is no such dataset here")
        return FACTS

    monkeypatch.setattr(type(workspace.artifacts), "dataset", lambda _, name: tmp_path / name)
    monkeypatch.setattr(adapting, "read_manifest", read)
    monkeypatch.setattr(adapting, "facts_of", lambda facts: facts)
    monkeypatch.setattr(Planning, "facts", lambda *_: pytest.fail("the corpus is not here"))
    assert Adapting(workspace).advance(_sweep(workspace)) and len(_sweep(workspace).rounds) == 2


def test_a_sweep_that_another_asks_more_of_starts_anew(workspace: Workspace, begun: tuple[Path, Planned]) -> None:
    planned = begun[1]
    spec = replace(SPEC, limits=LimitsSpec(flops=1e14), adaptive=replace(SPEC.adaptive, ask=2e12))
    other = submit(workspace, replace(planned, plan=replace(planned.plan, spec=spec)))
    assert other.rounds == planned.rounds


def test_decisions_in_words() -> None:
    assert sentence(2, Round(("a",), 1e12)) == "round 3 has 1 run"
    assert sentence(1, Round((), 2e12, stop=Stop.NO_LAW)).startswith("it ends: the runs give no law")
