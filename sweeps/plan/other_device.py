"""A sweep planned for a device that is not at hand, with or without its corpus, and the assumptions of that plan."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Final

from analysis.devices import Device
from analysis.wording import format_count
from sweeps.file.spec import SweepSpec
from sweeps.plan.expected_width import USUAL_NOISE, KnownNoise
from sweeps.plan.filling import Filled, fill_hours
from sweeps.plan.hours import DeviceCost, tokens_needed, unlimited_data
from sweeps.plan.plan import make_plan
from sweeps.plan.records import DataFacts, Plan
from sweeps.plan.utilisation import REACHED
from tokenizer.corpus import CorpusError

BYTES_PER_BIT: Final = 0.28
"""UTF-8 bytes of a token for each bit of its id: English text has about 2.8 bytes a token at 1,024 entries and 4.2 at
32,768."""


@dataclass(frozen=True)
class DevicePlan:
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
    filled: Filled | None = None
    """What was chosen to fill the hours; None where the sweep's own budgets are planned."""


@dataclass(frozen=True)
class OtherDevice:
    """A device on which a sweep would run, other than this machine's."""

    device: Device
    """The accelerator."""
    mfu: float | None = None
    """Share of its peak; None assumes one by size."""
    devices: int = 1
    """How many, one run each."""

    @property
    def cost(self) -> DeviceCost:
        """Seconds and memory of a run on it."""
        return DeviceCost(self.device, self.mfu)

    def plan(
        self,
        spec: SweepSpec,
        read_facts: Callable[[], DataFacts],
        hours: float | None,
        noise: KnownNoise = USUAL_NOISE,
    ) -> DevicePlan:
        """Plan a sweep for this device; `hours` chooses its budgets, sizes and seeds.

        `read_facts` reads the corpus. Where it raises CorpusError, one that holds the tokens of every run is assumed.

        Raises:
            PlanError: as make_plan and fill_hours.
        """
        missing = ""
        try:
            facts = read_facts()
        except CorpusError as error:
            missing, facts = str(error).splitlines()[0], unlimited_data(spec)
        filled = None
        if hours is not None:
            filled = fill_hours(spec, self.cost, hours, self.devices, facts=facts, noise=noise)
            spec = filled.spec
        if missing:
            facts = _with_tokens(unlimited_data(spec), max(1, tokens_needed(spec)))
        plan = make_plan(spec, facts, self.cost, workers=self.devices)
        notes = (*self._notes(spec), *([f"{missing}: {corpus_needed(spec)}, as assumed here"] if missing else []))
        return DevicePlan(plan, facts, self.device.name, self.devices, notes, filled)

    def _notes(self, spec: SweepSpec) -> Iterator[str]:
        peak = f"{self.device.peak / 1e12:.4g} TFLOP/s ({self.device.source})"
        if self.mfu is not None:
            yield f"hours assume {self.mfu:.0%} of {peak}"
        else:
            figures = ", ".join(f"{point.mfu:.0%} at {point.params / 1e6:.0f} M" for point in REACHED)
            yield (
                f"hours assume a share of {peak} by size, not measured here: {figures}. Up to 124 M they "
                "were measured on an H200, above it is nanochat's on H100s; --mfu replaces them"
            )
        if spec.numerics == "fp32":
            yield "numerics is fp32, but the peak is that of 16-bit products: training will take several times longer"


def _with_tokens(facts: DataFacts, tokens: int) -> DataFacts:
    """Facts with so many unique training tokens in each dataset."""
    varied = tuple((vary, replace(one, train_tokens=tokens)) for vary, one in facts.varied)
    return replace(facts, train_tokens=tokens, varied=varied)


def corpus_needed(spec: SweepSpec) -> str:
    """In words: how many tokens, and about how much text, the sweep needs so that no cell lacks data."""
    vocab = unlimited_data(spec).vocab
    tokens = tokens_needed(spec)
    passes = f"at most {spec.epochs_max:g} passes" if spec.epochs_max != 1 else "one pass"
    text = tokens * BYTES_PER_BIT * math.log2(vocab)
    return (
        f"sweep {spec.name} needs {format_count(tokens, 2)} unique training tokens for {passes}, "
        f"about {_format_bytes(text)} of text at a vocabulary of {vocab:,}"
    )


def _format_bytes(size: float) -> str:
    """Bytes in kB, MB or GB, two significant digits."""
    unit, name = next(((unit, name) for unit, name in ((1e9, "GB"), (1e6, "MB")) if size >= unit), (1e3, "kB"))
    return f"{float(f'{size / unit:.2g}'):g} {name}"
