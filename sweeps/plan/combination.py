"""One combination of a sweep's varied values: hashable, with a label for people."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final


@dataclass(frozen=True)
class Combination:
    """The value of each axis of `vary`; empty where the sweep varies nothing."""

    values: tuple[tuple[str, Any], ...] = ()
    """Pairs of axis and value, in the order of the sweep file."""

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> Combination:
        """The combination with these values by axis."""
        return cls(tuple(values.items()))

    @property
    def label(self) -> str:
        """As `--variant` takes it: `lr=0.003,qk_norm=True`; empty where nothing varies."""
        return ",".join(f"{axis}={value}" for axis, value in self.values)

    @property
    def clause(self) -> str:
        """To end a sentence with: ` with lr=0.003`; empty where nothing varies."""
        return f" with {self.label}" if self.values else ""

    def to_dict(self) -> dict[str, Any]:
        """Values by axis."""
        return dict(self.values)


NOTHING_VARIED: Final = Combination()
"""The one combination of a sweep without `vary`."""
