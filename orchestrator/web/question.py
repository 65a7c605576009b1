"""A question as it was typed into a page, which is the page's address: every field is text, in any notation."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from urllib.parse import urlencode

from analysis.answers.ask import Question
from analysis.devices import DEVICES, hardware
from analysis.records import QuestionError
from orchestrator.web.typed import typed_number

_DIGITS = re.compile(r"[\d.eE+-]+")
LONGEST = 80
"""Characters of a field that are read."""
_MEANT = {
    "flops": ("a budget in FLOPs", "1e15"),
    "gpu_hours": ("hours", "100"),
    "loss": ("a loss", "3.2"),
    "params": ("a number of parameters", "7 B"),
    "tokens": ("a number of tokens", "20 B"),
    "max_tokens": ("a number of tokens", "2 B"),
    "inference_tokens": ("a number of tokens", "1 T"),
}
"""What is typed into each field of a number, and an example."""


@dataclass(frozen=True, slots=True)
class Typed:
    """What was typed; empty fields were left out."""

    flops: str = ""
    """Budget C in FLOPs."""
    gpu_hours: str = ""
    """The budget in hours of `device`."""
    device: str = ""
    """Key of the device in whose hours compute is given or shown."""
    loss: str = ""
    """Loss to reach."""
    params: str = ""
    """Parameters of a model that is given."""
    tokens: str = ""
    """Tokens on which it is trained."""
    max_tokens: str = ""
    """Number of different tokens that exist."""
    inference_tokens: str = ""
    """Tokens of inference that follow."""

    @classmethod
    def of(cls, query: Mapping[str, str]) -> Typed:
        """What a query says; keys that are no field are left out."""
        return cls(**{f.name: query.get(f.name, "").strip()[:LONGEST] for f in fields(cls)})

    @property
    def query(self) -> Mapping[str, str]:
        """The fields that are not empty."""
        return {f.name: getattr(self, f.name) for f in fields(self) if getattr(self, f.name)}

    @property
    def asked(self) -> bool:
        """Whether there is a question."""
        return any(name in self.query for name in _MEANT)

    @property
    def encoded(self) -> str:
        """The question as part of an address; empty without one."""
        return urlencode(self.query)

    @property
    def options(self) -> list[tuple[str, str]]:
        """The question as options of the command line, which knows plain numbers alone."""
        return [(f"--{name.replace('_', '-')}", _plain(name, text)) for name, text in self.query.items()]

    def question(self) -> Question:
        """The question. Raises QuestionError for what is no number, or has no meaning."""
        numbers = {name: typed_number(self.query[name], *_MEANT[name]) for name in _MEANT if name in self.query}
        asked = Question(**numbers, hardware=hardware(self.device) if self.device else None)
        asked.check()
        return asked


def _plain(name: str, text: str) -> str:
    """A number as the command line takes it; what is none stays as it is."""
    if name in _MEANT and not _DIGITS.fullmatch(text):
        with contextlib.suppress(QuestionError):
            return f"{typed_number(text, *_MEANT[name]):g}"
    return text


def device_names() -> list[str]:
    """Keys of the devices that hours can be asked for."""
    return list(DEVICES)
