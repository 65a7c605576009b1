"""One rule for every variable: an empty one is unset; what cannot be is named."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from orchestrator.access_token import read_token
from orchestrator.client import service_client
from orchestrator.environment import SettingsError, shown, variable
from orchestrator.home import Home, find_home
from orchestrator.settings import read_settings
from orchestrator.tracking.wandb_mirror import asked_mode, choose_tracking
from tests.conftest import ROOT


def test_an_empty_variable_is_unset() -> None:
    assert variable("ISOFLOP_X", {}) is None
    assert variable("ISOFLOP_X", {"ISOFLOP_X": ""}) is None
    assert variable("ISOFLOP_X", {"ISOFLOP_X": "0"}) == "0"


def test_what_is_not_utf8_is_named() -> None:
    with pytest.raises(SettingsError, match=r"ISOFLOP_X is 'a\\udcff': this is not UTF-8"):
        variable("ISOFLOP_X", {"ISOFLOP_X": "a\udcff"})


def test_a_long_value_is_quoted_in_part() -> None:
    assert shown("short") == "'short'"
    assert shown("9" * 5000) == f"'{'9' * 60}…'"


def test_every_variable_of_the_sources_may_be_empty(tmp_path: Path) -> None:
    sources = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "orchestrator").rglob("*.py"))
    names = set(re.findall(r'"((?:ISOFLOP|WANDB)_[A-Z_]+)"', sources)) - {"WANDB_"}
    assert {"ISOFLOP_HOME", "ISOFLOP_WORKERS", "ISOFLOP_TOKEN", "ISOFLOP_URL", "WANDB_MODE"} <= names
    empty = dict.fromkeys(names, "")
    home = Home(tmp_path, "test")
    assert read_settings(home, empty) == read_settings(home, {})
    assert find_home(empty, tmp_path) == find_home({}, tmp_path)
    assert (read_token(empty), service_client(empty), asked_mode(empty)) == (None, None, None)
    assert choose_tracking(tmp_path, empty | {"WANDB_MODE": "offline"}).project == "isoflop"


def test_no_variable_is_read_past_the_rule() -> None:
    past = re.compile(r"""environ(?:\.get\(|\[)["'](?:ISOFLOP|WANDB)_\w+["'](?!\] = )""")
    found = [
        path.name for path in (ROOT / "orchestrator").rglob("*.py") if past.search(path.read_text(encoding="utf-8"))
    ]
    assert found == []
