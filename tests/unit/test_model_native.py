"""Building and loading of the native kernels, and what happens where they cannot be had."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from model import implementation, native
from model.config import ConfigError, TrainConfig
from model.implementation import Implementation, check_implementation, choose_implementation
from tests.unit.model_data import SHAPE

TRAIN = TrainConfig(sequences=8, batch=4, lr=0.01)


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """An empty cache of built kernels, and nothing loaded."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    native.library.cache_clear()
    yield
    native.library.cache_clear()


@pytest.mark.skipif(native.compiler() is None, reason="needs a C++ compiler")
def test_kernels_are_built_once(monkeypatch: pytest.MonkeyPatch) -> None:
    assert native.available()
    (built,) = native.cache_folder().iterdir()
    native.library.cache_clear()
    monkeypatch.setattr(native, "compiler", lambda: None)
    assert native.available(), "a machine that has the library needs no compiler"
    monkeypatch.setattr(native, "cpu_name", lambda: "another processor")
    native.library.cache_clear()
    assert not native.available(), "code for one processor must not run on another"
    assert list(native.cache_folder().iterdir()) == [built]


@pytest.mark.parametrize("broken", ["absent", "failing", "garbage"])
def test_without_kernels_torch_computes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, broken: str) -> None:
    script = tmp_path / "c++"
    script.write_text(
        "#!/bin/sh\n" + ("echo no such flag >&2; exit 1" if broken == "failing" else 'touch "$9"; echo x > "$9"')
    )
    script.chmod(0o755)
    monkeypatch.setenv("CXX", "/nonexistent/c++" if broken == "absent" else str(script))
    assert not native.available()
    assert choose_implementation(SHAPE, TRAIN, "cpu") == Implementation(branches="handwritten")
    with pytest.raises(native.NativeError, match={"absent": "CXX", "failing": "no such flag"}.get(broken, "loaded")):
        native.library()
    with pytest.raises(ConfigError, match="choose handwritten"):
        check_implementation(Implementation(branches="native"), SHAPE, "fp32", "cpu")
    assert implementation.available is native.available
