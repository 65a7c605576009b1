"""The OpenAPI document as the service really answers: problems, credentials, 304; and no query key that it lacks."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.openapi.utils import get_openapi

from analysis.wording import join_words
from orchestrator.api.answered import ANSWERS, schema_json
from orchestrator.api.guard import COOKIE, HEALTH_PATHS

PROBLEM: dict[str, Any] = {
    "type": "object",
    "title": "Problem",
    "description": "What went wrong (RFC 9457). The kinds are listed in docs/errors.md.",
    "required": ["type", "title", "status", "detail"],
    "properties": {
        "type": {"type": "string", "description": "`urn:isoflop:` and the kind of the error."},
        "title": {"type": "string", "description": "The kind in words."},
        "status": {"type": "integer", "description": "The HTTP status."},
        "detail": {"type": "string", "description": "What is wrong here, where, and what to do."},
        "errors": {
            "type": "array",
            "description": "Each mistake of a sweep file.",
            "items": {
                "type": "object",
                "required": ["pointer", "line", "column", "detail"],
                "properties": {
                    "pointer": {"type": "string", "description": "Key of the sweep file."},
                    "line": {"type": ["integer", "null"], "description": "From 1; null where it has no place."},
                    "column": {"type": ["integer", "null"], "description": "From 1; null where it has no place."},
                    "detail": {"type": "string", "description": "The mistake, and what to do."},
                },
            },
        },
        "quantity": {"type": "string", "description": "What was asked beyond the law's reach."},
        "lowest": {"type": ["number", "null"], "description": "Lowest value that can be asked about."},
        "highest": {"type": ["number", "null"], "description": "Highest value that can be asked about."},
        "missing": {
            "type": "array",
            "description": "What the service lacks: database, scheduler, workers.",
            "items": {"type": "string"},
        },
        "reason": {"type": "string", "description": "Why two laws cannot be compared."},
    },
}
"""Schema of an error."""
EVERYWHERE = {
    "400": "The request is malformed.",
    "401": "The token is missing, unknown, expired or revoked.",
    "403": "The host or the page is not let in, the role is too low, or the sweep is somebody else's.",
    "405": "The address does not take this method.",
    "413": "The body is too large.",
    "414": "Path and query are too long.",
    "422": "A parameter, the sweep file or the question is refused.",
    "429": "As much waits for this user as the service takes; `Retry-After` says when to ask again.",
    "500": "A defect, or a file of the home that is missing or altered.",
    "503": "The database, the artifact store or the scheduler is away.",
}
"""What any route may answer, by status."""
SOMETIMES = {"404": "There is no such sweep or run.", "409": "The state, or what the runs say, does not allow it."}
"""What routes below /api/v1 may answer, too."""
SCHEMES: dict[str, Any] = {
    "bearer": {
        "type": "http",
        "scheme": "bearer",
        "description": "The token of an account, or the service's own (ISOFLOP_TOKEN).",
    },
    "basic": {"type": "http", "scheme": "basic", "description": "The token as the password; the user name is ignored."},
    "cookie": {"type": "apiKey", "in": "cookie", "name": COOKIE, "description": "The token, as the page keeps it."},
}


def install(app: FastAPI) -> None:
    """Let an application describe itself."""

    def document_json() -> dict[str, Any]:
        """The document, made once."""
        if app.openapi_schema is None:
            made = get_openapi(title=app.title, version=app.version, summary=app.summary, routes=app.routes)
            app.openapi_schema = _completed_json(made)
        return app.openapi_schema

    app.openapi = document_json  # type: ignore[method-assign]


async def known_keys(request: Request) -> None:
    """Refuse a query key that a REST route does not have, such as one that is mistyped. Raises RequestValidationError.

    Pages take any: what others add to a link is no reason not to show it.
    """
    route = request.scope.get("route")
    path = getattr(route, "path_format", "")
    if not request.query_params or not path.startswith("/api/"):
        return
    operation = request.app.openapi()["paths"][path][request.method.lower()]
    known = [each["name"] for each in operation.get("parameters", ()) if each["in"] == "query"]
    wrong = [key for key in request.query_params if key not in known]
    if wrong:
        there = f"the keys are {join_words(known)}" if known else "this address takes none"
        raise RequestValidationError(
            [{"loc": ("query", key), "msg": f"there is no such key; {there}"} for key in wrong]
        )


def _completed_json(made: dict[str, Any]) -> dict[str, Any]:
    """A document of FastAPI's with what it does not know."""
    schemas = made.setdefault("components", {}).setdefault("schemas", {})
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)
    schemas["Problem"] = PROBLEM
    made["components"]["securitySchemes"] = SCHEMES
    for path, operations in made["paths"].items():
        for method, operation in operations.items():
            if operation["operationId"] in ANSWERS:
                _type_json(operation, schemas)
            _complete_json(path, method, operation)
    return made


def _type_json(operation: dict[str, Any], schemas: dict[str, Any]) -> None:
    """Add the schema of what a route answers."""
    schema = schema_json(operation["operationId"], schemas)
    for status in ("200", "201"):
        if status in operation["responses"]:
            operation["responses"][status]["content"]["application/json"]["schema"] = schema


def _complete_json(path: str, method: str, operation: dict[str, Any]) -> None:
    """Add to a route what it may answer besides its result."""
    responses = operation["responses"]
    problems = EVERYWHERE | (SOMETIMES if path.startswith("/api/v1/") else {})
    for status, meaning in problems.items():
        schema = {"$ref": "#/components/schemas/Problem"}
        responses[status] = {"description": meaning, "content": {"application/problem+json": {"schema": schema}}}
    if method == "get":
        responses["304"] = {"description": "The client has it already, as its `If-None-Match` says."}
    operation["responses"] = dict(sorted(responses.items()))
    # A service on loopback may have no account: then no token is needed.
    operation["security"] = [] if path in HEALTH_PATHS else [{"bearer": []}, {"basic": []}, {"cookie": []}, {}]
