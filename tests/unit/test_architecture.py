"""The architecture as checks: guards that no linter has."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib

import pytest

from tests.conftest import ROOT

PACKAGES = ("analysis", "model", "orchestrator", "sweeps", "tokenizer")
SOURCES = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))
OWNERS = {
    "hydra": {"sweeps/file/compose.py"},
    "ray": {"orchestrator/cluster/ray_session.py"},
    "wandb": {"orchestrator/tracking/"},
    "alembic": {"orchestrator/store/", "orchestrator/store/migrations/"},
    "sqlalchemy": {"orchestrator/store/", "orchestrator/store/tables.py", "orchestrator/store/migrations/"},
}


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
