"""What an answer is based on: sweep, data, law, devices and versions."""

from __future__ import annotations

import importlib.metadata
import platform
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from analysis.law import Law
from orchestrator.use_cases.sweep_answers import SweepAnswers

PACKAGES: Final = ("isoflop", "torch", "ray", "numpy", "scipy", "tokenizers", "wandb", "hydra-core")
"""Packages whose versions are named."""


@dataclass(frozen=True, slots=True)
class Provenance:
    """Hashes, versions and devices behind an answer."""

    sweep: str
    """Name and revision of the sweep."""
    dataset: str
    """Content hash of its token shards."""
    law: str
    """Content hash of the law."""
    convention: str
    """What N and C count."""
    devices: tuple[str, ...]
    """Kinds of device that trained its runs."""
    machine: str
    """Operating system, processor and Python on which the answer was made."""
    versions: Mapping[str, str]
    """Version by package."""

    def rows(self) -> Iterator[tuple[str, str]]:
        """Name and value of each fact, for a list."""
        yield "sweep", self.sweep
        yield "dataset", self.dataset
        yield "law", self.law
        yield "convention", self.convention
        yield "device", ", ".join(self.devices) or "unknown"
        yield "machine", self.machine
        yield from self.versions.items()


def provenance_of(answers: SweepAnswers, law: Law, variant: str = "") -> Provenance:
    """The provenance of the law of a sweep's variant, made here and now."""
    return Provenance(
        sweep=answers.name,
        dataset=answers.dataset(variant),
        law=law.law_id,
        convention=law.convention,
        devices=tuple(sorted({run.device for run in answers.runs if run.device})),
        machine=f"{platform.system()} {platform.machine()}, Python {platform.python_version()}",
        versions={name: importlib.metadata.version(name) for name in PACKAGES},
    )
