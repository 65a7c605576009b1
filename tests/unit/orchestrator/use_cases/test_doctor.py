"""Doctor: everything is tried, a failure is a finding with its remedy, and nothing stops the rest."""

from __future__ import annotations

import os
from pathlib import Path
from types import SimpleNamespace

import pytest

from model import implementation
from model.cpu import build
from model.cpu.cache import cache_folder
from orchestrator.attempts import Tracking
from orchestrator.cluster import private_folder
from orchestrator.scheduling.driver import scheduler_lock
from orchestrator.use_cases import doctor
from orchestrator.use_cases.doctor import FREE_BYTES, Check, checks
from orchestrator.use_cases.submission import submit
from orchestrator.use_cases.workspace import Workspace
from tests.unit.orchestrator.use_cases.homes import open_home, planned

NAMES = ["python", "packages", "modules", "home", "disk", "trunks", "database", "scheduler", "device", "kernels", "ray folder", "wandb"]  # fmt: skip


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    """A home whose slow checks are replaced."""
    opened = open_home(tmp_path)
    opened.tracking = Tracking("offline", "", "p", "there is no key")
    monkeypatch.setattr(doctor, "_kernels", lambda: "native kernels")
    monkeypatch.setattr(doctor, "choose_device", lambda _: "cpu")
    return opened


def found(workspace: Workspace) -> dict[str, Check]:
    return {check.name: check for check in checks(workspace)}


def test_everything_is_tried_and_found(workspace: Workspace) -> None:
    submit(workspace, planned())
    made = found(workspace)
    assert list(made) == NAMES
    assert all(check.ok for check in made.values()), made
    assert "torch " in made["packages"].finding and "ray " in made["packages"].finding
    assert made["home"].finding == f"{workspace.home.root} (test)"
    assert made["database"].finding.startswith("1 sweeps in ")
    assert made["scheduler"].finding == "none is running"
    assert made["device"].finding.endswith(", 2 workers")
    assert made["trunks"].finding == "no states are kept"
    assert made["wandb"].finding == "offline: there is no key"
    assert made["modules"].finding.startswith("imported from ")


def test_a_failure_is_a_finding_and_the_rest_is_still_tried(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail() -> str:
        raise RuntimeError("ray is not installed")

    monkeypatch.setattr(doctor, "_packages", fail)
    made = found(workspace)
    assert made["packages"] == Check("packages", False, "ray is not installed")
    assert list(made) == NAMES


def test_a_scheduler_at_work_is_named(workspace: Workspace) -> None:
    with scheduler_lock(workspace.home.lock):
        assert str(os.getpid()) in found(workspace)["scheduler"].finding
        assert found(workspace)["scheduler"].ok


@pytest.mark.parametrize(("free", "ok"), [(FREE_BYTES, True), (FREE_BYTES - 1, False)])
def test_little_free_space_is_a_failure(
    workspace: Workspace, free: int, ok: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doctor.shutil, "disk_usage", lambda _: SimpleNamespace(free=free))
    disk = found(workspace)["disk"]
    assert disk.ok is ok
    assert disk.finding == (
        "2 GiB free" if ok else f"only 2.0 GiB free in {workspace.home.root}; free some, or set ISOFLOP_HOME"
    )


def test_the_space_of_kept_trunks_is_shown(workspace: Workspace) -> None:
    for trunk in ("aaaa", "bbbb"):
        folder = workspace.home.root / "trunks" / trunk
        folder.mkdir(parents=True)
        (folder / "state.ckpt").write_bytes(bytes(1500))
    assert found(workspace)["trunks"].finding == "states of 2 trunks take 0.003 MB"


def test_a_temporary_folder_that_ray_cannot_use_is_a_failure(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    for folder, words in (
        ("/" + "t" * 99, "too long for Ray's sockets"),
        ("/nowhere", "cannot be written; set TMPDIR"),
    ):
        monkeypatch.setattr(private_folder.tempfile, "gettempdir", lambda found=folder: found)
        check = found(workspace)["ray folder"]
        assert not check.ok and words in check.finding


@pytest.mark.skipif(build.compiler() is None, reason="no C++ compiler here")
def test_kernels_are_built_and_are_what_a_small_run_starts_from(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "choose_device", lambda _: "cpu")
    finding = doctor._kernels()
    assert str(build.compiler()) in finding and str(cache_folder()) in finding
    assert "starts from native branches" in finding


def test_without_a_compiler_the_reason_and_the_other_way_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse() -> None:
        raise build.NativeError("there is no C++ compiler: install g++")

    monkeypatch.setattr(build, "library", refuse)
    monkeypatch.setattr(doctor, "choose_device", lambda _: "cpu")
    finding = doctor._kernels()
    assert "no native kernels" in finding and "install g++" in finding
    assert not implementation.available() and "starts from handwritten branches" in finding
