"""The service's numbers in the text format of Prometheus."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from orchestrator.api.traffic import BOUNDS, Latencies
from orchestrator.use_cases.measures import Measures

MEDIA_TYPE = "text/plain; version=0.0.4; charset=utf-8"
"""Content-Type of the format."""
LATENCY = "isoflop_request_seconds"
"""Name of the histogram of requests."""
Sample = tuple[Mapping[str, str], float]
"""Labels of a number, and the number."""


def exposition(measured: Measures, latencies: Latencies) -> str:
    """All numbers of a service. What the database alone knows is left out while it is away."""
    staff, backlog, gauges = measured.staff, measured.backlog, measured.gauges
    share = staff.busy / staff.workers if staff.workers else 0.0
    lines = [
        *_family("isoflop_scheduler_up", "Whether the scheduler is running.", [({}, measured.scheduling)]),
        *_family("isoflop_workers", "Workers that are ready.", [({}, staff.workers)]),
        *_family("isoflop_workers_busy", "Workers that have a run.", [({}, staff.busy)]),
        *_family("isoflop_busy_share", "Share of the ready workers that have a run.", [({}, share)]),
        *_family("isoflop_database_up", "Whether the database answers.", [({}, gauges is not None)]),
        *_family(
            "isoflop_database_lag_seconds",
            "Time for which reports of workers wait, because the database or the artifact store does not answer.",
            [({}, staff.lag_seconds)],
        ),
        *_family(
            "isoflop_mirror_lag_runs", "Offline runs of wandb here that nobody has uploaded.", [({}, backlog.runs)]
        ),
        *_family("isoflop_mirror_lag_seconds", "Age of the oldest of them.", [({}, backlog.seconds)]),
    ]
    if gauges is not None:
        states = [({"state": state}, number) for state, number in gauges.runs.items()]
        lines += _family("isoflop_runs", "Runs in each state.", states)
        lines += _family(
            "isoflop_queue_age_seconds",
            "Age of the oldest submission that has queued runs and is not held.",
            [({}, gauges.queue_seconds)],
        )
        lines += _family("isoflop_database_seconds", "What it took to read these.", [({}, measured.read_seconds)])
    return "\n".join([*lines, *_histogram(latencies)]) + "\n"


def _family(name: str, meaning: str, samples: Iterable[Sample]) -> list[str]:
    """The lines of one gauge."""
    head = [f"# HELP {name} {meaning}", f"# TYPE {name} gauge"]
    return [*head, *(f"{name}{_labels(labels)} {float(value):.10g}" for labels, value in samples)]


def _histogram(latencies: Latencies) -> list[str]:
    """The lines of the requests' histogram: each bucket counts those below it, too."""
    lines = [f"# HELP {LATENCY} Time to the first byte of an answer.", f"# TYPE {LATENCY} histogram"]
    for (method, kind, status), found in latencies.read().items():
        labels = {"method": method, "kind": kind, "status": status}
        counts = found.cumulative
        for bound, count in zip((*map(str, BOUNDS), "+Inf"), counts, strict=True):
            lines.append(f"{LATENCY}_bucket{_labels(labels | {'le': bound})} {count}")
        lines.append(f"{LATENCY}_sum{_labels(labels)} {found.seconds:.10g}")
        lines.append(f"{LATENCY}_count{_labels(labels)} {counts[-1]}")
    return lines


def _labels(labels: Mapping[str, str]) -> str:
    """Labels in braces; all their values are our own words, so that none needs escaping."""
    return "{" + ",".join(f'{key}="{value}"' for key, value in labels.items()) + "}" if labels else ""
