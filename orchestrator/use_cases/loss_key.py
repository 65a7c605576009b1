"""Which loss of a run is asked about: of the validation text or of one of its further sets, per token or per byte."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import Final

from analysis.records import QuestionError
from orchestrator.store import RunRecord, StoredForecast

LOSS: Final = "loss"
"""Key of the loss of the validation text, nats per token; `loss.SET` is that of a further set."""
BITS: Final = "bits_per_byte"
"""Key of the same in bits per byte; `bits_per_byte.SET` is that of a further set."""
STORED: Final = "loss_key"
"""Key of a stored prediction that names the loss it predicts; it is missing for that of the validation text."""


@dataclass(frozen=True, slots=True)
class LossKey:
    """One of the losses that a run is scored by."""

    measure: str = LOSS
    """LOSS or BITS."""
    set: str = ""
    """Name of the validation set; empty for the validation text."""

    @classmethod
    def of(cls, key: str, sets: Collection[str]) -> LossKey:
        """The key as typed: `loss.SET`, `bits_per_byte.SET`, SET alone, or empty for the loss of the validation text.

        Raises QuestionError where the sweep's runs have no such loss; `sets` are those that they have.
        """
        measure, _, name = key.partition(".")
        if key in sets:
            measure, name = LOSS, key
        if (key and measure not in (LOSS, BITS)) or (name and name not in sets) or key.endswith("."):
            known = ", ".join((LOSS, BITS, *(f"{measure}.{one}" for one in sets for measure in (LOSS, BITS))))
            raise QuestionError(f"the runs have no loss {key[:80]!r}; they have {known}")
        return cls(measure or LOSS, name)

    @property
    def text(self) -> str:
        """As `loss.SET`; empty for the loss of the validation text."""
        name = f"{self.measure}.{self.set}" if self.set else self.measure
        return "" if name == LOSS else name

    @property
    def unit(self) -> str:
        """Unit of the loss."""
        return "nats/token" if self.measure == LOSS else "bits/byte"

    def scored(self, run: RunRecord) -> RunRecord:
        """The run with this loss in place of that of the validation text, or with none where it has none."""
        if not self.text:
            return run
        loss, bits = run.loss, run.bits_per_byte
        if self.set:
            loss, bits = run.sets.get(self.set, (None, None))
        return replace(run, loss=loss if self.measure == LOSS else bits, bits_per_byte=bits)

    @property
    def stored(self) -> dict[str, str]:
        """What a stored prediction of it says besides: nothing for the loss of the validation text."""
        return {STORED: self.text} if self.text else {}

    def forecasts(self, stored: Sequence[StoredForecast]) -> list[StoredForecast]:
        """Those of some forecasts that predict this loss."""
        return [each for each in stored if each.prediction.get(STORED, "") == self.text]


MAIN: Final = LossKey()
"""The loss of the validation text."""
