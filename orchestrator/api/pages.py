"""The page: HTML rendered on the server, over the same use cases as REST."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.responses import HTMLResponse

from analysis.figures import Forecast, forecast_record
from analysis.law import Law
from analysis.records import LawError, Prediction
from orchestrator.errors import NotFound
from orchestrator.store import SweepRecord
from orchestrator.use_cases.answering import Answering
from orchestrator.use_cases.background import Background
from orchestrator.use_cases.sweep_answers import SweepAnswers
from orchestrator.web.charts import law_figures, multiplier_figures
from orchestrator.web.render import figure, render, static_file
from orchestrator.web.variants import chooser, default_variant

_FITS_KEPT = 16


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of the question in the URL."""

    prediction: Prediction | None = None
    error: str = ""


@dataclass(frozen=True, slots=True)
class Fitted:
    """What the finished runs of a sweep amount to, as the page shows it."""

    law: Law | None = None
    """None while there is too little to fit, which is no error."""
    refusal: str = ""
    """Why there is none."""
    figures: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Charts of the law by name."""
    comparisons: list[dict[str, Any]] = field(default_factory=list)
    """Compute multipliers over this variant."""


def install(app: FastAPI, answering: Answering, background: Background) -> None:
    """Add the pages and their static files."""

    @lru_cache(maxsize=_FITS_KEPT)
    def fitted(reference: str, variant: str, losses: tuple[tuple[str, float], ...]) -> Fitted:
        """`losses` says which runs there are: equal ones need no second fit."""
        return _fit(answering.of(reference), variant)

    @app.get("/", response_class=HTMLResponse, include_in_schema=False)
    def index(request: Request) -> str:
        """All sweeps."""
        sweeps = [_sweep(s, background) for s in answering.sweeps()]
        return render("index.html", sweeps=sweeps, base_url=str(request.base_url).rstrip("/"))

    @app.get("/sweeps/{name}", response_class=HTMLResponse, include_in_schema=False)
    def sweep_page(name: str, flops: str = "", variant: str = "") -> Response:
        """One sweep: progress, live charts, and the answer to a budget typed into the form."""
        try:
            answers = answering.of(name)
        except NotFound as error:
            return HTMLResponse(render("error.html", title="Not found", detail=str(error)), status_code=404)
        vary = answers.spec.vary
        chosen = variant or default_variant(vary)
        runs = [{str(key): value for key, value in row.items()} for row in answers.table.to_dict("records")]
        found = fitted(answers.name, chosen, _losses(runs))
        answer = _answer(answers, found, flops, chosen)
        page = render(
            "sweep.html",
            sweep=_sweep(answers.sweep, background),
            runs=runs,
            figures=found.figures | _forecasts(answers),
            comparisons=found.comparisons,
            law=found.law,
            refusal=found.refusal,
            answer=answer.prediction,
            asked=flops,
            error=answer.error,
            variant=chosen,
            choices=chooser(name, vary, chosen, flops),
        )
        return HTMLResponse(page)

    @app.get("/static/{name}", include_in_schema=False)
    def static(name: str) -> Response:
        """Styles, modules, and vega's bundle."""
        found = static_file(name)
        if found is None:
            return Response(status_code=404)
        content, media_type = found
        return Response(content, media_type=media_type, headers={"Cache-Control": "max-age=3600"})


def _losses(runs: list[dict[str, Any]]) -> tuple[tuple[str, float], ...]:
    ended = [run for run in runs if run["state"] in ("done", "diverged")]
    return tuple((run["run"], float(run["loss"]) if run["state"] == "done" else math.inf) for run in ended)


def _fit(answers: SweepAnswers, variant: str) -> Fitted:
    """The law so far, its charts, and the multipliers of the neighbouring variants."""
    try:
        law = answers.law(variant)
    except LawError as error:
        return Fitted(refusal=str(error))
    title = f"{answers.sweep.name} {variant}".strip()
    return Fitted(law, "", law_figures(law, title), multiplier_figures(answers, variant))


def _forecasts(answers: SweepAnswers) -> dict[str, dict[str, Any]]:
    """The forecast record, once there is a forecast."""
    stored = [Forecast.of(record) for record in answers.forecasts]
    return {"forecasts": figure(forecast_record(stored, answers.sweep.name), "forecasts")} if stored else {}


def _sweep(sweep: SweepRecord, background: Background) -> dict[str, Any]:
    progress = background.progress(sweep)
    return {
        "name": sweep.name,
        "revision": sweep.revision,
        "state": _state(progress.finished, progress.failed, bool(progress.running)),
        "done": progress.done,
        "failed": progress.failed,
        "running": len(progress.running),
        "total": progress.total,
        "flops_spent": progress.flops_spent,
        "flops_planned": progress.flops_planned,
        "seconds_left": progress.seconds_left,
        "note": progress.held or progress.waits,
        "created": sweep.submitted_at,
        "dropped": sweep.dropped,
        "warnings": sweep.warnings,
    }


def _state(finished: bool, failed: int, running: bool) -> str:
    if finished:
        return "incomplete" if failed else "done"
    return "running" if running else "queued"


def _answer(answers: SweepAnswers, found: Fitted, asked: str, variant: str) -> Answer:
    if not asked:
        return Answer()
    try:
        budget = float(asked)
    except ValueError:
        return Answer(error=f"{asked!r} is no number: write a budget in FLOPs such as 1e15")
    if found.law is None:
        return Answer(error=found.refusal)
    try:
        return Answer(answers.with_shape(answers.variant(variant), found.law.predict(budget)))
    except LawError as error:
        return Answer(error=str(error))
