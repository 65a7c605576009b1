"""Sources: exactly one of sweep, table and project, with the options that apply to it."""

from __future__ import annotations

import os
import threading
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import typer

from analysis.answers.ask import Question
from analysis.law import fit
from analysis.records import LawError, QuestionError
from analysis.table.table import RunTable
from orchestrator.cli.sources import Source, TableError, columns_of, conditions, read_file, source_of, table_of
from orchestrator.errors import exit_code_of
from orchestrator.home import Home
from orchestrator.tracking import wandb_project
from orchestrator.use_cases.workspace import Workspace
from tests.unit.analysis.law_tables import sweep
from tests.unit.orchestrator.cli.conftest import Isoflop

COLUMNS = {"flops": "C", "params": "N", "tokens": "D", "loss": "val/loss"}


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({}, "name one source"),
        ({"sweep": "lab", "csv": Path("x.csv")}, "name one source"),
        ({"csv": Path("x.csv"), "wandb": "a/b"}, "name one source"),
        ({"sweep": "lab", "columns": {"flops": "C"}}, "--csv and --wandb only"),
        ({"csv": Path("x.csv"), "states": ("crashed",)}, "need --wandb"),
        ({"sweep": "lab", "filters": "{}"}, "need --wandb"),
        ({"csv": Path("x.csv"), "variant": "lr=1"}, "name a sweep"),
        ({"sweep": "lab", "where": {"lr": "1"}}, "--where needs --csv or --wandb"),
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
        (Source(csv=Path("runs.csv"), where={"d": "c4"}), "runs", ("--csv", "runs.csv", "--where", "d=c4")),
        (Source(csv=Path("-")), "table", ("--csv", "FILE")),
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


def test_conditions_are_columns_with_values() -> None:
    assert conditions([]) == {}
    assert conditions(["data = c4", "note=a=b"]) == {"data": "c4", "note": "a=b"}
    for wrong, words in ((["data"], "takes COLUMN=VALUE"), (["=c4"], "takes COLUMN=VALUE"), (["a=1", "a=2"], "twice")):
        with pytest.raises(typer.BadParameter, match=words):
            conditions(wrong)


def test_one_experiment_of_a_table_is_fitted(tmp_path: Path) -> None:
    both = pd.concat([sweep(seed=1).assign(data="a"), sweep(seed=2).assign(data="b", loss=lambda d: d.loss + 0.3)])
    both.to_csv(tmp_path / "t.csv", index=False)
    with pytest.raises(TableError, match=r"t\.csv: column data holds several experiments"):
        Source(csv=tmp_path / "t.csv").law  # noqa: B018
    alone = source_of(csv=tmp_path / "t.csv", where=["data=b"])
    assert (
        alone.facts().planned == 35
        and alone.law.law_id == fit(RunTable.from_frame(sweep(seed=2).assign(loss=lambda d: d.loss + 0.3))).law_id
    )


def test_a_pipe_is_read_once_for_the_law_and_the_counts(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    data = sweep(seed=1).assign(params_total=lambda d: 2 * d.params, params_nonembedding=lambda d: d.params / 2)
    writer = threading.Thread(target=pipe.write_text, args=(data.to_csv(index=False),))
    writer.start()
    source = Source(csv=pipe)
    reply = source.reply(Question(flops=1e20))
    writer.join()
    assert reply.counts is not None and (source.title, source.arguments) == ("table", ("--csv", "FILE"))


def test_what_was_taken_for_granted_is_said_beside_the_result(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sweep(seed=1).rename(columns={"tokens": "D"}).to_csv(tmp_path / "t.csv", index=False)
    Source(csv=tmp_path / "t.csv").law  # noqa: B018
    said = capsys.readouterr()
    assert said.out == "" and "note: Column D is read as tokens: C / (N D) is 6 at the" in " ".join(said.err.split())


def test_every_mistake_of_a_file_begins_with_its_name(tmp_path: Path) -> None:
    sweep(seed=1).rename(columns={"flops": "C"}).assign(loss="x").to_csv(tmp_path / "t.csv", index=False)
    with pytest.raises(TableError) as caught:
        Source(csv=tmp_path / "t.csv").law  # noqa: B018
    lines = str(caught.value).splitlines()
    assert len(lines) == 2 and all(line.startswith(f"{tmp_path}/t.csv: ") for line in lines)


def test_a_folder_is_wrong_usage_and_its_tables_are_named(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("x")
    with pytest.raises(typer.BadParameter, match=r"is a folder, not a CSV file; it holds a\.csv"):
        read_file(tmp_path)


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
    assert asked == [("me/lab", keys, {"states": ("finished",), "filters": {"group": "g"}, "where": {}})]
    for query, words in (("{", "not valid JSON"), ("[]", "must be a JSON object")):
        with pytest.raises(typer.BadParameter, match=words):
            Source(wandb="me/lab", filters=query).law  # noqa: B018


def test_another_loss_of_a_sweep_is_named_as_a_column_is(stored: Isoflop) -> None:
    law = stored("fit", "lab", "--loss-key", "bits_per_byte", "-o", "json").json
    assert law["loss_unit"] == "bits/byte"
    assert Source(sweep="lab", columns={"loss": "loss.wiki"}).arguments == ("lab", "--loss-key", "loss.wiki")
    assert Source(sweep="lab", columns={"loss": "loss.wiki"}).title == "lab loss.wiki"
    wrong = stored("predict", "lab", "--loss-key", "loss.code", "--flops", "1e13")
    assert wrong.code == 2 and "no loss 'loss.code'; they have loss, bits_per_byte" in wrong.stderr


def test_a_home_that_is_open_already_is_not_announced_again(
    filled_home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("ISOFLOP_URL", raising=False)
    opened = Workspace(Home(filled_home, "test"), reading=True)
    assert Source(sweep="lab").answers_in(opened).sweep.name == "lab"
    opened.close()
    assert capsys.readouterr().err == ""
