"""The progress of a sweep while it runs: a live panel on a terminal, plain lines elsewhere."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console, Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from analysis.wording import format_duration, format_flops
from orchestrator.cli.output import say
from orchestrator.scheduling.progress import Progress

PLAIN_SECONDS = 10.0
"""Pause between two progress lines where there is no terminal."""


@contextmanager
def watching() -> Iterator[Callable[[Progress], None]]:
    """Show progress while the block runs: a live panel on a terminal, plain lines elsewhere."""
    console = Console(stderr=True, highlight=False, emoji=False, markup=False)
    if not console.is_terminal:
        yield _plain()
        return
    with Live(console=console, refresh_per_second=4, transient=True) as live:
        yield lambda progress: live.update(_panel(progress))


def _plain() -> Callable[[Progress], None]:
    """Prints a line every `PLAIN_SECONDS`, and at the end."""
    last, said = -PLAIN_SECONDS, ""

    def show(progress: Progress) -> None:
        nonlocal last, said
        losses = ", ".join(f"{r.shape} {r.loss:.3f}" for r in progress.running if r.loss is not None)
        line = _summary(progress) + (f"; losses: {losses}" if losses else "")
        due = time.monotonic() - last >= PLAIN_SECONDS
        if due or (progress.finished and line != said):
            last, said = time.monotonic(), line
            say(line)

    return show


def _summary(progress: Progress) -> str:
    """Runs by state, FLOPs, and the time left, in one line."""
    failed = f", {progress.failed} failed" if progress.failed else ""
    left = f", {format_duration(progress.seconds_left)} left" if progress.seconds_left else ""
    spent = f"{format_flops(progress.flops_spent)} of {format_flops(progress.flops_planned)} FLOPs"
    return (
        f"{progress.done} of {progress.total} runs done{failed}, {len(progress.running)} running, "
        f"{progress.queued} queued; {spent}{left}" + (f"; {progress.waits}" if progress.waits else "")
    )


def _panel(progress: Progress) -> Group:
    """The summary, a bar of the whole sweep, and a row for each run in training."""
    table = Table(box=None, pad_edge=False, header_style="dim")
    for name, justify in (("running", "left"), ("budget", "right"), ("", "left"), ("loss", "right")):
        table.add_column(name, justify=justify)  # type: ignore[arg-type]
    for run in progress.running:
        bar = ProgressBar(total=1.0, completed=run.fraction, width=30)
        loss = "–" if run.loss is None else f"{run.loss:.3f}"
        table.add_row(Text(run.shape), format_flops(run.budget), bar, loss)
    share = progress.flops_spent / progress.flops_planned if progress.flops_planned else 1.0
    return Group(Text(_summary(progress)), ProgressBar(total=1.0, completed=share, width=60), table)
