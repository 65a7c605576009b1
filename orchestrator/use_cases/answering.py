"""Answering: finds stored sweeps, hands out their `SweepAnswers`, and compares them."""

from __future__ import annotations

from analysis.answers.compare import Comparison, compare
from orchestrator.store import SweepRecord
from orchestrator.use_cases.sweep_answers import SweepAnswers
from orchestrator.use_cases.workspace import Workspace

HANDLE_DIGITS = 8
"""Digits of a revision that a handle names."""


def handle(sweep: SweepRecord, latest: SweepRecord) -> str:
    """What a user types for a revision of a sweep whose latest revision is `latest`."""
    return sweep.name if sweep.id == latest.id else f"{sweep.name}@{sweep.revision[:HANDLE_DIGITS]}"


def compare_answers(
    baseline: SweepAnswers, other: SweepAnswers, variants: tuple[str, str] = ("", ""), flops: float | None = None
) -> Comparison:
    """The compute multiplier of one sweep over another, each with the label of its variant; the verdict at `flops`.

    Raises as `analysis.answers.compare.compare` does.
    """
    return compare(baseline.side(variants[0]), other.side(variants[1]), flops=flops)


class Answering:
    """Answers from the sweeps of a workspace."""

    def __init__(self, workspace: Workspace) -> None:
        """The sweeps of this workspace are answered from."""
        self._workspace = workspace

    def sweeps(self) -> list[SweepRecord]:
        """All revisions of all sweeps, the latest submission first."""
        return self._workspace.store.sweeps()

    def sweep(self, name: str) -> SweepRecord:
        """The sweep of this name, or of `name@revision`. Raises NotFound."""
        return self._workspace.store.sweep(name)

    def handle(self, sweep: SweepRecord) -> str:
        """What a user types for a revision: the bare name for the latest one, `name@revision` for the others."""
        return handle(sweep, self._workspace.store.sweep(sweep.name))

    def of(self, name: str) -> SweepAnswers:
        """What a sweep's runs answer so far; they are read once, and each law is fitted once. Raises NotFound."""
        return self.of_record(self.sweep(name))

    def of_record(self, sweep: SweepRecord) -> SweepAnswers:
        """`of` for a sweep that was already read."""
        store = self._workspace.store
        return SweepAnswers(
            sweep, store.runs_of(sweep.id), self._workspace.home.artifacts, store.forecasts_of(sweep.name)
        )

    def compare(
        self,
        baseline: str,
        other: str,
        variants: tuple[str, str] = ("", ""),
        flops: float | None = None,
        loss_key: str = "",
    ) -> Comparison:
        """The compute multiplier of `other` over `baseline`, each with the label of its variant; verdict at `flops`.

        Raises:
            NotFound, LawError, IncomparableError.
        """
        return compare_answers(self.of(baseline).on(loss_key), self.of(other).on(loss_key), variants, flops)
