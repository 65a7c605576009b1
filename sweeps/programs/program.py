"""The programs that an answer can be written for: their names alone, which the command line's help needs."""

from __future__ import annotations

from enum import StrEnum


class Program(StrEnum):
    """The programs."""

    ISOFLOP = "isoflop"
    LLAMA = "llama"
    NANOCHAT = "nanochat"
    OLMO_CORE = "olmo-core"
