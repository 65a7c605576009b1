"""The values that a recipe's numbers may have: wide enough for any use, narrow enough for no sum to overflow."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class Bounds:
    """The ends between which a number lies."""

    low: float
    """Least value."""
    high: float
    """Greatest value."""

    def refusal(self, value: float) -> str | None:
        """What is wrong with a value, to follow its name; None where it lies between the ends, which count."""
        if self.low <= value <= self.high:
            return None
        if value <= 0 <= self.low:
            return f"must be {'at least 0' if self.low == 0 else 'positive'}, is {value:g}"
        return f"must lie between {self.low:g} and {self.high:g}, is {value:g}"


EXPONENT: Final = Bounds(-10, 10)
"""Of a power law."""
OTHER: Final = Bounds(0, 1e18)
"""Of every number without bounds of its own."""
_SHARE: Final = Bounds(0, 1)
_DECAY: Final = Bounds(0, 1 - 1e-9)
_RATE: Final = Bounds(1e-12, 1e3)
_POSITIVE: Final = Bounds(1e-12, 1e18)
_STEP: Final = Bounds(1, 65_536)
_COUNT: Final = Bounds(1, 1e9)

_OF: Final[Mapping[str, Bounds]] = (
    dict.fromkeys(("warmup", "cooldown", "final_lr"), _SHARE)
    | dict.fromkeys(("beta1", "momentum", "beta2", "beta2_large", "beta2_base", "beta2_floor"), _DECAY)
    | dict.fromkeys(("lr", "lr_constant", "lr_cap"), _RATE)
    | dict.fromkeys(("batch_tokens", "large_batch", "reference_params", "reference_tokens"), _POSITIVE)
    | dict.fromkeys(("width_step", "ff_step", "reference_width"), _STEP)
    | dict.fromkeys(("min_steps", "steps_per_run", "sequence_tokens", "beta2_sequences"), _COUNT)
    | dict.fromkeys(("head_size", "width_per_layer"), Bounds(0, 65_536))
    | dict.fromkeys(("layers", "heads"), Bounds(0, 1000))
    | {
        "ff_ratio": Bounds(1e-3, 1000),
        "embedding_lr": Bounds(0, 1e3),
        "warmup_steps": Bounds(0, 1e9),
        "tokens_per_param": Bounds(1e-3, 1e9),
        "eps": Bounds(1e-30, 1),
    }
)


def bounds_of(key: str) -> Bounds:
    """The bounds of a recipe's value."""
    return _OF.get(key, EXPONENT if key.endswith("_exponent") else OTHER)
