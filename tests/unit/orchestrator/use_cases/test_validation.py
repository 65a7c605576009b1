"""Validation: the forecast is stored before the training, each seed is scored, and what is known is not forecast."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from analysis.records import LawError, QuestionError
from orchestrator.attempts import Outcome
from orchestrator.states import Cause, Hold, RunState
from orchestrator.store import NewRun, SweepRecord
from orchestrator.use_cases import validation as module
from orchestrator.use_cases.answering import Answering
from orchestrator.use_cases.control import ControlError
from orchestrator.use_cases.execution import Execution
from orchestrator.use_cases.planning import Planning
from orchestrator.use_cases.submission import submit
from orchestrator.use_cases.validation import NEIGHBOURS, _refuse_passes, forecast_of, validate
from orchestrator.use_cases.workspace import Workspace
from sweeps.file.spec import CentreSpec, SizesSpec, SweepSpec
from sweeps.plan.records import DataFacts, PlanError
from tests.unit.analysis.law_tables import small
from tests.unit.orchestrator.use_cases.homes import VOCAB, end, finish, open_home, planned
from tests.unit.orchestrator.use_cases.simulated import simulated_answers
from tokenizer.corpus import CorpusSpec

LARGER = 3e12
"""Budget of the validation, training FLOPs."""


def finish_all(workspace: Workspace, sweep: SweepRecord) -> None:
    """End every queued run with the loss of a known law."""
    generator = np.random.default_rng(0)
    for run in workspace.store.runs_of(sweep.id):
        if run.state is RunState.QUEUED:
            assert run.cell is not None
            exact = small(np.array([float(run.cell.params)]), np.array([float(run.cell.tokens)]))
            loss = float(exact[0] + generator.normal(0, 0.002))
            sets = {"wiki": {"loss": 1.1 * loss, "bits_per_byte": loss / 2, "tokens": 9}}
            finish(workspace, run.id, loss, sets=sets)


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """A home with a finished sweep of three budgets."""
    opened = open_home(tmp_path_factory.mktemp("home"))
    budgets = {
        "budgets": (1e11, 3e11, 1e12),
        "centre": CentreSpec(params_at={"3e11": 5e4}),
        "sizes": SizesSpec(span=3.0),
        "corpus": CorpusSpec(validation={"wiki": "wiki.txt"}),
    }
    finish_all(opened, submit(opened, planned(**budgets)))
    return opened


@pytest.fixture
def trained(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Makes training take no time; holds the forecasts that were stored when it began."""
    stored: list[Any] = []

    def execute(_self: Execution, sweep: SweepRecord, device: str, _observe: object) -> None:
        assert device == "cpu"
        stored.append(workspace.store.forecasts_of(sweep.name))
        finish_all(workspace, sweep)

    monkeypatch.setattr("orchestrator.settings.gpu_names", lambda: ())
    monkeypatch.setattr(Execution, "execute", execute)
    monkeypatch.setattr(Planning, "cost", lambda *_: None)
    monkeypatch.setattr(Planning, "facts", lambda *_: DataFacts("aaaa", VOCAB, 50_000_000, 200_000))
    return stored


def carry_out(workspace: Workspace, flops: float = LARGER, **more: Any) -> module.Validation:
    return validate(workspace, "x", flops, lambda _: None, **more)


def test_each_seed_of_the_optimum_is_scored_and_its_neighbours_are_trained(
    workspace: Workspace, trained: list[Any]
) -> None:
    law = Answering(workspace).of("x").law()
    result = carry_out(workspace, seeds=2, neighbours=True)
    assert [one.factor for one in result.trained] == [1, 1, *NEIGHBOURS]
    assert result.complete
    assert result.predicted.loss == pytest.approx(law.predict(LARGER).loss)
    seeds, others = result.trained[:2], result.trained[2:]
    assert [one.run.cell.seed for one in seeds if one.run.cell] == [0, 1]
    for one in result.trained:
        assert one.run.cell is not None and one.run.role == "validation"
        assert one.run.cell.params == pytest.approx(one.factor * result.predicted.params, rel=0.3)
        assert one.run.cell.budget == LARGER
    for one in seeds:
        assert one.score is not None and one.score.loss == one.run.loss
        assert one.score.inside == (one.run.loss in law.predict(LARGER).run_interval)  # type: ignore[operator]
    assert result.predicted.run_interval == law.predict(LARGER).run_interval != result.predicted.loss_interval
    assert [one.score for one in others] == [None, None]
    (before,) = trained
    assert len(before) == 2, "a forecast for each seed, stored before the training"
    after = workspace.store.forecasts_of("x")
    assert len(after) == 2


def test_a_validation_that_is_started_again_scores_the_stored_forecast(
    workspace: Workspace, trained: list[Any]
) -> None:
    first = carry_out(workspace, 4e12)
    again = carry_out(workspace, 4e12)
    assert again.predicted == first.predicted
    assert [one.score for one in again.trained] == [one.score for one in first.trained]


def test_a_run_that_is_trained_cannot_be_forecast(
    workspace: Workspace, trained: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    carry_out(workspace, 5e12)
    trained.clear()
    answers = Answering(workspace).of("x")
    answers.forecasts = ()
    monkeypatch.setattr(module.Answering, "of", lambda *_: answers)
    with pytest.raises(LawError, match="seed 0, is already trained"):
        carry_out(workspace, 5e12)
    assert trained == []


def test_another_loss_is_forecast_and_scored_by_itself(workspace: Workspace, trained: list[Any]) -> None:
    result = carry_out(workspace, 5.5e12, loss_key="wiki")
    (one,) = result.trained
    stored = workspace.store.run(one.run.id)
    assert one.score is not None and stored.loss is not None
    assert one.score.loss == one.run.loss == pytest.approx(1.1 * stored.loss)
    assert result.predicted.loss == pytest.approx(
        1.1 * Answering(workspace).of("x").law().predict(5.5e12).loss, rel=0.01
    )
    record = workspace.store.forecasts_of("x")[-1]
    assert (record.prediction["loss_key"], record.loss) == ("loss.wiki", one.score.loss)
    answers = Answering(workspace).of("x")
    assert record not in answers.forecasts and answers.on("wiki").forecasts == [record]
    with pytest.raises(QuestionError, match=r"no loss 'wikipedia'; they have loss, .*loss\.wiki"):
        carry_out(workspace, 5.5e12, loss_key="wikipedia")


def test_by_default_one_run_is_trained(workspace: Workspace, trained: list[Any]) -> None:
    assert [one.factor for one in carry_out(workspace, 6e12).trained] == [1]


def test_a_variant_that_does_not_exist_is_refused(workspace: Workspace, trained: list[Any]) -> None:
    with pytest.raises(LawError, match="leave the variant out"):
        carry_out(workspace, variant="lr=1")
    assert trained == []


def test_a_validation_trains_no_failed_run_of_the_grid(workspace: Workspace, trained: list[Any]) -> None:
    sweep = submit(
        workspace,
        planned(
            name="y",
            budgets=(1e11, 3e11, 1e12, 2e12),
            centre=CentreSpec(params_at={"3e11": 5e4}),
            sizes=SizesSpec(span=3.0),
        ),
    )
    failed = next(run for run in workspace.store.runs_of(sweep.id) if run.state is RunState.QUEUED)
    end(workspace, failed.id, Outcome(Cause.CONFIGURATION))
    finish_all(workspace, sweep)
    validate(workspace, "y", 7e12, lambda _: None)
    states = {run.id: run.state for run in workspace.store.runs_of(sweep.id)}
    assert states[failed.id] is RunState.FAILED


def test_a_validation_that_failed_is_trained_again(
    workspace: Workspace, trained: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_self: Execution, sweep: SweepRecord, _device: str, _observe: object) -> None:
        (queued,) = workspace.store.runs_of(sweep.id, None, RunState.QUEUED)
        end(workspace, queued.id, Outcome(Cause.CONFIGURATION))

    with monkeypatch.context() as patched:
        patched.setattr(Execution, "execute", fail)
        assert not carry_out(workspace, 8e12).complete
    assert carry_out(workspace, 8e12).complete


def test_a_forecast_of_an_earlier_revision_is_scored(workspace: Workspace, trained: list[Any]) -> None:
    first = carry_out(workspace, 9e12)
    source = workspace.store.sweep("x")
    runs = [
        NewRun(r.id, r.config, r.flops, None, r.cell, r.role)
        for r in workspace.store.runs_of(source.id)
        if r.cell and r.role == "grid"
    ]
    workspace.store.submit(replace(source, revision="extended"), runs)
    again = carry_out(workspace, 9e12)
    assert again.predicted == first.predicted and again.complete


@pytest.mark.parametrize(("hold", "remedy"), [(Hold.PAUSED, "resume"), (Hold.CANCELLED, "retry")])
def test_a_sweep_on_hold_is_not_validated(workspace: Workspace, trained: list[Any], hold: Hold, remedy: str) -> None:
    sweep = workspace.store.sweep("x")
    workspace.store.hold(sweep.id, hold)
    with pytest.raises(ControlError, match=f"is {hold} .* first isoflop {remedy} x"):
        carry_out(workspace, 1e13)
    workspace.store.release(sweep.id)
    assert trained == []


def test_a_forecast_is_of_the_best_model_for_the_tokens_that_there_are() -> None:
    law = simulated_answers().law()
    free, few = law.predict(3e12), law.predict(3e12).tokens / 3
    found = forecast_of(law, 3e12, few, None)
    assert found.params < free.params and found.loss > free.loss and found.tokens > 3 * few
    assert forecast_of(law, 3e12, 1e12, few) == found, "asked for, or the data's own"
    assert forecast_of(law, 3e12, 1e12, None) == free
    with pytest.raises(PlanError, match=r"3.* times, above epochs_max = 1: give --max-tokens"):
        _refuse_passes(found, int(few), SweepSpec("s", (1e11,)))
    _refuse_passes(found, int(few), SweepSpec("s", (1e11,), epochs_max=8))
