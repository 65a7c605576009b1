"""Whatever is typed, set or closed: no traceback, an exit code of the table, and nothing written outside the home."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, Phase, given, settings

from orchestrator import errors
from tests.integration.command_lines import Stage, Typed, make_stage, nothing_trains, typed

CODES = {errors.OK, errors.INTERRUPTED, *(meaning.exit_code for meaning in errors.MEANINGS.values())}
UNSAFE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f]")
"""Characters that could steer a terminal."""
LONG = int(os.environ.get("ISOFLOP_TEST_COMMANDS", "1500"))
"""Commands that the slow test tries."""


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    made = make_stage(tmp_path_factory.mktemp("stage"))
    with nothing_trains():
        yield made


def hold(stage: Stage, command: Typed) -> None:
    """Run a command and check all that must hold of any."""
    before = stage.left_behind()
    ended = stage.run(command)
    assert ended.code in CODES
    assert "Traceback" not in ended.stderr
    assert not UNSAFE.search(ended.stderr), ended.stderr
    assert ended.code == errors.OK or ended.stderr.strip(), "a failure says why"
    assert stage.left_behind() - before - allowed(stage, command) == set()


def allowed(stage: Stage, command: Typed) -> set[str]:
    """What a command may leave outside the home: the files that it was asked to write, and their folders."""
    files = [stage.cwd / name for name in command.outputs]
    return {str(path) for file in (*files, stage.default_home) for path in (file, *file.parents)}


@given(command=typed())
@settings(max_examples=40, deadline=None, derandomize=True, database=None, phases=[Phase.generate],
          suppress_health_check=list(HealthCheck))  # fmt: skip
def test_some_commands(stage: Stage, command: Typed) -> None:
    hold(stage, command)


@pytest.mark.slow
@pytest.mark.timeout(3600)
@given(command=typed())
@settings(max_examples=LONG, deadline=None, database=None, phases=[Phase.generate],
          suppress_health_check=list(HealthCheck))  # fmt: skip
def test_many_commands(stage: Stage, command: Typed) -> None:
    hold(stage, command)
