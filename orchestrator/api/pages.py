"""The page: HTML rendered on the server, over the same use cases as REST."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.responses import HTMLResponse

from analysis.figures import isoflop_curves
from analysis.law import Law
from analysis.records import LawError, Prediction
from orchestrator.background import Background
from orchestrator.service import Service
from orchestrator.store import NotFound, SweepRecord
from orchestrator.web.render import figure, render, static_file


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of the question in the URL."""

    prediction: Prediction | None = None
    error: str = ""


def install(app: FastAPI, service: Service, background: Background) -> None:
    """Add the pages and their static files."""

    @app.get("/", response_class=HTMLResponse, include_in_schema=False)
    def index(request: Request) -> str:
        """All sweeps."""
        sweeps = [_sweep(s, background) for s in service.store.sweeps()]
        return render("index.html", sweeps=sweeps, base_url=str(request.base_url).rstrip("/"))

    @app.get("/sweeps/{name}", response_class=HTMLResponse, include_in_schema=False)
    def sweep_page(name: str, flops: str = "", variant: str = "") -> Response:
        """One sweep: progress, live curves, and the answer to a budget typed into the form."""
        try:
            sweep = service.store.sweep(name)
        except NotFound as error:
            return HTMLResponse(render("error.html", title="Not found", detail=str(error)), status_code=404)
        law, refusal = _law(service, name, variant)
        answer = _answer(service, sweep, law, refusal, flops)
        page = render(
            "sweep.html",
            sweep=_sweep(sweep, background),
            runs=service.table(name).to_dict("records"),
            figure=figure(isoflop_curves(law), "isoflop") if law is not None else None,
            law=law,
            refusal=refusal,
            answer=answer.prediction,
            asked=flops,
            error=answer.error,
            variant=variant,
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
        "created": sweep.submitted_at,
        "dropped": sweep.dropped,
        "warnings": sweep.warnings,
    }


def _state(finished: bool, failed: int, running: bool) -> str:
    if finished:
        return "incomplete" if failed else "done"
    return "running" if running else "queued"


def _law(service: Service, name: str, variant: str) -> tuple[Law | None, str]:
    """The law so far; while the first runs train there is none yet, and that is no error."""
    try:
        return service.law(name, variant), ""
    except LawError as error:
        return None, str(error)


def _answer(service: Service, sweep: SweepRecord, law: Law | None, refusal: str, asked: str) -> Answer:
    if not asked:
        return Answer()
    try:
        budget = float(asked)
    except ValueError:
        return Answer(error=f"{asked!r} is no number: write a budget in FLOPs such as 1e15")
    if law is None:
        return Answer(error=refusal)
    try:
        return Answer(service.with_shape(sweep, law.predict(budget)))
    except LawError as error:
        return Answer(error=str(error))
