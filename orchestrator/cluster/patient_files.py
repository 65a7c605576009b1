"""A file system that asks again: an object store's hiccup costs seconds, not an attempt."""

from __future__ import annotations

import errno
import functools
import logging
import time
from collections.abc import Callable
from typing import Any

from orchestrator.errors import ArtifactsAway

log = logging.getLogger("isoflop.artifacts")

DELAYS = (0.5, 1.0, 2.0, 4.0, 8.0)
"""Seconds before each repetition. Their sum is well below a lease: a scheduler that waits so long keeps its own."""
ANSWERS = (FileNotFoundError, FileExistsError, IsADirectoryError, NotADirectoryError, NotImplementedError, TypeError)
"""Errors that are an answer of the store, or of our own making: to ask again would bring the same."""
FULL = (errno.ENOSPC, errno.EDQUOT)
"""Error numbers of a full disk of this machine, where copies are."""


class PatientFiles:
    """An fsspec file system whose every operation is repeated, with growing pauses, while the store does not answer.

    Raises ArtifactsAway at last.
    """

    def __init__(self, files: Any) -> None:
        """Ask the file system `files`."""
        self._files = files

    def __getattr__(self, name: str) -> Any:
        """An attribute of the file system; its methods are repeated."""
        found = getattr(self._files, name)
        return functools.partial(self._ask, name, found) if callable(found) else found

    def _ask(self, name: str, ask: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """Carry out one operation, again and again."""
        for delay in (*DELAYS, None):
            try:
                return ask(*args, **kwargs)
            except ANSWERS as error:
                if delay != DELAYS[0] and isinstance(error, FileNotFoundError) and self._was_done(name, args):
                    return None
                raise
            except Exception as error:
                if isinstance(error, OSError) and error.errno in FULL:
                    raise
                if delay is None:
                    raise ArtifactsAway(
                        f"the artifact store does not answer: {name} failed {len(DELAYS) + 1} times, at last with "
                        f"{type(error).__name__}: {error}"
                    ) from error
                log.warning("the artifact store failed at %s, and is asked again in %g s: %s", name, delay, error)
                time.sleep(delay)
        raise AssertionError("unreachable")

    def _was_done(self, name: str, args: tuple[Any, ...]) -> bool:
        """Whether an operation that was reported to fail was carried out: its source is gone for that reason."""
        if name == "mv":
            return bool(self._files.exists(args[1]))
        return name in ("rm", "rm_file")
