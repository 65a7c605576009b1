"""What the mirror logs, where, and that whatever happens to it stays in its note. wandb itself is in test_wandb.py."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from orchestrator.attempts import Tracking
from orchestrator.environment import SettingsError
from orchestrator.tracking import wandb_mirror
from orchestrator.tracking.wandb_mirror import (
    WandbMirror,
    choose_tracking,
    define_curves,
    has_key,
    logged,
    reachable,
)

OFFLINE = Tracking("offline", "folder", "p", "test")
PATIENCE = 30.0


class Run:
    """A wandb run that remembers."""

    def __init__(self) -> None:
        self.rows: list[dict[str, Any]] = []
        self.summary: dict[str, Any] = {}
        self.metrics: dict[str, dict[str, Any]] = {}
        self.finished = False

    def log(self, row: dict[str, Any]) -> None:
        self.rows.append(row)

    def define_metric(self, name: str, **options: Any) -> None:
        self.metrics[name] = options

    def finish(self) -> None:
        self.finished = True


@pytest.fixture
def listener() -> Iterator[str]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}"


def mirror(tracking: Tracking = OFFLINE) -> WandbMirror:
    return WandbMirror(tracking, run_id="r", group="g", config={}, name="n")


def test_each_curve_is_logged_for_both_axes() -> None:
    event = {"kind": "progress", "step": 3, "tokens": 100, "flops": 1e6, "seconds": 2.0, "loss": 4.0, "lr": 0.1,
             "tokens_per_second": 50.0, "gradient_norm": 0.5}  # fmt: skip
    curves = {"loss/train": 4.0, "lr": 0.1, "tokens_per_second": 50.0, "gradient_norm": 0.5}
    over_flops = {f"over_flops/{name}": value for name, value in curves.items()}
    assert logged(event) == curves | over_flops | {"step": 3, "tokens": 100, "flops": 1e6}
    assert logged({"validation_loss": 3.0, "bits_per_byte": 1.5, "loss": None}) == {
        "loss/validation": 3.0,
        "bits_per_byte": 1.5,
        "over_flops/loss/validation": 3.0,
        "over_flops/bits_per_byte": 1.5,
    }


def test_every_curve_has_its_axis() -> None:
    run = Run()
    define_curves(run)
    axes = {name: options.get("step_metric") for name, options in run.metrics.items() if "step_metric" in options}
    assert axes == {
        "loss/train": "tokens", "loss/validation": "tokens", "bits_per_byte": "tokens", "lr": "tokens",
        "tokens_per_second": "tokens", "gradient_norm": "tokens", "over_flops/*": "flops",
    }  # fmt: skip
    assert {name for name, options in run.metrics.items() if options == {"hidden": True}} == {"tokens", "flops", "step"}


def test_events_are_written_in_order_and_the_summary_is_filled(monkeypatch: pytest.MonkeyPatch) -> None:
    run = Run()
    monkeypatch.setattr(wandb_mirror, "start_wandb", lambda *_args, **_options: run)
    made = mirror()
    for step in range(3):
        made.send({"step": step})
    made.send({"summary": {"loss": 2.0}})
    made.send(None)
    assert made.wait(PATIENCE) and made.note == ""
    assert run.rows == [{"step": 0}, {"step": 1}, {"step": 2}, {}]
    assert run.summary == {"loss": 2.0} and run.finished


def test_what_wandb_raises_becomes_the_note(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_args: Any, **_options: Any) -> Any:
        raise ConnectionResetError("wandb-core is gone")

    monkeypatch.setattr(wandb_mirror, "start_wandb", refuse)
    made = mirror()
    assert made.wait(PATIENCE)
    assert made.note == "wandb mirror off: ConnectionResetError: wandb-core is gone"
    made.send({"step": 1})


def test_a_mirror_that_is_behind_drops_events_and_never_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    run, begun, go = Run(), threading.Event(), threading.Event()

    def slow(*_args: Any, **_options: Any) -> Run:
        begun.set()
        go.wait(PATIENCE)
        return run

    monkeypatch.setattr(wandb_mirror, "start_wandb", slow)
    monkeypatch.setattr(wandb_mirror, "QUEUE_EVENTS", 2)
    made = mirror()
    assert begun.wait(PATIENCE)
    for step in range(5):
        made.send({"step": step})
    assert not made.wait(0)
    go.set()
    while not made._queue.empty():
        assert not made.wait(0.01)
    made.send(None)
    assert made.wait(PATIENCE) and run.finished
    assert run.rows == [{"step": 0}, {"step": 1}]


def test_a_disabled_mirror_has_no_thread() -> None:
    made = mirror(Tracking("disabled", "", "p", "test"))
    made.send({"step": 1})
    assert made.wait(0)


@pytest.mark.parametrize("mode", ["disabled", "offline"])
def test_the_mode_can_be_set(mode: str) -> None:
    chosen = choose_tracking(Path("f"), {"WANDB_MODE": mode, "WANDB_API_KEY": "k", "WANDB_PROJECT": "mine"})
    assert chosen == Tracking(mode, "f", "mine", "WANDB_MODE")  # type: ignore[arg-type]


def test_online_needs_a_key_and_a_server_that_answers(listener: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wandb_mirror, "netrc", lambda: (_ for _ in ()).throw(FileNotFoundError()))
    environ = {"WANDB_BASE_URL": listener}
    assert choose_tracking(Path("f"), environ) == Tracking("offline", "f", "isoflop", "no API key")
    environ["WANDB_API_KEY"] = "k"
    assert choose_tracking(Path("f"), environ) == Tracking("online", "f", "isoflop", listener)
    environ["WANDB_BASE_URL"] = "http://127.0.0.1:9"
    offline = choose_tracking(Path("f"), environ)
    assert (offline.mode, offline.reason) == ("offline", "http://127.0.0.1:9 does not answer")


def test_a_key_may_be_in_netrc(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert not has_key("https://api.wandb.ai", {})
    file = tmp_path / ".netrc"
    file.write_text("machine api.wandb.ai login user password key\n")
    file.chmod(0o600)
    assert has_key("https://api.wandb.ai", {}) and not has_key("https://other.org", {})
    file.write_text("nonsense")
    assert not has_key("https://api.wandb.ai", {})


def test_a_server_answers_or_not(listener: str) -> None:
    assert reachable(listener)
    assert not reachable("http://127.0.0.1:9")


@pytest.mark.parametrize(
    ("mode", "does"),
    [("online", "online"), ("run", "online"), ("shared", "online"), ("offline", "offline"), ("dryrun", "offline"),
     ("disabled", "disabled")],
)  # fmt: skip
def test_every_mode_of_wandb_is_known(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mode: str, does: str) -> None:
    monkeypatch.setattr(wandb_mirror, "reachable", lambda _: False)  # whoever asks for online is not second-guessed
    environ = {"WANDB_MODE": mode, "WANDB_API_KEY": "k"}
    assert choose_tracking(tmp_path, environ).mode == does
    keyless = choose_tracking(tmp_path, {"WANDB_MODE": mode, "WANDB_BASE_URL": "http://keyless.invalid"})
    assert keyless.mode == (does if does != "online" else "offline")


@pytest.mark.parametrize("mode", ["OFFLINE", "Disabled", "off", "online ", "none"])
def test_a_mode_that_wandb_does_not_know_is_refused_by_name(tmp_path: Path, mode: str) -> None:
    with pytest.raises(
        SettingsError, match=r"WANDB_MODE is .*: wandb knows online, offline, shared, disabled, dryrun and run"
    ):
        choose_tracking(tmp_path, {"WANDB_MODE": mode, "WANDB_API_KEY": "k"})


@pytest.mark.parametrize("url", ["http://[::1", "foo", "http://", "ftp://h", "http://h:99999"])
def test_an_address_of_no_server_is_refused_by_name(tmp_path: Path, url: str) -> None:
    with pytest.raises(SettingsError, match="WANDB_BASE_URL is"):
        choose_tracking(tmp_path, {"WANDB_BASE_URL": url, "WANDB_API_KEY": "k"})


def test_behind_a_proxy_the_proxy_is_what_must_answer(listener: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("no_proxy", "NO_PROXY", "HTTPS_PROXY", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    server = "https://wandb.invalid"
    assert not reachable(server)
    monkeypatch.setenv("https_proxy", listener)
    assert reachable(server)
    monkeypatch.setenv("no_proxy", "wandb.invalid")
    assert not reachable(server)


def test_empty_variables_are_hidden_from_wandb(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WANDB_MODE", "")
    monkeypatch.setenv("WANDB_PROJECT", "mine")
    wandb_mirror.forget_empty()
    assert "WANDB_MODE" not in wandb_mirror.os.environ and wandb_mirror.os.environ["WANDB_PROJECT"] == "mine"
