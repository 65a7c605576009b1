"""The pages: HTML rendered on the server, over the same use cases as REST."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from fastapi import FastAPI, Request, Response
from fastapi.responses import HTMLResponse

from analysis.figures import Forecast, forecast_record
from analysis.law import Law
from analysis.records import LawError, Prediction
from orchestrator.errors import NotFound
from orchestrator.states import RunState
from orchestrator.store import RunRecord, SweepRecord
from orchestrator.use_cases.answering import Answering, handle
from orchestrator.use_cases.background import Background
from orchestrator.use_cases.sweep_answers import SweepAnswers
from orchestrator.web.charts import law_figures, multiplier_figures
from orchestrator.web.figure import Figure, figure
from orchestrator.web.next_runs import NextTable, next_table
from orchestrator.web.render import render, static_file
from orchestrator.web.tables import dropped_rows, run_rows
from orchestrator.web.variants import chooser, default_variant
from orchestrator.web.views import ErrorPage, IndexPage, SweepPage, SweepStatus

States = tuple[tuple[str, RunState, float | None], ...]
"""Id, state and loss of a sweep's runs; the loss is None unless a run is done."""
_FITS_KEPT = 16
"""Fits of variants that are kept for further visits."""


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer to the question in the URL."""

    prediction: Prediction | None = None
    """The law's prediction with its nearest shape; None without a question, or with an error."""
    error: str = ""
    """Why there is none, for the person who asked."""


@dataclass(frozen=True, slots=True)
class Fitted:
    """What the page shows of a sweep's finished runs."""

    law: Law | None = None
    """Their law; None as long as there are too few runs, which is not an error."""
    refusal: str = ""
    """Why there is no law."""
    figures: Mapping[str, Figure] = field(default_factory=dict)
    """Charts of the law by name."""
    comparisons: Sequence[Figure] = ()
    """Compute multipliers over this variant."""
    next_runs: NextTable | None = None
    """What further runs would buy, once all runs of the sweep have ended: until then these are to come first."""


def install(app: FastAPI, answering: Answering, background: Background) -> None:
    """Add the pages and their static files."""

    @lru_cache(maxsize=_FITS_KEPT)
    def fitted(reference: str, variant: str, states: States) -> Fitted:
        """The fit of a variant; `states` is part of the key, because a fit also says what it leaves out, and why."""
        return _fit(answering.of(reference), variant)

    @app.get("/", response_class=HTMLResponse, include_in_schema=False)
    def index(request: Request) -> str:
        """All sweeps."""
        return render(IndexPage(_statuses(answering.sweeps(), background), str(request.base_url)))

    @app.get("/sweeps/{name}", response_class=HTMLResponse, include_in_schema=False)
    def sweep_page(name: str, flops: str = "", variant: str = "") -> Response:
        """One sweep: progress, live charts, and the answer to a budget typed into the form."""
        try:
            answers = answering.of(name)
        except NotFound as error:
            return HTMLResponse(render(ErrorPage("Not found", str(error))), status_code=404)
        vary, handled = answers.spec.vary, answering.handle(answers.sweep)
        chosen = variant or default_variant(vary)
        found = fitted(answers.name, chosen, _states(answers.runs))
        answer = _answer(answers, found, flops, chosen)
        page = SweepPage(
            sweep=_status(answers.sweep, handled, background),
            runs=run_rows(answers.table),
            dropped=dropped_rows(answers.sweep.dropped),
            law=found.law,
            refusal=found.refusal,
            figures={**found.figures, **_forecasts(answers)},
            comparisons=found.comparisons,
            next_runs=found.next_runs,
            asked=flops,
            answer=answer.prediction,
            error=answer.error,
            variant=chosen,
            choices=chooser(handled, vary, chosen, flops),
        )
        return HTMLResponse(render(page))

    @app.get("/static/{name}", include_in_schema=False)
    def static(name: str) -> Response:
        """Styles, modules, and vega's bundle."""
        found = static_file(name)
        if found is None:
            return Response(status_code=404)
        content, media_type = found
        return Response(content, media_type=media_type, headers={"Cache-Control": "max-age=3600"})


def _states(runs: Sequence[RunRecord]) -> States:
    """Id, state and loss of each run: what a fit depends on."""
    return tuple((run.id, run.state, run.loss) for run in runs)


def _fit(answers: SweepAnswers, variant: str) -> Fitted:
    """The law so far, its charts, the multipliers of the neighbouring variants, and what further runs would buy."""
    try:
        law = answers.law(variant)
    except LawError as error:
        return Fitted(refusal=str(error))
    title = f"{answers.sweep.name} {variant}".strip()
    outlook = answers.outlook(variant) if all(run.state.terminal for run in answers.runs) else None
    return Fitted(
        law, "", law_figures(law, title), multiplier_figures(answers, variant), next_table(outlook) if outlook else None
    )


def _forecasts(answers: SweepAnswers) -> dict[str, Figure]:
    """The chart of stored forecasts, once there are some."""
    stored = [Forecast.of(record) for record in answers.forecasts]
    return {"forecasts": figure(forecast_record(stored, answers.sweep.name), "forecasts")} if stored else {}


def _statuses(sweeps: Sequence[SweepRecord], background: Background) -> list[SweepStatus]:
    """All revisions, of which the first of each name is the latest."""
    latest: dict[str, SweepRecord] = {}
    for sweep in sweeps:
        latest.setdefault(sweep.name, sweep)
    return [_status(sweep, handle(sweep, latest[sweep.name]), background) for sweep in sweeps]


def _status(sweep: SweepRecord, name: str, background: Background) -> SweepStatus:
    """A sweep, by the name that its addresses and commands use, and how far it is."""
    progress = background.progress(sweep)
    return SweepStatus(
        name=name,
        state=progress.state,
        done=progress.done,
        failed=progress.failed,
        running=len(progress.running),
        total=progress.total,
        flops_spent=progress.flops_spent,
        flops_planned=progress.flops_planned,
        seconds_left=progress.seconds_left,
        note=progress.held or progress.waits,
        submitted_at=sweep.submitted_at,
    )


def _answer(answers: SweepAnswers, found: Fitted, asked: str, variant: str) -> Answer:
    """The prediction for a budget as it was typed, or why there is none; empty if nothing was typed."""
    if not asked:
        return Answer()
    try:
        budget = float(asked)
    except ValueError:
        return Answer(error=f"{asked!r} is not a number: type a budget in FLOPs, such as 1e15")
    if found.law is None:
        return Answer(error=found.refusal)
    try:
        return Answer(answers.with_shape(answers.variant(variant), found.law.predict(budget)))
    except LawError as error:
        return Answer(error=str(error))
