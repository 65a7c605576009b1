"""Building and loading of the native kernels, and what happens where they cannot be had."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from model import implementation
from model.config import ConfigError, TrainConfig
from model.cpu import build, cache
from model.cpu.cache import cache_folder, private_folders
from model.implementation import Implementation, check_implementation, choose_implementation
from tests.unit.model.model_data import SHAPE

TRAIN = TrainConfig(sequences=8, batch=4, lr=0.01)


needs_compiler = pytest.mark.skipif(build.compiler() is None, reason="needs a C++ compiler")


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """An empty cache of built kernels, and nothing loaded."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(cache.tempfile, "tempdir", str(tmp_path))
    build.library.cache_clear()
    yield
    build.library.cache_clear()


def fake_compiler(folder: Path, monkeypatch: pytest.MonkeyPatch, version: str = "1.0") -> None:
    """A compiler that writes its version as the library, and a line for each file that it was asked for."""
    script, log = folder / "c++", folder / "log"
    script.write_text(
        f'#!/bin/sh\nif [ "$1" = --version ]; then echo "{version}"; exit; fi\n'
        f'echo "$9" >> {log}\necho library by {version} > "$9"\n'
    )
    script.chmod(0o755)
    monkeypatch.setenv("CXX", str(script))


def builds(folder: Path) -> int:
    """How often the fake compiler has built."""
    log = folder / "log"
    return len(log.read_text().splitlines()) if log.exists() else 0


@needs_compiler
def test_kernels_are_built_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(build, "FLAGS", ("-O0", *build.FLAGS[1:]))  # optimising takes most of the time
    assert build.available()
    (built,) = cache_folder().iterdir()
    assert built.stat().st_mode & 0o777 == 0o700
    build.library.cache_clear()
    monkeypatch.setattr(build, "compiler", lambda: None)
    assert build.available(), "a machine that has the library needs no compiler"
    torn = built.read_bytes()[:5000]  # to load it would end the process, as would tearing the file that is loaded
    built.unlink()
    built.write_bytes(torn)
    build.library.cache_clear()
    assert not build.available()


@pytest.mark.parametrize(
    ("change", "value"),
    [
        ("cpu_name", "another processor"),
        ("cpu_features", ("sse2", "avx2")),
        ("FLAGS", (*build.FLAGS[:-1], "-DX")),
    ],
)
def test_each_processor_and_set_of_flags_has_its_own_library(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: str, value: object
) -> None:
    fake_compiler(tmp_path, monkeypatch)
    first = build._built()
    assert build._built() == first and builds(tmp_path) == 1
    monkeypatch.setattr(build, change, (lambda: value) if change != "FLAGS" else value)
    assert build._built() != first and builds(tmp_path) == 2


def test_each_source_has_its_own_library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sources = tmp_path / "sources"
    shutil.copytree(build.SOURCES, sources)
    monkeypatch.setattr(build, "SOURCES", sources)
    fake_compiler(tmp_path, monkeypatch)
    first = build._built()
    (sources / "norm.h").write_text((sources / "norm.h").read_text() + "\n")
    assert build._built() != first


def test_each_version_of_the_compiler_has_its_own_library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake_compiler(tmp_path, monkeypatch)
    old = build._built()
    fake_compiler(tmp_path, monkeypatch, version="2.0")
    assert build._built() != old and builds(tmp_path) == 2
    assert build._built().read_text() == "library by 2.0\n"
    monkeypatch.setattr(build, "compiler", lambda: None)
    assert build._built() in (old, *cache_folder().iterdir()), "without a compiler any intact library serves"


@pytest.mark.parametrize("damage", ["empty", "torn", "changed", "foreign"])
def test_a_damaged_library_is_built_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, damage: str) -> None:
    fake_compiler(tmp_path, monkeypatch)
    built = build._built()
    good = built.read_bytes()
    built.write_bytes({"empty": b"", "torn": good[:-3], "changed": good[:-1] + b"!", "foreign": b"\x7fELF"}[damage])
    again = build._built()
    assert again.read_bytes() == good and builds(tmp_path) == 2
    assert list(cache_folder().iterdir()) == [again]


def test_a_damaged_library_of_other_content_is_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake_compiler(tmp_path, monkeypatch)
    built = build._built()
    stale = built.with_name(built.name.replace(built.stem[-16:], "0" * 16))
    built.rename(stale)
    assert build._built() == built and list(cache_folder().iterdir()) == [built]


def test_a_library_that_others_may_write_is_not_loaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake_compiler(tmp_path, monkeypatch)
    build._built().chmod(0o777)
    assert build._built().stat().st_mode & 0o777 == 0o700
    assert builds(tmp_path) == 2


def test_a_library_in_a_folder_that_others_may_write_is_not_loaded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake_compiler(tmp_path, monkeypatch)
    planted = build._built()
    planted.parent.chmod(0o777)
    assert build._built().parent != planted.parent and builds(tmp_path) == 2


def test_a_library_in_a_folder_that_cannot_be_written_is_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake_compiler(tmp_path, monkeypatch)
    built = build._built()
    private, access = private_folders(), os.access
    monkeypatch.setattr(cache.os, "access", lambda path, mode: path not in private and access(path, mode))
    assert build._built() == built
    monkeypatch.setattr(build, "cpu_name", lambda: "another processor")
    assert build._built().parent not in private, "a new one goes where it can"


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
