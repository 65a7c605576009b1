"""The table of runs: its columns are a contract, and what is not known is empty."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pandas as pd
import pytest

from orchestrator.states import RunState
from orchestrator.use_cases.export import COLUMNS, run_table
from orchestrator.use_cases.sweep_answers import SweepAnswers
from tests.unit.orchestrator.use_cases.simulated import FACTS, simulated_answers

CONTRACT = [
    "run",
    "state",
    "sweep",
    "role",
    "budget",
    "flops",
    "flops_spent",
    "params",
    "params_total",
    "params_nonembedding",
    "tokens",
    "unique_tokens",
    "loss",
    "bits_per_byte",
    "seed",
    "size_id",
    "trunk",
    "shape",
    "recipe",
    "batch_tokens",
    "lr",
    "steps",
    "seconds",
    "device",
    "numerics",
]


@pytest.fixture(scope="module")
def answers() -> SweepAnswers:
    return simulated_answers(vary={"context": [128, 64]})


def test_the_columns_are_those_of_the_contract_in_its_order(answers: SweepAnswers) -> None:
    assert list(COLUMNS) == CONTRACT
    assert list(answers.table.columns) == [*CONTRACT, "vary.context"]
    assert list(run_table(answers.sweep, []).columns) == CONTRACT


def test_each_column_is_what_the_run_says(answers: SweepAnswers) -> None:
    run = answers.runs[0]
    assert run.cell is not None
    row: dict[str, Any] = answers.table.to_dict("records")[0]  # type: ignore[assignment]
    named = ("budget", "params", "params_total", "params_nonembedding", "seed", "size_id", "shape", "recipe")
    assert {name: row[name] for name in named} == {name: getattr(run.cell, name) for name in named}
    train, model = run.config["train"], run.config["model"]
    assert (row["run"], row["state"], row["sweep"], row["role"]) == (run.id, "done", "s@abcd", "grid")
    assert (row["flops"], row["flops_spent"], row["loss"]) == (run.flops, run.flops_spent, run.loss)
    assert (row["bits_per_byte"], row["seconds"], row["device"]) == (run.bits_per_byte, 1.0, "cpu")
    assert row["tokens"] == run.cell.tokens and row["unique_tokens"] == FACTS.train_tokens
    assert row["batch_tokens"] == train["batch"] * model["context"] == run.cell.batch_tokens
    assert (row["lr"], row["numerics"], row["steps"]) == (train["lr"], "fp32", run.cell.steps)
    assert row["trunk"] == "" and row["vary.context"] == 128


def test_what_is_not_known_is_empty(answers: SweepAnswers) -> None:
    first, second, *_ = answers.runs
    unfinished = replace(
        first, state=RunState.QUEUED, loss=None, bits_per_byte=None, seconds=None, result=None, device=None
    )
    table = run_table(answers.sweep, [unfinished, replace(second, cell=None)])
    assert pd.isna(table.loc[0, ["loss", "bits_per_byte", "seconds", "flops_spent"]]).all()
    assert table.loc[0, "state"] == "queued"
    assert pd.isna(table.loc[1, ["budget", "params", "seed", "shape", "vary.context"]]).all()
    assert table.loc[1, "trunk"] == "" and table.loc[1, "tokens"] > 0


def test_a_trunk_is_named(answers: SweepAnswers) -> None:
    run = answers.runs[0]
    assert run.cell is not None
    shared = replace(run, cell=replace(run.cell, trunk="abc"))
    assert run_table(answers.sweep, [shared]).loc[0, "trunk"] == "abc"
