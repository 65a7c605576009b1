"""Answering from a service as from a home: its sweeps are fetched, and answered from here."""

from __future__ import annotations

from analysis.answers.compare import Comparison
from orchestrator.client import Client
from orchestrator.scheduling.progress import progress_from_json
from orchestrator.use_cases.answering import compare_answers
from orchestrator.use_cases.reading import SweepRuns, shared_devices, shared_workers
from orchestrator.use_cases.records_json import answers_of_json
from orchestrator.use_cases.sweep_answers import SweepAnswers


class RemoteAnswering:
    """Answers from the sweeps of a service."""

    def __init__(self, client: Client) -> None:
        """Ask by this client."""
        self._client = client

    def of(self, name: str) -> SweepAnswers:
        """What a sweep's runs answer so far. Raises NotFound, Unreachable, Refused."""
        records = self._client.records(name)
        with self._client.understood():
            return answers_of_json(records)

    def compare(
        self,
        baseline: str,
        other: str,
        variants: tuple[str, str] = ("", ""),
        flops: float | None = None,
        loss_key: str = "",
    ) -> Comparison:
        """The compute multiplier of `other` over `baseline`, each with the label of its variant; verdict at `flops`.

        Raises NotFound, Unreachable, Refused, LawError, IncomparableError.
        """
        return compare_answers(self.of(baseline).on(loss_key), self.of(other).on(loss_key), variants, flops)

    def runs_of(self, name: str, limit: int | None = None) -> SweepRuns:
        """A sweep with its first `limit` runs, or with all of them. Raises NotFound, Unreachable, Refused."""
        answers = self.of(name)
        with self._client.understood():
            running = progress_from_json(self._client.sweep(name)).running
        trained = [(run.worker, run.run_id) for run in running]
        shared, devices = shared_workers(trained), shared_devices(trained)
        return SweepRuns(answers.sweep, list(answers.runs[:limit]), list(answers.forecasts), shared, devices)
