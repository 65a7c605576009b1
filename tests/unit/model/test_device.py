"""Settings of torch and of the allocator for a run, and the name of its device."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

import pytest
import torch

from model import device
from model.implementation import Implementation
from model.train import train
from tests.unit.model.model_data import CPU, ignore, small_run
from tokenizer.shards import Shards


def test_threads_of_torch_are_given_back(data: Shards) -> None:
    before = torch.get_num_threads()
    train(small_run(data, sequences=1), data, ignore, implementation=Implementation(threads=before + 1))
    assert torch.get_num_threads() == before


def test_denormal_numbers_are_zero_within() -> None:
    tiny = torch.tensor(1e-40)
    with device.torch_settings(1):
        assert (tiny * 1).item() == 0.0
    assert (tiny * 1).item() > 0.0


def test_bf16_computes_products_in_bfloat16() -> None:
    one = torch.ones(2, 2)
    for numerics, dtype in (("bf16", torch.bfloat16), ("fp32", torch.float32)):
        with device.autocast(CPU, numerics):
            assert (one @ one).dtype == dtype


def test_compiled_code_is_shared_unless_a_folder_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", "to be restored")
    monkeypatch.delenv("TORCHINDUCTOR_CACHE_DIR")
    device.share_compiled_code()
    assert os.environ["TORCHINDUCTOR_CACHE_DIR"] == str(tmp_path / "isoflop/compiled/inductor")
    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", "/mine")
    device.share_compiled_code()
    assert os.environ["TORCHINDUCTOR_CACHE_DIR"] == "/mine"


@pytest.mark.parametrize(("usual", "stances"), [(True, []), (False, ["force_eager"])])
def test_compiled_code_runs_for_the_usual_shape_alone(
    monkeypatch: pytest.MonkeyPatch, usual: bool, stances: list[str]
) -> None:
    asked: list[str] = []
    monkeypatch.setattr(torch.compiler, "set_stance", lambda stance: asked.append(stance) or contextlib.nullcontext())
    with device.compiled_if(usual):
        assert asked == stances


def test_freed_memory_is_kept_by_glibc_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[tuple[int, int]] = []

    class Library:
        def mallopt(self, option: int, value: int) -> int:
            calls.append((option, value))
            return 1

    monkeypatch.setattr(device.ctypes, "CDLL", lambda _: Library())
    monkeypatch.setattr(device.sys, "platform", "linux")
    monkeypatch.setattr(device.platform, "libc_ver", lambda: ("glibc", "2.36"))
    assert device.keep_freed_memory()
    assert calls == [(-3, 1 << 30), (-1, (1 << 31) - 1), (-2, 64 << 20)]
    monkeypatch.setattr(Library, "mallopt", lambda *_: 0)
    assert not device.keep_freed_memory()
    for name, libc in (("darwin", "glibc"), ("linux", "")):
        monkeypatch.setattr(device.sys, "platform", name)
        monkeypatch.setattr(device.platform, "libc_ver", lambda libc=libc: (libc, ""))
        calls.clear()
        assert not device.keep_freed_memory() and calls == []


def test_a_cpu_is_named_by_its_model(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(device, "cpu_name", lambda: "Some CPU")
    assert device.device_name(CPU) == "Some CPU"
