"""The one table of errors: complete, read by the command line and REST alike, and printed in the docs."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

import analysis
import model
import orchestrator
import sweeps
import tokenizer
from orchestrator.api import problems
from orchestrator.cli import reference
from orchestrator.errors import INCOMPLETE, MEANINGS, NOT_FOUND, UNREACHABLE, USAGE, NotFound, exit_code_of, meaning_of
from tokenizer.errors import ExpectedError


def modules() -> Iterator[str]:
    """Every module of the five packages that can be imported as such."""
    for package in (analysis, model, orchestrator, sweeps, tokenizer):
        for found in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if "migrations" not in found.name and not found.name.endswith("__main__"):
                yield found.name


def classes() -> list[type[ExpectedError]]:
    """Every class of expected errors."""
    for name in modules():
        importlib.import_module(name)
    found, left = [], [ExpectedError]
    while left:
        direct = [c for c in left.pop().__subclasses__() if c.__module__.split(".")[0] != "tests"]
        found += direct
        left += direct
    return found


def test_every_expected_error_is_in_the_table_and_every_kind_is_used() -> None:
    kinds = {vars(cls)["kind"] for cls in classes() if "kind" in vars(cls)}
    assert len(classes()) > 25
    assert kinds | {"refused"} == set(MEANINGS)


def test_every_exception_of_ours_has_the_one_base_or_is_internal() -> None:
    ours = ("analysis.", "model.", "orchestrator.", "sweeps.", "tokenizer.")
    named = [each for name in modules() for each in vars(importlib.import_module(name)).values()]
    errors = {e for e in named if isinstance(e, type) and issubclass(e, Exception) and e.__module__.startswith(ours)}
    internal = {error.__name__ for error in errors if not issubclass(error, ExpectedError)}
    assert internal == {"BodyTooLarge", "IllegalMove", "Interrupted", "ReaderGone", "TrainerDied", "_TooMuchError"}


@pytest.mark.parametrize("kind", MEANINGS)
def test_a_kind_has_an_exit_code_a_status_and_two_sentences(kind: str) -> None:
    meaning = MEANINGS[kind]
    assert meaning.exit_code in (INCOMPLETE, USAGE, NOT_FOUND, UNREACHABLE)
    assert meaning.status in (403, 404, 409, 422, 429, 500, 503)
    assert (meaning.status == 404) == (meaning.exit_code == NOT_FOUND)
    for sentence in (meaning.meaning, meaning.remedy):
        assert sentence[0].isupper() and sentence.endswith(".")


def test_the_command_line_and_rest_read_the_same_table() -> None:
    app = FastAPI()
    problems.install(app)
    raised: list[Exception] = []

    @app.get("/")
    def fail() -> None:
        raise raised[-1]

    client = TestClient(app)
    for cls in classes():
        error = cls.__new__(cls)
        error.args = ("where and what to do",)
        if not hasattr(error, "kind"):
            error.kind = "refused"
        if cls.__name__ in ("SweepError", "IncomparableError"):
            continue  # they carry more than a message: the tests of their routes cover it
        raised.append(error)
        answer = client.get("/")
        assert answer.headers["content-type"] == "application/problem+json"
        assert (answer.status_code, answer.json()["type"]) == (meaning_of(error).status, f"urn:isoflop:{error.kind}")
        assert answer.json()["detail"] == "where and what to do"
        assert exit_code_of(error) == meaning_of(error).exit_code


def test_what_is_not_expected_is_a_defect() -> None:
    assert exit_code_of(ValueError("x")) is None and exit_code_of(RuntimeError("x")) is None
    assert exit_code_of(PermissionError("x")) == USAGE
    assert exit_code_of(NotFound("x")) == NOT_FOUND


def test_the_page_of_errors_is_current() -> None:
    page = Path(reference.DOCS / "errors.md").read_text(encoding="utf-8")
    assert page == reference.errors_reference(), "run make docs"
