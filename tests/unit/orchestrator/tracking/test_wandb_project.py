"""Runs as wandb keeps them into a table: keys, exclusions, and what an error tells."""

from __future__ import annotations

from typing import Any

import pytest

from analysis.records import LawError
from orchestrator.tracking.wandb_project import LoggedRun, WandbError, number, read_project, table_of
from tests.unit.analysis.law_tables import sweep

KEYS = {"flops": "flops", "params": "model.n", "tokens": "tokens", "loss": "val/loss"}


def logged(count: int | None = None, **changes: Any) -> list[LoggedRun]:
    rows = sweep().head(count) if count else sweep()
    return [
        LoggedRun(f"run {i}", "finished", {"flops": r.flops, "model": {"n": r.params}} | changes,
                  {"val/loss": r.loss, "tokens": r.tokens})
        for i, r in enumerate(rows.itertuples())
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("loss", 3.0),
        ("config.loss", 1.0),
        ("summary.loss", 3.0),
        ("best.loss.min", 2.5),
        ("val.loss", 2.0),
        ("written", 1e18),
        ("flag", None),
        ("best", None),
        ("nothing", None),
        ("best.nothing", None),
    ],
)
def test_a_key_leads_to_a_number_of_summary_or_config(key: str, value: float | None) -> None:
    config = {"loss": 1.0, "written": "1e18", "flag": True}
    summary = {"loss": 3.0, "best": {"loss": {"min": 2.5}}, "val.loss": 2.0}
    assert number(LoggedRun("r", "finished", config, summary), key) == value


def test_settings_of_a_config_are_not_taken_for_seeds() -> None:
    runs = [
        LoggedRun(f"{run.name} {lr}", "finished", {**run.config, "optim": {"lr": lr}, "seed": 1, "out": f"o{lr}"},
                  {**run.summary, "val/loss": run.summary["val/loss"] + by})
        for lr, by in ((1e-3, 0.0), (3e-3, 0.2))
        for run in logged()
    ]  # fmt: skip
    table = table_of(runs, KEYS, project="me/p")
    assert len(table) == 35 and any("Column optim.lr differs between runs" in note for note in table.warnings)
    worse = table_of(runs, KEYS, project="me/p", where={"optim.lr": "0.003"})
    assert worse.loss == pytest.approx(table.loss + 0.2)
    mixed = [*logged(dataset="c4"), *logged(dataset="web")]
    with pytest.raises(LawError, match="column dataset holds several experiments"):
        table_of([LoggedRun(f"{i}", r.state, r.config, r.summary) for i, r in enumerate(mixed)], KEYS, project="me/p")


def test_runs_that_cannot_be_used_are_listed_with_reasons() -> None:
    runs = logged()
    runs += [
        LoggedRun("running", "running", runs[0].config, runs[0].summary),
        LoggedRun("check", "finished", runs[0].config | {"role": "check"}, runs[0].summary),
        LoggedRun("no loss", "finished", runs[0].config, {"tokens": 1e9}),
        LoggedRun("zero", "finished", runs[0].config, {"val/loss": 0, "tokens": 1e9}),
        LoggedRun("nan", "finished", runs[0].config, {"val/loss": "NaN", "tokens": 1e9}),
    ]
    table = table_of(runs, KEYS, project="me/p")
    assert len(table) == 35
    assert [entry.reason for entry in table.excluded] == [
        "state is running", "it is a check run of isoflop, not one of a grid", "no loss (key val/loss)", "loss is 0 (key val/loss)", "loss is nan (key val/loss)",
    ]  # fmt: skip
    assert len(table_of([LoggedRun("r", "finished", run.config | {"role": "grid"}, run.summary) for run in logged()],
                        KEYS, project="me/p")) == 35  # fmt: skip
    assert len(table_of(runs, KEYS, states=("finished", "running"), project="me/p")) == 36


def test_tokens_may_be_unknown_but_not_misnamed() -> None:
    runs = [LoggedRun(r.name, r.state, r.config, {"val/loss": r.summary["val/loss"]}) for r in logged()]
    assert not table_of(runs, KEYS, project="me/p").tokens_given
    with pytest.raises(WandbError, match="--tokens-key"):
        table_of(runs, KEYS | {"tokens": "D"}, project="me/p")


def test_a_wrong_key_names_the_nearest_and_all_that_there_are() -> None:
    with pytest.raises(WandbError) as caught:
        table_of(logged(), KEYS | {"loss": "val_loss", "params": "model.m"}, project="me/p")
    text = str(caught.value)
    assert "'val_loss' for loss (nearest: val/loss)" in text and "--params-key" in text
    assert "Keys with numbers: flops, model.n, tokens, val/loss" in text


def test_nothing_usable_says_why() -> None:
    crashed = [LoggedRun(r.name, "crashed", r.config, r.summary) for r in logged(6)]
    with pytest.raises(WandbError, match="none of the 6 runs of me/p can be used: 6 × state is crashed"):
        table_of(crashed, KEYS, project="me/p")


@pytest.mark.parametrize("path", ["project", "a/b/c", "/b", "https://wandb.ai/a/b"])
def test_a_project_is_named_by_entity_and_project(path: str) -> None:
    with pytest.raises(WandbError, match="ENTITY/PROJECT"):
        read_project(path, KEYS)
