"""One wandb run that sums up a sweep: its laws, charts and reports; and where offline runs are."""

from __future__ import annotations

import contextlib
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from orchestrator.attempts import Tracking
from orchestrator.tracking.wandb_mirror import start_wandb


@dataclass(frozen=True, slots=True)
class SweepLaw:
    """A law of a sweep, with what shows it."""

    variant: str
    """Values of the varied axes, such as `lr=0.01`; empty if nothing varies."""
    law_id: str
    """Content hash of the law."""
    law: Mapping[str, Any]
    """The law as `fit -o json` prints it."""
    images: tuple[Path, ...]
    """Charts as PNG, named by their chart."""
    pages: tuple[Path, ...]
    """Self-contained HTML: the interactive IsoFLOP chart and the report."""
    further: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """The laws of further losses by their key, as `loss.SET`, each as `fit -o json` prints it."""


@dataclass(frozen=True, slots=True)
class OfflineRuns:
    """Runs that the mirror wrote without a server."""

    folder: Path
    """Folder that holds a folder for each wandb run."""

    @property
    def sync_command(self) -> str:
        """The shell command that uploads those which were not uploaded before."""
        return f"wandb sync {shlex.quote(str(self.folder))}/offline-run-*"


def offline_runs(tracking: Tracking) -> OfflineRuns | None:
    """Where the mirror's offline runs are; None if it is online or disabled."""
    return OfflineRuns(Path(tracking.folder) / "wandb") if tracking.mode == "offline" else None


def log_sweep(tracking: Tracking, *, name: str, revision: str, laws: Sequence[SweepLaw]) -> str:
    """Log a sweep's one run, of job type `fit`; returns what went wrong, or an empty text.

    The group is that of the sweep's training runs. A sweep without variants has its law's fields in the summary; one
    with variants has each law's below its variant, and so are its charts and pages. The law of a further loss has the
    same fields, below its key.
    """
    if tracking.mode == "disabled":
        return ""
    try:
        run = start_wandb(
            tracking,
            run_id=f"fit-{revision}",
            group=f"{name}@{revision[:8]}",
            config={"sweep": name, "revision": revision, "laws": {law.variant: law.law_id for law in laws}},
            name=f"{name} fit",
            job_type="fit",
        )
        run.log(_media(laws))
        for law in laws:
            fields = {**law.law, **law.further}
            run.summary.update({law.variant: fields} if law.variant else fields)
        run.finish()
    except Exception as error:  # noqa: BLE001 - a mirror must not fail a sweep
        return f"wandb mirror off: {type(error).__name__}: {error}"
    finally:
        with contextlib.suppress(Exception):
            import wandb

            wandb.teardown()
    return ""


def _media(laws: Sequence[SweepLaw]) -> dict[str, Any]:
    """The charts and pages of a sweep's laws as wandb's media, by the names under which it shows them."""
    import wandb

    media: dict[str, Any] = {}
    for law in laws:
        below = f"{law.variant}/" if law.variant else ""
        media |= {f"chart/{below}{path.stem}": wandb.Image(str(path)) for path in law.images}
        media |= {f"page/{below}{path.stem}": wandb.Html(str(path), inject=False) for path in law.pages}
    return media
