"""The wandb mirror of a run: copies its events to wandb. Its failures never affect training."""

from __future__ import annotations

import contextlib
import os
import queue
import socket
import threading
from collections.abc import Mapping
from functools import partial
from netrc import NetrcParseError, netrc
from pathlib import Path
from typing import Any, Final, Literal
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

from analysis.wording import join_words
from orchestrator.attempts import Tracking
from orchestrator.environment import SettingsError, shown, variable

DEFAULT_URL = "https://api.wandb.ai"
"""wandb's own server, unless WANDB_BASE_URL names another."""
Mode = Literal["online", "offline", "disabled"]
"""What the mirror does."""
MODES: Final[Mapping[str, Mode]] = {
    "online": "online",
    "offline": "offline",
    "shared": "online",
    "disabled": "disabled",
    "dryrun": "offline",
    "run": "online",
}
"""wandb's values of WANDB_MODE, written as wandb reads them, and the mode of the mirror for each."""
REACH_SECONDS = 3.0
"""Time to find out whether wandb can be reached."""
QUEUE_EVENTS = 10_000
"""Events that may wait for wandb before new ones are dropped."""
CURVES = {
    "loss": "loss/train",
    "validation_loss": "loss/validation",
    "bits_per_byte": "bits_per_byte",
    "lr": "lr",
    "tokens_per_second": "tokens_per_second",
    "gradient_norm": "gradient_norm",
}
"""Names in wandb of the quantities of an event that are drawn."""
AXES = ("tokens", "flops", "step")
"""Quantities of an event over which others are drawn."""
OVER_FLOPS = "over_flops/"
"""How the names of the same curves over FLOPs begin: in wandb a metric has one axis."""


def choose_tracking(folder: Path, environ: Mapping[str, str] | None = None) -> Tracking:
    """Where the mirror writes: online with a key and a server that answers, else offline.

    WANDB_MODE overrides that, with wandb's own values. Takes a few seconds at most. Raises SettingsError.
    """
    project = variable("WANDB_PROJECT", environ) or "isoflop"
    mode = asked_mode(environ)
    if mode in ("disabled", "offline"):
        return Tracking(mode, str(folder), project, "WANDB_MODE")
    url = server_url(environ)
    if not has_key(url, environ):
        return Tracking("offline", str(folder), project, "no API key")
    if not mode and not reachable(url):
        return Tracking("offline", str(folder), project, f"{url} does not answer")
    return Tracking("online", str(folder), project, url)


def asked_mode(environ: Mapping[str, str] | None = None) -> Mode | None:
    """The mode that WANDB_MODE asks for; None if it is not set. Raises SettingsError for what wandb does not know."""
    asked = variable("WANDB_MODE", environ)
    if asked is not None and asked not in MODES:
        raise SettingsError(f"WANDB_MODE is {shown(asked)}: wandb knows {join_words(MODES)}")
    return MODES[asked] if asked is not None else None


def server_url(environ: Mapping[str, str] | None = None) -> str:
    """The address of the wandb server. Raises SettingsError if WANDB_BASE_URL is none."""
    url = variable("WANDB_BASE_URL", environ) or DEFAULT_URL
    try:
        parts = urlsplit(url)
        well_formed = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:
        well_formed = False
    if not well_formed:
        raise SettingsError(f"WANDB_BASE_URL is {shown(url)}: give the server's address, such as {DEFAULT_URL}")
    return url


def has_key(url: str, environ: Mapping[str, str] | None = None) -> bool:
    """Whether there is an API key for a server, in the environment or in netrc."""
    if variable("WANDB_API_KEY", environ):
        return True
    try:
        return netrc().authenticators(urlsplit(url).hostname or "") is not None
    except (OSError, UnicodeDecodeError, NetrcParseError, RuntimeError):  # RuntimeError: nobody knows the home folder
        return False


def reachable(url: str) -> bool:
    """Whether a server, or the proxy in front of it, accepts a connection within a few seconds."""
    parts = urlsplit(_proxy_of(url) or url)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    found, ended = threading.Event(), threading.Event()

    def connect() -> None:
        """Connect, and note whether it worked."""
        with (
            contextlib.suppress(OSError, UnicodeError),
            socket.create_connection((parts.hostname, port), timeout=REACH_SECONDS),
        ):
            found.set()
        ended.set()

    # In a thread of its own: resolving a name can take longer than any socket time-out.
    threading.Thread(target=connect, daemon=True).start()
    ended.wait(REACH_SECONDS)
    return found.is_set()


def _proxy_of(url: str) -> str:
    """The URL of the proxy through which wandb reaches a server; empty for none."""
    parts = urlsplit(url)
    if proxy_bypass(parts.hostname or ""):
        return ""
    proxy = getproxies().get(parts.scheme) or getproxies().get("all", "")
    with contextlib.suppress(ValueError):
        proxy = proxy if "://" in proxy or not proxy else f"http://{proxy}"
        return proxy if urlsplit(proxy).hostname and urlsplit(proxy).port != 0 else ""
    return ""


class WandbMirror:
    """Copies a run's events to wandb from a thread of its own, so that training never waits for it."""

    def __init__(self, tracking: Tracking, *, run_id: str, group: str, config: Mapping[str, Any], name: str) -> None:
        """Start the mirror of one run: its id, the group of its sweep, its configuration and its display name."""
        self.note = ""
        """What went wrong; the mirror is off from then on. Empty while nothing did."""
        self._queue: queue.Queue[Mapping[str, Any] | None] = queue.Queue(maxsize=QUEUE_EVENTS)
        self._start = partial(
            start_wandb, tracking, run_id=run_id, group=group, config=config, name=name, job_type="train"
        )
        self._thread = threading.Thread(target=self._work, name="wandb-mirror", daemon=True)
        if tracking.mode != "disabled":
            self._thread.start()

    def send(self, event: Mapping[str, Any] | None) -> None:
        """Hand over one event, or None after the last; it is dropped if the mirror is off or its queue is full."""
        if self._thread.is_alive():
            with contextlib.suppress(queue.Full):
                self._queue.put_nowait(event)

    def wait(self, seconds: float) -> bool:
        """Give the mirror time to write what it holds; returns whether it has finished."""
        if self._thread.is_alive():
            self._thread.join(seconds)
        return not self._thread.is_alive()

    def _work(self) -> None:
        """Write events until the last; whatever wandb raises becomes the note."""
        try:
            run = self._start()
            while (event := self._queue.get()) is not None:
                run.log(logged(event))
                if "summary" in event:
                    run.summary.update(event["summary"])
            run.finish()
        except Exception as error:  # noqa: BLE001 - the mirror must never end a run, whatever wandb raises
            self.note = f"wandb mirror off: {type(error).__name__}: {error}"


def logged(event: Mapping[str, Any]) -> dict[str, Any]:
    """What wandb logs of an event: its curves, for each of their axes, and where on the axes it is."""
    curves = {name: event[key] for key, name in CURVES.items() if event.get(key) is not None}
    again = {OVER_FLOPS + name: value for name, value in curves.items()}
    return curves | again | {axis: event[axis] for axis in AXES if axis in event}


def start_wandb(
    tracking: Tracking, *, run_id: str, group: str, config: Mapping[str, Any], name: str, job_type: str
) -> Any:
    """Begin a wandb run in the group of its sweep, and return it."""
    forget_empty()
    import wandb

    run = wandb.init(
        project=tracking.project,
        id=run_id,
        group=group,
        name=name,
        job_type=job_type,
        config=dict(config),
        dir=tracking.folder,
        mode=tracking.mode,
        reinit="create_new",
        resume="allow" if tracking.mode == "online" else None,
        settings=wandb.Settings(
            console="off",
            silent=True,
            disable_git=True,
            save_code=False,
            x_disable_stats=True,
            x_disable_meta=True,
            x_save_requirements=False,  # reads the metadata of every installed package: 0.1 s a run
            init_timeout=20,
        ),
    )
    define_curves(run)
    return run


def forget_empty() -> None:
    """Unset wandb's empty variables, as isoflop reads them: wandb itself takes an empty one for a wrong value."""
    for name in [name for name, value in os.environ.items() if name.startswith("WANDB_") and not value]:
        del os.environ[name]


def define_curves(run: Any) -> None:
    """Draw every curve over tokens, and once more over FLOPs, so that the curves of several runs can be compared."""
    for axis in AXES:
        run.define_metric(axis, hidden=True)
    for name in CURVES.values():
        run.define_metric(name, step_metric="tokens")
    run.define_metric(f"{OVER_FLOPS}*", step_metric="flops")
