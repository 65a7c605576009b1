"""Errors over HTTP: always RFC 9457 `application/problem+json`, never a traceback."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from analysis.answers.compare import IncomparableError
from analysis.records import LawError, QuestionError
from model.config import ConfigError
from orchestrator.scheduling.speed import CalibrationError
from orchestrator.settings import SettingsError
from orchestrator.store import CeilingExceeded, NotFound, StaleAttempt, StoreError
from orchestrator.use_cases.control import ControlError
from sweeps.file.problem import SweepError
from sweeps.plan.records import PlanError
from sweeps.recipes.recipe import RecipeError
from tokenizer.corpus import CorpusError
from tokenizer.shards import ShardError
from tokenizer.vocabulary import TokenizerError

STATUS: dict[type[Exception], tuple[int, str]] = {
    NotFound: (404, "not-found"),
    IncomparableError: (409, "incomparable"),
    LawError: (409, "no-law"),
    QuestionError: (422, "invalid-question"),
    SweepError: (422, "invalid-sweep"),
    PlanError: (422, "invalid-plan"),
    CorpusError: (422, "corpus"),
    TokenizerError: (422, "tokenizer"),
    RecipeError: (422, "recipe"),
    ConfigError: (422, "invalid-run"),
    SettingsError: (422, "settings"),
    ShardError: (500, "dataset"),
    StaleAttempt: (409, "conflict"),
    CeilingExceeded: (409, "ceiling"),
    ControlError: (409, "state"),
    StoreError: (503, "database"),
    CalibrationError: (503, "calibration"),
}
"""HTTP status and problem type of each expected failure."""


def problem(status: int, kind: str, detail: str, **more: Any) -> JSONResponse:
    """One problem document."""
    body = {"type": f"urn:isoflop:{kind}", "title": kind.replace("-", " "), "status": status, "detail": detail} | more
    return JSONResponse(body, status_code=status, media_type="application/problem+json")


def install(app: FastAPI) -> None:
    """Turn every expected failure into a problem document."""
    for kind in STATUS:
        app.add_exception_handler(kind, _expected)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(Exception, _unexpected)
    app.add_exception_handler(RequestValidationError, _invalid)


async def _expected(_request: Request, error: Exception) -> JSONResponse:
    status, kind = next(STATUS[cls] for cls in type(error).__mro__ if cls in STATUS)
    more: dict[str, Any] = {}
    if isinstance(error, SweepError):
        more["errors"] = [{"pointer": p.key, "line": p.line, "column": p.col, "detail": str(p)} for p in error.problems]
    if isinstance(error, IncomparableError):
        more["reason"] = error.reason
    return problem(status, kind, str(error), **more)


async def _unexpected(_request: Request, error: Exception) -> JSONResponse:
    return problem(500, "internal", f"{type(error).__name__}; the service's log has more")


async def _http(_request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    return problem(error.status_code, "http", str(error.detail))


async def _invalid(_request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    parts = [f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors()]
    return problem(422, "invalid-request", "; ".join(parts))
