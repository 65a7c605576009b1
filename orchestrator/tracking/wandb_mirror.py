"""The wandb mirror: the only user of wandb. Whatever happens to it, no run fails for it."""

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
from typing import Any
from urllib.parse import urlsplit

from orchestrator.attempts import Tracking

DEFAULT_URL = "https://api.wandb.ai"
REACH_SECONDS = 3.0
"""Time to find out whether wandb can be reached."""
QUEUE_EVENTS = 10_000
"""Events that may wait for wandb before new ones are dropped."""
METRICS = ("loss", "validation_loss", "bits_per_byte", "lr")


def choose_tracking(folder: Path, environ: Mapping[str, str] | None = None) -> Tracking:
    """Decide between online and offline: online with a key and a server that answers, else offline.

    WANDB_MODE overrides. Never takes longer than a few seconds.
    """
    environ = os.environ if environ is None else environ
    project = environ.get("WANDB_PROJECT", "isoflop")
    asked = environ.get("WANDB_MODE", "")
    if asked == "disabled":
        return Tracking("disabled", str(folder), project, "WANDB_MODE")
    if asked == "offline":
        return Tracking("offline", str(folder), project, "WANDB_MODE")
    url = environ.get("WANDB_BASE_URL", DEFAULT_URL)
    if not has_key(url, environ):
        return Tracking("offline", str(folder), project, "no API key")
    if not reachable(url):
        return Tracking("offline", str(folder), project, f"{url} does not answer")
    return Tracking("online", str(folder), project, url)


def has_key(url: str, environ: Mapping[str, str] | None = None) -> bool:
    """Whether there is an API key for a server, in the environment or in netrc."""
    if (os.environ if environ is None else environ).get("WANDB_API_KEY"):
        return True
    try:
        return netrc().authenticators(urlsplit(url).hostname or "") is not None
    except (OSError, NetrcParseError):
        return False


def reachable(url: str) -> bool:
    """Whether a server takes a connection within a few seconds."""
    parts = urlsplit(url)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    found, ended = threading.Event(), threading.Event()

    def connect() -> None:
        with contextlib.suppress(OSError), socket.create_connection((parts.hostname, port), timeout=REACH_SECONDS):
            found.set()
        ended.set()

    # In a thread of its own: resolving a name can hang for longer than any socket time-out.
    threading.Thread(target=connect, daemon=True).start()
    ended.wait(REACH_SECONDS)
    return found.is_set()


class WandbMirror:
    """Copies a run's events to wandb from a thread of its own, so that training never waits for it."""

    def __init__(self, tracking: Tracking, *, run_id: str, group: str, config: dict[str, Any], name: str) -> None:
        self.note = ""
        """What went wrong, if anything did; the mirror is off from then on."""
        self._queue: queue.Queue[dict[str, Any] | None] = queue.Queue(maxsize=QUEUE_EVENTS)
        self._start = partial(
            start_wandb, tracking, run_id=run_id, group=group, config=config, name=name, job_type="train"
        )
        self._thread = threading.Thread(target=self._work, name="wandb-mirror", daemon=True)
        if tracking.mode != "disabled":
            self._thread.start()

    def send(self, event: dict[str, Any] | None) -> None:
        """Hand over one event, or None as the last; dropped when the mirror is off or hopelessly behind."""
        if self._thread.is_alive():
            with contextlib.suppress(queue.Full):
                self._queue.put_nowait(event)

    def wait(self, seconds: float) -> bool:
        """Give the mirror time to write what it holds; returns whether it is through."""
        if self._thread.is_alive():
            self._thread.join(seconds)
        return not self._thread.is_alive()

    def _work(self) -> None:
        try:
            run = self._start()
            while (event := self._queue.get()) is not None:
                values = {_metric(k): event[k] for k in METRICS if event.get(k) is not None}
                run.log(values | {k: event[k] for k in ("tokens", "flops", "step") if k in event})
                if "summary" in event:
                    run.summary.update(event["summary"])
            run.finish()
        except Exception as error:  # noqa: BLE001 - the mirror must never end a run, whatever wandb raises
            self.note = f"wandb mirror off: {type(error).__name__}: {error}"


def _metric(key: str) -> str:
    return f"loss/{key.removesuffix('_loss').replace('loss', 'train')}" if "loss" in key else key


def start_wandb(
    tracking: Tracking, *, run_id: str, group: str, config: dict[str, Any], name: str, job_type: str
) -> Any:
    """Begin a wandb run: project of the setting, group = sweep; losses are drawn against tokens and FLOPs."""
    import wandb

    run = wandb.init(
        project=tracking.project,
        id=run_id,
        group=group,
        name=name,
        job_type=job_type,
        config=config,
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
    run.define_metric("tokens", hidden=True)
    run.define_metric("loss/*", step_metric="tokens")
    return run


def log_fit(tracking: Tracking, *, sweep: str, law_id: str, summary: dict[str, Any], charts: list[Path]) -> str:
    """Log one run of job type `fit` with the laws and the charts; returns a note, empty when all went well."""
    if tracking.mode == "disabled":
        return ""
    try:
        import wandb

        run = start_wandb(
            tracking,
            run_id=f"fit-{law_id[:12]}",
            group=sweep,
            config={"law": summary},
            name=f"{sweep} fit",
            job_type="fit",
        )
        run.log({f"chart/{path.stem}": wandb.Image(str(path)) for path in charts})
        run.summary.update(summary)
        run.finish()
    except Exception as error:  # noqa: BLE001 - a mirror must not fail a sweep
        return f"wandb mirror off: {type(error).__name__}: {error}"
    finally:
        with contextlib.suppress(Exception):
            import wandb

            wandb.teardown()
    return ""
