"""Building and loading of the native kernels, and what happens where they cannot be had."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from model import implementation
from model.config import ConfigError, TrainConfig
from model.cpu import build
from model.implementation import Implementation, check_implementation, choose_implementation
from tests.unit.model.model_data import SHAPE

TRAIN = TrainConfig(sequences=8, batch=4, lr=0.01)


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """An empty cache of built kernels, and nothing loaded."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    build.library.cache_clear()
    yield
    build.library.cache_clear()


@pytest.mark.skipif(build.compiler() is None, reason="needs a C++ compiler")
def test_kernels_are_built_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(build, "FLAGS", ("-O0", *build.FLAGS[1:]))  # optimising takes most of the time
    assert build.available()
    (built,) = build.cache_folder().iterdir()
    build.library.cache_clear()
    monkeypatch.setattr(build, "compiler", lambda: None)
    assert build.available(), "a machine that has the library needs no compiler"
    monkeypatch.setattr(build, "cpu_name", lambda: "another processor")
    build.library.cache_clear()
    assert not build.available(), "code for one processor must not run on another"
    assert list(build.cache_folder().iterdir()) == [built]


@pytest.mark.parametrize("broken", ["absent", "failing", "garbage"])
def test_without_kernels_torch_computes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, broken: str) -> None:
    script = tmp_path / "c++"
    script.write_text(
        "#!/bin/sh\n" + ("echo no such flag >&2; exit 1" if broken == "failing" else 'touch "$9"; echo x > "$9"')
    )
    script.chmod(0o755)
    monkeypatch.setenv("CXX", "/nonexistent/c++" if broken == "absent" else str(script))
    assert not build.available()
    assert choose_implementation(SHAPE, TRAIN, "cpu") == Implementation(branches="handwritten")
    with pytest.raises(build.NativeError, match={"absent": "CXX", "failing": "no such flag"}.get(broken, "loaded")):
        build.library()
    with pytest.raises(ConfigError, match="choose handwritten"):
        check_implementation(Implementation(branches="native"), SHAPE, "fp32", "cpu")
    assert implementation.available is build.available
