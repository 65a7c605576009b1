"""The variant picker of a sweep's page: a row of links for each axis, with the state in the URL."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any
from urllib.parse import quote, urlencode

from orchestrator.use_cases.variant import variant_label
from orchestrator.web.question import Typed


@dataclass(frozen=True, slots=True)
class Choice:
    """One value of an axis."""

    text: str
    """The value."""
    href: str
    """Address of the page with this value, the other axes unchanged."""
    chosen: bool
    """Whether the page shows it."""


@dataclass(frozen=True, slots=True)
class Axis:
    """An axis with the values that it takes."""

    name: str
    """Name of the axis in the sweep file."""
    choices: tuple[Choice, ...]
    """Its values, in the order of the sweep file."""


def combinations(vary: Mapping[str, Sequence[Any]]) -> list[Mapping[str, Any]]:
    """Every combination of varied values; only the empty one if nothing varies."""
    return [dict(zip(vary, values, strict=True)) for values in product(*vary.values())]


def default_variant(vary: Mapping[str, Sequence[Any]]) -> str:
    """The variant that a page shows if none is named: the first value of each axis."""
    return variant_label(combinations(vary)[0])


def chooser(
    sweep: str, vary: Mapping[str, Sequence[Any]], variant: str, asked: Typed, loss_key: str = ""
) -> tuple[Axis, ...]:
    """Rows of links between the variants of a sweep, which keep `asked`, the question, and the loss."""
    current = next((values for values in combinations(vary) if variant_label(values) == variant), None)
    base = current or combinations(vary)[0]
    return tuple(
        Axis(
            axis,
            tuple(
                Choice(
                    str(value),
                    address(sweep, variant_label({**base, axis: value}), asked, loss_key),
                    current is not None and base[axis] == value,
                )
                for value in values
            ),
        )
        for axis, values in vary.items()
    )


def neighbours(vary: Mapping[str, Sequence[Any]], variant: str) -> list[str]:
    """Labels of the variants that differ from this one in a single axis; none for an unknown label."""
    every = {variant_label(values): values for values in combinations(vary)}
    own = every.get(variant)
    if own is None:
        return []
    return [label for label, values in every.items() if sum(values[axis] != own[axis] for axis in vary) == 1]


def losses(sweep: str, keys: Sequence[str], variant: str, asked: Typed, loss_key: str) -> tuple[Axis, ...]:
    """A row of links between the laws of different losses, `loss_key` the one that is shown; none for one loss."""
    links = (Choice(key or "loss", address(sweep, variant, asked, key), key == loss_key) for key in keys)
    return (Axis("loss", tuple(links)),) if len(keys) > 1 else ()


def address(sweep: str, variant: str, asked: Typed, loss_key: str) -> str:
    """Address of the page of a variant and a loss."""
    named = {"variant": variant, "loss_key": loss_key}
    query = {key: value for key, value in named.items() if value} | dict(asked.query)
    return f"/sweeps/{quote(sweep, safe='')}{f'?{urlencode(query)}' if query else ''}"
