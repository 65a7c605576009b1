"""The five functions of a notebook: read runs, fit a law, ask it, compare two, and draw."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import pandas as pd

import analysis.law as laws
from analysis.answers import ask
from analysis.answers import compare as comparing
from analysis.answers.ask import Question, Reply
from analysis.answers.compare import Comparison, Side
from analysis.devices import hardware
from analysis.figures import Chart, picture
from analysis.fitting.cost import TokenCost
from analysis.law import Law
from analysis.records import QuestionError
from analysis.table.table import RunTable

ChartName = Literal["overview", "isoflop", "scaling", "contour", "residuals", "estimators", "holdout", "all"]
"""Charts of a law."""


def read_runs(path: str | Path, *, where: Mapping[str, str] | None = None, **columns: str) -> RunTable:
    """Finished runs of a CSV, one a row, with columns flops, params, tokens and loss.

    `columns` renames them, such as `loss="eval/loss"`, or gives `convention` and `loss_unit`; `where` chooses the rows
    with these values in these columns; see `RunTable.from_frame`. Raises LawError for a file that cannot be read as
    such a table.
    """
    return RunTable.read_csv(path, where=where, **columns)


def fit(runs: pd.DataFrame | RunTable, *, cost: TokenCost | None = None, holdout: bool = True, **columns: str) -> Law:
    """Fit a law to runs: a frame with columns flops, params, tokens and loss, one finished run a row, or a table.

    Args:
        runs: at least three budgets, training FLOPs, of five sizes or more; tokens may be absent.
        cost: training FLOPs a token as a function of N; read off the runs where it is not given.
        holdout: whether to predict each later budget from the earlier ones as well.
        columns: of a frame, as for `read_runs`.

    Raises:
        LawError: for a table that cannot be fitted at all; a law with refusals is still a law.
        QuestionError: for columns of a table that has been read already.
    """
    if isinstance(runs, RunTable):
        if columns:
            raise QuestionError(f"the table has been read already: give {', '.join(columns)} to read_runs")
        return laws.fit(runs, cost=cost, holdout=holdout)
    return laws.fit(RunTable.from_frame(runs, **columns), cost=cost, holdout=holdout)  # type: ignore[arg-type]


def predict(
    law: Law,
    flops: float | None = None,
    *,
    loss: float | None = None,
    gpu_hours: float | None = None,
    device: str = "",
    device_tflops: float | None = None,
    mfu: float | None = None,
    params: float | None = None,
    tokens: float | None = None,
    times_too_small: float | None = None,
    max_tokens: float | None = None,
    inference_tokens: float | None = None,
) -> Reply:
    """The compute-optimal model of a budget (`.prediction`), and the model under a constraint (`.answer`).

    Args:
        law: what to ask.
        flops: the budget, training FLOPs; or instead of it one of
        loss: the loss to reach with least compute,
        gpu_hours: hours on `device`, or on one with a dense 16-bit peak of `device_tflops`, used at `mfu`,
        params: with `tokens`, a model of N parameters trained on D tokens.
        times_too_small: ask about a model smaller than the optimum by this factor.
        max_tokens: ask about a limit of different tokens.
        inference_tokens: ask about tokens of inference that follow the training.

    Raises:
        QuestionError: for a combination without a meaning.
        LawError: where the law has no answer.
    """
    question = Question(
        flops=flops,
        gpu_hours=gpu_hours,
        loss=loss,
        params=params,
        tokens=tokens,
        times_too_small=times_too_small,
        max_tokens=max_tokens,
        inference_tokens=inference_tokens,
        hardware=hardware(device, utilisation=mfu, tflops=device_tflops) if device or device_tflops else None,
    )
    return ask.ask(law, question)


def compare(
    baseline: Law,
    other: Law,
    *,
    names: tuple[str, str] = ("baseline", "other"),
    bytes_per_token: tuple[float, float] | None = None,
    points: int = 25,
    flops: float | None = None,
) -> Comparison:
    """How much more compute the baseline needs for the losses that both reach; above 1, the other is better.

    `bytes_per_token` of the two tokenizers, where they differ, turns nats per token into bits per byte. Raises
    IncomparableError where the losses have no common unit or do not overlap. `.verdict` says which is better at a
    budget of the baseline, `flops`, how surely, and how many further seeds would settle it.
    """
    first, second = bytes_per_token or (None, None)
    return comparing.compare(Side(names[0], baseline, first), Side(names[1], other, second), points=points, flops=flops)


def plot(law: Law, chart: ChartName = "isoflop", *, horizon: float = 100.0) -> Chart:
    """A chart of a law, which a notebook shows and `.save("law.html")` writes.

    `horizon` is how far beyond the largest budget the axes reach, as a factor. Raises LawError where the law does not
    allow this chart, QuestionError for an unknown one.
    """
    return picture(chart, law, horizon=horizon)
