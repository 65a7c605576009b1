"""The architecture as checks: guards that no linter has."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator

import pytest

from tests.conftest import ROOT

PACKAGES = ("analysis", "model", "orchestrator", "sweeps", "tokenizer")
SOURCES = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))
OWNERS = {
    "hydra": {"sweeps/file/compose.py"},
    "ray": {
        "orchestrator/cluster/ray_session.py",
        "orchestrator/cluster/ray_nodes.py",
        "orchestrator/cluster/ray_data.py",
    },
    "wandb": {"orchestrator/tracking/"},
    "optuna": {"sweeps/tune/sampler.py"},
    "alembic": {"orchestrator/store/", "orchestrator/store/migrations/"},
    "sqlalchemy": {"orchestrator/store/", "orchestrator/store/tables.py", "orchestrator/store/migrations/"},
}


FACES = ("orchestrator/cli/", "orchestrator/api/", "orchestrator/web/")
"""What a user sees: it asks the use cases and leaves the database alone."""
DICTIONARIES = {
    "analysis/answers/serial.py": "a law as JSON, part by part",
    "analysis/figures/": "rows and specifications of Vega-Lite, which are JSON",
    "model/__main__.py": "prints events of a training as JSON",
    "model/checkpoint.py": "states of torch, by the names that torch gives them",
    "model/results.py": "a row of a CSV",
    "model/reporting.py": "events of a training, which are logged as JSON",
    "orchestrator/cli/": "rows of `-o json` and `-o csv`",
    "orchestrator/client/": "what a service answers, which is JSON",
    "orchestrator/scheduling/": "the request of a calibration process, and what wandb records of a run: JSON",
    "orchestrator/store/": "values of SQL rows and columns of JSON",
    "orchestrator/tracking/": "what wandb takes and gives: JSON",
    "sweeps/file/": "the text of a sweep file before it is checked: YAML",
}
"""Where `dict[str, Any]` is in signatures outside JSON's edges, each with its reason: `folder/`, `file` or `file function`.

Functions named *_json, to_dict and from_dict and those that answer a request are JSON's edges and need no entry.
"""
MOST_DICTIONARIES = 14


@pytest.mark.parametrize("library", OWNERS)
def test_each_library_has_one_owner(library: str) -> None:
    importing = re.compile(rf"^\s*(?:import|from) {library}\b", re.MULTILINE)
    users = {str(p.relative_to(ROOT)) for p in SOURCES if importing.search(p.read_text(encoding="utf-8"))}
    assert users, f"nobody imports {library}: the test looks for the wrong thing"
    assert {user for user in users if not user.startswith(tuple(OWNERS[library]))} == set()


def test_nothing_from_user_text_is_ever_instantiated() -> None:
    for path in SOURCES:
        assert not re.search(
            r"\binstantiate\(|\bpickle\.load|\byaml\.(load|unsafe_load)\(", path.read_text(encoding="utf-8")
        )


def test_every_file_says_its_job_in_its_first_line() -> None:
    for path in SOURCES:
        text = path.read_text(encoding="utf-8")
        assert not text.strip() or text.startswith('"""'), path


def test_tests_never_ship_and_wandb_sweeps_is_never_required() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    assert project["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"] == list(PACKAGES)
    requirements = project["project"]["dependencies"] + project["project"]["optional-dependencies"]["dev"]
    assert not any("[sweeps]" in requirement for requirement in requirements)
    assert (ROOT / "tests" / "__init__.py").exists()


def test_every_requirement_is_pinned() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    pinned = {
        re.split(r"==", line)[0].lower().replace("_", "-")
        for line in (ROOT / "constraints.txt").read_text().splitlines()
        if "==" in line
    }
    requirements = project["project"]["dependencies"] + project["project"]["optional-dependencies"]["dev"]
    names = {re.split(r"[\[<>=!~ ]", requirement)[0].lower() for requirement in requirements}
    assert names - pinned == set()


@pytest.mark.parametrize(
    ("module", "forbidden"),
    [
        ("sweeps.plan.plan", "torch"),
        ("sweeps.file.compose", "torch"),
        ("model.flops", "torch"),
        ("orchestrator.use_cases.planning", "torch"),
        ("orchestrator.cli.main", "torch ray wandb hydra fastapi sqlalchemy"),
        ("analysis.law", "torch ray wandb hydra fastapi sqlalchemy"),
        ("model.train", "ray wandb hydra fastapi sqlalchemy pandas scipy"),
    ],
)
def test_what_a_module_loads(module: str, forbidden: str) -> None:
    code = f"import sys, {module}; sys.exit(' '.join(m for m in {forbidden.split()!r} if m in sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=False, cwd=ROOT
    )
    assert done.stderr.strip() == "", f"{module} loads {done.stderr}"


def uses_of_the_store(tree: ast.Module) -> Iterator[str]:
    """Where a module reads an attribute named `store` or imports the database's class."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and node.attr == "store":
            yield f"{node.lineno} {ast.unparse(node)}"
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("orchestrator.store"):
            yield from (f"{node.lineno} import {name.name}" for name in node.names if name.name == "Store")


def test_faces_ask_the_use_cases_and_not_the_store() -> None:
    seen = list(uses_of_the_store(ast.parse("from orchestrator.store import RunRecord, Store\nworkspace.store.run(1)")))
    assert seen == ["1 import Store", "2 workspace.store"], "the check sees nothing"
    faces = [path for path in SOURCES if str(path.relative_to(ROOT)).startswith(FACES)]
    assert len(faces) > 20
    found = {str(path): list(uses_of_the_store(ast.parse(path.read_text(encoding="utf-8")))) for path in faces}
    assert {path: uses for path, uses in found.items() if uses} == {}


def _at_the_edge(function: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    """Whether a function makes or reads JSON: by its name, or because it answers a request."""
    name = function.name
    named = name in ("to_dict", "from_dict") or name.endswith("_json")
    routes = {"get", "post"}
    return named or any(
        isinstance(d, ast.Call) and isinstance(d.func, ast.Attribute) and d.func.attr in routes
        for d in function.decorator_list
    )


def dictionaries(tree: ast.Module) -> Iterator[str]:
    """Functions outside JSON's edges whose signature has a `dict[str, Any]`, nested ones included."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and not _at_the_edge(node):
            arguments = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
            annotations = [a.annotation for a in arguments if a.annotation] + ([node.returns] if node.returns else [])
            if any("dict[str, Any]" in ast.unparse(annotation) for annotation in annotations):
                yield node.name


def test_dictionaries_of_anything_stay_at_the_edges_of_json() -> None:
    example = "def f(x: list[dict[str, Any]]): ...\ndef to_dict(self) -> dict[str, Any]: ...\ndef g(*, y: int): ..."
    assert list(dictionaries(ast.parse(example))) == ["f"], "the check sees nothing"
    found = {
        f"{path.relative_to(ROOT)} {name}"
        for path in SOURCES
        if "migrations" not in path.parts
        for name in dictionaries(ast.parse(path.read_text(encoding="utf-8")))
    }
    assert {each for each in found if not each.startswith(tuple(DICTIONARIES))} == set()
    assert {entry for entry in DICTIONARIES if not any(each.startswith(entry) for each in found)} == set(), "not needed"
    assert len(DICTIONARIES) < MOST_DICTIONARIES
