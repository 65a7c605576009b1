"""Expected errors over HTTP: always RFC 9457 `application/problem+json`."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from analysis.answers.frontier import IncomparableError
from analysis.records import OutOfReachError
from orchestrator.errors import meaning_of
from orchestrator.use_cases.workshop import TooManyJobs
from sweeps.file.problem import SweepError
from tokenizer.errors import ExpectedError

RETRY_SECONDS = 5
"""When to ask again after too many requests."""


def problem(status: int, kind: str, detail: str, **more: Any) -> JSONResponse:
    """A problem document: HTTP status, kind of error, a sentence about this one, and further members."""
    body = {"type": f"urn:isoflop:{kind}", "title": kind.replace("-", " "), "status": status, "detail": detail} | more
    return JSONResponse(body, status_code=status, media_type="application/problem+json")


def install(app: FastAPI) -> None:
    """Turn every expected error of an application into a problem document; `Surroundings` catches the others."""
    app.add_exception_handler(ExpectedError, _expected)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(RequestValidationError, _invalid)


def kind_of(error: Exception) -> str:
    """The kind of an expected error, `internal` for a defect: what anyone may know of it."""
    return error.kind if isinstance(error, ExpectedError) else "internal"


def reason_of(error: Exception) -> str:
    """What someone who is let in may know of an error: the message of an expected one, the class of a defect."""
    return str(error) if isinstance(error, ExpectedError) else f"{type(error).__name__}; the service's log has more"


async def _expected(_request: Request, error: Exception) -> JSONResponse:
    """An expected error: its message, and its data as further members."""
    assert isinstance(error, ExpectedError)
    more: dict[str, Any] = {}
    if isinstance(error, SweepError):
        more["errors"] = [{"pointer": p.key, "line": p.line, "column": p.col, "detail": str(p)} for p in error.problems]
    if isinstance(error, OutOfReachError):
        more |= {"quantity": error.quantity, "lowest": error.lowest, "highest": error.highest}
    if isinstance(error, IncomparableError):
        more["reason"] = error.reason
    answer = problem(meaning_of(error).status, error.kind, str(error), **more)
    if isinstance(error, TooManyJobs):
        answer.headers["Retry-After"] = str(RETRY_SECONDS)
    return answer


async def _http(_request: Request, error: Exception) -> JSONResponse:
    """What Starlette itself refuses, such as an unknown path."""
    assert isinstance(error, HTTPException)
    return problem(error.status_code, "http", str(error.detail))


async def _invalid(_request: Request, error: Exception) -> JSONResponse:
    """Parameters that do not fit the route's schema, each with its place."""
    assert isinstance(error, RequestValidationError)
    parts = [f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors()]
    return problem(422, "invalid-request", "; ".join(parts))
