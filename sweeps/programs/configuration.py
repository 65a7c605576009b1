"""Which programs an answer can be written for, and the text for each."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from sweeps.programs.llama import llama_file
from sweeps.programs.nanochat import nanochat_command
from sweeps.programs.olmo_core import olmo_core_file
from sweeps.programs.optimum import Optimum
from sweeps.programs.own import sweep_file
from sweeps.programs.program import Program

_WRITERS: Final[Mapping[Program, Callable[[Optimum], str]]] = {
    Program.ISOFLOP: sweep_file,
    Program.LLAMA: llama_file,
    Program.NANOCHAT: nanochat_command,
    Program.OLMO_CORE: olmo_core_file,
}
MEDIA_TYPES: Final[Mapping[Program, str]] = {
    Program.ISOFLOP: "application/yaml",
    Program.LLAMA: "application/json",
    Program.NANOCHAT: "text/x-shellscript",
    Program.OLMO_CORE: "application/yaml",
}
"""Content type of each program's text, which is in UTF-8."""


def configuration(optimum: Optimum, program: Program) -> str:
    """The answer as the text that a program reads, with what could not be carried over."""
    return _WRITERS[program](optimum)
