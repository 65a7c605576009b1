"""A sweep planned for a device that is not at hand, with or without its corpus, and what is assumed for that."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Final

from analysis.devices import Device
from sweeps.file.spec import SweepSpec
from sweeps.plan.hours import DeviceCost, endless, fill_hours, tokens_needed
from sweeps.plan.plan import make_plan
from sweeps.plan.records import DataFacts, Plan
from sweeps.plan.utilisation import REACHED
from tokenizer.corpus import CorpusError

BYTES_PER_BIT: Final = 0.28
"""UTF-8 bytes of a token for each bit of its id: English text has some 2.8 at 1,024 entries and 4.2 at 32,768."""


@dataclass(frozen=True)
class PlannedElsewhere:
    """A plan for a device that is not at hand."""

    plan: Plan
    """Its runs with predicted seconds on that device."""
    data: DataFacts
    """The corpus, or what was assumed of it."""
    device: str
    """Name of the device."""
    workers: int
    """How many of them: runs at a time."""
    notes: tuple[str, ...]
    """What was assumed, in plain sentences."""


@dataclass(frozen=True)
class Elsewhere:
    """Where a sweep would run."""

    device: Device
    """The accelerator."""
    mfu: float | None = None
    """Share of its peak; None assumes one by size."""
    devices: int = 1
    """How many, one run each."""

    def plan(self, spec: SweepSpec, read_facts: Callable[[], DataFacts], hours: float | None) -> PlannedElsewhere:
        """Plan a sweep there; `hours` chooses its budgets.

        `read_facts` gives the corpus. Where it raises CorpusError, one that holds the tokens of every run is assumed.

        Raises:
            PlanError: as make_plan and fill_hours.
        """
        cost = DeviceCost(self.device, self.mfu)
        missing = ""
        try:
            facts = read_facts()
        except CorpusError as error:
            missing, facts = str(error).splitlines()[0], endless(spec)
        if hours is not None:
            spec = fill_hours(spec, cost, hours, self.devices, vocab=facts.vocab)
        if missing:
            facts = replace(facts, train_tokens=max(1, tokens_needed(spec)))
        plan = make_plan(spec, facts, cost, workers=self.devices)
        notes = (*self._notes(spec), *([f"{missing}: {corpus_needed(spec)}, as assumed here"] if missing else []))
        return PlannedElsewhere(plan, facts, self.device.name, self.devices, notes)

    def _notes(self, spec: SweepSpec) -> Iterator[str]:
        peak = f"{self.device.peak / 1e12:.4g} TFLOP/s ({self.device.source})"
        if self.mfu is not None:
            yield f"hours assume {self.mfu:.0%} of {peak}"
        else:
            figures = ", ".join(f"{point.mfu:.0%} at {point.params / 1e6:.0f} M" for point in REACHED)
            yield (
                f"hours assume a share of {peak} by size, not measured here: {figures}. From 17 M on these are "
                "published (parameter-golf, llm.c, nanochat, on H100s), below an estimate; --mfu replaces them"
            )
        if spec.numerics == "fp32":
            yield "numerics is fp32, but the peak is of 16-bit products: it will take several times longer"


def corpus_needed(spec: SweepSpec) -> str:
    """How many tokens, and about how much text, the sweep needs so that no cell is dropped for its length."""
    vocab = spec.tokenizer.vocab
    tokens = tokens_needed(spec)
    passes = f"at most {spec.epochs_max:g} passes" if spec.epochs_max != 1 else "one pass"
    text = tokens * BYTES_PER_BIT * math.log2(vocab)
    return (
        f"sweep {spec.name} needs {tokens:.2g} unique training tokens for {passes}, "
        f"about {text / 1e9:.2g} GB of text at a vocabulary of {vocab:,}"
    )
