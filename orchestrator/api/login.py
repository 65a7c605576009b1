"""Logging in: a form that takes a token into a cookie, which scripts and other sites cannot use."""

from __future__ import annotations

import logging
from typing import Annotated
from urllib.parse import parse_qs, quote, urlsplit

from fastapi import FastAPI, Query, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse
from starlette.concurrency import run_in_threadpool

from orchestrator.api import guard
from orchestrator.api.permissions import actor_of
from orchestrator.use_cases.members import Members
from orchestrator.web.render import render
from orchestrator.web.views import LoginPage

log = logging.getLogger("isoflop.service")

PATH = "/login"
"""Address of the form."""
DAYS = 30
"""Days that a browser keeps the cookie; the token may expire earlier."""
PLAIN = (
    "You reached this service over plain HTTP, where browsers do not keep a login: open it at an https:// address, by "
    "a proxy that ends TLS (docs/operations.md, docker/Caddyfile), or on its own machine at http://127.0.0.1."
)
"""What somebody reads who logs in without TLS from another machine."""
NOT_KEPT = {"Cache-Control": "no-store"}
"""Header of pages that say who is logged in."""


def install(app: FastAPI, members: Members) -> None:
    """Add the routes."""

    @app.get(PATH, response_class=HTMLResponse, include_in_schema=False)
    async def form(request: Request, target: Annotated[str, Query(alias="next")] = "/") -> Response:
        """The form, or who is logged in."""
        entry = await run_in_threadpool(members.entry, guard.secret_of(request.headers))
        page = LoginPage(entry.closed, entry.name, entry.role or "", local(target))
        return HTMLResponse(render(page), headers=NOT_KEPT)

    @app.post(PATH, response_class=HTMLResponse, include_in_schema=False)
    async def log_in(request: Request) -> Response:
        """Take a token into a cookie, and go on to where somebody wanted to go."""
        fields = parse_qs((await request.body()).decode(errors="replace"))
        token, target = fields.get("token", [""])[0].strip(), local(fields.get("next", ["/"])[0])
        far = not guard.is_loopback(urlsplit(f"//{request.headers['host']}").hostname or "")
        if far and not encrypted(request):
            return HTMLResponse(
                render(LoginPage(True, "", "", target, problem=PLAIN)), status_code=400, headers=NOT_KEPT
            )
        if (await run_in_threadpool(members.entry, token)).role is None:
            actor = actor_of(request)
            log.warning("refused (wrong token): POST '/login' from %s (request %s)", actor.address, actor.request)
            page = LoginPage(True, "", "", target, problem="This token is unknown, has expired, or was revoked.")
            return HTMLResponse(render(page), status_code=401, headers=NOT_KEPT)
        answer = RedirectResponse(target, status_code=303)
        answer.set_cookie(
            guard.COOKIE, token, max_age=DAYS * 86400, path="/", secure=far, httponly=True, samesite="strict"
        )
        return answer

    @app.post("/logout", include_in_schema=False)
    async def log_out() -> Response:
        """Forget the cookie."""
        answer = RedirectResponse(PATH, status_code=303)
        answer.delete_cookie(guard.COOKIE, path="/", httponly=True, samesite="strict")
        return answer


def encrypted(request: Request) -> bool:
    """Whether a browser reached the service over HTTPS: by the connection, what a proxy says, or the page's origin."""
    page = request.headers.get("origin", "").partition("://")[0]
    return "https" in (request.url.scheme, request.headers.get("x-forwarded-proto"), page)


def address(target: str) -> str:
    """The address of the form for somebody who wanted to go elsewhere."""
    return PATH if target == "/" else f"{PATH}?next={quote(target, safe='')}"


def local(target: str) -> str:
    """An address of this service as it is; the start for any other, to which a link might lead astray."""
    inside = target.startswith("/") and not target.startswith(("//", "/\\")) and target.isprintable()
    return target if inside else "/"
