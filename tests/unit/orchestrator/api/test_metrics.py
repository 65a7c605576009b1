"""The numbers in Prometheus's text format, of a service at work and of one whose database is away."""

from __future__ import annotations

import re

from orchestrator.api.metrics import exposition
from orchestrator.api.traffic import BOUNDS, Latencies
from orchestrator.attempts import Staff
from orchestrator.states import RunState
from orchestrator.store.gauges import Gauges
from orchestrator.tracking.backlog import Backlog
from orchestrator.use_cases.measures import Measures

LINE = re.compile(r'(# (HELP|TYPE) [a-z_]+ .+|[a-z_]+(\{([a-z]+="[^"\\]*",?)+\})? [-+0-9.e]+)')
"""What the format allows of what we use."""
WORKING = Measures(
    True, Staff(4, 3, 0.0), Backlog(2, 60.5), Gauges(dict.fromkeys(RunState, 0) | {RunState.QUEUED: 7}, 12.0), 0.002
)


def test_a_service_at_work() -> None:
    latencies = Latencies()
    for seconds in (0.001, 0.3, 100.0):
        latencies.note(("GET", "api", "2xx"), seconds)
    lines = exposition(WORKING, latencies).splitlines()
    assert [line for line in lines if not LINE.fullmatch(line)] == []
    told = dict(line.rsplit(" ", 1) for line in lines if not line.startswith("#"))
    assert told['isoflop_runs{state="queued"}'] == "7" and told['isoflop_runs{state="done"}'] == "0"
    assert told["isoflop_queue_age_seconds"] == "12" and told["isoflop_busy_share"] == "0.75"
    assert (told["isoflop_workers"], told["isoflop_workers_busy"]) == ("4", "3")
    assert (told["isoflop_mirror_lag_runs"], told["isoflop_mirror_lag_seconds"]) == ("2", "60.5")
    asked = 'isoflop_request_seconds_bucket{method="GET",kind="api",status="2xx",le="%s"}'
    assert [told[asked % bound] for bound in (0.005, 0.25, 0.5, "+Inf")] == ["1", "1", "2", "3"]
    assert told['isoflop_request_seconds_count{method="GET",kind="api",status="2xx"}'] == "3"
    assert sum("_bucket{" in line for line in lines) == len(BOUNDS) + 1
    names = {line.split()[2] for line in lines if line.startswith("# TYPE")}
    assert len(names) == sum(line.startswith("# TYPE") for line in lines) == 12


def test_a_database_that_is_away_is_a_number() -> None:
    away = Measures(True, Staff(0, 0, 42.0), Backlog(0, 0.0), None, 10.0)
    text = exposition(away, Latencies())
    assert "isoflop_database_up 0" in text and "isoflop_database_lag_seconds 42" in text
    assert "isoflop_busy_share 0\n" in text and "isoflop_runs" not in text
