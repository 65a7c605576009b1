"""Where a verb's law comes from: a sweep of this home, a table, or a wandb project."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from orchestrator.cli import options
from orchestrator.cli.opening import open_workspace
from tokenizer.errors import ExpectedError

if TYPE_CHECKING:
    from analysis.answers.ask import Question, Reply
    from analysis.answers.counts import Counts
    from analysis.figures import Forecast
    from analysis.law import Law
    from analysis.table.table import RunTable
    from orchestrator.cli.trust import Facts
    from orchestrator.use_cases.sweep_answers import SweepAnswers

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

    def __post_init__(self) -> None:
        """Raise BadParameter unless exactly one source is named, with options that belong to it."""
        given = [name for name in (self.sweep, self.csv, self.wandb) if name is not None]
        if len(given) != 1:
            raise typer.BadParameter("name one source: a sweep, a table with --csv, or a project with --wandb")
        if self.sweep is not None and self.columns:
            raise typer.BadParameter("name columns for --csv and --wandb only: those of a sweep are known")
        if self.wandb is None and (self.states or self.filters):
            raise typer.BadParameter("--state and --filter need --wandb: they choose among its runs")
        if self.sweep is None and self.variant:
            raise typer.BadParameter("--variant chooses among the laws of a sweep: name a sweep")

    @property
    def arguments(self) -> tuple[str, ...]:
        """The words of the command line that name it again."""
        words = [self.sweep] if self.sweep else ["--csv", str(self.csv)] if self.csv else ["--wandb", str(self.wandb)]
        for quantity, column in self.columns.items():
            words += [f"--{quantity}-key", column]
        for state in self.states:
            words += ["--state", state]
        if self.filters:
            words += ["--filter", self.filters]
        return (*words, *(["--variant", self.variant] if self.variant else []))

    @cached_property
    def answers(self) -> SweepAnswers:
        """What the sweep's runs answer, read once."""
        from orchestrator.use_cases.answering import Answering

        assert self.sweep is not None
        return Answering(open_workspace(reading=True)).of(self.sweep)

    @property
    def title(self) -> str:
        """What to call it: the sweep with its variant, the table's file without its ending, or the wandb project."""
        return f"{self.sweep} {self.variant}".strip() if self.sweep else self.csv.stem if self.csv else self.wandb or ""

    @cached_property
    def law(self) -> Law:
        """The law, fitted once. Raises LawError, NotFound, WandbError."""
        if self.sweep is not None:
            return self.answers.law(self.variant)
        from analysis.law import fit

        return fit(self._table())

    def facts(self) -> Facts:
        """What is known of the runs besides the law."""
        from orchestrator.cli.trust import Facts

        if self.sweep is not None:
            from orchestrator.cli.sweep_facts import facts_of_sweep

            return facts_of_sweep(self.answers, self.variant)
        fitted = sum(len(curve.params) for curve in self.law.curves)
        return Facts(self.title, fitted, fitted + len(self.law.excluded))

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

    def _table(self) -> RunTable:
        if self.wandb is not None:
            from orchestrator.tracking.wandb_project import read_project

            keys = {name: self.columns.get(name, name) for name in QUANTITIES}
            return read_project(self.wandb, keys, states=self.states or ("finished",), filters=self._query())
        return read_table(self.csv, self.columns)

    def _query(self) -> dict[str, Any]:
        try:
            query = json.loads(self.filters or "{}")
        except ValueError as error:
            raise typer.BadParameter(f"--filter is not valid JSON: {error}") from error
        if not isinstance(query, dict):
            raise typer.BadParameter('--filter must be a JSON object such as {"group": "isoflop"}')
        return query

    def _counts(self) -> Counts | None:
        """Other counts of parameters, where the table has them."""
        if self.csv is None:
            return None
        from analysis.answers.counts import Counts
        from analysis.table.csvfile import read_frame

        return Counts.from_frame(read_frame(self.csv), self.columns.get("params", "params"))


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
) -> Source:
    """The source that the options name. Raises BadParameter."""
    columns = columns_of(flops_key, params_key, tokens_key, loss_key)
    return Source(sweep, csv, wandb, columns, tuple(state or ()), query, variant)


class TableError(ExpectedError, ValueError):
    """A table cannot be read: wrong usage, unlike a readable table that gives no law."""

    kind = "table"


def read_table(csv: Path | None, names: Mapping[str, str]) -> RunTable:
    """The table of a CSV file. Raises BadParameter where there is no file, TableError where it is not a table."""
    from analysis.records import LawError
    from analysis.table.table import RunTable

    if csv is None or not csv.is_file():
        raise typer.BadParameter(f"{csv}: no such file")
    try:
        return RunTable.read_csv(csv, **names)
    except LawError as error:
        raise TableError(str(error)) from error
