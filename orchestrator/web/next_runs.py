"""The table of what further runs would buy, every number already formatted."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from analysis.answers.next_runs import NextRuns, Outlook, Width
from analysis.wording import format_factor, format_flops, plural

_NARROWER = 0.98
"""A choice is worth a sentence if half-widths come out at this share of today's or less."""


@dataclass(frozen=True, slots=True)
class NextRow:
    """One choice of further runs, or none."""

    runs: str
    """Which they are."""
    count: str
    """How many."""
    cost: str
    """Training FLOPs of them all."""
    widths: tuple[str, ...]
    """Half-widths, N* and loss in turn at each budget asked about."""


@dataclass(frozen=True, slots=True)
class NextTable:
    """The choices of further runs beside what is known now."""

    titles: tuple[str, ...]
    """Headings of the widths."""
    rows: tuple[NextRow, ...]
    """What is known now, then the choices."""
    best: str
    """What is worth most for its FLOPs, and what narrows most, in words."""


def next_table(outlook: Outlook) -> NextTable:
    """An outlook as a table."""
    titles = tuple(
        f"{quantity} at {format_factor(width.multiple)}" for width in outlook.now for quantity in ("N*", "Loss")
    )
    now = NextRow("None: as it is", "–", "–", tuple(_widths(outlook.now)))
    rows = [NextRow(_named(c), str(c.runs), format_flops(c.flops), tuple(_widths(c.expected))) for c in outlook.choices]
    return NextTable(titles, (now, *rows), _best(outlook))


def _named(choice: NextRuns) -> str:
    """Which runs a choice has."""
    largest = format_flops(choice.budgets[-1])
    return {
        "budget": f"One more budget at {largest}",
        "repeats": "One repeat at each optimum",
        "sizes": f"One more size at each end of {largest}",
    }[choice.kind]


def _widths(widths: Sequence[Width]) -> Iterator[str]:
    """Half-widths of N* and the loss in turn."""
    for width in widths:
        yield "no answer" if width.params_factor is None else _factor(width.params_factor)
        yield "no answer" if width.loss is None else _loss(width.loss)


def _factor(value: float) -> str:
    """A half-width of N*: ×1.18."""
    return f"×{value:.2f}" if value < 100 else "beyond ×100"


def _loss(value: float) -> str:
    """A half-width of the loss, in three decimals or, below a hundredth, two digits."""
    return f"±{value:.3f}" if value >= 0.01 else f"±{value:.2g}"


def _best(outlook: Outlook) -> str:
    """What is worth most for its FLOPs and what narrows most, or that nothing is expected to narrow anything."""
    worth = [choice for choice in outlook.choices if _buys(choice, outlook.now)]
    if not worth:
        return "None of these runs is expected to narrow the intervals."
    narrowest = min(worth, key=lambda choice: choice.ratio or 0.0)
    said = f"Most for its FLOPs: {_gain(worth[0], outlook.now)}"
    return said if narrowest is worth[0] else f"{said} Narrowest: {_gain(narrowest, outlook.now)}"


def _buys(choice: NextRuns, now: Sequence[Width]) -> bool:
    """Whether intervals become narrower, or there are answers where there were none."""
    if all(then.loss is None for then in choice.expected):
        return False
    if choice.ratio is not None and choice.ratio <= _NARROWER:
        return True
    return any(before.loss is None and then.loss is not None for before, then in zip(now, choice.expected, strict=True))


def _gain(choice: NextRuns, now: Sequence[Width]) -> str:
    """What a choice costs, and what it buys at the furthest budget that would have an answer."""
    then, before = [pair for pair in zip(choice.expected, now, strict=True) if pair[0].loss is not None][-1]
    name, (size, loss) = _named(choice), _widths([then])
    runs = f"{name[:1].lower()}{name[1:]} ({plural(choice.runs, 'run')}, {format_flops(choice.flops)} FLOPs)"
    far = f"{format_factor(then.multiple)} the largest budget"
    if before.loss is None:
        return f"{runs}. At {far} there would be an answer, N* known to {size} and the loss to {loss}."
    size_now, loss_now = _widths([before])
    return (
        f"{runs}. At {far} N* would be known to {size} instead of {size_now}, the loss to {loss} instead of {loss_now}."
    )
