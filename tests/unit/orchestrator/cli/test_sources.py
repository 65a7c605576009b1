"""Sources: exactly one of sweep, table and project, with the options that apply to it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import typer

from analysis.answers.ask import Question
from analysis.records import LawError, QuestionError
from orchestrator.cli.sources import Source, TableError, columns_of, read_file, source_of, table_of
from orchestrator.errors import exit_code_of
from orchestrator.tracking import wandb_project
from tests.unit.analysis.law_tables import sweep

COLUMNS = {"flops": "C", "params": "N", "tokens": "D", "loss": "val/loss"}


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({}, "name one source"),
        ({"sweep": "lab", "csv": Path("x.csv")}, "name one source"),
        ({"csv": Path("x.csv"), "wandb": "a/b"}, "name one source"),
        ({"sweep": "lab", "columns": {"loss": "l"}}, "--csv and --wandb only"),
        ({"csv": Path("x.csv"), "states": ("crashed",)}, "need --wandb"),
        ({"sweep": "lab", "filters": "{}"}, "need --wandb"),
        ({"csv": Path("x.csv"), "variant": "lr=1"}, "name a sweep"),
    ],
)
def test_options_that_do_not_go_together_are_refused(fields: dict[str, Any], words: str) -> None:
    with pytest.raises(typer.BadParameter, match=words):
        Source(**fields)


def test_columns_are_named_by_quantity() -> None:
    assert columns_of() == {}
    assert columns_of(flops_key="C", loss_key="l") == {"flops": "C", "loss": "l"}
    assert columns_of("C", "N", "D", "val/loss") == COLUMNS


def test_options_become_a_source() -> None:
    source = source_of(wandb="me/lab", loss_key="l", state=["crashed"], query='{"group": "g"}')
    assert source == Source(None, None, "me/lab", {"loss": "l"}, ("crashed",), '{"group": "g"}', "")
    assert source_of(sweep="lab", variant="lr=1").variant == "lr=1"
    assert source_of(csv=Path("t.csv")).states == ()


@pytest.mark.parametrize(
    ("source", "title", "words"),
    [
        (Source(sweep="lab"), "lab", ("lab",)),
        (Source(sweep="lab", variant="lr=1"), "lab lr=1", ("lab", "--variant", "lr=1")),
        (Source(csv=Path("a/runs.csv"), columns={"loss": "l"}), "runs", ("--csv", "a/runs.csv", "--loss-key", "l")),
        (
            Source(wandb="me/lab", states=("crashed",), filters="{}"),
            "me/lab",
            ("--wandb", "me/lab", "--state", "crashed", "--filter", "{}"),
        ),
    ],
)
def test_a_source_can_be_named_again(source: Source, title: str, words: tuple[str, ...]) -> None:
    assert (source.title, source.arguments) == (title, words)


def test_a_table_is_fitted_once_and_asked(table: Path) -> None:
    source = Source(csv=table, columns=COLUMNS)
    assert source.law is source.law
    assert source.reply(Question(flops=1e20)).prediction.flops == 1e20
    assert source.forecasts() == []
    facts = source.facts()
    assert (facts.name, facts.done, facts.planned, facts.sweep) == ("mine", 35, 35, "")
    with pytest.raises(QuestionError):
        source.reply(Question())


def test_rows_left_out_of_a_table_count_as_planned(tmp_path: Path) -> None:
    frame = sweep(seed=1)
    frame.loc[0, "loss"] = float("nan")
    frame.to_csv(tmp_path / "t.csv", index=False)
    facts = Source(csv=tmp_path / "t.csv").facts()
    assert (facts.done, facts.planned) == (34, 35)


def test_the_counts_of_a_table_come_from_its_columns(tmp_path: Path) -> None:
    frame = sweep(seed=1)
    frame.assign(params_total=2 * frame.params, params_nonembedding=frame.params / 2).to_csv(tmp_path / "t.csv")
    reply = Source(csv=tmp_path / "t.csv").reply(Question(flops=1e20))
    assert reply.counts is not None
    assert reply.counts.at(1e9)["params_total"] == pytest.approx(2e9, rel=1e-6)


def test_a_file_that_is_not_a_table_is_wrong_usage(tmp_path: Path) -> None:
    with pytest.raises(typer.BadParameter, match=r"missing\.csv: no such file"):
        read_file(tmp_path / "missing.csv")
    (tmp_path / "bad.csv").write_text("a,b\n1,2\n")
    with pytest.raises(TableError, match="no column") as error:
        table_of(read_file(tmp_path / "bad.csv"), tmp_path / "bad.csv", {})
    assert exit_code_of(error.value) == 2
    assert not isinstance(error.value, LawError)


def test_a_wandb_project_is_read_with_its_keys_states_and_query(monkeypatch: pytest.MonkeyPatch, table: Path) -> None:
    asked: list[Any] = []

    def read_project(project: str, keys: dict[str, str], **rest: Any) -> Any:
        asked.append((project, keys, rest))
        return table_of(read_file(table), table, COLUMNS)

    monkeypatch.setattr(wandb_project, "read_project", read_project)
    Source(wandb="me/lab", columns={"loss": "eval/loss"}, filters='{"group": "g"}').law  # noqa: B018
    keys = {"flops": "flops", "params": "params", "tokens": "tokens", "loss": "eval/loss"}
    assert asked == [("me/lab", keys, {"states": ("finished",), "filters": {"group": "g"}})]
    for query, words in (("{", "not valid JSON"), ("[]", "must be a JSON object")):
        with pytest.raises(typer.BadParameter, match=words):
            Source(wandb="me/lab", filters=query).law  # noqa: B018
