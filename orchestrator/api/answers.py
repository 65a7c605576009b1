"""The routes that answer from a sweep's runs: laws, predictions, comparisons, charts and forecasts."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from enum import StrEnum
from typing import Annotated, Any
from urllib.parse import quote

from fastapi import FastAPI, Query, Request, Response

from analysis.answers.ask import Question, reply_json
from analysis.answers.compare import comparison_json
from analysis.answers.serial import fit_json, minima_rows
from analysis.figures import PICTURES, Forecast, drawn, isoflop_curves, picture
from orchestrator.api.asked import Asked, ConfigurationAsked
from orchestrator.api.desk import Desk
from orchestrator.api.documents import CSV, Document, document, json_document
from orchestrator.api.listing import ForecastsAsked, chosen, paging
from orchestrator.use_cases.answering import compare_answers
from orchestrator.use_cases.configured import configured
from orchestrator.use_cases.sweep_answers import SweepAnswers
from orchestrator.web.figure import figure
from sweeps.programs.configuration import MEDIA_TYPES as PROGRAM_TYPES
from sweeps.programs.program import Program

SWEEP = "/api/v1/sweeps/{name}"
Picture = StrEnum("Picture", {name.upper(): name for name in PICTURES})  # type: ignore[misc]


class Suffix(StrEnum):
    """The forms in which a chart is handed out."""

    PNG = "png"
    SVG = "svg"
    JSON = "json"


MEDIA_TYPES: Mapping[Suffix, str] = {
    Suffix.PNG: "image/png",
    Suffix.SVG: "image/svg+xml",
    Suffix.JSON: "application/vnd.vegalite.v5+json",
}
"""Content types of charts."""


def install(app: FastAPI, desk: Desk) -> None:
    """Add the routes."""
    _add_laws(app, desk)
    _add_comparisons(app, desk)
    _add_charts(app, desk)

    @app.get(SWEEP + "/forecasts", tags=["answers"])
    async def get_forecasts(request: Request, name: str, asked: Annotated[ForecastsAsked, Query()]) -> Response:
        """The stored forecasts of all revisions of a sweep, each with how it came out."""
        found = await desk.sweep(name)
        answers = await desk.answers(found)
        key = ("forecasts", found.sweep.id, found.key, asked.model_dump_json())
        return await desk.document(request, key, _forecasts, answers, asked, name)


def _add_laws(app: FastAPI, desk: Desk) -> None:
    """Add the routes that answer by one law."""

    @app.get(SWEEP + "/fit", tags=["answers"])
    async def get_fit(request: Request, name: str, variant: str = "", loss_key: str = "") -> Response:
        """Curves, laws, lack of fit, hold-out, exclusions and noise."""
        found = await desk.sweep(name)
        answers = await desk.fitted(found, variant, loss_key)
        key = ("fit", found.sweep.id, found.key, variant, loss_key)
        return await desk.document(request, key, _fit, answers, variant)

    @app.get(SWEEP + "/fit.csv", tags=["answers"], response_class=CsvResponse)
    async def get_minima(request: Request, name: str, variant: str = "", loss_key: str = "") -> Response:
        """The optimum of each budget by each estimator, as CSV."""
        found = await desk.sweep(name)
        answers = await desk.fitted(found, variant, loss_key)
        key = ("minima", found.sweep.id, found.key, variant, loss_key)
        return await desk.document(request, key, _minima, answers, variant)

    @app.get(SWEEP + "/prediction", tags=["answers"])
    async def get_prediction(request: Request, name: str, asked: Annotated[Asked, Query()]) -> Response:
        """The optimal model at a budget, a loss or GPU-hours, with intervals; and the answer under a constraint."""
        question = asked.question()
        question.check()
        found = await desk.sweep(name)
        answers = await desk.fitted(found, asked.variant, asked.loss_key)
        key = ("prediction", found.sweep.id, found.key, asked.model_dump_json())
        return await desk.computed(request, key, _predict, answers, asked.variant, question)

    @app.get(SWEEP + "/configuration", tags=["answers"], responses=_TEXTS)
    async def get_configuration(request: Request, name: str, asked: Annotated[ConfigurationAsked, Query()]) -> Response:
        """The answer to the same question as the configuration of a program, as `isoflop predict --config` writes."""
        question = asked.question()
        question.check()
        found = await desk.sweep(name)
        answers = await desk.fitted(found, asked.variant, asked.loss_key)
        key = ("configuration", found.sweep.id, found.key, asked.model_dump_json())
        return await desk.computed(request, key, _configure, answers, asked.variant, question, asked.program)


def _add_comparisons(app: FastAPI, desk: Desk) -> None:
    """Add the routes that compare laws."""

    @app.get(SWEEP + "/comparison", tags=["answers"])
    async def get_values(
        request: Request, name: str, axis: str, baseline: str = "", flops: float | None = None, loss_key: str = ""
    ) -> Response:
        """The compute multiplier of each value of a varied axis over the baseline, by default the first value."""
        found = await desk.sweep(name)
        answers = (await desk.answers(found)).on(loss_key)
        key = ("values", found.sweep.id, found.key, axis, baseline, flops, loss_key)
        return await desk.computed(request, key, _values, answers, axis, baseline, flops)

    @app.get("/api/v1/comparison", tags=["answers"])
    async def get_comparison(
        request: Request,
        baseline: str,
        other: str,
        baseline_variant: str = "",
        other_variant: str = "",
        flops: float | None = None,
        loss_key: str = "",
    ) -> Response:
        """How much more compute the sweep `baseline` needs than `other` for the same loss, along the loss.

        The verdict says which is better at a budget of the baseline, `flops`, and how many seeds would settle it.
        """
        found = [await desk.sweep(name) for name in (baseline, other)]
        sides = [(await desk.answers(each)).on(loss_key) for each in found]
        variants = (baseline_variant, other_variant)
        key = ("comparison", *((each.sweep.id, each.key) for each in found), variants, flops, loss_key)
        return await desk.computed(request, key, _compare, *sides, variants, flops)


def _add_charts(app: FastAPI, desk: Desk) -> None:
    """Add the routes that draw."""

    @app.get(SWEEP + "/chart", tags=["answers"])
    async def get_chart(request: Request, name: str, variant: str = "", loss_key: str = "") -> Response:
        """The IsoFLOP chart as a Vega-Lite specification."""
        found = await desk.sweep(name)
        answers = await desk.fitted(found, variant, loss_key)
        key = ("chart", found.sweep.id, found.key, name, variant, loss_key)
        return await desk.document(request, key, _chart, answers, name, variant)

    @app.get(SWEEP + "/charts/{chart}.{suffix}", tags=["answers"], responses=_IMAGES)
    async def get_picture(
        request: Request, name: str, chart: Picture, suffix: Suffix, variant: str = "", loss_key: str = ""
    ) -> Response:
        """A chart of a law as PNG, SVG or a Vega-Lite specification (`json`): those of `isoflop plot --chart`."""
        found = await desk.sweep(name)
        answers = await desk.fitted(found, variant, loss_key)
        key = ("picture", found.sweep.id, found.key, name, chart, suffix, variant, loss_key)
        return await desk.computed(request, key, draw, answers, name, str(chart), suffix, variant)


class CsvResponse(Response):
    """A table; the class names its media type in the OpenAPI document."""

    media_type = "text/csv"


_IMAGES: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "The chart",
        "content": {
            "image/png": {"schema": {"type": "string", "format": "binary"}},
            "image/svg+xml": {"schema": {"type": "string"}},
            MEDIA_TYPES[Suffix.JSON]: {"schema": {"type": "object"}},
        },
    }
}

_TEXTS: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "The configuration",
        "content": {each: {"schema": {"type": "string"}} for each in sorted(set(PROGRAM_TYPES.values()))},
    }
}


def draw(answers: SweepAnswers, name: str, chart: str, suffix: Suffix, variant: str) -> Document:
    """The document of a chart. Raises LawError."""
    stored = [Forecast.of(record) for record in answers.forecasts]
    made = picture(chart, answers.law(variant), stored, name=f"{name} {variant}".strip())
    return document(drawn(made, f".{suffix}"), MEDIA_TYPES[suffix])


def csv_document(rows: Sequence[Mapping[str, Any]], columns: Sequence[str]) -> Document:
    """Rows as CSV."""
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return document(text.getvalue().encode(), CSV)


def _fit(answers: SweepAnswers, variant: str) -> Document:
    """The document of a law."""
    return json_document(fit_json(answers.law(variant)))


def _minima(answers: SweepAnswers, variant: str) -> Document:
    """The table of a law's minima."""
    rows = minima_rows(answers.law(variant))
    return csv_document(rows, ["flops", "estimator", "params", "tokens", "loss"])


def _predict(answers: SweepAnswers, variant: str, question: Question) -> Document:
    """The document of a reply."""
    return json_document(reply_json(answers.reply(variant, question)))


def _configure(answers: SweepAnswers, variant: str, question: Question, program: Program) -> Document:
    """The document of a configuration."""
    text = configured(answers, variant, question, program)
    return document(text.encode(), f"{PROGRAM_TYPES[program]}; charset=utf-8")


def _values(answers: SweepAnswers, axis: str, baseline: str, flops: float | None) -> Document:
    """The document of a comparison of values."""
    made = answers.compare_values(axis, baseline, flops)
    return json_document({"comparisons": [comparison_json(one) for one in made]})


def _compare(first: SweepAnswers, second: SweepAnswers, variants: tuple[str, str], flops: float | None) -> Document:
    """The document of a comparison of sweeps."""
    return json_document({"comparisons": [comparison_json(compare_answers(first, second, variants, flops))]})


def _chart(answers: SweepAnswers, name: str, variant: str) -> Document:
    """The document of the IsoFLOP chart."""
    chart = isoflop_curves(answers.law(variant), f"{name} {variant}".strip())
    return json_document(dict(figure(chart, "isoflop").panels[0].spec))


def _forecasts(answers: SweepAnswers, asked: ForecastsAsked, name: str) -> Document:
    """The document of a sweep's forecasts."""
    rows = [{k: v for k, v in asdict(each).items() if k not in ("id", "sweep_id")} for each in answers.forecasts]
    part, total = chosen(rows, asked, asked.sort, lambda row: asked.scored in (None, row["scored_at"] is not None))
    return json_document(part, paging(f"{SWEEP.format(name=quote(name, safe=''))}/forecasts", asked, total))
