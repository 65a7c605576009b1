"""How a run ends without a result: it diverged, or was interrupted."""

from __future__ import annotations

from tokenizer.errors import ExpectedError


class Diverged(ExpectedError, RuntimeError):
    """The loss is NaN or infinite, or far too high without falling (see `model.divergence`); the run has ended."""

    kind = "diverged"


class Interrupted(RuntimeError):
    """`stop` ended the run early; a checkpoint was written if there is a folder for it."""
