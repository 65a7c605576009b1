"""What doctor finds of the compiler and the native kernels."""

from __future__ import annotations

import pytest

from model import implementation
from model.cpu import build
from orchestrator.use_cases import doctor


@pytest.mark.skipif(build.compiler() is None, reason="no C++ compiler here")
def test_kernels_are_built_and_are_what_a_small_run_starts_from(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "choose_device", lambda _: "cpu")
    finding = doctor._kernels()
    assert str(build.compiler()) in finding and str(build.cache_folder()) in finding
    assert "starts from native branches" in finding


def test_without_a_compiler_the_reason_and_the_other_way_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse() -> None:
        raise build.NativeError("there is no C++ compiler: install g++")

    monkeypatch.setattr(build, "library", refuse)
    monkeypatch.setattr(doctor, "choose_device", lambda _: "cpu")
    finding = doctor._kernels()
    assert "no native kernels" in finding and "install g++" in finding
    assert not implementation.available() and "starts from handwritten branches" in finding
