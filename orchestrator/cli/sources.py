"""Where a verb's law comes from: a sweep of this home, a table, or a wandb project."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from orchestrator.cli import options
from orchestrator.cli.opening import open_answering
from orchestrator.cli.output import say
from tokenizer.errors import ExpectedError

if TYPE_CHECKING:
    import pandas as pd

    from analysis.answers.ask import Question, Reply
    from analysis.answers.counts import Counts
    from analysis.figures import Forecast
    from analysis.law import Law
    from analysis.table.table import RunTable
    from orchestrator.use_cases.sweep_answers import SweepAnswers
    from orchestrator.use_cases.trust import Facts
    from orchestrator.use_cases.workspace import Workspace

QUANTITIES = ("flops", "params", "tokens", "loss")
"""What a fit reads, and the names of its columns unless others are given."""


@dataclass(frozen=True)
class Source:
    """What the options name; exactly one of sweep, csv and wandb."""

    sweep: str | None = None
    """Name of a sweep, or name@revision."""
    csv: Path | None = None
    """Table with one finished run per row."""
    wandb: str | None = None
    """ENTITY/PROJECT."""
    columns: Mapping[str, str] = field(default_factory=dict)
    """Names of columns or keys by quantity, where they are not the quantity's own."""
    states: tuple[str, ...] = ()
    """States of the wandb runs to use; empty for finished ones."""
    filters: str | None = None
    """JSON query of the wandb runs."""
    variant: str = ""
    """Which combination of a sweep's varied values."""
    where: Mapping[str, str] = field(default_factory=dict)
    """Values of columns that the rows of a table must have."""

    def __post_init__(self) -> None:
        """Raise BadParameter unless exactly one source is named, with options that belong to it."""
        given = [name for name in (self.sweep, self.csv, self.wandb) if name is not None]
        if len(given) != 1:
            raise typer.BadParameter("name one source: a sweep, a table with --csv, or a project with --wandb")
        if self.sweep is not None and set(self.columns) - {"loss"}:
            raise typer.BadParameter("name columns for --csv and --wandb only: of a sweep's, --loss-key names one")
        if self.wandb is None and (self.states or self.filters):
            raise typer.BadParameter("--state and --filter need --wandb: they choose among its runs")
        if self.sweep is None and self.variant:
            raise typer.BadParameter("--variant chooses among the laws of a sweep: name a sweep")
        if self.sweep is not None and self.where:
            raise typer.BadParameter("--where needs --csv or --wandb; --variant chooses among the laws of a sweep")

    @property
    def arguments(self) -> tuple[str, ...]:
        """The words of the command line that name it again."""
        csv = "FILE" if self._streams else str(self.csv)
        words = [self.sweep] if self.sweep else ["--csv", csv] if self.csv else ["--wandb", str(self.wandb)]
        for quantity, column in self.columns.items():
            words += [f"--{quantity}-key", column]
        for column, value in self.where.items():
            words += ["--where", f"{column}={value}"]
        for state in self.states:
            words += ["--state", state]
        if self.filters:
            words += ["--filter", self.filters]
        return (*words, *(["--variant", self.variant] if self.variant else []))

    @property
    def _streams(self) -> bool:
        """Whether the table comes from standard input or a pipe, which no later command can read again."""
        return self.csv is not None and (str(self.csv) == "-" or (self.csv.exists() and not self.csv.is_file()))

    @cached_property
    def answers(self) -> SweepAnswers:
        """What the sweep's runs answer, read once."""
        return self.answers_in(None)

    def answers_in(self, workspace: Workspace | None) -> SweepAnswers:
        """The same by the home's workspace where one is open already; read anew."""
        assert self.sweep is not None
        return open_answering(workspace).of(self.sweep).on(self.columns.get("loss", ""))

    @property
    def title(self) -> str:
        """What to call it: the sweep with its variant, the table's file without its ending, or the wandb project.

        A table from a pipe is called table.
        """
        if self._streams:
            return "table"
        words = (self.sweep, self.variant, self.columns.get("loss")) if self.sweep else ()
        return " ".join(filter(None, words)) if self.sweep else self.csv.stem if self.csv else self.wandb or ""

    @cached_property
    def law(self) -> Law:
        """The law, fitted once. Raises LawError, NotFound, WandbError."""
        if self.sweep is not None:
            return self.answers.law(self.variant)
        from analysis.law import fit

        return fit(self.table)

    def facts(self) -> Facts:
        """What is known of the runs besides the law."""
        from orchestrator.use_cases.trust import Facts

        if self.sweep is not None:
            from orchestrator.use_cases.sweep_facts import facts_of_sweep

            return facts_of_sweep(self.answers, self.variant)
        fitted = sum(len(curve.params) for curve in self.law.curves)
        return Facts(self.title, fitted, len(self.table) + len(self.table.excluded))

    def forecasts(self) -> list[Forecast]:
        """The forecasts stored for a sweep; a table has none."""
        if self.sweep is None:
            return []
        from analysis.figures import Forecast

        return [Forecast.of(record) for record in self.answers.forecasts]

    def reply(self, question: Question) -> Reply:
        """The reply to a question, with the recipe's shapes where the source is a sweep."""
        question.check()
        if self.sweep is not None:
            return self.answers.reply(self.variant, question)
        from analysis.answers.ask import ask

        return ask(self.law, question, self._counts())

    @cached_property
    def table(self) -> RunTable:
        """The runs, read once."""
        if self.wandb is not None:
            from orchestrator.tracking.wandb_project import read_project

            keys = {name: self.columns.get(name, name) for name in QUANTITIES}
            states = self.states or ("finished",)
            return announced(read_project(self.wandb, keys, states=states, filters=self._query(), where=self.where))
        return table_of(self._file, self.csv, self.columns, self.where)

    @cached_property
    def _file(self) -> pd.DataFrame:
        """The table's frame, read once: a pipe gives it only once."""
        return read_file(self.csv)

    def _query(self) -> dict[str, Any]:
        try:
            query = json.loads(self.filters or "{}")
        except (ValueError, RecursionError) as error:
            raise typer.BadParameter(f"--filter is not valid JSON: {error}") from error
        if not isinstance(query, dict):
            raise typer.BadParameter('--filter must be a JSON object such as {"group": "isoflop"}')
        return query

    def _counts(self) -> Counts | None:
        """Other counts of parameters, where the table has them."""
        if self.csv is None:
            return None
        from analysis.answers.counts import Counts

        return Counts.from_frame(self._file, self.columns.get("params", "params"))


def columns_of(
    flops_key: options.FlopsKey = None,
    params_key: options.ParamsKey = None,
    tokens_key: options.TokensKey = None,
    loss_key: options.LossKey = None,
) -> dict[str, str]:
    """The names of columns that the options give, by quantity."""
    names = (flops_key, params_key, tokens_key, loss_key)
    return {quantity: name for quantity, name in zip(QUANTITIES, names, strict=True) if name is not None}


def source_of(
    sweep: options.MaybeSweep = None,
    csv: options.Csv = None,
    wandb: options.Wandb = None,
    flops_key: options.FlopsKey = None,
    params_key: options.ParamsKey = None,
    tokens_key: options.TokensKey = None,
    loss_key: options.LossKey = None,
    state: options.States = None,
    query: options.Filter = None,
    variant: options.Variant = "",
    where: options.Where = None,
) -> Source:
    """The source that the options name. Raises BadParameter."""
    columns = columns_of(flops_key, params_key, tokens_key, loss_key)
    return Source(sweep, csv, wandb, columns, tuple(state or ()), query, variant, conditions(where or []))


def conditions(where: Sequence[str]) -> dict[str, str]:
    """Values by column from COLUMN=VALUE. Raises BadParameter."""
    found = {}
    for text in where:
        column, equals, value = text.partition("=")
        if not equals or not column.strip():
            raise typer.BadParameter(f"--where takes COLUMN=VALUE, such as --where dataset=c4, not {text!r}")
        if column.strip() in found:
            raise typer.BadParameter(f"--where names column {column.strip()} twice: a row has one value in it")
        found[column.strip()] = value.strip()
    return found


class TableError(ExpectedError, ValueError):
    """A table cannot be read: wrong usage, unlike a readable table that gives no law."""

    kind = "table"


def read_file(csv: Path | None) -> pd.DataFrame:
    """The frame of a CSV file. Raises BadParameter where there is no file, TableError where it is not a CSV."""
    from analysis.records import LawError
    from analysis.table.csvfile import read_frame

    if csv is None:
        raise typer.BadParameter("name a table with --csv")
    try:
        return read_frame(csv)
    except LawError as error:
        if isinstance(error.__cause__, FileNotFoundError | IsADirectoryError):
            raise typer.BadParameter(str(error)) from error
        raise TableError(str(error)) from error


def table_of(
    frame: pd.DataFrame, csv: Path | None, names: Mapping[str, str], where: Mapping[str, str] | None = None
) -> RunTable:
    """The table of a CSV file's frame, with what was taken for granted on stderr.

    Rows are counted as a spreadsheet does. Raises TableError where it is not a table of runs.
    """
    from analysis.records import LawError
    from analysis.table.table import RunTable

    name = "standard input" if str(csv) == "-" else str(csv)
    try:
        table = RunTable.from_frame(frame, **names, first_row=2, where=where)
    except LawError as error:
        lines = str(error).splitlines()
        raise TableError("\n".join(f"{name}: {line}" for line in lines)) from error
    return announced(table)


def announced(table: RunTable) -> RunTable:
    """The table, after its warnings have been said on stderr: what was taken for granted in reading it."""
    for note in table.warnings:
        say(f"note: {note}")
    return table
