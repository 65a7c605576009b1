"""Names of processor and GPUs, without torch and without a driver."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator

import pytest

from model import hardware
from model.hardware import Gpu, cpu_features, cpu_name, gpu_names, gpus, kind_name

ANSWER = "NVIDIA H100 80GB HBM3, 81559\nTesla, with a comma, 16\nNVIDIA GB10, [N/A]\n\n"


@pytest.fixture(autouse=True)
def forget() -> Iterator[None]:
    gpus.cache_clear()
    cpu_name.cache_clear()
    cpu_features.cache_clear()
    yield
    gpus.cache_clear()
    cpu_name.cache_clear()
    cpu_features.cache_clear()


def answer(monkeypatch: pytest.MonkeyPatch, text: str, code: int = 0) -> list[list[str]]:
    """The driver's tool exists and prints a text; returns the commands that it is called by."""
    calls: list[list[str]] = []

    def run(command: list[str], **options: object) -> subprocess.CompletedProcess[str]:
        assert options == {"capture_output": True, "text": True, "timeout": hardware.QUERY_SECONDS, "check": False}
        calls.append(command)
        return subprocess.CompletedProcess(command, code, text, "")

    monkeypatch.setattr(hardware.shutil, "which", lambda name: f"/bin/{name}")
    monkeypatch.setattr(hardware.subprocess, "run", run)
    return calls


def test_gpus_are_read_from_the_driver_s_tool_once(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = answer(monkeypatch, ANSWER)
    expected = (
        Gpu("NVIDIA H100 80GB HBM3", 81_559 * 2**20),
        Gpu("Tesla, with a comma", 16 * 2**20),
        Gpu("NVIDIA GB10", None),
    )
    assert gpus() == gpus() == expected
    assert [call[0] for call in calls] == ["/bin/nvidia-smi"]
    assert gpu_names() == tuple(gpu.name for gpu in expected)
    assert kind_name("cuda") == kind_name("cuda:1") == "NVIDIA H100 80GB HBM3"
    assert kind_name("cpu") == cpu_name()


def test_without_a_driver_there_are_no_gpus(monkeypatch: pytest.MonkeyPatch) -> None:
    answer(monkeypatch, ANSWER, code=9)
    assert gpus() == ()
    gpus.cache_clear()
    monkeypatch.setattr(hardware.shutil, "which", lambda _: None)
    assert gpus() == () and gpu_names() == ()
    assert kind_name("cuda") == cpu_name()


def test_processor_is_named_by_the_kernel(monkeypatch: pytest.MonkeyPatch) -> None:
    text = "processor\t: 0\nmodel name\t: Some CPU: 3 GHz\nmodel name\t: Other\n"
    monkeypatch.setattr(hardware.Path, "read_text", lambda _: text)
    assert cpu_name() == "Some CPU: 3 GHz"


def test_processor_has_a_name_without_proc(monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(_: object) -> str:
        raise FileNotFoundError

    monkeypatch.setattr(hardware.Path, "read_text", absent)
    monkeypatch.setattr(hardware.platform, "processor", lambda: "")
    monkeypatch.setattr(hardware.platform, "machine", lambda: "arm64")
    assert cpu_name() == "arm64"


@pytest.mark.parametrize("key", ["flags", "Features"])
def test_features_are_those_of_all_cores_in_order(monkeypatch: pytest.MonkeyPatch, key: str) -> None:
    text = f"model name\t: X\n{key}\t\t: sse2 avx2\n\nother: avx512f\n{key}\t: sse2 amx\n"
    monkeypatch.setattr(hardware.Path, "read_text", lambda _: text)
    assert cpu_features() == ("amx", "avx2", "sse2")


def test_features_without_proc_come_from_sysctl(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_proc(_: object) -> str:
        raise FileNotFoundError

    calls = answer(monkeypatch, "FPU SSE2\nAVX2\n")
    monkeypatch.setattr(hardware.Path, "read_text", no_proc)
    assert cpu_features() == ("AVX2", "FPU", "SSE2")
    assert calls == [["sysctl", "-n", "machdep.cpu.features", "machdep.cpu.leaf7_features"]]
