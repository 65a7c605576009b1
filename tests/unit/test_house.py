"""The house rules as checks: sizes, documentation of records, a test for each module, current drawings and pages."""

from __future__ import annotations

import ast
import re
import statistics
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import ROOT

PACKAGES = ("analysis", "model", "orchestrator", "sweeps", "tokenizer")
SOURCES = sorted(
    path for package in PACKAGES for path in (ROOT / package).rglob("*.py") if "migrations" not in path.parts
)
UNTESTED = {
    "model/__main__.py": "its commands are tested in tests/unit/model/test_main.py",
    "orchestrator/cli/__main__.py": "its command is tested in tests/unit/orchestrator/test_own_packages.py",
}
"""Modules without a unit test of their name, each with its reason; fewer than 15."""
LONGEST_FILE, MEDIAN_FILE, LONGEST_FUNCTION = 320, 130, 50


def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def test_files_are_short() -> None:
    lengths = {path: len(path.read_text(encoding="utf-8").splitlines()) for path in SOURCES}
    assert {str(path): n for path, n in lengths.items() if n > LONGEST_FILE} == {}
    assert statistics.median(n for n in lengths.values() if n > 1) <= MEDIAN_FILE


def test_functions_are_short() -> None:
    long = {}
    for path in SOURCES:
        for node in ast.walk(tree_of(path)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                length = (node.end_lineno or node.lineno) - node.lineno + 1
                if length > LONGEST_FUNCTION:
                    long[f"{path.relative_to(ROOT)}:{node.lineno} {node.name}"] = length
    assert long == {}


def _frozen(node: ast.ClassDef) -> bool:
    """Whether a class is a frozen dataclass."""
    return any(
        isinstance(decorator, ast.Call)
        and "dataclass" in ast.unparse(decorator.func)
        and any(k.arg == "frozen" and ast.unparse(k.value) == "True" for k in decorator.keywords)
        for decorator in node.decorator_list
    )


def undocumented_fields(path: Path) -> Iterator[str]:
    """Fields of frozen dataclasses that no string follows."""
    for node in ast.walk(tree_of(path)):
        if not (isinstance(node, ast.ClassDef) and _frozen(node)):
            continue
        for here, after in zip(node.body, [*node.body[1:], None], strict=True):
            if isinstance(here, ast.AnnAssign) and "ClassVar" not in ast.unparse(here.annotation):
                text = after.value if isinstance(after, ast.Expr) else None
                if not (isinstance(text, ast.Constant) and isinstance(text.value, str)):
                    yield f"{path.relative_to(ROOT)}:{here.lineno} {node.name}.{ast.unparse(here.target)}"


def test_every_field_of_a_frozen_record_is_documented() -> None:
    assert [field for path in SOURCES for field in undocumented_fields(path)] == []


def test_every_module_has_a_unit_test_of_its_name() -> None:
    without = set()
    for path in SOURCES:
        relative = path.relative_to(ROOT)
        if path.name == "__init__.py" or "conf" in relative.parts:
            continue
        if not (ROOT / "tests" / "unit" / relative.parent / f"test_{path.name}").exists():
            without.add(str(relative))
    assert without == set(UNTESTED)
    assert len(UNTESTED) < 15


def test_every_unit_test_has_a_module_or_says_what_it_covers() -> None:
    """A test file's name leads to a module, or its first line says what it is about."""
    for path in (ROOT / "tests" / "unit").rglob("test_*.py"):
        relative = path.relative_to(ROOT / "tests" / "unit")
        module = ROOT / relative.parent / path.name.removeprefix("test_")
        assert module.exists() or ast.get_docstring(tree_of(path)), path


def test_every_folder_says_its_job() -> None:
    for path in SOURCES:
        if path.name == "__init__.py":
            assert ast.get_docstring(tree_of(path)), path


@pytest.mark.parametrize("script", ["docs/architecture.py"])
def test_the_drawing_is_current(script: str) -> None:
    done = subprocess.run([sys.executable, ROOT / script, "--check"], check=False, timeout=60)
    assert done.returncode == 0, f"run python {script}"


def test_paths_named_by_the_page_on_the_architecture_exist() -> None:
    page = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    named = set(re.findall(r"`((?:[\w.]+/)+[\w.]*)`", page))
    assert len(named) > 40
    assert {path for path in named if not (ROOT / path).exists()} == set()


def imports() -> dict[str, set[str]]:
    """Which of our modules each module imports, inside functions and for type checkers too; packages count."""
    names = {".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path for path in SOURCES}
    found: dict[str, set[str]] = {}
    for name, path in names.items():
        used: set[str] = set()
        for node in ast.walk(tree_of(path)):
            if isinstance(node, ast.Import):
                used |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module:
                used |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
        found[name] = (used & names.keys()) - {name}
    return found


def test_no_module_imports_itself_by_a_longer_way() -> None:
    graph = imports()
    for start in graph:
        reached, left = set(), list(graph[start])
        while left:
            here = left.pop()
            if here not in reached:
                reached.add(here)
                left += graph[here]
        assert start not in reached, f"{start} is part of an import circle"
